"""What a record says against what the simulated provider's ledger says it sent."""

import openai
import pytest

ASK = [{"role": "user", "content": "Tell me about the sea."}]


def call(client, streamed: bool, model: str = "chat-fast"):
    """One call; its id and its text."""
    with client.chat.completions.with_streaming_response.create(
        model=model, messages=ASK, stream=streamed
    ) as raw:
        call_id = raw.headers["x-paceline-call-id"]
        answer = raw.parse()
        if not streamed:
            return call_id, answer.choices[0].message.content
        return call_id, "".join(chunk.choices[0].delta.content or "" for chunk in answer if chunk.choices)


@pytest.mark.parametrize("streamed", [False, True])
def test_a_record_equals_the_ledger(client, sim, gateway, measured, streamed):
    before = sim.last_number()
    call_id, text = call(client, streamed)
    sent, record = sim.call_after(before), gateway.record(call_id)

    assert text == sent["text"]
    assert record["id"] == call_id
    assert (record["status"], record["http_status"], record["error_kind"]) == ("ok", 200, None)
    assert (record["requested_model"], record["provider"], record["stream"]) == ("chat-fast", "sim", streamed)
    assert (record["operation"], record["dialect"]) == ("chat", "openai")
    assert (record["tenant"], record["workspace"]) == ("default", "default")
    assert record["finish_reason"] == sent["finish"]
    assert record["usage"]["input_tokens"] == sent["usage"]["prompt_tokens"]
    assert record["usage"]["output_tokens"] == sent["usage"]["completion_tokens"]
    assert record["usage"]["source"] == "reported"
    (attempt,) = record["attempts"]
    assert (attempt["n"], attempt["reason"], attempt["http_status"]) == (1, "first", 200)

    # What the provider sent later cannot have been seen earlier; the clocks are one machine's.
    assert record["duration_ms"] >= sent["last_byte_sent_ms"] - 5
    pairs = [("last byte", sent["last_byte_sent_ms"], record["duration_ms"])]
    if streamed:
        assert record["ttft_ms"] >= sent["first_content_sent_ms"] - 5
        assert 0 < record["ttft_ms"] < record["duration_ms"]
        assert record["output_tokens_per_second"] > 0
        pairs.append(("first token", sent["first_content_sent_ms"], record["ttft_ms"]))
    for what, theirs, ours in pairs:
        within = max(5.0, theirs * 0.02)
        verdict = "within" if abs(ours - theirs) <= within else "OUTSIDE"
        measured(f"{what}: sent at {theirs:.2f} ms, recorded {ours:.2f} ms, {verdict} max(5 ms, 2 %)")
        assert ours - theirs < 500, "half a second is no noise"
    assert 0 <= record["overhead_ms"] < 500
    measured(f"overhead of a {'streamed' if streamed else 'whole'} call: {record['overhead_ms']:.3f} ms")


def test_every_call_has_one_record_and_ids_differ(client, gateway, sim):
    before = sim.last_number()
    ids = [call(client, streamed, "chat-instant")[0] for streamed in [True, False] * 5]
    for call_id in ids:
        assert gateway.record(call_id)["status"] == "ok"
    assert len(set(ids)) == 10
    assert len([sent for sent in sim.calls() if sent["n"] > before]) == 10
    listed = [record["id"] for record in gateway.get("/v1/calls?limit=10").json()["calls"]]
    assert listed == ids[::-1], "newest first"


def test_pages_and_filters(client, gateway):
    ids = [call(client, True, "chat-instant")[0] for _ in range(5)]
    gateway.record(ids[-1])
    seen, cursor = [], ""
    while len(seen) < 5:
        page = gateway.get(f"/v1/calls?model=instant&limit=2{cursor}").json()
        seen += [record["id"] for record in page["calls"]]
        cursor = f"&cursor={page['next_cursor']}"
    assert seen[:5] == ids[::-1]
    nothing = gateway.get("/v1/calls?model=no-such-model").json()
    assert nothing["calls"] == []


def test_a_refused_call_leaves_a_record_without_cost(client, gateway):
    last = gateway.newest_id()
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="no-such-model", messages=ASK)
    record = gateway.record_after(last)
    assert (record["status"], record["http_status"]) == ("refused", 404)
    assert record["attempts"] == [] and record["cost_usd"] in (None, "0")


def test_the_summary_counts_what_was_called(client, gateway):
    call_id, _ = call(client, True)
    gateway.record(call_id)
    summary = gateway.get("/v1/performance/summary").json()
    assert {"overview", "models", "trends", "recommendations"} <= summary.keys()
    one = gateway.get("/v1/performance/models/chat-fast")
    assert one.status == 200, one.everything()
