"""`/metrics` while calls are running, judged by Prometheus' own checker."""

import re
import subprocess
import threading

import pytest

ASK = [{"role": "user", "content": "Tell me about the sea."}]


def samples(text: str) -> dict[str, float]:
    lines = [line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#")]
    return {name: float(value) for name, value in lines}


def test_promtool_accepts_the_exposition_while_serving(client, gateway, sim, promtool):
    sim.script("ttft=20,itl=20,tokens=100")
    first = threading.Event()
    failed = []

    def stream():
        try:
            for _ in client.chat.completions.create(model="chat-fast", messages=ASK, stream=True):
                first.set()
        except Exception as error:
            failed.append(error)
        finally:
            first.set()

    running = threading.Thread(target=stream)
    running.start()
    assert first.wait(20)
    answer = gateway.get("/metrics")
    still_running = running.is_alive()
    running.join(20)

    assert not failed, failed
    assert still_running, "the stream ended before the exposition was read"
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    checked = subprocess.run([promtool, "check", "metrics"], input=answer.body, capture_output=True, timeout=60)
    assert checked.returncode == 0, checked.stdout.decode() + checked.stderr.decode()


def test_calls_and_tokens_are_counted(client, gateway):
    def counted() -> tuple[float, float]:
        now = samples(gateway.get("/metrics").text)
        total = lambda pattern: sum(value for name, value in now.items() if re.search(pattern, name))
        return total(r"^paceline_calls_total\b"), total(r"^paceline_tokens_total\b.*output")

    calls, tokens = counted()
    last = gateway.newest_id()
    answer = client.chat.completions.create(model="chat-instant", messages=ASK)
    gateway.record_after(last)
    assert counted() == pytest.approx((calls + 1, tokens + answer.usage.completion_tokens))
