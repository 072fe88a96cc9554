"""Signatures and frames of AWS, held against botocore: what it signs, what it reads, what boto3 makes of our frames."""

import datetime
import http.server
import json
import os
import pathlib
import random
import string
import struct
import subprocess
import threading
import urllib.parse
import zlib

import boto3
import botocore.auth
import botocore.awsrequest
import botocore.config
import botocore.credentials
import botocore.eventstream
import botocore.exceptions
import pytest

from harness import ROOT

PARTS = pathlib.Path(os.environ.get("PACELINE_AWS_PARTS", ROOT / "target/debug/examples/aws_parts"))
ROUNDS = 400
TYPES = ["bool", "byte", "short", "int", "long", "bytes", "text", "timestamp", "uuid"]
WIDTHS = {"byte": (2, ">b", 8), "short": (3, ">h", 16), "int": (4, ">i", 32), "long": (5, ">q", 64),
          "timestamp": (8, ">q", 64)}


def ask_parts(questions: list[dict]) -> list[dict]:
    """The answers of our side, one for each question."""
    lines = "".join(json.dumps(question) + "\n" for question in questions)
    ended = subprocess.run([PARTS], input=lines, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr
    answers = [json.loads(line) for line in ended.stdout.splitlines()]
    assert len(answers) == len(questions)
    return answers


@pytest.fixture
def dice(request):
    """The same numbers in every run of a test."""
    return random.Random(request.node.name)


# Signatures.

def text_of(dice, alphabet: str, least: int, most: int) -> str:
    return "".join(dice.choice(alphabet) for _ in range(dice.randint(least, most)))


def path_of(dice) -> str:
    model = dice.choice([
        "anthropic.claude-sonnet-4-5-20250929-v1:0",
        "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.amazon.nova-lite-v1:0",
        text_of(dice, string.printable + "äß漢🦀", 1, 30),
    ])
    segments = ["model", urllib.parse.quote(model, safe=dice.choice(["", ":", "~"])), "converse-stream"]
    if dice.random() < 0.2:
        segments.insert(dice.randint(0, 3), dice.choice(["", ".", "..", "...", "%2E", "a+b", "a=b,c;d"]))
    return "/" + "/".join(segments) + dice.choice(["", "", "", "/"])


def query_of(dice) -> str:
    names = [text_of(dice, "abAB01-_.~", 1, 3) for _ in range(dice.choice([0, 0, 1, 2, 5]))]
    return "&".join(
        name if dice.random() < 0.2 else f"{name}={urllib.parse.quote(text_of(dice, string.printable, 0, 6), safe='')}"
        for name in names
    )


def signature_question(dice) -> dict:
    headers = [("host", dice.choice(["bedrock-runtime.us-east-1.amazonaws.com", "localhost:8420"]))]
    for name in dice.sample(["Content-Type", "accept", "X-Amzn-Bedrock-Accept", "x-a", "X-B", "a-z"], dice.randint(0, 5)):
        words = text_of(dice, string.ascii_letters + string.digits + "  ,;=/\"'", 0, 30)
        headers += [(name, f"x{words}")] * dice.choice([1, 1, 1, 2])
    return {
        "access_key": "AKIA" + text_of(dice, string.ascii_uppercase + string.digits, 16, 16),
        "secret_key": text_of(dice, string.ascii_letters + string.digits + "+/", 40, 40),
        "session_token": text_of(dice, string.ascii_letters + "+/=", 1, 900) if dice.random() < 0.5 else None,
        "region": dice.choice(["us-east-1", "eu-central-1", "us-gov-west-1"]),
        "service": "bedrock",
        "method": dice.choice(["POST", "GET", "PUT"]),
        "path": path_of(dice),
        "query": query_of(dice),
        "headers": headers,
        "body": dice.randbytes(dice.choice([0, 1, 63, 64, 65, 5000])).hex(),
        "unix_s": dice.randint(0, 4_000_000_000),
    }


def signed_by_botocore(question: dict, content_hash: str, monkeypatch) -> dict:
    then = datetime.datetime.fromtimestamp(question["unix_s"], datetime.UTC)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *_, **__: then)
    host = question["headers"][0][1]
    url = f"https://{host}{question['path']}" + (f"?{question['query']}" if question["query"] else "")
    request = botocore.awsrequest.AWSRequest(question["method"], url, data=bytes.fromhex(question["body"]))
    for name, value in question["headers"]:
        request.headers.add_header(name, value)
    request.headers["X-Amz-Content-SHA256"] = content_hash
    credentials = botocore.credentials.Credentials(
        question["access_key"], question["secret_key"], question["session_token"])
    botocore.auth.SigV4Auth(credentials, question["service"], question["region"]).add_auth(request)
    return {name.lower(): value for name, value in request.headers.items()}


def test_signatures_are_those_of_botocore(dice, monkeypatch):
    questions = [signature_question(dice) for _ in range(ROUNDS)]
    for question, answer in zip(questions, ask_parts([{"sign": question} for question in questions]), strict=True):
        ours = dict(answer["headers"])
        assert len(ours) == len(answer["headers"])
        body = bytes.fromhex(question["body"])
        assert ours["x-amz-content-sha256"] == botocore.auth.sha256(body).hexdigest()
        theirs = signed_by_botocore(question, ours["x-amz-content-sha256"], monkeypatch)
        for name, value in ours.items():
            assert value == theirs[name], question
        assert ("x-amz-security-token" in ours) == (question["session_token"] is not None)


# Frames.

def value_of(dice, kind: str):
    if kind == "bool":
        return dice.random() < 0.5
    if kind in WIDTHS:
        half = 1 << (WIDTHS[kind][2] - 1)
        return dice.choice([-half, half - 1, 0, -1, dice.randint(-half, half - 1)])
    if kind == "text":
        return text_of(dice, string.printable + "äß漢🦀", 0, 40)
    return dice.randbytes(16 if kind == "uuid" else dice.randint(0, 40)).hex()


def headers_of(dice) -> list:
    names = {text_of(dice, string.ascii_letters + "-:é", 1, 20) for _ in range(dice.randint(0, 7))}
    return [(name, {kind: value_of(dice, kind)}) for name in sorted(names) for kind in [dice.choice(TYPES)]]


def header_bytes(name: str, written: dict) -> bytes:
    """As the format's description has it; nothing of ours is used."""
    ((kind, value),) = written.items()
    raw_name = name.encode()
    front = bytes([len(raw_name)]) + raw_name
    if kind == "bool":
        return front + bytes([0 if value else 1])
    if kind in WIDTHS:
        code, form, _ = WIDTHS[kind]
        return front + bytes([code]) + struct.pack(form, value)
    if kind == "uuid":
        return front + b"\x09" + bytes.fromhex(value)
    raw = value.encode() if kind == "text" else bytes.fromhex(value)
    return front + (b"\x07" if kind == "text" else b"\x06") + struct.pack(">H", len(raw)) + raw


def frame_bytes(headers: bytes, payload: bytes) -> bytes:
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    front = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return front + struct.pack(">I", zlib.crc32(front))


def read_by_botocore(stream: bytes) -> list:
    buffer = botocore.eventstream.EventStreamBuffer()
    buffer.add_data(stream)
    return [(message.headers, message.payload) for message in buffer]


def plain(headers: list) -> dict:
    """Headers as botocore gives them: values without their types."""
    raw = {"bytes", "uuid"}
    return {
        name: bytes.fromhex(value) if kind in raw else value
        for name, written in headers for kind, value in written.items()
    }


def pieces_of(dice, stream: bytes) -> list[str]:
    pieces = []
    most = dice.choice([1, 3, 20, 1000])
    while stream:
        length = dice.randint(1, most)
        pieces.append(stream[:length].hex())
        stream = stream[length:]
    return pieces


def test_frames_we_write_are_read_by_botocore(dice):
    wanted = [{"headers": headers_of(dice), "payload": dice.randbytes(dice.randint(0, 200)).hex()} for _ in range(ROUNDS)]
    answers = ask_parts([{"encode": frame} for frame in wanted])
    for frame, answer in zip(wanted, answers, strict=True):
        raw = bytes.fromhex(answer["frame"])
        assert raw == frame_bytes(b"".join(header_bytes(*header) for header in frame["headers"]), bytes.fromhex(frame["payload"]))
        assert read_by_botocore(raw) == [(plain(frame["headers"]), bytes.fromhex(frame["payload"]))]


def test_frames_that_botocore_reads_are_read_alike_however_they_are_cut(dice):
    questions, expected = [], []
    for _ in range(ROUNDS):
        frames = [(headers_of(dice), dice.randbytes(dice.randint(0, 90))) for _ in range(dice.randint(0, 4))]
        stream = b"".join(
            frame_bytes(b"".join(header_bytes(*header) for header in headers), payload) for headers, payload in frames)
        assert read_by_botocore(stream) == [(plain(headers), payload) for headers, payload in frames]
        rest = dice.randbytes(dice.choice([0, 3, 11]))
        questions.append({"decode": {"pieces": pieces_of(dice, stream + rest)}})
        expected.append({
            "frames": [
                {"headers": [[name, written] for name, written in headers], "payload": payload.hex()}
                for headers, payload in frames
            ],
            "left": len(rest),
        })
    assert ask_parts(questions) == expected


def test_what_botocore_refuses_is_refused(dice):
    """Damaged bytes, and frames whose sums hold although their lengths or headers do not."""
    streams = []
    for _ in range(ROUNDS):
        headers = b"".join(header_bytes(*header) for header in headers_of(dice))
        damaged = bytearray(frame_bytes(headers, dice.randbytes(20)))
        if dice.random() < 0.5:
            damaged[dice.randrange(len(damaged))] ^= dice.randint(1, 255)
            streams.append(bytes(damaged))
        else:
            cut = headers[: dice.randrange(len(headers) + 1)] + dice.randbytes(dice.randint(0, 3))
            streams.append(frame_bytes(cut, b"payload"))
    for total, headers in [(16 + (128 << 10) + 1, (128 << 10) + 1), (17 + (24 << 20), 0), (2**32 - 1, 0)]:
        prelude = struct.pack(">II", total, headers)
        streams.append(prelude + struct.pack(">I", zlib.crc32(prelude)))
    refused = 0
    answers = ask_parts([{"decode": {"pieces": pieces_of(dice, stream)}} for stream in streams])
    for stream, answer in zip(streams, answers, strict=True):
        try:
            theirs = read_by_botocore(stream)
        except (botocore.eventstream.ParserError, UnicodeDecodeError, KeyError, struct.error):
            refused += 1
            assert "error" in answer, stream
            continue
        if "error" in answer:
            # Its slices take what is there where a value is cut off.
            assert "cut off" in answer["error"], (stream, answer)
        else:
            assert [plain(frame["headers"]) for frame in answer["frames"]] == [headers for headers, _ in theirs]
    assert refused > ROUNDS // 2


# boto3.

def typed(kind: str, name: str, payload: dict) -> dict:
    headers = [(f":{kind}-type", {"text": name}), (":content-type", {"text": "application/json"}),
               (":message-type", {"text": kind})]
    return {"encode": {"headers": headers, "payload": json.dumps(payload).encode().hex()}}


@pytest.fixture
def converse():
    """Starts a service that streams such bytes; gives boto3's events of them."""
    servers = []

    def begin(stream: bytes):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["content-length"]))
                self.send_response(200)
                self.send_header("content-type", "application/vnd.amazon.eventstream")
                self.send_header("content-length", str(len(stream)))
                self.end_headers()
                self.wfile.write(stream)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        client = boto3.client(
            "bedrock-runtime", region_name="us-east-1", endpoint_url=f"http://127.0.0.1:{server.server_port}",
            aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="x",
            config=botocore.config.Config(retries={"total_max_attempts": 1}, proxies={}))
        messages = [{"role": "user", "content": [{"text": "hi"}]}]
        return client.converse_stream(modelId="amazon.nova-lite-v1:0", messages=messages)["stream"]

    yield begin
    for server in servers:
        server.shutdown()
        server.server_close()


def test_boto3_reads_a_stream_of_our_frames(converse):
    events = [
        ("messageStart", {"role": "assistant"}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Grüße 🦀"}}),
        ("contentBlockStop", {"contentBlockIndex": 0}),
        ("messageStop", {"stopReason": "end_turn"}),
        ("metadata", {"usage": {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5}, "metrics": {"latencyMs": 7}}),
    ]
    answers = ask_parts([typed("event", name, payload) for name, payload in events])
    stream = converse(b"".join(bytes.fromhex(answer["frame"]) for answer in answers))
    assert list(stream) == [{name: payload} for name, payload in events]


def test_boto3_raises_what_our_frames_tell(converse):
    (answer,) = ask_parts([typed("exception", "throttlingException", {"message": "slow down"})])
    with pytest.raises(botocore.exceptions.EventStreamError, match="throttlingException.*slow down"):
        list(converse(bytes.fromhex(answer["frame"])))
