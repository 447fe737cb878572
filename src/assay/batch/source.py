"""What is to be scored: a file recognised once, so that any process can read any piece of it.

Text that is compressed, not UTF-8 or one JSON list is first written out as plain UTF-8, a row a line or more, so that
pieces of it are ranges of bytes.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec
import pyarrow as pa
from pyarrow import parquet

from assay.batch.fields import read_rows
from assay.batch.plain import UTF8_MARK, write_plain
from assay.batch.reading import Wish, marks_of
from assay.contract.check import closest
from assay.contract.columns import Contract
from assay.data.delimited import column_names
from assay.data.dialect import Dialect, recognise
from assay.data.numbers import PLAIN, Marks
from assay.data.read import JSON_SUFFIXES, PARQUET
from assay.data.reading import Kind
from assay.data.structured import without_constants
from assay.data.unpack import plain_suffix
from assay.errors import DataError, Problem
from assay.spec.tree import Format, TimeSpelling

_BLOCK = 1 << 20
_SAMPLE = 4 << 20
_SAMPLED_LINES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A recognised file. `start` and `end` are the bytes between which the rows of a text stand; `marks` and `times`
    say how its strings spell numbers and times. `words` are the columns of Parquet that hold strings.
    """

    path: Path
    kind: Kind
    columns: tuple[str, ...]
    dialect: Dialect | None = None
    words: tuple[str, ...] = ()
    start: int = 0
    end: int = 0
    marks: Marks = PLAIN
    times: tuple[tuple[str, TimeSpelling], ...] = ()


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The bytes of a file: their SHA-256, how many, and when they last changed, in ns."""

    sha256: str
    size: int
    changed_ns: int


@dataclass(frozen=True, slots=True)
class _Text:
    """A text of rows: its first rows, and the bytes between which all of them stand."""

    path: Path
    sample: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Table:
    """The rows of a text, read in one of the ways that it may be written: their columns, and where they begin."""

    dialect: Dialect
    columns: tuple[str, ...]
    start: int


def fingerprint(path: Path) -> Fingerprint:
    """Read the whole file once.

    Raises:
        DataError: it does not exist or cannot be read.
    """
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        known = path.stat()
    except FileNotFoundError:
        raise DataError(f"{path} does not exist", remedy="check its name") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from None
    return Fingerprint(digest, known.st_size, known.st_mtime_ns)


def open_source(path: Path, wish: Wish, contract: Contract, plain: Path) -> Source:
    """Recognise a file. `plain` is where its text is written out if need be.

    Raises:
        DataError: it is empty, damaged, may be read in two ways or lacks a column that every example needs.
    """
    content = write_plain(path, wish, plain)
    with content.open("rb") as file:
        is_parquet = file.read(len(PARQUET)) == PARQUET
    if is_parquet:
        source = _open_parquet(path, content, wish)
    else:
        text = _read_text(path, content)
        is_json = plain_suffix(path) in JSON_SUFFIXES
        source = _open_json(text, wish, contract) if is_json else _open_delimited(path, text, wish, contract)
    lacking = [column.name for column in contract.columns if column.required and column.name not in source.columns]
    if lacking and source.kind != "json":
        raise DataError(
            f"{path} lacks {'a column' if len(lacking) == 1 else 'columns'} that the classifier needs",
            problems=[
                Problem(f"column {name}", f"is not in the file; it has {closest(name, source.columns)}")
                for name in lacking
            ],
            remedy="add them, or say how the file is written: --delimiter, --skip, --no-header, --encoding",
        )
    return source


def _open_parquet(named: Path, path: Path, wish: Wish) -> Source:
    try:
        schema = parquet.read_schema(path)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{named} is a damaged Parquet file: {str(error).splitlines()[0]}") from None
    single = [field.name for field in schema if not pa.types.is_nested(field.type)]
    return Source(
        path=path,
        kind="parquet",
        columns=tuple(single),
        words=tuple(
            field.name for field in schema if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)
        ),
        marks=marks_of(wish, "parquet", named),
        times=wish.times,
    )


def _read_text(named: Path, path: Path) -> _Text:
    with path.open("rb") as file:
        head = file.read(_SAMPLE)
        start = len(UTF8_MARK) if head.startswith(UTF8_MARK) else 0
        end = _end_of_rows(file, file.seek(0, io.SEEK_END))
    if end <= start:
        raise DataError(f"{named} is empty", remedy="name a file with a header and rows")
    if len(head) == _SAMPLE:
        head = head[: head.rfind(b"\n") + 1] or head
    sample = head[start:].decode("utf-8", errors="surrogateescape")
    return _Text(path, sample if "\n" in sample else sample.replace("\r", "\n"), start, end)


def _end_of_rows(file: BinaryIO, size: int) -> int:
    """Where the last row ends: blank lines at the end are none."""
    while size:
        step = min(size, _BLOCK)
        file.seek(size - step)
        kept = file.read(step).rstrip(b"\r\n")
        if kept:
            return size - step + len(kept)
        size -= step
    return 0


def _open_json(text: _Text, wish: Wish, contract: Contract) -> Source:
    """JSON lines have the columns of the first rows, and those of the contract, which may come later."""
    names = dict.fromkeys(contract.names)
    for line in text.sample.split("\n")[:_SAMPLED_LINES]:
        try:
            row = msgspec.json.decode(without_constants(line.encode("utf-8", errors="replace")))
        except (msgspec.DecodeError, RecursionError):
            continue
        if isinstance(row, dict):
            names.update(dict.fromkeys(row))
    return Source(
        path=text.path,
        kind="json",
        columns=tuple(names),
        start=text.start,
        end=text.end,
        marks=marks_of(wish, "json", text.path),
        times=wish.times,
    )


def _open_delimited(named: Path, text: _Text, wish: Wish, contract: Contract) -> Source:
    """The file as the release's was written, if its columns are found so, else as it seems to be written."""
    table = _read_as_before(named, text, wish, contract)
    alike = table is not None
    if table is None:
        table = _read_table(named, text, wish.said, contract)
    if text.end <= table.start:
        raise DataError(f"{named} has a header but no rows", remedy="name a file with rows, or say --no-header")
    return Source(
        path=text.path,
        kind="delimited",
        columns=table.columns,
        dialect=table.dialect,
        start=table.start,
        end=text.end,
        marks=marks_of(wish, "delimited", named, alike=alike),
        times=wish.times,
    )


def _read_as_before(named: Path, text: _Text, wish: Wish, contract: Contract) -> _Table | None:
    """The file written as the release's was; None where it has not the columns then."""
    if wish.reading.kind != "delimited" or not wish.reading.format:
        return None
    try:
        table = _read_table(named, text, wish.form, contract)
    except DataError:
        return None
    required = {column.name for column in contract.columns if column.required} or {*contract.names}
    return table if required <= {*table.columns} else None


def _read_table(named: Path, text: _Text, form: Format, contract: Contract) -> _Table:
    dialect = recognise(text.sample, form)
    above = _end_of_lines(text.sample, dialect.skip)
    first = next(read_rows(text.sample[above:], dialect), None)
    if first is None:
        raise DataError(f"{named} has no rows", remedy="name a file with a header and rows")
    if first.wrong:
        raise DataError(f"{named}, row 1: {first.wrong}", remedy="say how the file is written: --delimiter, --quote")
    is_header = dialect.header or (form.header == "auto" and bool({*_stripped(first.values)} & {*contract.names}))
    if not is_header:
        columns = [f"column_{number}" for number in range(1, len(first.values) + 1)]
        return _Table(dialect, tuple(columns), text.start + _bytes_of(text.sample[:above]))
    columns = column_names(named, first.values)
    return _Table(dialect, tuple(columns), text.start + _bytes_of(text.sample[: above + first.end]))


def _end_of_lines(text: str, count: int) -> int:
    lines = io.StringIO(text, newline="")
    return sum(len(lines.readline()) for _ in range(count))


def _bytes_of(text: str) -> int:
    return len(text.encode("utf-8", errors="surrogateescape"))


def _stripped(cells: Sequence[str]) -> list[str]:
    return [cell.strip() for cell in cells]
