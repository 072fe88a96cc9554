"""The official Node client: scenes of `openai_node.mjs`, judged by the simulated provider's ledger."""

import json
import os
import subprocess

import pytest


@pytest.fixture(scope="module")
def play(gateway, node_folder):
    def one(scene: str):
        env = {"PATH": os.environ["PATH"], "BASE_URL": gateway.base_url}
        ended = subprocess.run(
            ["node", "openai_node.mjs", scene], cwd=node_folder, env=env, capture_output=True, text=True, timeout=60
        )
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout)

    return one


def test_chat(play, sim, gateway):
    before = sim.last_number()
    seen, sent = play("chat"), sim.call_after(before)
    assert (seen["text"], seen["finish"]) == (sent["text"], "stop")
    assert seen["usage"]["completion_tokens"] == sent["usage"]["completion_tokens"] > 0
    assert gateway.record(seen["id"])["usage"]["output_tokens"] == sent["usage"]["completion_tokens"]


@pytest.mark.parametrize("scene", ["stream", "stream_usage"])
def test_streams(play, sim, scene):
    before = sim.last_number()
    seen, sent = play(scene), sim.call_after(before)
    assert (seen["text"], seen["finish"]) == (sent["text"], "stop")
    assert seen["chunks"] > 5
    if scene == "stream":
        assert seen["usage"] is None
    else:
        assert seen["usage"]["completion_tokens"] == sent["usage"]["completion_tokens"] > 0


def test_tools(play, sim):
    before = sim.last_number()
    seen, sent = play("tools"), sim.call_after(before)
    assert seen == {"name": "weather", "arguments": sent["choices"][0]["tool_arguments"]}


def test_embeddings(play):
    seen = play("embeddings")
    assert seen["length"] > 100 and seen["gap"] < 1e-6


def test_models(play):
    assert {"chat-fast", "chat-instant", "text-embed"} <= set(play("models"))


def test_an_unknown_model_names_the_closest_ones(play):
    seen = play("unknown_model")
    assert seen["expected"] and "chat-fast" in seen["message"] and seen["code"] == "model_not_found"


def test_a_stream_that_breaks_is_an_error(play, sim):
    sim.script("cut-after=4,cut=fin")
    seen = play("broken_stream")
    assert seen["expected"] and seen["text"]


def test_breaking_out_of_a_stream_cancels_the_call(play, sim, gateway):
    before, last = sim.last_number(), gateway.newest_id()
    sim.script("ttft=20,itl=30,tokens=2000")
    assert play("cancel") == {"chunks": 8}
    assert sim.call_after(before)["outcome"] == "client_gone"
    assert gateway.record_after(last)["status"] == "canceled"
