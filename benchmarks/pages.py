"""What the pages of results share: tables, and the line that says when, where and with what they were measured."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from assay.bench.machine import describe


def taken(libraries: Sequence[str]) -> str:
    """The day, the machine and the versions of the libraries."""
    versions = ", ".join(f"{name} {version(name)}" for name in libraries)
    return "; ".join(filter(None, (f"{datetime.now(UTC):%Y-%m-%d}", describe(), versions))) + "."


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; the first column to the left."""
    lines = (titles, ("---",) * len(titles), *rows)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def write_page(file: Path, *parts: str) -> None:
    """Write parts with a blank line between them."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n\n".join(part for part in parts if part) + "\n", encoding="utf-8")
