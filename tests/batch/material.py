"""What the batch tests share: releases by hand, files of rows for them, and one call that runs a job."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from assay.batch.job import run
from assay.batch.order import Manifest, Order
from assay.release.bundle import Bundle, write_files
from assay.release.core import Release
from tests.release.material import linear_bundle

DIGEST = "0" * 64
COLUMNS = ("user_id", "text", "amount", "limit", "plan", "verified", "sent_at", "label")
_WORDS = ["call", "me", "free", "WIN", "order", "http://x.io", '"now"', "é", "日本", "a,b"]


class Nobody:
    """Watches nothing."""

    def begin(self, total: int) -> None:
        """Not looked at."""

    def advance(self, size: int, rows: int, *, resumed: bool) -> None:
        """Not looked at."""


class Counted(Nobody):
    """Remembers how much was done, and how much of it anew."""

    def __init__(self) -> None:
        self.total = self.done = self.rows = self.scored = 0

    def begin(self, total: int) -> None:
        self.total = total

    def advance(self, size: int, rows: int, *, resumed: bool) -> None:
        self.done += size
        self.rows += rows
        self.scored += 0 if resumed else rows


def rows_of(count: int, *, seed: int = 1, quotes: bool = True) -> list[dict[str, str]]:
    """Good rows for the linear release, some with gaps, and a label column that it does not know."""
    draw = random.Random(seed)  # noqa: S311 - rows, not a secret
    words = [word for word in _WORDS if quotes or not set(word) & set('",')]
    return [
        {
            "user_id": f"u{draw.randrange(50)}",
            "text": " ".join(draw.choices(words, k=draw.randrange(1, 9))),
            "amount": draw.choice(["", "3", "41.5", " 7", "1e9"]),
            "limit": draw.choice(["0", "10", ""]),
            "plan": draw.choice(["free", "pro ", "other", ""]),
            "verified": draw.choice(["true", "FALSE", ""]),
            "sent_at": draw.choice(["2024-05-01T12:30:00Z", "1970-01-01", ""]),
            "label": draw.choice(["ham", "=1+1"]),
        }
        for _ in range(count)
    ]


def as_csv(rows: Sequence[Mapping[str, str]]) -> str:
    """The rows as a CSV file with a header."""
    file = io.StringIO()
    writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def write_csv(path: Path, rows: Sequence[Mapping[str, str]]) -> Path:
    path.write_text(as_csv(rows), encoding="utf-8")
    return path


def of_files(bundle: Bundle) -> Bundle:
    """The bundle for files in which nothing between delimiters is missing, as training makes it."""
    return replace(bundle, contract=msgspec.structs.replace(bundle.contract, missing_values=("",)))


def prepared(bundle: Bundle | None = None) -> tuple[Release, dict[str, bytes]]:
    """A release and its files."""
    bundle = bundle or of_files(linear_bundle())
    return Release.prepare(bundle, version=3, digest=DIGEST), write_files(bundle)


def scored(
    source: Path, output: Path, *, watcher: Nobody | None = None, bundle: Bundle | None = None, **more: Any
) -> Manifest:
    """Run a job in this process."""
    release, files = prepared(bundle)
    order = Order(input=source, output=output, **{"workers": 1, **more})
    return run(order, release, files, watcher or Nobody())


def answers(output: Path) -> list[dict[str, Any]]:
    """The rows of an output of any format; what is a number in it comes as one."""
    if output.suffix == ".parquet":
        return pl.read_parquet(output).to_dicts()
    if output.suffix == ".csv":
        return pl.read_csv(output).to_dicts()
    return [json.loads(line) for line in output.read_text().splitlines()]


def errors(output: Path) -> dict[int, list[str]]:
    """What is wrong with each row that has no answer."""
    path = output.with_name(f"{output.stem}.errors.jsonl")
    told = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return {one["row"]: [f"{each['path']}: {each['message']}" for each in one["problems"]] for one in told}
