"""Parquet and JSON -> a frame. Columns that hold lists or objects are left out, with the reason."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from assay.data.delimited import Place
from assay.errors import DataError

_ONE_A_LINE = "write one JSON object a line, or one list of objects"
_RECORDS = f'{_ONE_A_LINE}; pandas does: to_json(path, orient="records", lines=True)'
_CONSTANTS = {b"NaN": b"null", b"Infinity": b'"Infinity"'}
#: Strings are matched so that what stands in them is left alone.
_STRING_OR_CONSTANT = re.compile(rb'"(?:[^"\\]|\\.)*"|-?Infinity|NaN')


def read_parquet(source: Path, content: bytes) -> tuple[pl.DataFrame, dict[str, str]]:
    """The columns that hold single values, and why each other one is left out.

    Raises:
        DataError: the file is damaged or empty.
    """
    try:
        frame = pl.read_parquet(io.BytesIO(content))
    except pl.exceptions.DuplicateError as error:
        raise DataError(
            f"{source} has two columns of one name: {error}", remedy="give every column a name of its own"
        ) from None
    except (pl.exceptions.PolarsError, OSError) as error:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{source} is a damaged Parquet file: {said}", remedy="fetch or write it again") from None
    if frame.is_empty():
        raise DataError(f"{source} has no rows", remedy="name a file with rows")
    return plain_columns(frame)


def plain_columns(frame: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, str]]:
    """The columns of a typed frame that hold single values, and why each other one is left out.

    Decimals and durations (in seconds) become numbers; enumerations, times of day and bytes that are UTF-8 strings.
    """
    columns: list[pl.Series] = []
    left_out: dict[str, str] = {}
    for series in frame:
        plain = plain_column(series)
        if plain is None:
            left_out[series.name] = f"holds {series.dtype}, not single values"
        else:
            columns.append(plain)
    return pl.DataFrame(columns), left_out


def plain_column(series: pl.Series) -> pl.Series | None:
    """A column of Parquet as the contract's columns have it; None where it holds no single values."""
    kind = series.dtype
    if kind == pl.Null:
        return series.cast(pl.String)
    if kind.is_decimal():
        return series.cast(pl.Float64)
    if kind in (pl.Categorical, pl.Enum, pl.Time):
        return series.cast(pl.String)
    if kind == pl.Duration:
        return series.dt.total_microseconds().cast(pl.Float64) / 1e6
    if kind == pl.Binary:
        return _text_of(series)
    return None if kind.is_nested() or kind == pl.Object else series


def _text_of(series: pl.Series) -> pl.Series | None:
    """Bytes as strings, as writers mean them that do not say so."""
    try:
        texts = [None if value is None else bytes(value).decode() for value in series.to_list()]
    except UnicodeDecodeError:
        return None
    return pl.Series(series.name, texts, dtype=pl.String)


def read_json(source: Path, text: str) -> tuple[pl.DataFrame, dict[str, str], Place]:
    """JSON lines or one list of objects: columns of strings, why others are left out, and what names a row.

    A name that an object lacks is missing there, and so is NaN; blank lines are no rows.

    Raises:
        DataError: a line is no object.
    """
    rows, lines = _list(source, text) if text.lstrip().startswith("[") else _lines(source, text)
    if not rows:
        raise DataError(f"{source} has no rows", remedy=_ONE_A_LINE)
    if len(rows) == 1 and rows[0] and all(isinstance(value, list | dict) for value in rows[0].values()):
        raise DataError(f"{source} holds one object of whole columns, not one object for each row", remedy=_RECORDS)
    names: dict[str, None] = {}
    for row in rows:
        names.update(dict.fromkeys(row))
    left_out = {
        name: f"holds a list or an object, first in {_named(index, lines)}"
        for name in names
        if (index := next((at for at, row in enumerate(rows) if isinstance(row.get(name), list | dict)), None))
        is not None
    }
    columns = [
        pl.Series(name, [_cell(row.get(name)) for row in rows], dtype=pl.String)
        for name in names
        if name not in left_out
    ]
    return pl.DataFrame(columns), left_out, lambda index: _named(index, lines)


def _named(index: int, lines: list[int] | None) -> str:
    if lines is None or lines[index] == index:
        return f"row {index + 1}"
    return f"row {index + 1}, line {lines[index] + 1}"


def _list(source: Path, text: str) -> tuple[list[dict[str, Any]], None]:
    try:
        return msgspec.json.decode(without_constants(text.encode()), type=list[dict[str, Any]]), None
    except (msgspec.DecodeError, RecursionError) as error:
        raise DataError(f"{source}, line 1: not a list of JSON objects ({error})", remedy=_ONE_A_LINE) from None


def _lines(source: Path, text: str) -> tuple[list[dict[str, Any]], list[int]]:
    rows: list[dict[str, Any]] = []
    lines: list[int] = []
    decoder = msgspec.json.Decoder(dict[str, Any])
    for number, line in enumerate(text.split("\n")):
        if not line.strip():
            continue
        try:
            rows.append(decoder.decode(without_constants(line.encode())))
        except (msgspec.DecodeError, RecursionError) as error:
            raise DataError(f"{source}, line {number + 1}: not a JSON object ({error})", remedy=_ONE_A_LINE) from None
        lines.append(number)
    return rows, lines


def without_constants(content: bytes) -> bytes:
    """JSON without what Python writes into it and is none: NaN is missing, and Infinity a word."""
    if not any(word in content for word in _CONSTANTS):
        return content
    return _STRING_OR_CONSTANT.sub(lambda found: _CONSTANTS.get(found[0].lstrip(b"-"), found[0]), content)


def _cell(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value)
