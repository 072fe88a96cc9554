"""Reads exported files with other people's readers, and says what a record must look like in them. No test logic here."""

import csv
import datetime
import decimal
import json
import pathlib

import pyarrow.parquet

COUNTS = ["input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens", "reasoning_tokens"]
# Columns whose text a caller or a provider chose: CSV marks what a spreadsheet would run with an apostrophe.
FOREIGN = {
    "role", "task", "task_type", "session", "user", "trace_id", "operation",
    "requested_model", "model", "deployment", "error_code", "finish_reason",
}  # fmt: skip
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def flat(record: dict) -> dict:
    """A record's JSON under the names of columns."""
    usage = record["usage"] or {}
    row = {name: value for name, value in record.items() if name != "usage"}
    row |= {name: usage.get(name) for name in COUNTS} | {"usage_source": usage.get("source")}
    return row | {"attempt_count": len(record["attempts"])}


def read_json_lines(path: pathlib.Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]


def read_csv(path: pathlib.Path) -> list[dict]:
    # Bodies of cells may have line ends of their own, which must not be translated.
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, strict=True))


def read_parquet(path: pathlib.Path) -> list[dict]:
    return pyarrow.parquet.read_table(path).to_pylist()


def moment(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def csv_cell(name: str, cell: str, expected) -> bool:
    """Whether a cell says what the record says. This reader cannot tell unknown from empty."""
    if expected is None:
        return cell == ""
    if isinstance(expected, bool):
        return cell == str(expected).lower()
    if isinstance(expected, (list, dict)):
        return json.loads(cell) == expected
    if isinstance(expected, (int, float)):
        return type(expected)(cell) == expected
    if name in FOREIGN:
        return not cell.startswith(FORMULA) and cell.removeprefix("'" if cell.startswith("'") else "") == expected
    return cell == expected


def parquet_cell(name: str, cell, expected) -> bool:
    if expected is None or cell is None:
        return cell is expected
    if name == "started_at":
        # The record's JSON ends at milliseconds; the column has microseconds.
        return datetime.timedelta(0) <= cell - moment(expected) < datetime.timedelta(milliseconds=1)
    if name == "cost_usd":
        return isinstance(cell, decimal.Decimal) and cell == decimal.Decimal(expected)
    if isinstance(expected, (list, dict)):
        return json.loads(cell) == expected
    return type(cell) is type(expected) and cell == expected


def differences(rows: list[dict], records: list[dict], is_same) -> list[str]:
    """Where rows differ from the records, in words; both in the same order."""
    told = [] if len(rows) == len(records) else [f"{len(rows)} rows for {len(records)} records"]
    for row, record in zip(rows, records):
        expected = flat(record)
        if row.keys() != expected.keys():
            told.append(f"{record['id']}: columns differ in {sorted(row.keys() ^ expected.keys())}")
            continue
        told += [
            f"{record['id']}: {name} is {row[name]!r} for {value!r}"
            for name, value in expected.items()
            if not is_same(name, row[name], value)
        ]
    return told


def check_csv(path: pathlib.Path, records: list[dict]) -> None:
    assert differences(read_csv(path), records, csv_cell) == []


def check_parquet(path: pathlib.Path, records: list[dict]) -> None:
    assert differences(read_parquet(path), records, parquet_cell) == []
