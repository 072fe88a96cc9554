"""`paceline export`: what other programs read in its files is what the admin side tells of the calls."""

import datetime
import json
import os
import subprocess

import pyarrow.parquet
import pytest

import exported
from harness import BINARY, PATIENCE_S, Gateway, ask, wait_for

CONFIG = """
[server]
detect = false

[providers.sim]
kind = "compatible"
base_url = "{base_url}"
"""
# One call each: labels that would break a table or run in a spreadsheet.
LABELS = [
    {},
    {"x-paceline-role": "writer", "x-paceline-tags": "team=a,env=prod"},
    {"x-paceline-role": "=HYPERLINK(1)", "x-paceline-task": "a,b", "x-paceline-session": 'say "hi"'},
    {"x-paceline-role": "@sum", "x-paceline-user": "'quoted", "x-paceline-operation": "-2+3"},
]
BODY = {"model": "sim/instant", "messages": [{"role": "user", "content": "Tell me about the sea."}]}


def call(gateway: Gateway, labels: dict, model: str = "sim/instant", stream: bool = False) -> str:
    """One call, whatever comes of it; its id."""
    headers = {"content-type": "application/json", **labels}
    body = json.dumps(BODY | {"model": model, "stream": stream}).encode()
    return ask(f"{gateway.base_url}/chat/completions", "POST", body, headers).headers["x-paceline-call-id"]


def written(gateway: Gateway) -> bool:
    return gateway.get("/health/ready").json()["storage"]["pending_records"] == 0


def run_export(data, *args):
    env = {"PATH": os.environ["PATH"], "HOME": str(data)}
    words = [str(word) for word in (BINARY, "export", "--data", data, *args)]
    return subprocess.run(words, env=env, capture_output=True, timeout=PATIENCE_S)


def export(data, form: str, out, *args) -> None:
    ended = run_export(data, "--format", form, "--out", out, *args)
    assert ended.returncode == 0, ended.stderr.decode()


@pytest.fixture(scope="module")
def history(tmp_path_factory, sim):
    """A data folder whose gateway has stopped, and its records as the admin side told them, by id."""
    folder = tmp_path_factory.mktemp("export")
    data = folder / "data"
    gateway = Gateway(folder, CONFIG.format(base_url=sim.base_url), args=["--data", data])
    ids = [call(gateway, labels, stream=stream) for labels in LABELS for stream in (False, True)]
    ids.append(call(gateway, {}, model="no-such-model/at-all"))
    records = {call_id: gateway.record(call_id) for call_id in ids}
    gateway.process.stop()
    return data, records


def exported_lines(data, out, *args) -> list[dict]:
    export(data, "jsonl", out, *args)
    return exported.read_json_lines(out)


def test_json_lines_are_the_records(history, tmp_path):
    data, records = history
    lines = exported_lines(data, tmp_path / "calls.jsonl")
    assert {line["id"]: line for line in lines} == records
    assert len(lines) == len(records)


def test_csv_reads_back(history, tmp_path):
    data, _ = history
    lines = exported_lines(data, tmp_path / "calls.jsonl")
    export(data, "csv", tmp_path / "calls.csv")
    exported.check_csv(tmp_path / "calls.csv", lines)
    assert len(lines) == len(history[1])


def test_no_cell_is_a_formula(history, tmp_path):
    data, _ = history
    export(data, "csv", tmp_path / "calls.csv")
    rows = exported.read_csv(tmp_path / "calls.csv")
    assert "'=HYPERLINK(1)" in {row["role"] for row in rows}
    for row in rows:
        assert not [name for name, cell in row.items() if cell.startswith(exported.FORMULA)]


def test_parquet_reads_back_with_types(history, tmp_path):
    data, _ = history
    lines = exported_lines(data, tmp_path / "calls.jsonl")
    export(data, "parquet", tmp_path / "calls.parquet")
    exported.check_parquet(tmp_path / "calls.parquet", lines)
    schema = pyarrow.parquet.read_schema(tmp_path / "calls.parquet")
    kinds = {name: str(schema.field(name).type) for name in ("started_at", "cost_usd", "input_tokens", "stream", "id")}
    assert kinds == {
        "started_at": "timestamp[us, tz=UTC]",
        "cost_usd": "decimal128(38, 12)",
        "input_tokens": "int64",
        "stream": "bool",
        "id": "string",
    }


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_standard_output_has_the_same_bytes_and_nothing_else(history, tmp_path, form):
    data, _ = history
    export(data, form, tmp_path / "calls")
    ended = run_export(data, "--format", form, "--out", "-")
    assert ended.returncode == 0, ended.stderr.decode()
    assert ended.stdout == (tmp_path / "calls").read_bytes()


def test_filters_choose(history, tmp_path):
    data, records = history
    chosen = exported_lines(data, tmp_path / "a.jsonl", "role=writer")
    assert {line["id"] for line in chosen} == {i for i, r in records.items() if r["role"] == "writer"}
    assert len(chosen) == 2
    failed = exported_lines(data, tmp_path / "b.jsonl", "status=error")
    assert {line["id"] for line in failed} == {i for i, r in records.items() if r["status"] == "error"}
    assert len(failed) == 1


def test_times_choose(history, tmp_path):
    data, records = history
    starts = sorted(record["started_at"] for record in records.values())
    middle = starts[len(starts) // 2]
    later = exported_lines(data, tmp_path / "a.jsonl", "--since", middle)
    sooner = exported_lines(data, tmp_path / "b.jsonl", "--until", middle)
    assert {line["id"] for line in later} == {i for i, r in records.items() if r["started_at"] >= middle}
    assert {line["id"] for line in sooner} == {i for i, r in records.items() if r["started_at"] < middle}


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_an_empty_export_is_a_readable_file(history, tmp_path, form):
    data, _ = history
    long_ago = datetime.datetime(2001, 1, 1).isoformat() + "Z"
    out = tmp_path / "nothing"
    export(data, form, out, "--until", long_ago)
    read = {"csv": exported.read_csv, "jsonl": exported.read_json_lines, "parquet": exported.read_parquet}
    assert read[form](out) == []


@pytest.mark.parametrize("args", [["--format", "xls", "--out", "-"], ["--format", "csv", "--out", "-", "rolle=x"]])
def test_wrong_use_is_refused_by_name(history, args):
    ended = run_export(history[0], *args)
    assert ended.returncode in (1, 2)
    assert ended.stdout == b""
    assert b"xls" in ended.stderr or b"rolle" in ended.stderr


def test_a_folder_that_cannot_be_written_is_named(history, tmp_path):
    out = tmp_path / "no-such-folder" / "calls.csv"
    ended = run_export(history[0], "--format", "csv", "--out", out)
    assert ended.returncode == 1
    assert str(out).encode() in ended.stderr


def test_a_full_disk_is_a_failure(history):
    # `/dev/full` opens, and takes no byte.
    ended = run_export(history[0], "--format", "csv", "--out", "/dev/full")
    assert ended.returncode == 1
    assert b"panicked" not in ended.stderr and b"/dev/full" in ended.stderr


def test_export_while_serving(tmp_path, sim):
    data = tmp_path / "data"
    gateway = Gateway(tmp_path / "serving", CONFIG.format(base_url=sim.base_url), args=["--data", data])
    try:
        ids = [call(gateway, {}) for _ in range(5)]
        records = {call_id: gateway.record(call_id) for call_id in ids}
        # Another process sees what is on disk.
        wait_for("the records to be on disk", lambda: written(gateway))
        lines = exported_lines(data, tmp_path / "calls.jsonl")
        assert {line["id"]: line for line in lines} == records
        assert call(gateway, {}) not in ids
    finally:
        gateway.process.stop()
