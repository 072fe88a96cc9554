"""The configuration is read again and again, in all three ways, while streams run: none is broken."""

import concurrent.futures
import http.client
import json
import os
import pathlib
import signal
import threading
import urllib.parse

from harness import ask, wait_for

RELOADS = int(os.environ.get("PACELINE_RELOADS", "30"))
STREAMS = 8
# So often a reload is left to the watch over the file, which takes two looks of 2 s to believe a change.
BY_FILE_EVERY = 100

CONFIG = """
[server]
detect = false
[log]
calls_per_second = 0
[providers.sim]
kind = "compatible"
base_url = "{base_url}"
[models]
steady = "sim/fast"
generation-{generation} = "sim/fast"
"""


class Load:
    """Streams one after the other on a connection that is kept, and what was wrong with any."""

    def __init__(self, root: str, done: threading.Event):
        self.address = urllib.parse.urlsplit(root).netloc
        self.done = done
        self.whole = 0
        self.broken: list[str] = []

    def run(self) -> None:
        # Without retries: a connection that is dropped, even between two streams, is an error here.
        connection = http.client.HTTPConnection(self.address, timeout=30)
        connection.connect()
        connection.auto_open = 0
        body = json.dumps({"model": "steady", "stream": True, "messages": [{"role": "user", "content": "the sea"}]})
        headers = {"content-type": "application/json", "x-sim-fault": "ttft=5,itl=4,tokens=40"}
        while not self.done.is_set() and not self.broken:
            try:
                connection.request("POST", "/v1/chat/completions", body, headers)
                answer = connection.getresponse()
                text = answer.read().decode()
            except (OSError, http.client.HTTPException) as error:
                self.broken.append(repr(error))
                return
            if answer.status == 200 and text.rstrip().endswith("data: [DONE]") and '"error"' not in text:
                self.whole += 1
            else:
                self.broken.append(f"{answer.status} {text}")


def test_reloads_under_load_break_no_stream(start, sim, measured):
    def config(generation: int) -> str:
        return CONFIG.format(base_url=sim.base_url, generation=generation)

    gateway = start(config(0))
    file = pathlib.Path(gateway.process.process.args[-1])
    done = threading.Event()
    loads = [Load(gateway.root, done) for _ in range(STREAMS)]
    counts = {"HTTP": 0, "SIGHUP": 0, "file": 0}
    with concurrent.futures.ThreadPoolExecutor(STREAMS) as pool:
        running = [pool.submit(load.run) for load in loads]
        try:
            for generation in range(1, RELOADS + 1):
                new = file.with_name("new.toml")
                new.write_text(config(generation))
                new.replace(file)
                if generation % BY_FILE_EVERY == 10:
                    way = "file"
                elif generation % 2:
                    way = "SIGHUP"
                    gateway.process.process.send_signal(signal.SIGHUP)
                else:
                    way = "HTTP"
                    told = ask(f"{gateway.root}/v1/config/reload", "POST", b"")
                    assert told.status == 200, told.everything()
                counts[way] += 1

                def taken(name=f"generation-{generation}") -> bool:
                    return name in gateway.get("/v1/models").text

                wait_for(f"reload {generation} ({way})", taken)
        finally:
            done.set()
        for task in running:
            task.result()
    broken = [one for load in loads for one in load.broken]
    whole = sum(load.whole for load in loads)
    ways = ", ".join(f"{count} by {way}" for way, count in counts.items())
    measured(f"{RELOADS} reloads ({ways}) under {STREAMS} streams at a time: {whole} whole, {len(broken)} broken")
    assert not broken, broken
    assert all(load.whole for load in loads)
    # Each was told, none was refused, and the witness saw no stream that was not taken to its end.
    output = gateway.process.output()
    assert output.count("configuration reloaded (SIGHUP)") == counts["SIGHUP"]
    assert output.count("configuration reloaded (asked by HTTP)") == counts["HTTP"]
    assert "not reloaded" not in output
