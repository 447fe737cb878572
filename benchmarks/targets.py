"""The lines of the targets: floor, aim, what was measured, and which of the two it reaches.

A part of the benchmark writes its lines to a file (`--targets FILE`), and `run.py` puts those of all parts together.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

BELOW_FLOOR = "below the floor"


class Target(NamedTuple):
    """One line. A floor or an aim that was not set is empty; a line with neither stands beside another to compare."""

    what: str
    floor: str
    aim: str
    measured: str
    reached: str


def judge(
    what: str, values: Sequence[float], *, floor: float | None = None, aim: float | None = None, more: bool = False
) -> Target:
    """Hold the median of the values to both; `more` says that greater is better. The spread stands behind it."""
    middle = statistics.median(values)

    def reaches(bound: float | None) -> bool:
        return bound is not None and (middle >= bound if more else middle <= bound)

    if reaches(aim):
        reached = "aim"
    elif reaches(floor):
        reached = "floor"
    elif floor is None:
        reached = "" if aim is None else "below the aim"
    else:
        reached = BELOW_FLOOR
    return Target(what, _number(floor), _number(aim), spread(values), reached)


def spread(values: Sequence[float], form: str = ".2f") -> str:
    """The median, and where there are several the least and the greatest."""
    middle = f"{statistics.median(values):{form}}"
    return f"{middle} [{min(values):{form}}, {max(values):{form}}]" if len(values) > 1 else middle


def add_option(arguments: argparse.ArgumentParser) -> None:
    """The option of every part."""
    arguments.add_argument("--targets", type=Path, help="write the judged lines to this file, as JSON")


def keep(file: Path | None, lines: Sequence[Target]) -> None:
    """Write the lines where a file was named."""
    if file is not None:
        file.write_text(json.dumps(lines))


def read(file: Path) -> list[Target]:
    """What `keep` wrote."""
    return [Target(*line) for line in json.loads(file.read_text())]


def _number(bound: float | None) -> str:
    return "" if bound is None else f"{bound:g}"
