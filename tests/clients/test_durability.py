"""Records survive kills, bad disks, wrong clocks and other people's locks; calls do not notice any of it."""

import contextlib
import datetime
import itertools
import os
import random
import signal
import subprocess
import sys
import threading
import time
import typing

import pytest

import durability
from durability import CONFIG, DEGRADED_METRIC, GRACE_S, HISTORY, WINDOW_ENV, Load
from faults import Faults
from harness import BINARY, PATIENCE_S, Gateway, wait_for

ROUNDS = int(os.environ.get("PACELINE_KILL_ROUNDS", "12"))
SEED = int(os.environ.get("PACELINE_KILL_SEED", random.SystemRandom().randrange(1 << 32)))
# All calls of earlier rounds are looked for once in so many rounds, and in the last: it takes the longer, the more there are.
LOOK_BACK = 20
# Calls of a round that may be recorded though their answers did not come through: one a thread of the load.
OPEN = 8
# How much longer than before a call may take while the store has trouble.
SLOWER_S = 1.0
# Lines that one trouble may cost the log: when it begins, and what else is worth saying.
WARNINGS = 2


@pytest.fixture
def world(tmp_path, sim):
    """Starts gateways on one data folder, one after the other; whatever still runs is killed."""
    with contextlib.ExitStack() as running:
        yield World(tmp_path, sim, running)


class World:
    def __init__(self, folder, sim, running: contextlib.ExitStack):
        self.folder, self.sim, self.running = folder, sim, running
        self.data = folder / "data"
        self.numbers = itertools.count(1)

    def start(self, env: dict | None = None) -> Gateway:
        folder = self.folder / f"gateway-{next(self.numbers)}"
        config = CONFIG.format(base_url=self.sim.base_url)
        gateway = Gateway(folder, config, env, args=["--data", self.data])
        self.running.callback(kill, gateway)
        return gateway

    def expect_whole_files(self) -> None:
        verdicts = durability.integrity(self.data, self.folder / "copies")
        assert HISTORY in verdicts, f"no {HISTORY} in {sorted(self.data.iterdir())}"
        assert set(verdicts.values()) == {"ok"}, verdicts


def kill(gateway: Gateway) -> None:
    gateway.process.process.kill()
    gateway.process.process.wait()


def killed_under_load(gateway: Gateway, chance: random.Random) -> tuple[list, float]:
    """Many calls, and a kill at a moment nobody chose; what was answered, and when the kill was sent."""
    with Load(gateway) as load:
        load.wait_for_more(10)
        threading.Event().wait(chance.uniform(0.0, 1.5))
        killed_at = time.monotonic()
        gateway.process.process.send_signal(signal.SIGKILL)
        gateway.process.process.wait()
    answers = load.answers()
    assert gateway.process.process.returncode == -signal.SIGKILL, gateway.process.output()
    assert {answer.status for answer in answers} == {200}
    return answers, killed_at


@pytest.mark.parametrize(
    "env, grace_s", [({}, GRACE_S), ({WINDOW_ENV: "0"}, 0.0)], ids=["default window", "no window"]
)
def test_killed_at_any_moment(world, measured, env, grace_s):
    """(a), (b): what was answered longer ago than the window is there after a kill; with no window, everything is."""
    chance = random.Random(SEED)
    known, lost, total = set(), 0, 0
    for number in range(ROUNDS):
        begun = datetime.datetime.now(datetime.timezone.utc)
        gateway = world.start(env)
        answers, killed_at = killed_under_load(gateway, chance)
        world.expect_whole_files()
        gateway = world.start(env)
        due = [answer.id for answer in answers if grace_s == 0 or answer.done < killed_at - grace_s]
        missing = durability.not_found(gateway, due)
        assert missing == [], f"round {number} of seed {SEED}: {len(missing)} of {len(due)} are lost"
        is_whole = number % LOOK_BACK == 0 or number == ROUNDS - 1
        ids = durability.listed(gateway, None if is_whole else begun)
        assert len(ids) == len(set(ids)), f"round {number} of seed {SEED}: a call is listed twice"
        assert not is_whole or known <= set(ids), f"round {number} of seed {SEED}: records of earlier rounds are gone"
        known |= set(ids)
        overview = gateway.get("/v1/performance/summary?window=24h").json()["overview"]
        assert overview["calls"] == len(known), f"round {number} of seed {SEED}: statistics and records differ"
        # The first look after the start, and each call was in its account before its record was on disk.
        ever = overview["ever"]["calls"]
        assert len(known) <= ever, f"round {number} of seed {SEED}: accounts know {ever} calls of {len(known)} records"
        assert ever <= total + len(answers) + OPEN * (number + 1), f"round {number} of seed {SEED}: accounts count {ever} calls"
        lost += len({answer.id for answer in answers} - set(ids))
        total += len(answers)
        kill(gateway)
    assert total > ROUNDS * 10
    measured(f"{ROUNDS} kills (seed {SEED}, {env or 'default window'}): {total} answered, {lost} within the window lost")


class Trouble(typing.NamedTuple):
    """Something that goes wrong while calls run."""

    name: str
    faults: dict
    # `None`: may or may not be told as degraded.
    degrades: bool | None
    # Which of the shim's counters must move.
    hit: str | None
    # A word of which one must be in the reason.
    reasons: tuple[str, ...] = ()


TROUBLES = [
    Trouble("disk full", {"enospc": 1}, True, "writes", ("full", "space")),
    Trouble("read-only", {"erofs": 1}, True, "writes", ("read-only", "readonly", "I/O")),
    Trouble("disk fails", {"eio": 1}, True, "writes", ("I/O",)),
    Trouble("slow fsync", {"fsync_delay_ms": 2000}, None, "syncs"),
    Trouble("clock an hour ahead", {"clock_offset_s": 3600}, None, "clocks"),
    Trouble("clock an hour behind", {"clock_offset_s": -3600}, None, "clocks"),
    Trouble("locked by another program", {}, True, None, ("lock", "busy")),
]


def expect_degraded(gateway: Gateway, trouble: Trouble) -> None:
    def state():
        return durability.storage(gateway)["state"] == "degraded"

    wait_for(f"`degraded` while {trouble.name}", state)
    reason = durability.storage(gateway)["reason"]
    assert any(word.lower() in reason.lower() for word in trouble.reasons), reason
    assert durability.metric(gateway, DEGRADED_METRIC) == 1


def expect_recovered(gateway: Gateway) -> None:
    wait_for("`ok` after the trouble", lambda: durability.storage(gateway)["state"] == "ok")
    assert durability.metric(gateway, DEGRADED_METRIC) == 0


def begin_trouble(world: World, faults: Faults, trouble: Trouble):
    if trouble.faults:
        return faults.during(**trouble.faults)
    return durability.write_lock(sys.executable, world.data / HISTORY, at_least_s=5)


def ride_through(world: World, gateway: Gateway, faults: Faults, trouble: Trouble, load: Load) -> None:
    """The trouble from its beginning to its end, with calls all the while."""
    hits = faults.hits()
    with begin_trouble(world, faults, trouble):
        load.wait_for_more(20)
        if trouble.degrades:
            expect_degraded(gateway, trouble)
        if trouble.hit:
            moved = lambda: getattr(faults.hits(), trouble.hit) > getattr(hits, trouble.hit)  # noqa: E731
            wait_for(f"the store to meet it ({trouble.hit})", moved)
        load.wait_for_more(100)
        durability.storage(gateway)
    expect_recovered(gateway)
    load.wait_for_more(50)


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.name)
def test_calls_go_on_and_records_come_through(world, measured, trouble):
    """(c) to (g): no call fails or waits, the trouble is told once, and afterwards every record is there."""
    faults = Faults(world.folder / "faults", under=world.data)
    gateway = world.start(faults.env)
    assert durability.storage(gateway)["state"] == "ok"
    with Load(gateway, threads=4, pause_s=0.01) as load:
        load.wait_for_more(100)
        usual = max(answer.seconds for answer in load.answers())
        ride_through(world, gateway, faults, trouble, load)
        answers = load.stop()
    assert load.broken == []
    assert {answer.status for answer in answers} == {200}
    slowest = max(answer.seconds for answer in answers)
    measured(f"{trouble.name}: {len(answers)} calls, slowest before {usual * 1e3:.0f} ms, in all {slowest * 1e3:.0f} ms")
    assert slowest < usual + SLOWER_S

    durability.expect_found(gateway, answers)
    warnings = durability.store_warnings(gateway)
    assert len(warnings) <= WARNINGS, warnings
    assert warnings or not trouble.degrades, gateway.process.output()
    gateway.process.stop()
    world.expect_whole_files()
    durability.expect_found(world.start(), answers)


def test_two_troubles_are_told_twice_and_no_more(world):
    """One line a trouble, however long: the second is not swallowed, and the first is not repeated."""
    faults = Faults(world.folder / "faults", under=world.data)
    gateway = world.start(faults.env)
    trouble = TROUBLES[0]
    with Load(gateway, threads=2, pause_s=0.01) as load:
        for times in (1, 2):
            ride_through(world, gateway, faults, trouble, load)
            assert times <= len(durability.store_warnings(gateway)) <= times * WARNINGS
        answers = load.stop()
    durability.expect_found(gateway, answers)


def test_killed_while_the_disk_is_full(world):
    """What was safe before the trouble stays safe, whatever becomes of what could not be written."""
    faults = Faults(world.folder / "faults", under=world.data)
    gateway = world.start(faults.env)
    with Load(gateway, threads=2, pause_s=0.01) as load:
        load.wait_for_more(100)
        before = load.stop()
    durability.expect_found(gateway, before)
    threading.Event().wait(GRACE_S)
    with faults.during(enospc=1), Load(gateway, threads=2, pause_s=0.01) as load:
        load.wait_for_more(50)
        expect_degraded(gateway, TROUBLES[0])
        kill(gateway)
    world.expect_whole_files()
    durability.expect_found(world.start(), before)


def serve_again(world: World):
    """A second instance on the same folder, by hand: it must end."""
    env = {"PATH": os.environ["PATH"], "HOME": str(world.folder)}
    args = [BINARY, "serve", "--listen", "127.0.0.1:0", "--data", world.data]
    words = [str(arg) for arg in args]
    return subprocess.run(words, cwd=world.folder, env=env, capture_output=True, text=True, timeout=PATIENCE_S)


def test_one_instance_a_folder(world):
    """(h): the second says which folder and who has it; a killed one holds nothing."""
    first = world.start()
    second = serve_again(world)
    assert second.returncode == 1, second.stdout + second.stderr
    assert str(world.data) in second.stderr
    assert str(first.process.process.pid) in second.stderr
    with Load(first, threads=1) as load:
        load.wait_for_more(5)
    assert {answer.status for answer in load.answers()} == {200}
    kill(first)
    durability.expect_found(world.start(), [])


def test_a_damaged_history_does_not_keep_calls_from_running(world):
    """Garbage where the history should be: calls run, or the start says which file; never a silent loss."""
    gateway = world.start()
    gateway.process.stop()
    for file in world.data.glob(f"{HISTORY}*"):
        file.write_bytes(b"this is no database, and longer than a header\n" * 100)
    kept = {file.name: file.read_bytes() for file in world.data.glob(f"{HISTORY}*")}
    assert HISTORY in kept
    try:
        gateway = world.start()
    except AssertionError as refusal:
        assert HISTORY in str(refusal)
        assert {file.name: file.read_bytes() for file in world.data.glob(f"{HISTORY}*")} == kept
        return
    with Load(gateway, threads=1) as load:
        load.wait_for_more(5)
    assert {answer.status for answer in load.answers()} == {200}
    files = [file for file in world.data.rglob("*") if file.is_file()]
    assert any(b"this is no database" in file.read_bytes() for file in files), "what was found is thrown away"
