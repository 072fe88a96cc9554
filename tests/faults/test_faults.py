"""Each fault of the shim strikes where it should and nowhere else, and ends when it is lifted."""

import ast
import errno
import pathlib
import subprocess
import sys
import time

import pytest

import faults as shim

HOUR_S = 3600
WRITES = ["write", "writev", "pwrite", "pwritev", "grow", "fallocate"]


class Told:
    """A victim that is told what to do."""

    def __init__(self, process: subprocess.Popen, faults: shim.Faults):
        self.process = process
        self.faults = faults
        assert process.stdout.readline() == "ready\n"

    def do(self, what: str):
        """`("ok", value, seconds)` or `("failed", message, seconds)`."""
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        return ast.literal_eval(self.process.stdout.readline())

    def works(self, what: str):
        outcome, value, _ = self.do(what)
        assert outcome == "ok", f"{what}: {value}"
        return value

    def fails(self, what: str) -> str:
        outcome, message, _ = self.do(what)
        assert outcome == "failed", f"{what} worked: {message}"
        return message


@pytest.fixture
def victim(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    faults = shim.Faults(tmp_path / "faults", under=data)
    program = pathlib.Path(__file__).with_name("victim.py")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with shim.running([sys.executable, program, data], faults, tmp_path, **pipes) as process:
        yield Told(process, faults)


def test_without_faults_everything_works(victim):
    for what in ["insert", "insert_anew", *WRITES, "shrink", "sync", "create", "create_relative", "create_at", "rename"]:
        victim.works(what)
    assert victim.works("rows") == 2
    assert victim.works("pwritev") == 6
    assert victim.faults.hits() == (0, 0, 0, 0, 0)


def test_a_full_disk(victim):
    victim.works("insert")
    with victim.faults.during(enospc=1):
        assert "full" in victim.fails("insert")
        for what in WRITES:
            assert f"OSError {errno.ENOSPC} " in victim.fails(what)
        for what in ["shrink", "read", "rows", "sync"]:
            victim.works(what)
        assert victim.faults.hits().writes >= 1 + len(WRITES)
    victim.works("insert")
    assert victim.works("rows") == 2


def test_a_read_only_disk(victim):
    victim.works("insert")
    with victim.faults.during(erofs=1):
        assert "I/O" in victim.fails("insert") or "readonly" in victim.fails("insert")
        assert "readonly" in victim.fails("insert_anew")
        for what in [*WRITES, "shrink", "create", "create_relative", "create_at", "rename"]:
            assert f"OSError {errno.EROFS} " in victim.fails(what)
        for what in ["open_for_reading", "read", "rows"]:
            victim.works(what)
        assert victim.faults.hits().opens >= 5
    victim.works("insert")
    victim.works("insert_anew")
    assert victim.works("rows") == 3


def test_a_failing_disk(victim):
    with victim.faults.during(eio=1):
        assert "I/O" in victim.fails("insert")
        for what in [*WRITES, "shrink", "sync", "datasync"]:
            assert f"OSError {errno.EIO} " in victim.fails(what)
        victim.works("read")
    with victim.faults.during(eio_read=1):
        assert f"OSError {errno.EIO} " in victim.fails("read")
        assert victim.faults.hits().reads >= 1
    victim.works("read")
    victim.works("insert")


def test_a_slow_disk(victim):
    with victim.faults.during(fsync_delay_ms=300):
        for what in ["sync", "datasync", "insert"]:
            outcome, _, seconds = victim.do(what)
            assert outcome == "ok" and seconds >= 0.3, f"{what} took {seconds} s"
        outcome, _, seconds = victim.do("elsewhere")
        assert outcome == "ok" and seconds < 0.3
    assert victim.faults.hits().syncs >= 3
    before = victim.faults.hits().syncs
    victim.works("sync")
    assert victim.faults.hits().syncs == before


@pytest.mark.parametrize("offset", [HOUR_S, -HOUR_S])
def test_a_wrong_clock(victim, offset):
    wall, steady = victim.works("clocks")
    assert abs(wall - time.time()) < 60
    with victim.faults.during(clock_offset_s=offset):
        shifted, later = victim.works("clocks")
        assert abs(shifted - time.time() - offset) < 60
        assert 0 <= later - steady < 60
        assert abs(victim.works("sql_now") - time.time() - offset) < 60
        assert victim.faults.hits().clocks > 0
    assert abs(victim.works("clocks")[0] - time.time()) < 60


@pytest.mark.parametrize("fault", ["enospc", "erofs", "eio"])
def test_only_files_below_the_folder(victim, fault):
    with victim.faults.during(**{fault: 1}):
        victim.works("elsewhere")
        victim.fails("reused")
        victim.works("elsewhere")


def test_a_mistyped_fault_is_refused(tmp_path):
    with pytest.raises(ValueError, match="enospcc"):
        shim.Faults(tmp_path, under=tmp_path).set(enospcc=1)
