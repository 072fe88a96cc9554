"""A question to a model and its answer, as no client in particular has them."""

import dataclasses
import typing

# A picture of one red point.
PICTURE = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=="
)
OPENAI, ANTHROPIC, GEMINI, RESPONSES = "openai", "anthropic", "gemini", "responses"
STOP, LENGTH, TOOLS = "stop", "length", "tools"


@dataclasses.dataclass(frozen=True)
class Tool:
    name: str
    description: str
    schema: dict


@dataclasses.dataclass
class Call:
    """What the model asked for."""

    id: str
    name: str
    arguments: dict


@dataclasses.dataclass
class Result:
    """What a tool said."""

    call: Call
    text: str
    is_error: bool = False
    picture: str | None = None


@dataclasses.dataclass(frozen=True)
class Picture:
    data: str = PICTURE


@dataclasses.dataclass(frozen=True)
class Marked:
    """Text up to which the prompt is worth keeping (Anthropic's `cache_control`)."""

    text: str


@dataclasses.dataclass
class Question:
    """Turns are a text or a list of texts and pictures (the user's), what was said before, or a list of results."""

    model: str
    turns: list
    system: str | list | None = None
    tools: tuple[Tool, ...] = ()
    choice: str | None = None
    max_tokens: int | None = None
    thinks: bool = False
    stop: str | None = None
    fault: str = "burst"
    extra: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Said:
    """An answer, told alike for all clients. `finish` is the client's own word, `back` what is sent in the next turn."""

    text: str
    thought: str
    calls: list[Call]
    finish: str
    tokens: dict
    back: typing.Any
    headers: typing.Any
    raw: typing.Any


def tokens(total, read, written, output, reasoning) -> dict:
    """Usage as the simulated provider counts it; `None` where the client has no such field."""
    return {
        "input_total": total,
        "cache_read": read or 0,
        "cache_write": written,
        "output_total": output,
        "reasoning": reasoning,
    }
