"""Delimited text of a known dialect -> a frame of strings, and the line of each row."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assay.data.dialect import Dialect, read_rows, table_lines
from assay.data.layout import find_layout
from assay.errors import DataError

_REMEDY = "mend the row, or say in data.format how the file is written (delimiter, quote, comment, skip)"
Place = Callable[[int], str]


def read_delimited(source: Path, text: str, dialect: Dialect) -> tuple[pl.DataFrame, Place]:
    """The table, and what names a row of it for a person.

    Blank lines, rows of nothing but delimiters and columns without name and value are left out; a column without a name
    is called after its position.

    Raises:
        DataError: a row has more or fewer fields than the header; two columns share a name; a quote is not closed.
    """
    frame, lines = read_even(text, dialect) or _read_row_by_row(source, text, dialect)
    header = [str(cell) for cell in frame.row(0)] if dialect.header else None
    if dialect.header:
        frame, lines = frame[1:], lines[1:]
    if frame.is_empty():
        raise DataError(f"{source} has a header but no rows", remedy="add rows, or set data.format.header: false")
    if header is None:
        return frame, _place(lines)
    _refuse_second_header(source, frame, header, lines)
    nothing = [
        name for name, said in zip(frame.columns, header, strict=True) if not said.strip() and _is_blank(frame[name])
    ]
    named = [said for name, said in zip(frame.columns, header, strict=True) if name not in nothing]
    frame = frame.drop(nothing)
    frame.columns = column_names(source, named)
    return frame, _place(lines)


def count_comments(source: Path, text: str, dialect: Dialect, *, said: bool) -> int:
    """How many lines are comments.

    Raises:
        DataError: nobody `said` that there are any, and one below the header has as many fields as a row.
    """
    if dialect.comment is None:
        return 0
    lines = io.StringIO(text, newline="").readlines()
    table = table_lines(lines, dialect)
    kept = {number for number, _ in table}
    comments = [at for at, line in enumerate(lines) if line.startswith(dialect.comment) and at not in kept]
    if said:
        return len(comments)
    first = next((number for number, line in table if line.strip()), len(lines))
    width = _width(lines[first], dialect) if first < len(lines) else 0
    for at in comments:
        if at > first and _width(lines[at], dialect) == width:
            mark = dialect.comment
            raise DataError(
                f"{source}, line {at + 1}: begins with {mark} and has as many fields as a row; is it a comment?",
                remedy=f"say data.format.comment (init: --comment): {mark} if it is one, none if it is a row",
            )
    return len(comments)


def _width(line: str, dialect: Dialect) -> int:
    """The fields of a row that is one line; 0 where it is none."""
    try:
        return len(next((row for _, row in read_rows([line], dialect)), []))
    except csv.Error:
        return 0


def read_even(text: str, dialect: Dialect) -> tuple[pl.DataFrame, NDArray[np.int64]] | None:
    """The fast way, for text that is as regular as it should be: columns of strings, the first row being row 0, and the
    line of each row.

    None where a row is blank or of another width than the others, or a quote stands where none can.
    """
    if dialect.escape is not None or dialect.spaced or dialect.comment is not None or not dialect.delimiter.isascii():
        return None
    if text.count("\r") != text.count("\r\n") or (dialect.quote is not None and not dialect.quote.isascii()):
        return None
    body = _without_lines(text, dialect.skip)
    layout = find_layout(body, dialect.delimiter, dialect.quote)
    if not layout.is_whole or not layout.is_even or layout.widths[0] < 2 or (layout.lengths < layout.widths).any():
        return None
    frame = pl.read_csv(
        body.encode(),
        has_header=False,
        separator=dialect.delimiter,
        quote_char=dialect.quote,
        infer_schema=False,
    )
    if frame.shape != (len(layout.starts), int(layout.widths[0])):
        return None
    frame.columns = [f"column_{number}" for number in range(1, frame.width + 1)]
    return frame.fill_null(""), layout.lines + dialect.skip


def _refuse_second_header(source: Path, frame: pl.DataFrame, header: Sequence[str], lines: NDArray[np.int64]) -> None:
    """Files that were put together by hand have a header each."""
    named = [(name, said) for name, said in zip(frame.columns, header, strict=True) if said.strip()]
    again = np.ones(frame.height, dtype=bool)
    for name, said in named:
        again &= (frame[name] == said).to_numpy()
        if not again.any():
            return
    if len(named) > 1:
        raise DataError(
            f"{source}, line {lines[int(again.argmax())] + 1}: repeats the header",
            remedy='take the line out; several files are read as one by a pattern, such as "parts/*.csv"',
        )


def _without_lines(text: str, count: int) -> str:
    at = 0
    for _ in range(count):
        at = text.find("\n", at) + 1
    return text[at:]


def _read_row_by_row(source: Path, text: str, dialect: Dialect) -> tuple[pl.DataFrame, NDArray[np.int64]]:
    kept = table_lines(io.StringIO(text, newline="").readlines(), dialect)
    rows: list[list[str]] = []
    begins: list[int] = []
    try:
        for begin, row in read_rows([line for _, line in kept], dialect):
            if any(row) and not (len(row) == 1 and not row[0].strip()):
                rows.append(row)
                begins.append(kept[begin][0])
    except csv.Error as error:
        message, begin = error.args
        raise DataError(
            f"{source}, line {kept[begin][0] + 1}: {message}",
            remedy="look for a quote that is not closed in the row that begins there, or set data.format.quote: none",
        ) from None
    if not rows:
        raise DataError(f"{source} has no rows", remedy="name a file with a header and rows")
    width = len(rows[0])
    if dialect.header and len(rows) > 1 and len(rows[1]) == width + 1 and rows[1][-1]:
        raise DataError(
            f"{source}, line {begins[0] + 1}: the header names {width} columns, but the rows have {width + 1} fields",
            remedy="name the first column too (R leaves it out for row names), or set data.format.header: false",
        )
    for index, row in enumerate(rows):
        if len(row) > width and not any(row[width:]):
            del row[width:]
        if len(row) != width:
            raise DataError(
                f"{source}, row {index + 1 - dialect.header}, line {begins[index] + 1}: {len(row)} fields, not {width}",
                remedy=_REMEDY,
            )
    cells = [
        pl.Series(f"column_{number}", list(column), dtype=pl.String)
        for number, column in enumerate(zip(*rows, strict=True), start=1)
    ]
    return pl.DataFrame(cells), np.array(begins, dtype=np.int64)


def _is_blank(series: pl.Series) -> bool:
    return bool((series.str.strip_chars() == "").all())


def column_names(source: Path, header: Sequence[str]) -> list[str]:
    """The names in a header; a column without one is called after its position.

    Raises:
        DataError: two columns share a name.
    """
    names = [name.strip() or f"column_{position}" for position, name in enumerate(header, start=1)]
    for position, name in enumerate(names):
        if name in names[:position]:
            raise DataError(
                f"{source}, header: {name!r} names columns {names.index(name) + 1} and {position + 1}",
                remedy="give every column a name of its own",
            )
    return names


def _place(lines: NDArray[np.int64]) -> Place:
    """A row is named by its number, and by its line where that is another."""
    return lambda index: (
        f"row {index + 1}" if lines[index] == index else f"row {index + 1}, line {int(lines[index]) + 1}"
    )
