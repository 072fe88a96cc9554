"""A conversation that goes on at another provider: what one made never makes the other refuse it."""

import itertools

import pytest

from ground import PROVIDERS, received, words_of
from questions import ANTHROPIC, GEMINI, OPENAI, RESPONSES, Question, Result
from test_dialects import NEWS, WEATHER

MOVES = list(itertools.permutations(PROVIDERS, 2))


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("move", MOVES, ids="-to-".join)
@pytest.mark.parametrize("speaker", [OPENAI, ANTHROPIC, GEMINI, RESPONSES], indirect=True)
def test_a_conversation_moves_and_comes_home(ground, speaker, move, streamed):
    home, away = move
    question = Question(f"{home}/reasoner", ["Please use the tools."], tools=(WEATHER, NEWS), thinks=True)
    asked, _ = ground.ask(speaker, question, streamed)
    question.turns += [asked, [Result(call, f"the {call.name}") for call in asked.calls]]

    question.model = f"{away}/reasoner"
    elsewhere, sent = ground.ask(speaker, question, streamed)
    assert elsewhere.text == sent["text"] != ""
    assert "the weather" in sent["body"] and "the news" in sent["body"]
    question.turns += [elsewhere, "And tomorrow?"]

    question.model = f"{home}/reasoner"
    said, sent = ground.ask(speaker, question, streamed)
    assert said.text == sent["text"] != ""
    assert words_of(home, received(sent))[-1] == ("user", ["And tomorrow?"])
