"""A simulated provider, and a gateway that knows it as four providers of different dialects."""

import json

from harness import Gateway, Sim
from questions import Question, Said

PROVIDERS = ["anthropic", "gemini", "ollama", "compatible"]
# Where requests arrive, by the dialect of the provider.
PATHS = {
    "anthropic": "/v1/messages",
    "gemini": "/v1beta/models/",
    "ollama": "/api/chat",
    "compatible": "/v1/chat/completions",
}

CONFIG = """
[server]
detect = false

[providers.anthropic]
base_url = "{root}/v1"
auth = "none"

[providers.gemini]
base_url = "{root}/v1beta"
auth = "none"

[providers.ollama]
kind = "ollama"
dialect = "ollama"
base_url = "{root}/v1"

[providers.compatible]
kind = "compatible"
base_url = "{root}/v1"
"""


class Ground:
    """Where questions are asked; the ledger is read from call to call."""

    def __init__(self, sim: Sim, gateway: Gateway):
        self.sim, self.gateway, self.last = sim, gateway, 0

    def ask(self, speaker, question: Question, streamed: bool = False) -> tuple[Said, dict]:
        """The answer, and the one call that the provider received."""
        self.calls()
        said = speaker.ask(question, streamed)
        (sent,) = self.calls(1)
        assert sent["path"].startswith(PATHS[question.model.split("/")[0]]), sent["path"]
        return said, sent

    def calls(self, at_least: int = 0) -> list[dict]:
        """The calls since the last look."""
        found = self.sim.calls(self.last, at_least)
        self.last = max((call["n"] for call in found), default=self.last)
        return found


def received(sent: dict) -> dict:
    """The request as the provider received it."""
    return json.loads(sent["body"])


def system_of(provider: str, body: dict) -> str:
    """What stands above the conversation, as this provider's dialect has it."""
    if provider == "anthropic":
        system = body.get("system", "")
        return system if isinstance(system, str) else "\n".join(block["text"] for block in system)
    if provider == "gemini":
        return "\n".join(part["text"] for part in body.get("systemInstruction", {}).get("parts", []))
    told = [message["content"] for message in body["messages"] if message["role"] in ("system", "developer")]
    return "\n".join(text if isinstance(text, str) else "\n".join(part["text"] for part in text) for text in told)


def words_of(provider: str, body: dict) -> list[tuple[str, list[str]]]:
    """Who speaks, in order, and the texts of each. Pieces of what Gemini's models said are one text."""
    told = []
    for turn in body["contents"] if provider == "gemini" else body["messages"]:
        role = "assistant" if turn.get("role") == "model" else turn.get("role", "user")
        parts = turn["parts"] if provider == "gemini" else turn.get("content")
        texts = [parts] if isinstance(parts, str) else [part["text"] for part in parts or [] if part.get("text")]
        told.append((role, ["".join(texts)] if provider == "gemini" and role == "assistant" else texts))
    return told
