"""curl, as the README shows it and as the program itself prints it."""

import json
import os
import re
import subprocess

from harness import ROOT, ask

DEFAULT_ADDRESS = re.compile(r"(127\.0\.0\.1|localhost):8420")


def run(command: str, gateway) -> str:
    """Runs a shell line that is meant for the default address against this gateway."""
    line, count = DEFAULT_ADDRESS.subn(gateway.root.removeprefix("http://"), command)
    assert count or gateway.root in line, f"the command does not call the gateway: {command}"
    ended = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", line],
        env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def curl_blocks(text: str) -> list[str]:
    """The commands in a Markdown text's code blocks that call curl, continued lines joined."""
    blocks = re.findall(r"^```[a-z]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [block for block in blocks if re.search(r"^\s*curl ", block, re.MULTILINE)]


def test_the_readmes_first_call_works_with_nothing_configured(start):
    gateway = start(None)
    blocks = curl_blocks((ROOT / "README.md").read_text())
    assert blocks, "the README shows no call with curl"
    answer = run(blocks[0], gateway)
    content = "".join(re.findall(r'"content":\s*"((?:[^"\\]|\\.)*)"', answer))
    assert content, answer


def test_the_call_that_the_program_prints_works(start):
    gateway = start(None)
    printed = gateway.process.expect_line(r"(?m)^\s*(curl (?:.*\\\n)*.*)$")[1]
    assert '"content"' in run(printed, gateway)


def test_a_stream_flows_event_by_event_and_ends_with_its_mark(gateway):
    body = json.dumps({"model": "chat-instant", "stream": True, "messages": [{"role": "user", "content": "Hi"}]})
    out = run(f"curl -sSN {gateway.base_url}/chat/completions -H 'content-type: application/json' -d '{body}'", gateway)
    events = [line for line in out.split("\n") if line.startswith("data: ")]
    assert len(events) > 5 and events[-1] == "data: [DONE]"
    assert all(json.loads(event[6:])["choices"] for event in events[:-1])


def chat(gateway, body: bytes, method: str = "POST", content_type: str = "application/json"):
    return ask(f"{gateway.base_url}/chat/completions", method, body, {"content-type": content_type})


def envelope(answer) -> dict:
    error = answer.json()["error"]
    assert {"message", "type", "param", "code"} <= error.keys()
    assert error["code"] and len(error["message"]) > 10
    return error


def test_json_that_is_none_is_told_with_its_position(gateway):
    answer = chat(gateway, b'{"model": "chat-instant", "messages": [}')
    assert answer.status == 400
    assert re.search(r"\b(column|position|byte|offset)\b.*\d|\d.*\b(column|position|byte|offset)\b", envelope(answer)["message"])


def test_wrong_method_type_and_size_have_their_own_answers(gateway):
    assert chat(gateway, b"", "PUT").status == 405
    good = b'{"model":"chat-instant","messages":[{"role":"user","content":"Hi"}]}'
    wrong = chat(gateway, good, content_type="text/plain")
    assert wrong.status == 415 and envelope(wrong)
    unknown = ask(f"{gateway.base_url}/no-such-thing", "POST", good, {"content-type": "application/json"})
    assert unknown.status == 404


def test_a_body_that_is_too_large_is_refused(start, sim):
    config = f'[server]\ndetect = false\nmax_body_bytes = 1024\n[providers.sim]\nkind = "compatible"\nbase_url = "{sim.base_url}"\n'
    small = start(config)
    good = {"model": "sim/instant", "messages": [{"role": "user", "content": "x" * 2000}]}
    answer = chat(small, json.dumps(good).encode())
    assert answer.status == 413 and envelope(answer)
