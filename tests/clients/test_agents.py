"""A coding agent's calls, to every kind of provider: long instructions with cache marks, many tools, several calls at
once, results that failed or hold pictures, thought."""

import pytest

from ground import PROVIDERS, received, system_of
from questions import ANTHROPIC, GEMINI, OPENAI, PICTURE, RESPONSES, Marked, Question, Result, Tool
from test_dialects import pairs_of, same_tokens

NAMES = (
    "read_file write_file edit_file list_files search_text run_command stop_command fetch_page ask_user "
    "plan_steps note_down open_issue review_code format_code run_tests"
).split()
WORDS = "Keep changes small, read before you write, and say what you did."


def tool(name: str) -> Tool:
    """A schema with all that agents' schemas have: nested objects, lists, choices, bounds, what may be null."""
    fields = {
        "path": {"type": "string", "description": f"Where to {name}"},
        "mode": {"type": "string", "enum": ["fast", "careful"]},
        "lines": {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 1},
        "options": {
            "type": "object",
            "properties": {
                "deep": {"type": "boolean"},
                "limit": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
            },
            "required": ["deep"],
        },
    }
    schema = {"type": "object", "properties": fields, "required": ["path", "mode", "options"]}
    return Tool(name, f"Use this to {name.replace('_', ' ')}.", schema)


def first_question(provider: str, marker: str) -> Question:
    system = ["You are a coding agent.", Marked(f"{marker} " + f"{WORDS} " * 200)]
    return Question(
        f"{provider}/reasoner",
        [[Marked("The repository is here."), "Please use the tools to look at it."]],
        system=system,
        tools=tuple(map(tool, NAMES)),
        choice="auto",
        max_tokens=8000,
        thinks=True,
    )


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("speaker", [OPENAI, ANTHROPIC, GEMINI, RESPONSES], indirect=True)
def test_a_coding_agent(ground, speaker, provider, streamed):
    question = first_question(provider, f"{speaker.dialect} {provider} {streamed}")
    asked, sent = ground.ask(speaker, question, streamed)
    body = received(sent)
    assert system_of(provider, body).count(WORDS) == 200
    assert all(f'"{name}"' in sent["body"] for name in NAMES)
    # This provider calls at most eight at once.
    assert [call.name for call in asked.calls] == NAMES[:8]
    for call in asked.calls:
        assert isinstance(call.arguments["path"], str) and call.arguments["mode"] in ("fast", "careful")
        assert isinstance(call.arguments["options"]["deep"], bool)
    assert asked.thought == sent["choices"][0]["reasoning"] != ""
    same_tokens(asked, sent, provider)

    pictured = speaker.dialect not in (OPENAI, RESPONSES)
    results = [Result(call, f"all about {call.name}") for call in asked.calls]
    results[1].is_error = True
    results[2].picture = PICTURE if pictured else None
    question.turns += [asked, results]
    said, sent = ground.ask(speaker, question, streamed)
    body = received(sent)
    assert pairs_of(provider, body) == {call.name: f"all about {call.name}" for call in asked.calls}
    assert sent["body"].count(PICTURE) == int(pictured)
    assert said.text == sent["text"] != "" and said.thought == sent["choices"][0]["reasoning"] != ""
    same_tokens(said, sent, provider)
    if speaker.dialect == provider == ANTHROPIC:
        assert said.tokens["cache_read"] > 2000, "the marks went on"
    if speaker.dialect not in (OPENAI, RESPONSES) and provider in (ANTHROPIC, GEMINI):
        assert failed_of(provider, body) == [NAMES[1]], "the failure is told as one"


def failed_of(provider: str, body: dict) -> list[str]:
    """The tools whose results say that they failed."""
    if provider == GEMINI:
        parts = [part for content in body["contents"] for part in content["parts"]]
        told = [part["functionResponse"] for part in parts if "functionResponse" in part]
        return [one["name"] for one in told if "error" in one["response"]]
    blocks = [block for one in body["messages"] if isinstance(one["content"], list) for block in one["content"]]
    names = {block["id"]: block["name"] for block in blocks if block["type"] == "tool_use"}
    return [names[block["tool_use_id"]] for block in blocks if block.get("is_error")]


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_a_marked_prompt_is_written_once_and_then_read(ground, anthropic_speaker, streamed):
    question = first_question("anthropic", f"marked {streamed}")
    first, sent = ground.ask(anthropic_speaker, question, streamed)
    assert sent["tokens"]["cache_write"] == first.raw.usage.cache_creation_input_tokens > 2000
    assert first.raw.usage.cache_read_input_tokens == 0
    second, sent = ground.ask(anthropic_speaker, question, streamed)
    assert sent["tokens"]["cache_read"] == second.raw.usage.cache_read_input_tokens > 2000
    assert second.raw.usage.cache_creation_input_tokens == 0
    assert second.raw.usage.input_tokens == first.raw.usage.input_tokens > 0


@pytest.mark.parametrize("provider", PROVIDERS[1:])
def test_marks_that_do_not_cross_are_named(ground, anthropic_speaker, provider):
    said, sent = ground.ask(anthropic_speaker, first_question(provider, "named"))
    assert "cache_control" in said.headers["x-paceline-warning"] and "cache_control" not in sent["body"]
