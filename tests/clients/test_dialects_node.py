"""The official Node clients of two dialects with every kind of provider, judged by the provider's ledger."""

import itertools
import json
import os
import subprocess

import pytest

from ground import PROVIDERS
from questions import ANTHROPIC, OPENAI

SCENES = [f"{scene}-{way}" for scene in ("text", "hard", "limit", "tools", "results") for way in ("whole", "streamed")]
FINISH = {
    OPENAI: {"limit": "length", "tools": "tool_calls"},
    ANTHROPIC: {"limit": "max_tokens", "tools": "tool_use"},
}
STOP = {OPENAI: "stop", ANTHROPIC: "end_turn"}


@pytest.fixture(scope="module", params=list(itertools.product([OPENAI, ANTHROPIC], PROVIDERS)), ids="-".join)
def played(request, ground, node_folder):
    """The client, and for each scene what it saw and what the provider sent."""
    client, provider = request.param
    ground.calls()
    env = {"PATH": os.environ["PATH"], "BASE_URL": ground.gateway.root}
    command = ["node", "dialects_node.mjs", client, provider]
    ended = subprocess.run(command, cwd=node_folder, env=env, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    seen = json.loads(ended.stdout)
    sent = ground.calls(len(seen))
    return client, {one["scene"]: (one, call) for one, call in zip(seen, sent, strict=True)}


@pytest.mark.parametrize("scene", SCENES)
def test_what_is_said(played, scene):
    client, scenes = played
    seen, sent = scenes[scene]
    name, way = scene.split("-")
    assert sent["stream"] == (way == "streamed")
    assert seen["text"] == sent["text"]
    thought = sent["choices"][0]["reasoning"]
    if client == OPENAI and way == "streamed":
        # Of fields that are not OpenAI's own this accumulator keeps the last piece.
        assert thought.endswith(seen["thought"]) and bool(thought) == bool(seen["thought"])
    else:
        assert seen["thought"] == thought
    assert seen["finish"] == FINISH[client].get(name, STOP[client])
    assert (seen["input"], seen["output"]) == (sent["tokens"]["input_total"], sent["tokens"]["output_total"])
    arguments = "".join(json.dumps(given, separators=(",", ":")) for _, given in seen["calls"])
    assert arguments == sent["choices"][0]["tool_arguments"]
    assert [called for called, _ in seen["calls"]] == (["weather", "news"] if name == "tools" else [])
    if name == "results":
        assert "about weather" in sent["body"] and "about news" in sent["body"]


def test_what_goes_wrong(played):
    _, scenes = played
    seen, sent = scenes["broken"]
    assert seen["expected"] and seen["text"] == sent["text"] != ""
    seen, sent = scenes["refused"]
    assert (seen["expected"], seen["name"], seen["status"], sent["status"]) == (True, "BadRequestError", 400, 400)
