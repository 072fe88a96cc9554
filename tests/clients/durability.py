"""Calls under load, records found again, files looked at: what `test_durability.py` needs. No test logic here.

The names that the program has chosen stand at the top.
"""

import contextlib
import datetime
import http.client
import json
import pathlib
import re
import shutil
import sqlite3
import subprocess
import threading
import time
import typing

from harness import Gateway, wait_for

# A record is on its way to the disk for at most the window (250 ms) after its call was answered.
GRACE_S = 0.3
WINDOW_ENV = "PACELINE_STORAGE_WINDOW_MS"
# The file whose write lock is the store's.
HISTORY = "history.db"
DEGRADED_METRIC = "paceline_storage_degraded"
# A warning about the store, in the log for people or as JSON.
STORE_WARNING = re.compile(r"^(?=.*\bwarn)(?=.*\b(storage|store|history|records? (are|cannot)))", re.IGNORECASE)
# A gateway's page of calls has at most so many.
PAGE = 1000
MODEL = "sim/instant"

CONFIG = """
[server]
detect = false

[providers.sim]
kind = "compatible"
base_url = "{base_url}"
"""


def storage(gateway: Gateway) -> dict:
    """What readiness says about the store: `state` is `ok` or `degraded`, `reason` says why. Ready it must be always."""
    answer = gateway.get("/health/ready")
    assert answer.status == 200, answer.everything()
    return answer.json()["storage"]


def metric(gateway: Gateway, name: str) -> float:
    """A metric without labels."""
    text = gateway.get("/metrics").text
    found = re.search(rf"^{name} (\S+)$", text, re.MULTILINE)
    assert found, f"no {name} in:\n{text}"
    return float(found[1])


def store_warnings(gateway: Gateway) -> list[str]:
    return [line for line in gateway.process.output().splitlines() if STORE_WARNING.search(line)]


class Answer(typing.NamedTuple):
    """A call whose answer was read to its end."""

    id: str
    status: int
    # On the monotonic clock.
    done: float
    seconds: float


class Load:
    """Small calls, several at a time, until it is stopped or the gateway is gone. Each thread keeps its connection."""

    def __init__(self, gateway: Gateway, threads: int = 8, pause_s: float = 0.0):
        self.address = gateway.root.removeprefix("http://")
        self.pause_s = pause_s
        self.over = threading.Event()
        self.lock = threading.Lock()
        self.kept: list[Answer] = []
        self.broken: list[str] = []
        self.threads = [threading.Thread(target=self._work, daemon=True) for _ in range(threads)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self) -> list[Answer]:
        """Ends the load once each thread has its answer; all answers."""
        self.over.set()
        for thread in self.threads:
            thread.join(60)
            assert not thread.is_alive(), "a call has no end"
        return self.answers()

    def answers(self) -> list[Answer]:
        with self.lock:
            return list(self.kept)

    def wait_for_more(self, count: int) -> None:
        """Until `count` more calls have been answered."""
        enough = len(self.answers()) + count
        wait_for(f"{count} more answers", lambda: len(self.answers()) >= enough or self.broken)

    def _work(self) -> None:
        connection = http.client.HTTPConnection(self.address, timeout=30)
        body = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": "sea"}]})
        try:
            while not self.over.is_set():
                answer = call(connection, body)
                with self.lock:
                    self.kept.append(answer)
                if self.pause_s:
                    self.over.wait(self.pause_s)
        except (OSError, http.client.HTTPException) as error:
            # Killed, or a call that broke: the test knows which.
            with self.lock:
                self.broken.append(repr(error))
        finally:
            connection.close()


def call(connection: http.client.HTTPConnection, body: str) -> Answer:
    begun = time.monotonic()
    connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
    response = connection.getresponse()
    text = response.read()
    done = time.monotonic()
    call_id = response.headers["x-paceline-call-id"]
    assert call_id, f"no id on {response.status} {text!r}"
    return Answer(call_id, response.status, done, done - begun)


def listed(gateway: Gateway, since: datetime.datetime | None = None) -> list[str]:
    """The ids of all calls that began at `since` or later, page by page."""
    from_then = f"&since={since.strftime('%Y-%m-%dT%H:%M:%SZ')}" if since else ""
    ids, cursor = [], ""
    while True:
        answer = gateway.get(f"/v1/calls?limit={PAGE}{from_then}{cursor}")
        assert answer.status == 200, answer.everything()
        page = answer.json()
        ids += [record["id"] for record in page["calls"]]
        if not page["next_cursor"]:
            return ids
        cursor = f"&cursor={page['next_cursor']}"


def not_found(gateway: Gateway, ids: list[str]) -> list[str]:
    """Those of the calls that `GET /v1/calls/{id}` does not know."""
    connection = http.client.HTTPConnection(gateway.root.removeprefix("http://"), timeout=30)
    missing = []
    with contextlib.closing(connection):
        for call_id in ids:
            connection.request("GET", f"/v1/calls/{call_id}")
            response = connection.getresponse()
            record = json.loads(response.read())
            assert response.status in (200, 404), record
            if response.status == 404 or record["id"] != call_id:
                missing.append(call_id)
    return missing


def expect_found(gateway: Gateway, answers: list[Answer]) -> None:
    """Waits until each of the calls is listed, exactly once."""
    wanted = {answer.id for answer in answers}

    def all_there():
        ids = listed(gateway)
        assert len(ids) == len(set(ids)), "a call is listed twice"
        return wanted <= set(ids)

    try:
        wait_for("the records", all_there)
    except AssertionError as error:
        missing = sorted(wanted - set(listed(gateway)))
        raise AssertionError(f"{len(missing)} of {len(wanted)} calls have no record: {missing[:5]} …") from error


def integrity(data: pathlib.Path, scratch: pathlib.Path) -> dict[str, str]:
    """What SQLite says of each database of a folder whose program has ended.

    It looks at copies: opening a database after a kill repairs it, which is what the program must be able to do.
    """
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    for file in data.iterdir():
        if re.search(r"\.db(-wal|-journal)?$", file.name):
            shutil.copy(file, scratch)
    verdicts = {}
    for database in sorted(scratch.glob("*.db")):
        try:
            with contextlib.closing(sqlite3.connect(database)) as opened:
                verdicts[database.name] = "\n".join(row[0] for row in opened.execute("PRAGMA integrity_check"))
        except sqlite3.DatabaseError as error:
            verdicts[database.name] = str(error)
    return verdicts


# Holds the write lock of a database in a process of its own, from the line it prints to the line it is given.
HOLDER = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
db.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
db.execute("ROLLBACK")
"""


@contextlib.contextmanager
def write_lock(python: str, database: pathlib.Path, at_least_s: float):
    """Another program holds the database's write lock while the block runs, and for `at_least_s` at least."""
    args = [python, "-c", HOLDER, str(database)]
    with subprocess.Popen(args, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout.readline() == "held\n"
            begun = time.monotonic()
            yield
            threading.Event().wait(max(0.0, begun + at_least_s - time.monotonic()))
            holder.communicate("done\n", timeout=30)
        finally:
            holder.kill()
