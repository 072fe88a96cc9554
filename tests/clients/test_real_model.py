"""End to end with a real language model: official client, Paceline, a real runtime with real weights."""

import openai
import pytest

from harness import ask

MODEL = "smollm2-135m-instruct"
ASK = [
    {"role": "system", "content": "You answer in one short sentence."},
    {"role": "user", "content": "What is the capital of France?"},
]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, model_server):
    from harness import Gateway

    config = f"""
[server]
detect = false

[providers.local]
kind = "compatible"
base_url = "{model_server}/v1"

[models]
small = "local/{MODEL}"
"""
    started = Gateway(tmp_path_factory.mktemp("real_gateway"), config)
    yield started
    started.process.stop()


@pytest.mark.parametrize("streamed", [False, True])
def test_a_real_answer_is_passed_on_and_measured(gateway, model_server, measured, streamed):
    client = openai.OpenAI(base_url=gateway.base_url, api_key="unused", max_retries=0)
    with client, client.chat.completions.with_streaming_response.create(
        model="small", messages=ASK, max_tokens=40, temperature=0, stream=streamed
    ) as raw:
        call_id = raw.headers["x-paceline-call-id"]
        answer = raw.parse()
        if streamed:
            text = "".join(chunk.choices[0].delta.content or "" for chunk in answer if chunk.choices)
        else:
            text = answer.choices[0].message.content
    made = ask(f"{model_server}/ledger").json()["calls"][-1]
    record = gateway.record(call_id)

    assert "Paris" in text
    assert text == made["text"]
    assert made["stream"] == streamed
    assert record["usage"]["input_tokens"] == made["usage"]["prompt_tokens"] > 10
    assert record["usage"]["output_tokens"] == made["usage"]["completion_tokens"] > 3
    assert record["usage"]["source"] == "reported"
    assert (record["status"], record["finish_reason"], record["stream"]) == ("ok", "stop", streamed)
    assert (record["provider"], record["attempts"][0]["model"]) == ("local", MODEL)
    assert 0 <= record["overhead_ms"] < record["duration_ms"]
    if streamed:
        assert 0 < record["ttft_ms"] < record["duration_ms"]
        assert record["output_tokens_per_second"] > 0
        assert 0 < record["tpot_ms"] < record["duration_ms"]
    measured(
        f"real model, {'streamed' if streamed else 'whole'}: {record['duration_ms']:.0f} ms, "
        f"TTFT {record['ttft_ms']} ms, {record['output_tokens_per_second']} tokens/s, "
        f"overhead {record['overhead_ms']:.3f} ms"
    )


def test_hanging_up_stops_the_real_model(gateway, model_server):
    client = openai.OpenAI(base_url=gateway.base_url, api_key="unused", max_retries=0)
    story = [{"role": "user", "content": "Tell me a very long story about a ship."}]
    with client, client.chat.completions.with_streaming_response.create(
        model="small", messages=story, max_tokens=800, stream=True
    ) as raw:
        call_id = raw.headers["x-paceline-call-id"]
        for _, _ in zip(range(5), raw.parse()):
            pass
    # The next call waits for the one before it to be over: the model has one sequence.
    with openai.OpenAI(base_url=gateway.base_url, api_key="unused", max_retries=0) as again:
        again.chat.completions.create(model="small", messages=ASK, max_tokens=5)
    story_made, _ = ask(f"{model_server}/ledger").json()["calls"][-2:]
    record = gateway.record(call_id)
    assert story_made["aborted"] and story_made["usage"]["completion_tokens"] < 700
    assert record["status"] == "canceled"
    assert 3 <= record["usage"]["output_tokens"] <= story_made["usage"]["completion_tokens"]
