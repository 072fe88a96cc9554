"""Bedrock through the whole of Paceline: a door that checks each signature with botocore stands before the simulator."""

import http.server
import json
import threading
import urllib.request

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest

from harness import Gateway, ask

KEY, SECRET, TOKEN = "AKIAPACELINETEST0001", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYPACELINE01", "FwoGZXIvYXdzEPACELINE//token+="
REGION = "eu-central-1"
MODEL = "aws/anthropic.fast-v1:0"


class Door(http.server.BaseHTTPRequestHandler):
    """Lets in what botocore would have signed in the same way."""

    protocol_version = "HTTP/1.1"
    behind = ""
    secret = SECRET
    token: str | None = None

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if not self.is_signed(body):
            return self.answer(403, b'{"message":"The request signature we calculated does not match"}',
                               {"x-amzn-ErrorType": "InvalidSignatureException:http://internal/"})
        path = self.path.replace("anthropic.fast-v1%3A0", "fast")
        request = urllib.request.Request(self.behind + path, data=body, method="POST", headers={
            "content-type": "application/json", "authorization": self.headers["authorization"]})
        with urllib.request.urlopen(request, timeout=30) as found:
            return self.answer(200, found.read(), {"content-type": found.headers["content-type"]})

    def answer(self, status: int, body: bytes, headers: dict):
        self.send_response(status)
        for name, value in {**headers, "content-length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def is_signed(self, body: bytes) -> bool:
        given = self.headers["authorization"] or ""
        names = given.split("SignedHeaders=")[1].split(",")[0].split(";") if "SignedHeaders=" in given else []
        if "host" not in names or "x-amz-date" not in names or self.headers["x-amz-security-token"] != self.token:
            return False
        request = botocore.awsrequest.AWSRequest(
            "POST", f"http://{self.headers['host']}{self.path}", data=body,
            headers={name: self.headers[name] for name in names})
        request.context["timestamp"] = self.headers["x-amz-date"]
        request.context["payload_signing_enabled"] = True
        credentials = botocore.credentials.Credentials(KEY, self.secret, self.token)
        signer = botocore.auth.SigV4Auth(credentials, "bedrock", REGION)
        text = signer.string_to_sign(request, signer.canonical_request(request))
        return given.endswith("Signature=" + signer.signature(text, request))


@pytest.fixture
def door(sim):
    kind = type("OwnDoor", (Door,), {"behind": sim.base_url.removesuffix("/v1")})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), kind)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.kind = kind
    yield server
    server.shutdown()
    server.server_close()


def config(door, more: str = "") -> str:
    return (f'[server]\ndetect = false\n[providers.aws]\nkind = "bedrock"\nregion = "{REGION}"\n'
            f'base_url = "http://127.0.0.1:{door.server_address[1]}"\n{more}')


def say(gateway: Gateway, stream: bool, model: str = MODEL):
    body = {"model": model, "stream": stream, "stream_options": {"include_usage": True},
            "messages": [{"role": "user", "content": "Where is U+2028: \u2028?"}]}
    return ask(f"{gateway.base_url}/chat/completions", "POST", json.dumps(body).encode(),
               {"content-type": "application/json"})


def own(**more) -> dict:
    return {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, **more}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("token", [None, TOKEN])
def test_what_is_signed_is_let_in(door, start, stream, token):
    door.kind.token = token
    gateway = start(config(door), own(**({"AWS_SESSION_TOKEN": token} if token else {})))
    answer = say(gateway, stream)
    assert answer.status == 200, answer.everything()
    if stream:
        assert answer.text.endswith("data: [DONE]\n\n") and '"usage":{"prompt_tokens":' in answer.text
    else:
        assert answer.json()["usage"]["total_tokens"] > 0
    calls = ask(f"{gateway.base_url}/calls?limit=1").json()["calls"]
    assert (calls[0]["status"], calls[0]["usage"]["source"]) == ("ok", "reported")


def test_a_secret_that_is_another_is_our_fault_and_no_401(door, start):
    door.kind.secret = "another"
    answer = say(start(config(door), own()), False)
    assert answer.status == 502, answer.everything()
    assert answer.json()["error"]["code"] == "provider_auth_failed"
    assert SECRET not in answer.everything()


def test_the_profile_that_is_named_signs(door, start, tmp_path):
    file = tmp_path / "credentials"
    file.write_text(f"[default]\naws_access_key_id = AKIAOTHER\naws_secret_access_key = other\n\n"
                    f"[team]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n")
    gateway = start(config(door, 'aws_profile = "team"\n'), {"AWS_SHARED_CREDENTIALS_FILE": str(file)})
    answer = say(gateway, False)
    assert answer.status == 200, answer.everything()


def test_without_credentials_the_caller_is_told_what_was_looked_for(door, start):
    answer = say(start(config(door), {"AWS_EC2_METADATA_DISABLED": "true"}), False)
    assert answer.status == 502, answer.everything()
    error = answer.json()["error"]
    assert error["code"] == "provider_auth_failed" and "AWS credentials" in error["message"], error


def test_a_bearer_key_needs_no_signature(sim, start):
    text = (f'[server]\ndetect = false\n[providers.bedrock]\nregion = "{REGION}"\n'
            f'base_url = "{sim.base_url.removesuffix("/v1")}"\n')
    answer = say(start(text, {"AWS_BEARER_TOKEN_BEDROCK": "bedrock-api-key-of-a-test"}), True, "bedrock/fast")
    assert answer.status == 200 and answer.text.endswith("data: [DONE]\n\n"), answer.everything()
