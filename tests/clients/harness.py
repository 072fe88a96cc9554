"""Starts real processes, waits for conditions, asks them over HTTP. No test logic here."""

import collections.abc
import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("PACELINE_BINARY", ROOT / "target/release/paceline"))
PATIENCE_S = 20.0
_TURN = threading.Event()


def wait_for(what: str, condition: collections.abc.Callable, patience_s: float = PATIENCE_S):
    """Asks until the condition gives something true; that is the answer."""
    end = time.monotonic() + patience_s
    while True:
        if found := condition():
            return found
        if time.monotonic() > end:
            raise AssertionError(f"waited {patience_s} s for {what}")
        _TURN.wait(0.01)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Answer:
    """An HTTP answer, whatever its status."""

    def __init__(self, status: int, headers, body: bytes):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    def json(self):
        return json.loads(self.body)

    def everything(self) -> str:
        """Head and body, for searches."""
        return f"{self.status}\n{self.headers}\n{self.text}"


def ask(url: str, method: str = "GET", body: bytes | None = None, headers: dict | None = None, timeout=30) -> Answer:
    request = urllib.request.Request(url, data=body, method=method, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return Answer(answer.status, answer.headers, answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.headers, error.read())


class Process:
    """A program under test with its two output streams in files."""

    def __init__(self, name: str, folder: pathlib.Path, args: list, env: dict | None = None):
        self.name = name
        folder.mkdir(parents=True, exist_ok=True)
        self.stdout_file = folder / f"{name}.stdout"
        self.stderr_file = folder / f"{name}.stderr"
        # Nothing of this machine's environment may reach a program that looks for keys in it.
        clean = {"PATH": os.environ["PATH"], "HOME": str(folder), **(env or {})}
        with self.stdout_file.open("wb") as out, self.stderr_file.open("wb") as err:
            self.process = subprocess.Popen(
                [str(arg) for arg in args], cwd=folder, env=clean, stdin=subprocess.DEVNULL, stdout=out, stderr=err
            )

    def output(self) -> str:
        return self.stdout_file.read_text("utf-8", "replace") + self.stderr_file.read_text("utf-8", "replace")

    def expect_line(self, pattern: str) -> re.Match:
        """Waits until the output has the pattern, and fails at once when the program has ended."""

        def look():
            found = re.search(pattern, self.output())
            if not found and self.process.poll() is not None:
                raise AssertionError(f"{self.name} ended with {self.process.returncode}:\n{self.output()}")
            return found

        return wait_for(f"{self.name} to print {pattern!r}; it printed:\n{self.output()}", look)

    def expect_ready(self, url: str) -> None:
        def look():
            if self.process.poll() is not None:
                raise AssertionError(f"{self.name} ended with {self.process.returncode}:\n{self.output()}")
            with contextlib.suppress(OSError):
                return ask(url, timeout=2).status == 200
            return False

        wait_for(f"{self.name} to answer {url}", look)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError(f"{self.name} did not stop on SIGTERM:\n{self.output()}") from None


class Sim:
    """The simulated provider as a process."""

    def __init__(self, folder: pathlib.Path):
        port = free_port()
        self.process = Process("sim", folder, [BINARY, "sim", "--listen", f"127.0.0.1:{port}"])
        self.root = f"http://127.0.0.1:{port}"
        self.base_url = f"{self.root}/v1"
        self.process.expect_ready(f"{self.base_url}/models")

    def script(self, *faults: str, model: str | None = None) -> None:
        """The next calls get these faults, one each."""
        body = {"faults": list(faults)} | ({"model": model} if model else {})
        answer = ask(f"{self.root}/sim/script", "POST", json.dumps(body).encode(), {"content-type": "application/json"})
        assert answer.status == 200, answer.everything()

    def calls(self, since: int = 0, at_least: int = 0) -> list[dict]:
        """The calls after number `since`, once that many have come and all have ended."""
        wait = f"&min={at_least}&wait_ms={PATIENCE_S * 1000:.0f}" if at_least else ""
        return ask(f"{self.root}/sim/calls?since={since}{wait}").json()

    def last_number(self) -> int:
        return max((call["n"] for call in self.calls()), default=0)

    def call_after(self, number: int) -> dict:
        """The one call received after the call of this number, once it has ended."""
        (call,) = self.calls(number, at_least=1)
        assert call["outcome"] != "open", f"the provider still works on {call}"
        return call


class Gateway:
    """Paceline as a process."""

    def __init__(
        self,
        folder: pathlib.Path,
        config: str | None,
        env: dict | None = None,
        headers: dict | None = None,
        args: collections.abc.Sequence = (),
    ):
        self.headers = headers or {}
        port = free_port()
        args = [BINARY, "serve", "--listen", f"127.0.0.1:{port}", *args]
        if config is not None:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "gateway.toml").write_text(config)
            args += ["--config", folder / "gateway.toml"]
        self.process = Process("gateway", folder, args, env)
        self.root = f"http://127.0.0.1:{port}"
        self.base_url = f"{self.root}/v1"
        self.process.expect_ready(f"{self.root}/health/ready")

    def get(self, path: str) -> Answer:
        return ask(f"{self.root}{path}", headers=self.headers)

    def record(self, call_id: str) -> dict:
        """The record of a call; records appear a moment after the answer."""

        def look():
            answer = self.get(f"/v1/calls/{call_id}")
            return answer.status == 200 and answer.json()

        return wait_for(f"the record of {call_id}", look)

    def newest_id(self) -> str | None:
        calls = self.get("/v1/calls?limit=1").json()["calls"]
        return calls[0]["id"] if calls else None

    def record_after(self, call_id: str | None) -> dict:
        """The newest record once it is another than this one."""

        def look():
            newest = self.newest_id()
            return newest if newest != call_id else None

        return self.record(wait_for(f"a record after {call_id}", look))


PROMETHEUS_CONFIG = """
global: {{ scrape_interval: 1s, scrape_timeout: 1s }}
scrape_configs:
  - job_name: paceline
    static_configs: [{{ targets: ["{target}"] }}]
"""


class Prometheus:
    """A real Prometheus that scrapes a gateway, on a port and with a storage of its own."""

    def __init__(self, folder: pathlib.Path, program: str, gateway: Gateway):
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "prometheus.yml"
        config.write_text(PROMETHEUS_CONFIG.format(target=gateway.root.removeprefix("http://")))
        port = free_port()
        args = [
            program,
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ]
        self.process = Process("prometheus", folder, args)
        self.root = f"http://127.0.0.1:{port}"
        self.process.expect_ready(f"{self.root}/-/ready")

    def query(self, expression: str) -> list[tuple[dict, float]]:
        """The labels and the value of every series of an instant query; values that are no number are left out."""
        answer = ask(f"{self.root}/api/v1/query?{urllib.parse.urlencode({'query': expression})}")
        assert answer.status == 200, answer.everything()
        found = [(one["metric"], float(one["value"][1])) for one in answer.json()["data"]["result"]]
        return [(labels, value) for labels, value in found if value == value]

    def number(self, expression: str) -> float | None:
        """The only value of a query, or None without one."""
        found = self.query(expression)
        assert len(found) <= 1, found
        return found[0][1] if found else None
