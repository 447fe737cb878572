"""Check that each core room is covered by line and by branch. Reads the JSON report that coverage.py writes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOMS = ("contract", "features", "policy", "release", "serving")
FLOOR = 85.0


def shares(report: dict[str, dict[str, dict[str, dict[str, int]]]], room: str) -> tuple[float, float]:
    """Covered lines and covered branches of one room, each in percent."""
    summaries = [entry["summary"] for name, entry in report["files"].items() if f"/assay/{room}/" in name]
    statements = sum(summary["num_statements"] for summary in summaries)
    branches = sum(summary["num_branches"] for summary in summaries)
    if not statements:
        return 0.0, 0.0
    lines = sum(summary["covered_lines"] for summary in summaries)
    taken = sum(summary["covered_branches"] for summary in summaries)
    return 100 * lines / statements, 100 * taken / branches if branches else 100.0


def main(path: Path) -> int:
    """Print one line a room; 1 when any is below the floor."""
    report = json.loads(path.read_text(encoding="utf-8"))
    low = []
    for room in ROOMS:
        lines, branches = shares(report, room)
        print(f"{room:<10} lines {lines:5.1f} %   branches {branches:5.1f} %")
        if min(lines, branches) < FLOOR:
            low.append(room)
    if low:
        print(f"below {FLOOR:.0f} %: {', '.join(low)}", file=sys.stderr)
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
