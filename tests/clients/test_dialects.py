"""Every official client with every kind of provider: what is asked arrives, and what is answered comes back."""

import json

import pytest

from ground import PROVIDERS, received, system_of, words_of
from questions import (
    ANTHROPIC,
    GEMINI,
    LENGTH,
    OPENAI,
    PICTURE,
    RESPONSES,
    STOP,
    TOOLS,
    Picture,
    Question,
    Result,
    Tool,
)

CLIENTS = [OPENAI, ANTHROPIC, GEMINI, RESPONSES]
WAYS = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
SEA = "Tell me about the sea."


def city(name: str) -> Tool:
    fields = {"city": {"type": "string"}, "days": {"type": "integer"}}
    schema = {"type": "object", "properties": fields, "required": ["city", "days"]}
    return Tool(name, f"The {name} of a city", schema)


WEATHER, NEWS, TRAFFIC = city("weather"), city("news"), city("traffic")
pytestmark = [
    pytest.mark.parametrize("speaker", CLIENTS, indirect=True),
    pytest.mark.parametrize("provider", PROVIDERS),
]


def same_tokens(said, sent, provider):
    """The client's usage is the provider's, in the fields that the client has and the provider's dialect can tell."""
    expected = dict(sent["tokens"])
    if said.tokens["cache_write"] is None:
        said.tokens["cache_write"] = expected["cache_write"]
    if provider == "ollama":
        # Its dialect tells neither.
        expected |= {"cache_read": 0, "reasoning": 0}
    said.tokens["reasoning"] = said.tokens["reasoning"] or 0
    expected.pop("cache_write_1h")
    assert said.tokens == expected


@WAYS
def test_text(ground, speaker, provider, streamed):
    said, sent = ground.ask(speaker, Question(f"{provider}/instant", [SEA]), streamed)
    assert said.text == sent["text"] != ""
    assert said.finish == speaker.finish[STOP]
    assert (sent["stream"], said.calls, said.thought) == (streamed, [], "")
    same_tokens(said, sent, provider)


def test_a_stream_comes_in_pieces(ground, speaker, provider):
    pieces = list(speaker.pieces(Question(f"{provider}/instant", [SEA], fault="tokens=20,burst")))
    (sent,) = ground.calls(1)
    assert "".join(pieces) == sent["text"] and len(pieces) == 20


@WAYS
def test_hard_text(ground, speaker, provider, streamed):
    said, sent = ground.ask(speaker, Question(f"{provider}/instant", [SEA], fault="unicode,chunk=7"), streamed)
    assert said.text == sent["text"] and "\u2028" in said.text


@WAYS
def test_a_conversation_with_instructions(ground, speaker, provider, streamed):
    first, _ = ground.ask(speaker, Question(f"{provider}/instant", [SEA], system="You are a seal."), streamed)
    question = Question(
        f"{provider}/instant", [SEA, first, "And in winter?"], system=["You are a seal.", "Be brief."]
    )
    said, sent = ground.ask(speaker, question, streamed)
    body = received(sent)
    system = system_of(provider, body)
    assert "You are a seal." in system and "Be brief." in system
    told = [role for role, _ in words_of(provider, body) if role not in ("system", "developer")]
    assert told == ["user", "assistant", "user"]
    told = [texts for role, texts in words_of(provider, body) if role not in ("system", "developer")]
    assert told == [[SEA], [first.text], ["And in winter?"]]
    assert said.text == sent["text"] != first.text


@WAYS
@pytest.mark.parametrize("choice", ["required", "news", "auto"])
def test_a_tool_call(ground, speaker, provider, streamed, choice):
    text = "Please use the tool." if choice == "auto" else SEA
    question = Question(f"{provider}/instant", [text], tools=(WEATHER, NEWS), choice=choice)
    if provider == "ollama" and choice != "auto":
        # Its dialect has no word for it, and an answer without the call would not be what was asked for.
        with pytest.raises(speaker.errors) as told:
            speaker.ask(question, streamed)
        assert status_of(told.value) == 400 and "tool_choice" in str(told.value)
        return
    said, sent = ground.ask(speaker, question, streamed)
    (call,) = said.calls
    assert call.name == ("news" if choice == "news" else "weather")
    assert call.id or provider == speaker.dialect == GEMINI, "that dialect's calls may come without"
    assert call.arguments == json.loads(sent["choices"][0]["tool_arguments"])
    assert isinstance(call.arguments["city"], str) and isinstance(call.arguments["days"], int)
    assert said.finish == speaker.finish[TOOLS]
    same_tokens(said, sent, provider)


def status_of(error) -> int:
    return getattr(error, "status_code", None) or error.code


@WAYS
def test_an_unwanted_tool_is_not_called(ground, speaker, provider, streamed):
    question = Question(f"{provider}/instant", [SEA], tools=(WEATHER,))
    said, sent = ground.ask(speaker, question, streamed)
    assert (said.text, said.calls, said.finish) == (sent["text"], [], speaker.finish[STOP])


@WAYS
def test_several_tools_at_once_and_their_results(ground, speaker, provider, streamed):
    tools = (WEATHER, NEWS, TRAFFIC)
    question = Question(f"{provider}/instant", ["Please use the tools."], tools=tools, system="Be brief.")
    asked, sent = ground.ask(speaker, question, streamed)
    assert [call.name for call in asked.calls] == ["weather", "news", "traffic"]
    if not provider == speaker.dialect == GEMINI:
        assert len({call.id for call in asked.calls}) == 3
    assert "".join(json.dumps(call.arguments, separators=(",", ":")) for call in asked.calls) == "".join(
        json.dumps(one, separators=(",", ":")) for one in documents(sent["choices"][0]["tool_arguments"])
    )

    # Results in another order than the calls: each belongs to its own.
    results = [Result(call, f"all about the {call.name}") for call in reversed(asked.calls)]
    question.turns += [asked, results]
    said, sent = ground.ask(speaker, question, streamed)
    assert said.text == sent["text"] and said.finish == speaker.finish[STOP]
    assert pairs_of(provider, received(sent)) == {call.name: f"all about the {call.name}" for call in asked.calls}


def documents(text: str) -> list:
    """JSON values one after the other."""
    found, decoder = [], json.JSONDecoder()
    while text := text.strip():
        value, end = decoder.raw_decode(text)
        found.append(value)
        text = text[end:]
    return found


def pairs_of(provider: str, body: dict) -> dict:
    """The result of each tool, as the provider can tell."""
    if provider == "gemini":
        parts = [part for content in body["contents"] for part in content["parts"]]
        told = [part["functionResponse"] for part in parts if "functionResponse" in part]
        return {one["name"]: " ".join(map(str, one["response"].values())) for one in told}
    if provider == "anthropic":
        blocks = [block for one in body["messages"] if isinstance(one["content"], list) for block in one["content"]]
        names = {block["id"]: block["name"] for block in blocks if block["type"] == "tool_use"}
        results = [block for block in blocks if block["type"] == "tool_result"]
        return {names[block["tool_use_id"]]: plain(block["content"]) for block in results}
    calls = [call for one in body["messages"] for call in one.get("tool_calls", [])]
    names = {call["id"]: call["function"]["name"] for call in calls}
    results = [one for one in body["messages"] if one["role"] == "tool"]
    if provider == "ollama":
        assert all(one["tool_name"] == names[one["tool_call_id"]] for one in results)
    return {names[one["tool_call_id"]]: plain(one["content"]) for one in results}


def plain(content) -> str:
    """Text, or a list of parts with text; Gemini's results are objects, which elsewhere are told as JSON."""
    text = content if isinstance(content, str) else "".join(part.get("text", "") for part in content)
    return json.loads(text)["output"] if text.startswith("{") else text


@WAYS
def test_a_picture(ground, speaker, provider, streamed):
    question = Question(f"{provider}/instant", [["What is", Picture(), "this?"]])
    said, sent = ground.ask(speaker, question, streamed)
    assert said.text == sent["text"]
    assert sent["body"].count(PICTURE) == 1
    assert sent["tokens"]["input_total"] == 3 + 85, "the provider saw a part that is no text"


@WAYS
def test_thought(ground, speaker, provider, streamed):
    question = Question(f"{provider}/reasoner", [SEA], thinks=True)
    said, sent = ground.ask(speaker, question, streamed)
    assert said.text == sent["text"]
    assert said.thought == sent["choices"][0]["reasoning"] != ""
    same_tokens(said, sent, provider)


@WAYS
def test_thought_and_its_seals_come_back_to_their_maker(ground, speaker, provider, streamed):
    question = Question(
        f"{provider}/reasoner", ["Please use the tools."], tools=(WEATHER, NEWS), thinks=True, max_tokens=4096
    )
    asked, sent = ground.ask(speaker, question, streamed)
    assert len(asked.calls) == 2 and asked.thought == sent["choices"][0]["reasoning"] != ""
    # The simulated provider refuses thoughts (Anthropic) and calls (Gemini) that come back without their seals.
    question.turns += [asked, [Result(call, "mild") for call in asked.calls]]
    said, sent = ground.ask(speaker, question, streamed)
    assert said.text == sent["text"] and said.thought == sent["choices"][0]["reasoning"] != ""
    if provider == "anthropic":
        assert json.dumps(asked.thought)[1:-1] in sent["body"], "the thought went back with its calls"


@WAYS
def test_a_limit_cuts_the_answer(ground, speaker, provider, streamed):
    said, sent = ground.ask(speaker, Question(f"{provider}/instant", [SEA], max_tokens=16, fault="tokens=50"), streamed)
    assert said.text == sent["text"] and sent["tokens"]["output_total"] == 16
    assert said.finish == speaker.finish[LENGTH]
    same_tokens(said, sent, provider)


@WAYS
def test_cached_tokens_are_told(ground, speaker, provider, streamed):
    question = Question(f"{provider}/instant", [SEA + " Please." * 20], fault="cached=9,cache-write=4")
    said, sent = ground.ask(speaker, question, streamed)
    if provider != "ollama":
        assert sent["tokens"]["cache_read"] == said.tokens["cache_read"] == 9
    same_tokens(said, sent, provider)


@WAYS
def test_what_does_not_cross_is_named(ground, speaker, provider, streamed):
    own = {
        OPENAI: {"logit_bias": {"50256": -100}},
        ANTHROPIC: {"service_tier": "standard_only"},
        GEMINI: {"safety_settings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]},
        RESPONSES: {"truncation": "auto"},
    }
    names = {OPENAI: "logit_bias", ANTHROPIC: "service_tier", GEMINI: "safetySettings", RESPONSES: "truncation"}
    question = Question(f"{provider}/instant", [SEA], extra=own[speaker.dialect])
    if speaker.dialect in (OPENAI, RESPONSES) and streamed:
        pytest.skip("this client's accumulator shows no headers")
    said, sent = ground.ask(speaker, question, streamed)
    warning = said.headers.get("x-paceline-warning")
    native = {OPENAI: "compatible", ANTHROPIC: "anthropic", GEMINI: "gemini", RESPONSES: ""}[speaker.dialect]
    name = names[speaker.dialect]
    if provider == native:
        assert warning is None and name in received(sent)
    else:
        assert name in warning and name not in received(sent)


def test_nothing_is_named_where_everything_crosses(ground, speaker, provider):
    said, _ = ground.ask(speaker, Question(f"{provider}/instant", [SEA], system="Be brief.", max_tokens=2000))
    assert "x-paceline-warning" not in said.headers
