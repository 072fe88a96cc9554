"""Planted secrets: every kind of answer and error is caused, then everything that came out is searched for them."""

import json
import secrets

import openai
import pytest

from harness import ask, wait_for

CONFIG = """
[server]
detect = false
max_body_bytes = 65536

[timeouts]
first_token_ms = 300
idle_ms = 300
total_ms = 600

[log]
level = "trace"

[providers.sim]
kind = "compatible"
base_url = "{base_url}"
api_key_env = "PLANTED_PROVIDER_KEY"

[models]
chat = "sim/instant"

[[keys]]
name = "team-a"
key_env = "PLANTED_CALLER_KEY"
"""

# Each ends, and none the same way.
FAULTS = [
    "burst", "echo-key", "status=401,echo-key", "status=400", "status=403", "status=404", "status=429,retry-after=1",
    "status=500", "status=503", "body=garbage", "body=empty", "body=error", "vllm-error", "error-first",
    "error-after=2", "cut-before-head", "cut-at-byte=40", "cut-after=2", "cut-after=2,cut=rst", "cut-after=2,cut=fin",
    "stall-before-head", "stall-after-head", "stall-after=2", "no-done", "no-usage", "gzip", "json-answer", "close",
]
PATHS = [
    "/metrics", "/health/live", "/health/ready", "/v1/calls?limit=200", "/v1/performance/summary",
    "/v1/performance/models/chat", "/v1/models", "/no/such/path",
]


class Planted:
    """A secret, and the part of it that no masking may leave."""

    def __init__(self, prefix: str):
        self.core = secrets.token_hex(16)
        self.value = f"{prefix}-{self.core}-end"

    def is_in(self, text: str) -> bool:
        # A third of it is enough to count as told.
        return any(self.core[at : at + 12].lower() in text.lower() for at in range(0, len(self.core) - 12))


@pytest.fixture(scope="module")
def planted():
    return {name: Planted(f"sk-{name}") for name in ["provider", "caller", "admin", "stranger", "prompt"]}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, sim, planted):
    from harness import Gateway

    env = {
        "PLANTED_PROVIDER_KEY": planted["provider"].value,
        "PLANTED_CALLER_KEY": planted["caller"].value,
        "PACELINE_ADMIN_KEY": planted["admin"].value,
    }
    headers = {"authorization": f"Bearer {planted['admin'].value}"}
    started = Gateway(
        tmp_path_factory.mktemp("secret_gateway"), CONFIG.format(base_url=sim.base_url), env, headers
    )
    yield started
    started.process.stop()


def chat(gateway, planted, key: str, body: bytes | None = None, stream: bool = False, **more):
    ask_for = {"model": "chat", "messages": [{"role": "user", "content": planted["prompt"].value}], "stream": stream}
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    return attempt(gateway, "/v1/chat/completions", "POST", body or json.dumps(ask_for | more).encode(), headers)


def attempt(gateway, path: str, method: str = "GET", body: bytes | None = None, headers: dict | None = None) -> str:
    """Everything an answer says; a connection that breaks says what the client's error says."""
    try:
        return ask(f"{gateway.root}{path}", method, body, headers).everything()
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def cause_everything(gateway, sim, planted) -> list[str]:
    caller, stranger = planted["caller"].value, planted["stranger"].value
    heard = []
    for fault in FAULTS:
        for stream in [False, True]:
            sim.script(fault)
            heard.append(chat(gateway, planted, caller, stream=stream))
    heard.append(chat(gateway, planted, stranger))
    heard.append(chat(gateway, planted, caller, body=b'{"model": "chat", "key": "' + stranger.encode()))
    heard.append(chat(gateway, planted, caller, body=b"x" * 70000))
    for header in ["x-api-key", "authorization", "proxy-authorization", "cookie"]:
        heard.append(attempt(gateway, "/v1/models", headers={header: stranger}))
        heard.append(attempt(gateway, "/v1/calls", headers={header: stranger}))
    heard.append(attempt(gateway, f"/v1/models?key={stranger}", headers=gateway.headers))
    heard.append(attempt(gateway, f"/sim/{stranger}?key={stranger}", headers={"authorization": f"Bearer {caller}"}))
    heard.append(attempt(gateway, f"/v1/calls/{stranger}", headers=gateway.headers))
    for path in PATHS:
        for key in [planted["admin"].value, caller, stranger]:
            heard.append(attempt(gateway, path, headers={"authorization": f"Bearer {key}"}))
        heard.append(attempt(gateway, path))
    return heard


def test_no_secret_comes_out(gateway, sim, planted):
    before = sim.last_number()
    heard = cause_everything(gateway, sim, planted)
    received = [call for call in sim.calls() if call["n"] > before]
    assert len(received) >= 2 * len(FAULTS), "the faults did not reach the provider"
    used = [dict(call["headers"])["authorization"] for call in received if call["path"].endswith("/chat/completions")]
    assert all(value.endswith(planted["provider"].value[-4:]) for value in used), "the planted key was not in use"
    assert not any(planted["caller"].is_in(json.dumps(call["headers"])) for call in received)

    records = wait_for("the records", lambda: all_records(gateway, at_least=2 * len(FAULTS)))
    places = {
        "standard output": gateway.process.stdout_file.read_text("utf-8", "replace"),
        "standard error": gateway.process.stderr_file.read_text("utf-8", "replace"),
        "metrics": gateway.get("/metrics").text,
        "records": json.dumps(records),
        "single records": "".join(gateway.get(f"/v1/calls/{record['id']}").text for record in records),
    }
    for place, text in places.items():
        assert text or place.startswith("standard"), place
        for name, secret in planted.items():
            assert not secret.is_in(text), f"the {name} secret is in {place}"
    for text in heard:
        for name in ["provider", "caller", "admin"]:
            assert not planted[name].is_in(text), f"the {name} secret is in an answer:\n{text}"


def all_records(gateway, at_least: int) -> list | None:
    calls = gateway.get("/v1/calls?limit=200").json()["calls"]
    return calls if len(calls) >= at_least else None


def test_a_provider_that_repeats_the_key_is_silenced(gateway, sim, planted):
    sim.script("echo-key")
    told = chat(gateway, planted, planted["caller"].value)
    assert told.startswith("401") or told.startswith("5"), told
    assert not planted["provider"].is_in(told), told
    assert "Incorrect API key" in told or "credential" in told or "key" in told


def test_the_official_client_sees_whose_key_is_wrong(gateway, planted):
    with openai.OpenAI(base_url=f"{gateway.root}/v1", api_key=planted["stranger"].value, max_retries=0) as client:
        with pytest.raises(openai.AuthenticationError) as told:
            client.models.list()
        assert told.value.code and len(told.value.message) > 20
        mine = client.with_options(api_key=planted["caller"].value)
        raw = mine.chat.completions.with_raw_response.create(
            model="chat", messages=[{"role": "user", "content": "Hi"}]
        )
    assert gateway.record(raw.headers["x-paceline-call-id"])["key"] == "team-a"


def test_the_admin_side_needs_its_key(gateway, planted):
    for key in [None, planted["caller"].value, planted["stranger"].value]:
        headers = {"authorization": f"Bearer {key}"} if key else {}
        answer = ask(f"{gateway.root}/v1/calls", headers=headers)
        assert answer.status in (401, 403), f"{key}: {answer.status}"
    assert gateway.get("/v1/calls").status == 200
