"""`/metrics` while calls are running, judged by Prometheus' own checker."""

import re
import subprocess
import threading

import openai
import pytest

from conftest import SIM_CONFIG
from harness import wait_for

ASK = [{"role": "user", "content": "Tell me about the sea."}]
# What every dashboard may rely on.
FIXED_NAMES = [
    "cache_hit_count_total",
    "cache_miss_count_total",
    "model_routing_count_total",
    "model_routing_latency_seconds_count",
    "performance_optimization_count_total",
    "performance_optimization_latency_seconds_count",
]
OPENTELEMETRY_NAMES = [
    "gen_ai_client_operation_duration_seconds_count",
    "gen_ai_client_token_usage_count",
    "gen_ai_server_request_duration_seconds_count",
    "gen_ai_server_time_to_first_token_seconds_count",
    "gen_ai_server_time_per_output_token_seconds_count",
]


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


def test_a_real_prometheus_scrapes_a_gateway_at_work(start, scrape, sim, measured):
    gateway = start(SIM_CONFIG.format(base_url=sim.base_url))
    prometheus = scrape(gateway)
    quantile = (
        "histogram_quantile(0.5, sum by (le) (rate(gen_ai_server_time_to_first_token_seconds_bucket[1m])))"
    )
    calls = tokens = 0

    def call_and_look():
        """One more call; the median that Prometheus makes of the calls so far, once it has seen two scrapes."""
        nonlocal calls, tokens
        sim.script("ttft=120,itl=5,tokens=4")
        asked = {"model": "chat-fast", "messages": ASK, "stream": True, "stream_options": {"include_usage": True}}
        tokens += sum(chunk.usage.completion_tokens for chunk in client.chat.completions.create(**asked) if chunk.usage)
        calls += 1
        return prometheus.number(quantile)

    with openai.OpenAI(base_url=gateway.base_url, api_key="unused", max_retries=0) as client:
        median = wait_for("a median time to first token", call_and_look)
        # A model outside the configuration gets no name of its own.
        client.chat.completions.create(model="sim/instant", messages=ASK)
        with pytest.raises(openai.NotFoundError):
            client.chat.completions.create(model="no-such-model", messages=ASK)
        calls += 2
    wait_for("the last call to be scraped", lambda: prometheus.number("sum(paceline_calls_total)") == calls)

    measured(f"{calls} calls scraped by Prometheus; median time to first token {median * 1000:.0f} ms")
    assert 0.1 <= median <= 1.0, "the provider waited 120 ms before its first token"
    assert prometheus.number('up{job="paceline"}') == 1
    for name in FIXED_NAMES + OPENTELEMETRY_NAMES:
        assert prometheus.query(name), name
    assert prometheus.number("sum(model_routing_count_total)") == calls - 1, "one model is not known"
    assert prometheus.number("performance_optimization_count_total") == calls - 1
    assert prometheus.number("cache_hit_count_total") == prometheus.number("cache_miss_count_total") == 0
    written = 'sum(gen_ai_client_token_usage_sum{gen_ai_token_type="output",gen_ai_request_model="chat-fast"})'
    assert prometheus.number(written) == tokens
    models = {labels.get("model") for labels, _ in prometheus.query("paceline_calls_total")}
    assert models == {"chat-fast", "other", None}
    assert prometheus.number("sum(paceline_metric_series_dropped_total)") == 0
