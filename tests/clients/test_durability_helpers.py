"""The helpers of the durability tests notice what they are there to notice."""

import contextlib
import functools
import sqlite3
import sys
import time

import pytest

import durability
from durability import Answer, Load, store_warnings
from harness import wait_for


def database(path, rows: int = 2000) -> None:
    with contextlib.closing(sqlite3.connect(path)) as made:
        made.execute("PRAGMA journal_mode = WAL")
        made.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT)")
        made.executemany("INSERT INTO t (x) VALUES (?)", ((f"row {n}",) for n in range(rows)))
        made.execute("CREATE INDEX i ON t (x)")
        made.commit()


def test_whole_files_are_ok_and_are_left_alone(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    database(data / "a.db")
    database(data / "b.db")
    before = {file.name: file.read_bytes() for file in data.iterdir()}
    assert durability.integrity(data, tmp_path / "copies") == {"a.db": "ok", "b.db": "ok"}
    assert {file.name: file.read_bytes() for file in data.iterdir()} == before


def test_a_damaged_page_is_noticed(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    database(data / "a.db")
    bytes_of = bytearray((data / "a.db").read_bytes())
    bytes_of[-4096:] = b"\xa5" * 4096
    (data / "a.db").write_bytes(bytes_of)
    assert durability.integrity(data, tmp_path / "copies")["a.db"] != "ok"


def test_a_held_lock_keeps_others_from_writing(tmp_path):
    path = tmp_path / "a.db"
    database(path)
    with contextlib.closing(sqlite3.connect(path, timeout=0.1)) as other:
        begun = time.monotonic()
        with durability.write_lock(sys.executable, path, at_least_s=0.5):
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                other.execute("INSERT INTO t (x) VALUES ('no')")
            other.execute("SELECT count(*) FROM t").fetchone()
        assert time.monotonic() - begun >= 0.5
        other.execute("INSERT INTO t (x) VALUES ('yes')")


class Printed:
    """Stands for a gateway of which only the output is looked at."""

    def __init__(self, text: str):
        self.process = self
        self.text = text

    def output(self) -> str:
        return self.text


def test_only_warnings_about_the_store_are_counted():
    said = [
        "2026-11-23T02:17:11.042Z WARN the history cannot be written: disk full",
        '{"level":"warn","message":"storage degraded","reason":"locked"}',
        "2026-11-23T02:17:11.042Z INFO the storage works again",
        "2026-11-23T02:17:11.042Z WARN configuration not reloaded",
    ]
    assert store_warnings(Printed("\n".join(said))) == said[:2]


def test_the_load_knows_what_was_answered(start, sim):
    gateway = start(durability.CONFIG.format(base_url=sim.base_url))
    with Load(gateway, threads=3) as load:
        load.wait_for_more(50)
    answers = load.answers()
    assert load.broken == [] and {answer.status for answer in answers} == {200}
    durability.expect_found(gateway, answers)
    assert durability.not_found(gateway, [answers[0].id, "0" * 26]) == ["0" * 26]
    assert sorted(durability.listed(gateway)) == sorted(answer.id for answer in answers)
    assert durability.metric(gateway, "paceline_ledger_calls_total") == len(answers)
    with pytest.raises(AssertionError, match="1 of 1 calls have no record"), pytest.MonkeyPatch.context() as patch:
        patch.setattr(durability, "wait_for", functools.partial(wait_for, patience_s=0.1))
        durability.expect_found(gateway, [Answer("0" * 26, 200, 0.0, 0.0)])


def test_the_load_ends_with_its_gateway(start, sim):
    gateway = start(durability.CONFIG.format(base_url=sim.base_url))
    with Load(gateway, threads=3) as load:
        load.wait_for_more(10)
        gateway.process.process.kill()
        gateway.process.process.wait()
        # Who has just had an answer notices at the next call, unless it is told to stop before.
        wait_for("the end of each thread", lambda: len(load.broken) == 3)
    assert len(load.broken) == 3 and len(load.answers()) >= 10
