"""The official Python client, changed in nothing but its base URL."""

import json

import openai
import pydantic
import pytest

from conftest import SIM_CONFIG

ASK = [{"role": "user", "content": "Tell me about the sea."}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def test_chat(client, sim):
    before = sim.last_number()
    answer = client.chat.completions.create(model="chat-instant", messages=ASK)
    sent = sim.call_after(before)
    assert answer.choices[0].message.content == sent["text"] != ""
    assert answer.choices[0].finish_reason == sent["finish"] == "stop"
    assert answer.usage.prompt_tokens == sent["usage"]["prompt_tokens"] > 0
    assert answer.usage.completion_tokens == sent["usage"]["completion_tokens"] > 0


def test_a_providers_model_can_be_named_directly(client):
    answer = client.chat.completions.create(model="sim/instant", messages=ASK)
    assert answer.choices[0].message.content


def test_streamed_chat_has_the_same_text_and_no_usage_that_was_not_asked_for(client, sim):
    before = sim.last_number()
    with client.chat.completions.create(model="chat-instant", messages=ASK, stream=True) as stream:
        chunks = list(stream)
    sent = sim.call_after(before)
    assert all(len(chunk.choices) == 1 for chunk in chunks)
    assert all(chunk.usage is None for chunk in chunks)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == sent["text"] != ""
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert sent["usage"], "the gateway asked for usage by itself"


def test_streamed_chat_brings_usage_where_it_was_asked_for(client, sim):
    before = sim.last_number()
    options = {"include_usage": True}
    with client.chat.completions.create(
        model="chat-instant", messages=ASK, stream=True, stream_options=options
    ) as stream:
        *chunks, last = list(stream)
    sent = sim.call_after(before)
    assert last.choices == []
    assert last.usage.completion_tokens == sent["usage"]["completion_tokens"] > 0
    assert all(chunk.choices for chunk in chunks)


def test_hard_text_arrives_as_it_was_sent_under_any_chunking(client, sim):
    for fault in ["unicode,chunk=1", "unicode,crlf,comments", "unicode,chunk=7,bom,done-tight"]:
        before = sim.last_number()
        sim.script(fault)
        with client.chat.completions.create(model="chat-instant", messages=ASK, stream=True) as stream:
            text = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
        sent = sim.call_after(before)
        assert sent["fault"] == fault
        assert text == sent["text"] and "\u2028" in text, fault


def test_tool_calls(client, sim):
    before = sim.last_number()
    answer = client.chat.completions.create(
        model="chat-instant", messages=ASK, tools=[WEATHER], tool_choice="required"
    )
    sent = sim.call_after(before)
    (call,) = answer.choices[0].message.tool_calls
    assert answer.choices[0].finish_reason == "tool_calls"
    assert call.function.name == "weather" and call.id
    assert call.function.arguments == sent["choices"][0]["tool_arguments"]
    assert "city" in json.loads(call.function.arguments)


def test_streamed_tool_calls(client, sim):
    before = sim.last_number()
    with client.chat.completions.stream(
        model="chat-instant", messages=ASK, tools=[WEATHER], tool_choice="required"
    ) as stream:
        answer = stream.get_final_completion()
    sent = sim.call_after(before)
    (call,) = answer.choices[0].message.tool_calls
    assert call.function.name == "weather"
    assert call.function.arguments == sent["choices"][0]["tool_arguments"]
    assert "city" in json.loads(call.function.arguments)


@pytest.mark.parametrize("streamed", [False, True])
def test_several_choices(client, sim, streamed):
    before = sim.last_number()
    answer = client.chat.completions.create(model="chat-instant", messages=ASK, n=3, stream=streamed)
    texts = ["", "", ""]
    for part in answer if streamed else [answer]:
        for choice in part.choices:
            texts[choice.index] += (choice.delta if streamed else choice.message).content or ""
    sent = sim.call_after(before)
    assert texts == [choice["text"] for choice in sent["choices"]]
    assert all(texts) and len(set(texts)) == 3


class City(pydantic.BaseModel):
    name: str
    people: int
    rivers: list[str]


def test_structured_output(client, sim):
    before = sim.last_number()
    answer = client.chat.completions.parse(model="chat-instant", messages=ASK, response_format=City)
    sent = sim.call_after(before)
    assert isinstance(answer.choices[0].message.parsed, City)
    schema = json.loads(sent["body"])["response_format"]["json_schema"]
    assert (schema["name"], schema["strict"]) == ("City", True)


def test_embeddings_in_the_clients_own_encoding_and_as_numbers(client, sim):
    texts = ["one", "two"]
    before = sim.last_number()
    packed = client.embeddings.create(model="text-embed", input=texts)
    assert json.loads(sim.call_after(before)["body"])["encoding_format"] == "base64"
    plain = client.embeddings.create(model="text-embed", input=texts, encoding_format="float")
    assert [one.index for one in packed.data] == [0, 1]
    assert packed.usage.prompt_tokens == plain.usage.prompt_tokens > 0
    for mine, theirs in zip(packed.data, plain.data, strict=True):
        assert len(mine.embedding) == len(theirs.embedding) > 100
        assert mine.embedding == pytest.approx(theirs.embedding, abs=1e-6)


def test_what_is_not_translated_passes_through_under_the_providers_name(client, sim, gateway):
    before = sim.last_number()
    raw = client.with_options(base_url=f"{gateway.root}/sim")
    speech = raw.audio.speech.with_raw_response.create(model="sim/speech", voice="alloy", input="Hello there.")
    sent = sim.call_after(before)
    assert sent["path"] == "/v1/audio/speech"
    assert len(speech.content) == sent["bytes_sent"] > 1000
    record = gateway.record(speech.headers["x-paceline-call-id"])
    assert (record["operation"], record["provider"], record["status"]) == ("passthrough", "sim", "ok")


def test_models(client):
    names = {model.id for model in client.models.list()}
    assert {"chat-fast", "chat-instant", "text-embed"} <= names
    assert client.models.retrieve("chat-fast").id == "chat-fast"


def test_unknown_fields_reach_the_provider(client, sim):
    before = sim.last_number()
    extra = {"new_thing": {"deep": [1, 2.50, 12345678901234567890]}}
    client.chat.completions.create(model="chat-instant", messages=ASK, extra_body=extra)
    assert json.loads(sim.call_after(before)["body"])["new_thing"] == extra["new_thing"]


def test_an_unknown_model_names_the_closest_ones(client):
    with pytest.raises(openai.NotFoundError) as told:
        client.chat.completions.create(model="chat-fats", messages=ASK)
    assert "chat-fast" in told.value.message
    assert told.value.code == "model_not_found"


def test_a_missing_model_is_a_bad_request(client):
    with pytest.raises(openai.BadRequestError) as told:
        client.post("/chat/completions", body={"messages": ASK}, cast_to=object)
    assert "model" in told.value.message


def test_a_rate_limit_is_waited_where_the_caller_has_the_time(client, sim):
    before = sim.last_number()
    sim.script("status=429,retry-after=1")
    answer = client.chat.completions.create(model="chat-instant", messages=ASK)
    assert answer.choices[0].message.content
    assert [call["status"] for call in sim.calls(before, at_least=2)] == [429, 200]


def test_a_rate_limit_that_takes_too_long_keeps_its_wait(start, sim):
    gateway = start(SIM_CONFIG.format(base_url=sim.base_url) + "\n[retry]\nmax_wait_ms = 500\n")
    sim.script("status=429,retry-after=7")
    with openai.OpenAI(base_url=gateway.base_url, api_key="unused", max_retries=0) as client:
        with pytest.raises(openai.RateLimitError) as told:
            client.chat.completions.create(model="chat-instant", messages=ASK)
    assert told.value.response.headers["retry-after"] == "7"


def test_what_the_gateway_tried_again_the_client_does_not_multiply(start, sim):
    gateway = start(SIM_CONFIG.format(base_url=sim.base_url) + "\n[retry]\nbase_ms = 20\n")
    before = sim.last_number()
    sim.script("status=500", "status=500")
    with openai.OpenAI(base_url=gateway.base_url, api_key="unused", max_retries=2) as client:
        with pytest.raises(openai.InternalServerError) as told:
            client.chat.completions.create(model="chat-instant", messages=ASK)
    assert told.value.response.headers["x-should-retry"] == "false"
    assert len(sim.calls(before, at_least=2)) == 2, "one call and one further try, not three times that"


def test_a_used_up_budget_is_told_once(start, sim):
    key = "pk-planted-caller-key-0123456789"
    config = SIM_CONFIG.format(base_url=sim.base_url) + """
[prices."sim/instant"]
input_usd_per_million = 0
output_usd_per_million = 1000

[[keys]]
name = "team-a"
key_env = "TEAM_A"
budget = { day_usd = 0.001 }
"""
    gateway = start(config, {"TEAM_A": key})
    before = sim.last_number()
    with openai.OpenAI(base_url=gateway.base_url, api_key=key, max_retries=2) as client:
        with pytest.raises(openai.RateLimitError) as told:
            client.chat.completions.create(model="chat-instant", messages=ASK, max_tokens=50)
    assert told.value.code == "budget_exceeded"
    assert "key team-a" in told.value.message and "begins anew at" in told.value.message
    assert sim.last_number() == before


@pytest.mark.parametrize("fault", ["error-after=3", "cut-after=4", "cut-after=4,cut=fin"])
def test_a_stream_that_breaks_is_an_error_and_never_a_clean_end(client, sim, gateway, fault):
    last = gateway.newest_id()
    sim.script(fault)
    seen = []
    with pytest.raises(openai.APIError), client.chat.completions.create(
        model="chat-instant", messages=ASK, stream=True
    ) as stream:
        seen.extend(chunk.choices[0].delta.content or "" for chunk in stream)
    assert "".join(seen), "what came before the break is passed on"
    assert gateway.record_after(last)["status"] in ("partial", "error")
