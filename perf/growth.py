#!/usr/bin/env python3
"""Draws the chart of history as it grows from the table in docs/performance.md.

    python3 perf/growth.py

Only Python's own library is needed.
"""

import math
import pathlib
import re

DOCS = pathlib.Path(__file__).resolve().parent.parent / "docs"
LEFT, RIGHT, TOP, BOTTOM = 60, 450, 20, 260
LINES = [
    ("summary of 30 days", "#2563eb"),
    ("by user", "#059669"),
    ("four conditions, few match", "#d97706"),
    ("one old call by id", "#9333ea"),
]
GRAY = "#374151"


def table():
    """Counts of records, and the medians of each question."""
    rows = (DOCS / "performance.md").read_text().split("| ms: median (first) |")[1].split("\n\n")[0].splitlines()
    counts = [int(cell.replace(",", "")) for cell in rows[0].strip(" |").split("|")]
    found = {}
    for row in rows[2:]:
        name, *cells = [cell.strip() for cell in row.strip("|").split("|")]
        if all(re.fullmatch(r"[\d.]+ \([\d.]+\)", cell) for cell in cells):
            found[name] = [float(cell.split()[0]) for cell in cells]
    return counts, found


def main():
    counts, found = table()
    low, high = math.log10(counts[0]), math.log10(counts[-1])
    across = [LEFT + (RIGHT - LEFT) * (math.log10(n) - low) / (high - low) for n in counts]
    size = (BOTTOM - TOP) / 3
    label = "Milliseconds to answer at 1, 10 and 50 million records"
    out = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 300" font-family="sans-serif" font-size="12" '
        f'role="img" aria-label="{label}">',
        '<rect width="720" height="300" fill="#ffffff"/>',
    ]
    for power in range(4):
        y = BOTTOM - size * power
        out.append(
            f'<line x1="{LEFT}" x2="{RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e5e7eb"/>'
            f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end" fill="{GRAY}">{10**power} ms</text>'
        )
    for n, x in zip(counts, across):
        out.append(f'<text x="{x:.1f}" y="282" text-anchor="middle" fill="{GRAY}">{n // 1_000_000} M records</text>')
    taken = []
    for name, color in sorted(LINES, key=lambda line: -found[line[0]][-1]):
        points = [(x, BOTTOM - size * math.log10(max(ms, 1))) for x, ms in zip(across, found[name])]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        out.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>')
        out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{color}"/>' for x, y in points]
        # Words do not overlap: the next one stands below.
        at = max([points[-1][1] + 4] + [other + 15 for other in taken[-1:]])
        taken.append(at)
        out.append(f'<text x="{RIGHT + 8:.1f}" y="{at:.1f}" fill="{color}">{name}: {found[name][-1]} ms</text>')
    (DOCS / "growth.svg").write_text("\n".join([*out, "</svg>"]) + "\n")


main()
