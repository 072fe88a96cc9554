"""What only Google's client does: its two versions of the path, its chats, its schemas, its form of structured output."""

import itertools
import json

import pydantic
import pytest
from google.genai import types

from ground import PROVIDERS, received, words_of
from questions import Question
from speakers import Gemini

SEA = "Tell me about the sea."
BURST = types.HttpOptions(headers={"x-sim-fault": "burst"})


@pytest.fixture(scope="module", params=["v1", "v1beta"])
def gemini(request, ground):
    made = Gemini(ground.gateway, request.param)
    yield made
    made.close()


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_both_versions_of_the_path(ground, gemini, provider, streamed):
    said, sent = ground.ask(gemini, Question(f"{provider}/instant", [SEA]), streamed)
    assert said.text == sent["text"] != ""


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_chat_keeps_its_history(ground, gemini, provider):
    chat = gemini.client.chats.create(model=f"{provider}/instant", config={"http_options": BURST})
    first = "".join(chunk.text or "" for chunk in chat.send_message_stream(SEA))
    ground.calls()
    second = chat.send_message("And in winter?")
    (sent,) = ground.calls(1)
    # This client keeps a turn for each piece of a stream; Gemini gets them as they are.
    told = itertools.groupby(words_of(provider, received(sent)), key=lambda turn: turn[0])
    told = ["".join(text for _, texts in turns for text in texts) for _, turns in told]
    assert told == [SEA, first, "And in winter?"]
    assert second.text == sent["text"]


class City(pydantic.BaseModel):
    name: str
    people: int
    rivers: list[str]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_structured_output(gemini, provider):
    config = {"response_mime_type": "application/json", "response_schema": City, "http_options": BURST}
    answer = gemini.client.models.generate_content(model=f"{provider}/instant", contents=SEA, config=config)
    assert isinstance(answer.parsed, City)


def test_a_json_schema_under_its_longer_name(ground, gemini):
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    declared = types.FunctionDeclaration(name="weather", description="Of a city", parameters_json_schema=schema)
    for provider in ("anthropic", "ollama", "compatible"):
        config = {"tools": [types.Tool(function_declarations=[declared])], "http_options": BURST}
        ground.calls()
        answer = gemini.client.models.generate_content(
            model=f"{provider}/instant", contents="Please use the tool.", config=config
        )
        (sent,) = ground.calls(1)
        (call,) = answer.function_calls
        assert call.args == json.loads(sent["choices"][0]["tool_arguments"]) and call.args["city"]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_function_is_called_by_the_client_itself(ground, gemini, provider):
    """The client sends the result back on its own, and the answer is the second one."""
    asked = []

    def weather(city: str) -> str:
        """The weather of a city."""
        asked.append(city)
        return "mild"

    chat = gemini.client.chats.create(
        model=f"{provider}/instant", config={"tools": [weather], "http_options": BURST}
    )
    ground.calls()
    answer = chat.send_message("Please use the tool.")
    first, second = ground.calls(2)
    assert asked == [json.loads(first["choices"][0]["tool_arguments"])["city"]]
    assert answer.text == second["text"] and "mild" in second["body"]
