"""Writes logged rows to a file: whole or not at all, and safe to open in a spreadsheet."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

import msgspec

from assay.errors import ConfigurationError, StorageError

Rows = Iterable[Mapping[str, Any]]
# What a spreadsheet takes for a formula when it stands first in a cell.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def export(rows: Rows, columns: Sequence[str], path: Path) -> int:
    """Write rows to a .csv or .jsonl file, replacing it once it is complete; returns their number.

    In CSV a text that a spreadsheet would take for a formula gets an apostrophe in front; lists and objects are JSON.

    Raises:
        ConfigurationError: the file's suffix names no format.
        StorageError: the file cannot be written; nothing of it stays behind.
    """
    write = _FORMATS.get(path.suffix)
    if write is None:
        raise ConfigurationError(
            f"{path.name}: the format is chosen by the suffix", remedy=f"use {' or '.join(_FORMATS)}"
        )
    staged = path.with_name(f".{path.name}.part")
    try:
        with staged.open("w", encoding="utf-8", newline="") as file:
            count = write(rows, columns, file)
        staged.replace(path)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}", remedy="choose another place") from error
    finally:
        with suppress(OSError):
            staged.unlink(missing_ok=True)
    return count


def _write_csv(rows: Rows, columns: Sequence[str], file: TextIO) -> int:
    writer = csv.writer(file)
    writer.writerow(columns)
    count = 0
    for row in rows:
        writer.writerow([_cell(row[name]) for name in columns])
        count += 1
    return count


def _write_json_lines(rows: Rows, columns: Sequence[str], file: TextIO) -> int:
    count = 0
    for row in rows:
        file.write(msgspec.json.encode({name: row[name] for name in columns}).decode() + "\n")
        count += 1
    return count


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list | tuple):
        value = msgspec.json.encode(value).decode()
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return f"'{value}"
    return value


_FORMATS: dict[str, Callable[[Rows, Sequence[str], TextIO], int]] = {".csv": _write_csv, ".jsonl": _write_json_lines}
