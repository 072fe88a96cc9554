"""A client that goes away: the provider's connection closes at once, and what was used is recorded."""

import time

import openai
import pytest

ASK = [{"role": "user", "content": "Tell me everything about the sea."}]
CLOSED_WITHIN_MS = 250


def noticed_after_ms(sent: dict, left_at: float) -> float:
    """How long after the client left (seconds since 1970) the provider saw it; one machine, one wall clock."""
    assert sent["outcome"] == "client_gone"
    return sent["received_at"] + sent["client_gone_ms"] - left_at * 1000


def test_in_the_middle_of_a_stream(client, sim, gateway, measured):
    before = sim.last_number()
    sim.script("ttft=50,itl=30,tokens=2000")
    with client.chat.completions.with_streaming_response.create(
        model="chat-fast", messages=ASK, stream=True
    ) as raw:
        call_id = raw.headers["x-paceline-call-id"]
        stream = raw.parse()
        for _, _ in zip(range(8), stream):
            pass
        left_at = time.time()
    sent, record = sim.call_after(before), gateway.record(call_id)

    late = noticed_after_ms(sent, left_at)
    measured(f"canceled mid-stream: the provider noticed {late:.1f} ms after the client left")
    assert late < CLOSED_WITHIN_MS
    assert (record["status"], record["error_kind"]) == ("canceled", "canceled")
    # No usage came, so it is an estimate from bytes; the simulated words are longer than usual tokens.
    assert record["usage"]["source"] == "estimated"
    assert sent["tokens_sent"] / 3 <= record["usage"]["output_tokens"] <= sent["tokens_sent"] * 3
    assert record["usage"]["input_tokens"] > 0


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("fault", ["stall-before-head", "stall-after-head"])
def test_while_waiting(client, sim, gateway, measured, streamed, fault):
    before, last = sim.last_number(), gateway.newest_id()
    sim.script(fault)
    impatient = client.with_options(timeout=0.5)
    with pytest.raises(openai.APITimeoutError):
        for _ in impatient.chat.completions.create(model="chat-fast", messages=ASK, stream=streamed):
            pass
    left_at = time.time()
    sent, record = sim.call_after(before), gateway.record_after(last)

    late = noticed_after_ms(sent, left_at)
    measured(f"canceled at {fault}: the provider noticed {late:.1f} ms after the client left")
    assert late < CLOSED_WITHIN_MS
    assert record["status"] == "canceled"
