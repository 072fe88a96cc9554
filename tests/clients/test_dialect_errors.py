"""What goes wrong at a provider is raised by every official client, as the class it has for that."""

import collections

import anthropic
import openai
import pytest
from google import genai

from ground import CONFIG, PROVIDERS
from questions import ANTHROPIC, GEMINI, OPENAI, RESPONSES, Question
from speakers import speaking

# No second tries and no waits: an error is told as it came.
AT_ONCE = CONFIG + "\n[retry]\nattempts = 0\nmax_wait_ms = 0\n"
BAD, LIMITED, FAILED, OVERLOADED, REFUSED = "bad", "limited", "failed", "overloaded", "refused"
CLASSES = {
    OPENAI: {
        BAD: openai.BadRequestError,
        LIMITED: openai.RateLimitError,
        FAILED: openai.InternalServerError,
        OVERLOADED: openai.InternalServerError,
        REFUSED: openai.InternalServerError,
    },
    ANTHROPIC: {
        BAD: anthropic.BadRequestError,
        LIMITED: anthropic.RateLimitError,
        FAILED: anthropic.InternalServerError,
        OVERLOADED: anthropic.InternalServerError,
        REFUSED: anthropic.InternalServerError,
    },
    GEMINI: collections.defaultdict(
        lambda: genai.errors.ServerError, {BAD: genai.errors.ClientError, LIMITED: genai.errors.ClientError}
    ),
}
CLASSES[RESPONSES] = CLASSES[OPENAI]
# What the provider answers, the client's class, and the status it shows.
FAULTS = {
    "status=400": (BAD, {400}),
    "status=429,retry-after=120": (LIMITED, {429}),
    "status=500": (FAILED, {500, 502}),
    # Only Anthropic has 529; where client and provider speak alike it stays.
    "status=503": (OVERLOADED, {503}),
    "status=529": (OVERLOADED, {503, 529}),
    # Our key, not the caller's.
    "status=401": (REFUSED, {502}),
    "status=403": (REFUSED, {502}),
}
CLIENTS = [OPENAI, ANTHROPIC, GEMINI, RESPONSES]


def status_of(error) -> int:
    return getattr(error, "status_code", None) or error.code


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("dialect", CLIENTS)
def test_a_refusal_has_the_clients_own_class(start, ground, dialect, fault, streamed):
    kind, statuses = FAULTS[fault]
    gateway = start(AT_ONCE.format(root=ground.sim.root))
    with speaking(dialect, gateway) as speaker:
        for provider in PROVIDERS:
            ground.calls()
            with pytest.raises(CLASSES[dialect][kind]) as told:
                speaker.ask(Question(f"{provider}/instant", ["Hello"], fault=fault), streamed)
            assert status_of(told.value) in statuses, provider
            assert len(ground.calls(1)) == 1
            # Gemini tells waits in the body, which goes on as it came where client and provider speak alike.
            if kind == LIMITED and not provider == dialect == GEMINI:
                assert told.value.response.headers["retry-after"] == "120", provider


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("speaker", CLIENTS, indirect=True)
def test_a_stream_that_fails_raises_after_what_came(ground, speaker, provider):
    said = []
    with pytest.raises(speaker.failure):
        for piece in speaker.pieces(Question(f"{provider}/fast", ["Hello"], fault="error-after=4,burst,tokens=50")):
            said.append(piece)
    (sent,) = ground.calls(1)[-1:]
    assert "".join(said) == sent["text"] != ""


@pytest.mark.parametrize("fault", ["cut-after=4,burst,tokens=50", "cut-after=4,cut=fin,burst,tokens=50"])
@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("speaker", CLIENTS, indirect=True)
def test_a_stream_that_breaks_off_raises(ground, speaker, provider, fault):
    said = []
    with pytest.raises(speaker.failure):
        for piece in speaker.pieces(Question(f"{provider}/balanced", ["Hello"], fault=fault)):
            said.append(piece)
    assert said


@pytest.mark.parametrize("speaker", CLIENTS, indirect=True)
def test_an_unknown_model_is_not_found(ground, speaker):
    with pytest.raises(speaker.errors) as told:
        speaker.ask(Question("anthropic-but-wrong", ["Hello"]), False)
    assert status_of(told.value) == 404
