"""A piece of a file -> frames of its raw columns, so many rows at a time, and what could not be read as a row."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pyarrow as pa
from pyarrow import parquet

from assay.batch.fields import count_even, is_plain, read_rows
from assay.batch.pieces import CHUNK_ROWS, Piece
from assay.batch.reading import Faults
from assay.batch.source import Source
from assay.contract.table import Codes
from assay.data.delimited import read_even
from assay.data.dialect import Dialect
from assay.data.structured import plain_column, without_constants
from assay.errors import DataError, Problem

#: Of more words than this, coding them for every chunk would cost more than it gains.
_MOST_WORDS = 1024


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows of a file, the first of which is row `first`, from 0. `faults` are the rows of the frame that could not be
    read: what stands in the frame in their place means nothing. `codes` are columns that are not in the frame.
    """

    first: int
    frame: pl.DataFrame
    faults: Faults
    codes: Mapping[str, Codes] = field(default_factory=dict)


class Reader:
    """Reads pieces of one file, the columns in `wanted` alone. Neighbouring pieces in order are the cheap way. Columns
    of words in `coded` may come as codes.
    """

    def __init__(self, source: Source, wanted: Sequence[str], coded: Collection[str] = ()) -> None:
        self._source = source
        self._coded = [name for name in coded if name in source.words]
        self._wanted = [name for name in source.columns if name in set(wanted)]
        self._group, self._at = -1, 0
        self._batches: Iterator[pa.RecordBatch] = iter(())

    def chunks(self, piece: Piece) -> Iterator[Chunk]:
        """The rows of a piece.

        Raises:
            DataError: the file is damaged or is no longer the one in which the piece was found.
        """
        if self._source.kind == "parquet":
            yield from self._parquet(piece)
            return
        with self._source.path.open("rb") as file:
            file.seek(piece.begin)
            content = file.read(piece.end - piece.begin)
        frame, faults = self._read(content, piece.rows)
        if frame.height != piece.rows:
            raise DataError(f"{self._source.path} has changed while it was read", remedy="run the job again")
        for at in range(0, piece.rows, CHUNK_ROWS):
            among = {row - at: faults[row] for row in faults if at <= row < at + CHUNK_ROWS}
            yield Chunk(piece.first + at, frame.slice(at, CHUNK_ROWS), among)

    def _parquet(self, piece: Piece) -> Iterator[Chunk]:
        if self._group != piece.group or self._at > piece.begin:
            file = parquet.ParquetFile(
                self._source.path, pre_buffer=False, buffer_size=1 << 20, read_dictionary=self._coded
            )
            self._batches = file.iter_batches(
                CHUNK_ROWS, row_groups=[piece.group], columns=self._wanted, use_threads=False
            )
            self._group, self._at = piece.group, 0
        while self._at < piece.end:
            try:
                batch = next(self._batches)
            except (pa.ArrowException, OSError, StopIteration) as error:
                self._group = -1
                raise DataError(f"{self._source.path} is a damaged Parquet file: {error}") from None
            first = self._at
            self._at += batch.num_rows
            if first >= piece.begin:
                codes = {name: found for name in self._coded if (found := _codes_of(name, batch)) is not None}
                frame, faults = _plain_columns(
                    pl.DataFrame(pa.Table.from_batches([batch.drop_columns([*codes])])), batch.num_rows
                )
                yield Chunk(piece.first + first - piece.begin, frame, faults, codes)

    def _read(self, content: bytes, rows: int) -> tuple[pl.DataFrame, Faults]:
        dialect, columns, wanted = self._source.dialect, self._source.columns, self._wanted
        if dialect is None:
            return _read_json(content, wanted)
        read = _read_plain if is_plain(content, dialect) else _read_quoted
        frame = read(content, rows, columns, wanted, dialect)
        return (frame, {}) if frame is not None else _read_fields(content, columns, wanted, dialect)


def _codes_of(name: str, batch: pa.RecordBatch) -> Codes | None:
    """A column that Parquet keeps as codes of few words; None where they are many."""
    column = batch.column(name) if name in batch.schema.names else None
    if not isinstance(column, pa.DictionaryArray) or len(column.dictionary) > _MOST_WORDS:
        return None
    words = [*column.dictionary.to_pylist(), None]
    places = column.indices
    if places.null_count or places.type != pa.int32():
        at = to_series(places).cast(pl.Int64).fill_null(len(words) - 1).to_numpy()
    else:
        begin = places.offset
        at = np.frombuffer(places.buffers()[1], dtype=np.int32)[begin : begin + len(places)].astype(np.int64)
    return Codes(np.array(words, dtype=object), at)


def to_series(array: pa.Array) -> pl.Series:
    """An array as a series, by way of a table: the short ways load pandas or all of pyarrow.compute."""
    return pl.DataFrame(pa.Table.from_arrays([array], ["values"])).to_series()


def _plain_columns(frame: pl.DataFrame, rows: int) -> tuple[pl.DataFrame, Faults]:
    """Columns of Parquet as training has them; bytes that are no text are faults."""
    columns: list[pl.Series] = []
    faults: Faults = {}
    for series in frame:
        plain = plain_column(series)
        if plain is None:
            valid = [_is_text(value) for value in series.to_list()]
            for row in (row for row, known in enumerate(valid) if not known):
                faults.setdefault(row, []).append(Problem(series.name, "holds bytes that are not valid UTF-8"))
            plain = plain_column(series.set(~pl.Series(valid), None))
        columns.append(plain if plain is not None else series.cast(pl.String))
    return pl.DataFrame(columns, height=rows), faults


def _is_text(value: bytes | None) -> bool:
    try:
        return value is None or bool(value.decode() or True)
    except UnicodeDecodeError:
        return False


def _read_plain(
    content: bytes, rows: int, columns: Sequence[str], wanted: Sequence[str], dialect: Dialect
) -> pl.DataFrame | None:
    """Lines without quotes, by polars; None where a line has not as many fields as there are columns."""
    delimiter = dialect.delimiter.encode()
    if content.count(delimiter) != rows * (len(columns) - 1) or len(delimiter) != 1:
        return None
    if b"\r" in content:
        content = content.replace(b"\r\n", b"\n")
    try:
        frame = pl.read_csv(
            content,
            has_header=False,
            schema=dict.fromkeys(columns, pl.String),
            separator=dialect.delimiter,
            quote_char=None,
        )
    except pl.exceptions.PolarsError:
        return None
    if frame.height != rows:
        return None
    frame = frame.select(wanted).fill_null("")
    return frame.select(pl.all().str.strip_chars_start(" ")) if dialect.spaced else frame


def _read_quoted(
    content: bytes, rows: int, columns: Sequence[str], wanted: Sequence[str], dialect: Dialect
) -> pl.DataFrame | None:
    """Lines with quotes that are as regular as they should be, as training reads them; None where they are not."""
    if count_even(content, dialect, last=True) is None:
        return None
    try:
        even = read_even(content.decode(), replace(dialect, comment=None, skip=0))
    except UnicodeDecodeError:
        return None
    if even is None or even[0].shape != (rows, len(columns)):
        return None
    frame, _ = even
    frame.columns = list(columns)
    return frame.select(wanted)


def _read_fields(
    content: bytes, columns: Sequence[str], wanted: Sequence[str], dialect: Dialect
) -> tuple[pl.DataFrame, Faults]:
    """Any lines, by the reader that found where rows end."""
    text = content.decode("utf-8", errors="surrogateescape")
    valid = not any(map(_is_surrogate, set(text)))
    empty: list[Any] = [None] * len(columns)
    read: list[list[Any]] = []
    faults: Faults = {}
    for row in read_rows(text, dialect):
        wrong = row.wrong
        if len(row.values) > len(columns) and not any(row.values[len(columns) :]):
            del row.values[len(columns) :]
        if not wrong and len(row.values) != len(columns):
            wrong = f"{len(row.values)} fields, not {len(columns)}"
        elif "\0" in text and any("\0" in value for value in row.values):
            wrong = "holds a NUL character, which no text has"
        elif not valid and any(map(_is_surrogate, "".join(row.values))):
            wrong = "not valid UTF-8; if the file has another encoding, name it"
        if wrong:
            faults[len(read)] = [Problem("", wrong)]
        read.append(empty if wrong else row.values)
    by_column = list(zip(*read, strict=True)) if read else [()] * len(columns)
    named = {name: pl.Series(name, by_column[columns.index(name)], dtype=pl.String) for name in wanted}
    return pl.DataFrame(named), faults


def _read_json(content: bytes, wanted: Sequence[str]) -> tuple[pl.DataFrame, Faults]:
    cells: dict[str, list[str | None]] = {name: [] for name in wanted}
    faults: Faults = {}
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    for number, line in enumerate(filter(bytes.strip, content.split(b"\n"))):
        row: dict[str, Any] = {}
        try:
            row = decode(without_constants(line))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            faults[number] = [Problem("", f"not a JSON object: {error}")]
        for name, values in cells.items():
            try:
                values.append(_json_cell(row.get(name)))
            except ValueError as error:
                faults.setdefault(number, []).append(Problem(name, str(error)))
                values.append(None)
    return pl.DataFrame({name: pl.Series(name, values, dtype=pl.String) for name, values in cells.items()}), faults


def _json_cell(value: Any) -> str | None:
    """A value as text files write it: what it means is the contract's business."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    raise ValueError("holds a list or an object, not a single value")


def _is_surrogate(character: str) -> bool:
    return "\ud800" <= character <= "\udfff"
