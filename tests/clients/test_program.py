"""The program itself: what it prints, refuses and answers on the command line."""

import json
import os
import signal
import socket
import subprocess

import pytest

from harness import BINARY, PATIENCE_S

ASK = [{"role": "user", "content": "Tell me about the sea."}]


def run(folder, *args: str):
    env = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    return subprocess.run([BINARY, *args], cwd=folder, env=env, capture_output=True, text=True, timeout=PATIENCE_S)


def test_a_port_in_use_is_named_with_what_to_do(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        ended = run(tmp_path, "serve", "--listen", address)
    assert ended.returncode == 1
    assert address in ended.stderr and "--listen" in ended.stderr


def test_a_public_address_without_an_admin_key_is_refused(tmp_path):
    ended = run(tmp_path, "serve", "--listen", "0.0.0.0:0")
    assert ended.returncode == 1
    assert "admin key" in ended.stderr


def test_check_names_file_line_key_and_suggestion(tmp_path):
    (tmp_path / "paceline.toml").write_text('[server]\nlisten = "127.0.0.1:0"\nmax_conections = 5\n')
    ended = run(tmp_path, "check")
    told = ended.stdout + ended.stderr
    assert ended.returncode == 1
    assert "paceline.toml:3" in told and "max_conections" in told and "max_connections" in told


def test_check_shows_what_is_meant_and_gives_a_schema(tmp_path):
    (tmp_path / "paceline.toml").write_text('[providers.mine]\nbase_url = "http://127.0.0.1:9/v1"\n')
    assert "mine" in run(tmp_path, "check").stdout
    schema = json.loads(run(tmp_path, "check", "--schema").stdout)
    assert "providers" in schema["properties"]


@pytest.mark.parametrize("args", [["serve", "--no-such-flag"], ["no-such-command"]])
def test_wrong_use_is_exit_code_2(tmp_path, args):
    assert run(tmp_path, *args).returncode == 2


def test_calls_and_stats_on_the_command_line(tmp_path, client, gateway):
    raw = client.chat.completions.with_raw_response.create(model="chat-instant", messages=ASK)
    record = gateway.record(raw.headers["x-paceline-call-id"])
    one = run(tmp_path, "calls", record["id"], "--url", gateway.root, "--json")
    assert (one.returncode, json.loads(one.stdout)) == (0, record)
    listed = run(tmp_path, "calls", "--url", gateway.root, "--json", "--limit", "1")
    assert [call["id"] for call in json.loads(listed.stdout)["calls"]] == [record["id"]]
    people = run(tmp_path, "calls", "--url", gateway.root)
    assert people.returncode == 0 and "chat-instant" in people.stdout
    stats = run(tmp_path, "stats", "--url", gateway.root, "--json")
    assert stats.returncode == 0 and json.loads(stats.stdout)
    assert "chat-instant" in run(tmp_path, "stats", "--url", gateway.root).stdout


def test_asking_where_nothing_runs_fails_with_a_sentence(tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        ended = run(tmp_path, "calls", "--url", url)
    assert ended.returncode == 1
    assert url.removeprefix("http://") in ended.stderr


def test_sigterm_lets_a_running_call_finish(start, sim):
    config = f'[server]\ndetect = false\n[providers.sim]\nkind = "compatible"\nbase_url = "{sim.base_url}"\n'
    gateway = start(config)
    sim.script("ttft=50,itl=20,tokens=50")
    body = json.dumps({"model": "sim/fast", "messages": ASK, "stream": True})
    curl = ["curl", "-sSN", f"{gateway.base_url}/chat/completions", "-H", "content-type: application/json", "-d", body]
    with subprocess.Popen(curl, stdout=subprocess.PIPE, text=True) as running:
        first = running.stdout.readline()
        gateway.process.process.send_signal(signal.SIGTERM)
        rest = running.stdout.read()
    assert first.startswith("data: ") and rest.rstrip().endswith("data: [DONE]")
    assert running.returncode == 0
    assert gateway.process.process.wait(PATIENCE_S) == 0
