#!/usr/bin/env python3
"""How fast history answers: fills data folders, serves each, asks what people ask, and prints Markdown.

    cargo build --release
    python3 perf/history.py --records 1000000 10000000 50000000 --folder DIR

Only Python's own library is needed. A folder that is there already is used as it is. Each question is asked five times
over HTTP on the loopback address; the first and the median are shown, in milliseconds.
"""

import argparse
import datetime
import json
import pathlib
import statistics
import subprocess
import time
import urllib.request

PORT = 18420
QUESTIONS = [
    ("summary of 30 days", "/v1/performance/summary?window=30d"),
    ("summary of 30 days by tenant", "/v1/performance/summary?window=30d&by=tenant"),
    ("one model, 30 days", "/v1/performance/models/gpt-4o?window=30d"),
    ("newest page", "/v1/calls?limit=50"),
    ("by time, 17 days ago", "/v1/calls?until={ago}"),
    ("by model", "/v1/calls?model=house-model"),
    ("by provider", "/v1/calls?provider=vllm"),
    ("by role", "/v1/calls?role=writer"),
    ("by tenant", "/v1/calls?tenant=tenant-11"),
    ("by status", "/v1/calls?status=partial"),
    ("by cost", "/v1/calls?min_cost_usd=0.03"),
    ("by cost, none so dear", "/v1/calls?min_cost_usd=9"),
    ("by duration", "/v1/calls?min_duration_ms=60000"),
    ("by user", "/v1/calls?user=user-77"),
    ("by user, no such", "/v1/calls?user=nobody"),
    ("by an old session", "/v1/calls?session={session}"),
    ("four conditions, few match", "/v1/calls?tenant=tenant-11&status=partial&min_cost_usd=0.01&model=gpt-4o"),
    ("sessions of a day", "/v1/sessions"),
    ("one old call by id", "/v1/calls/{id}"),
]


def get(path):
    with urllib.request.urlopen(f"http://127.0.0.1:{PORT}{path}") as answer:
        return json.load(answer)


def timed(path):
    times = []
    for _ in range(5):
        began = time.perf_counter()
        get(path)
        times.append((time.perf_counter() - began) * 1000)
    return times[0], statistics.median(times)


def resident(process):
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


def serve(binary, data):
    began = time.perf_counter()
    command = [binary, "serve", "--listen", f"127.0.0.1:{PORT}", "--data", str(data)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    while True:
        try:
            get("/health/live")
            return process, (time.perf_counter() - began) * 1000
        except OSError:
            time.sleep(0.001)


def measure(binary, data, count):
    rows = {}
    if not (data / "history.db").exists():
        command = [binary, "sim", "--fill", str(count), "--data", str(data), "--json"]
        filled = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        rows["written, records/s"] = f"{filled['records_per_second']:,.0f}"
        rows["CPU to keep one, µs"] = f"{filled['cpu_us_per_record']:.2f}"
    size = sum(file.stat().st_size for file in data.glob("*.db*"))
    rows["on disk"] = f"{size / 1e6:,.0f} MB, {size / count:.0f} bytes each"
    process, start = serve(binary, data)
    try:
        rows["start, ms"] = f"{start:.0f}"
        ago = (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=17)).strftime("%Y-%m-%dT%H:%M:%SZ")
        old = get(f"/v1/calls?until={ago}")["calls"][0]
        for name, path in QUESTIONS:
            first, median = timed(path.format(ago=ago, session=old["session"], id=old["id"]))
            rows[name] = f"{median:.1f} ({first:.1f})"
        rows["resident afterwards, MB"] = f"{resident(process):.0f}"
    finally:
        process.terminate()
        process.wait()
    return rows


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--records", type=int, nargs="+", default=[1_000_000])
    arguments.add_argument("--folder", type=pathlib.Path, required=True)
    arguments.add_argument("--binary", default="target/release/paceline")
    given = arguments.parse_args()
    found = {n: measure(given.binary, given.folder / str(n), n) for n in given.records}
    names = list(dict.fromkeys(name for rows in found.values() for name in rows))
    print("| ms: median (first) | " + " | ".join(f"{n:,}" for n in found) + " |")
    print("|---|" + "---|" * len(found))
    for name in names:
        print(f"| {name} | " + " | ".join(rows.get(name, "–") for rows in found.values()) + " |")


main()
