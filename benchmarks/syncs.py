"""What a sync of one record costs on this disk: python benchmarks/syncs.py [FOLDER]

A file that grows, one that was allocated ahead and one that was filled with zeros ahead, each alone and beside a
process that commits to SQLite on the same disk, as the one that ships the log does. 200 syncs a second; figures are
milliseconds.
"""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table as Grid

RECORD, SYNCS, PAUSE_S = bytes(300), 1000, 0.005
ROWS_A_COMMIT = 1000


def _grow(_descriptor: int, _size: int) -> None:
    """Nothing stands there yet."""


def _zero(descriptor: int, size: int) -> None:
    os.pwrite(descriptor, bytes(size), 0)


PREPARED: dict[str, Callable[[int, int], None]] = {
    "grows": _grow,
    "allocated ahead": lambda descriptor, size: os.posix_fallocate(descriptor, 0, size),
    "zeroed ahead": _zero,
}


def main() -> None:
    """Measure and print."""
    grid = Grid("file", "alone p50", "alone p99", "beside commits p50", "beside commits p99")
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as folder:
        for name, prepare in PREPARED.items():
            alone = _measure(Path(folder) / "alone", prepare)
            with _commits(Path(folder)):
                beside = _measure(Path(folder) / "beside", prepare)
            grid.add_row(name, *(f"{figure:.2f}" for times in (alone, beside) for figure in _figures(times)))
    Console(width=100).print(grid)


def _figures(times: list[float]) -> tuple[float, float]:
    return statistics.median(times), statistics.quantiles(times, n=100)[-1]


def _measure(path: Path, prepare: Callable[[int, int], None]) -> list[float]:
    """Milliseconds of each sync."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    try:
        prepare(descriptor, SYNCS * len(RECORD))
        os.fsync(descriptor)
        found = []
        for number in range(SYNCS):
            os.pwrite(descriptor, RECORD, number * len(RECORD))
            began = time.perf_counter()
            os.fdatasync(descriptor)
            found.append((time.perf_counter() - began) * 1e3)
            time.sleep(PAUSE_S)
        return found
    finally:
        os.close(descriptor)


@contextmanager
def _commits(folder: Path) -> Iterator[None]:
    process = multiprocessing.get_context("spawn").Process(target=_commit_on, args=(folder / "other.db",), daemon=True)
    process.start()
    while not (folder / "other.db").exists():
        time.sleep(PAUSE_S)
    try:
        yield
    finally:
        process.kill()
        process.join()


def _commit_on(path: Path) -> None:
    connection = sqlite3.connect(path)
    for wish in (
        "pragma journal_mode = truncate",
        "pragma synchronous = full",
        "create table if not exists rows (row)",
    ):
        connection.execute(wish)
    while True:
        with connection:
            connection.executemany("insert into rows values (?)", [(RECORD,)] * ROWS_A_COMMIT)


if __name__ == "__main__":
    main()
