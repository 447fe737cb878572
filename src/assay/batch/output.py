"""The formats that answers are written in: parts, each by whoever scored it, and the whole that they make in order."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

import msgspec
import polars as pl
import pyarrow as pa
from pyarrow import ipc, parquet

from assay.errors import ConfigurationError

#: Columns of answers whose values hardly repeat.
_UNREPEATED = frozenset({"row", "prediction_id", "confidence"})
#: Rows by their steps, ids as one text and their lengths: less to compress.
_ENCODINGS = {"row": "DELTA_BINARY_PACKED", "prediction_id": "DELTA_LENGTH_BYTE_ARRAY"}
# What a spreadsheet takes for a formula when it stands first in a cell.
_FORMULA = r"^[=+\-@\t\r\n]"


class Whole(Protocol):
    """The output that parts are added to, in order."""

    def add(self, part: Path) -> None:
        """Append a part."""

    def close(self) -> None:
        """Write what has to come at the end."""


class Form(Protocol):
    """One format."""

    def write_part(self, frames: Iterable[pl.DataFrame], part: Path) -> None:
        """Write frames, at least one, as a part."""

    def begin(self, path: Path, columns: Sequence[str]) -> Whole:
        """Begin the output."""


def form_of(output: Path) -> Form:
    """The format that the suffix of `output` names.

    Raises:
        ConfigurationError: it names none.
    """
    form = FORMS.get(output.suffix.lower())
    if form is None:
        raise ConfigurationError(
            f"{output.name}: the format is chosen by the suffix", remedy=f"use {', '.join(FORMS)} for the output"
        )
    return form


class _Text:
    """Parts of a text are put one behind the other."""

    def __init__(self, path: Path, head: bytes = b"") -> None:
        self._file = path.open("wb")
        self._file.write(head)

    def add(self, part: Path) -> None:
        with part.open("rb") as file:
            shutil.copyfileobj(file, self._file, 1 << 20)

    def close(self) -> None:
        self._file.close()


class _Csv:
    def write_part(self, frames: Iterable[pl.DataFrame], part: Path) -> None:
        with part.open("wb") as file:
            for frame in frames:
                _flat(frame).write_csv(file, include_header=False)

    def begin(self, path: Path, columns: Sequence[str]) -> Whole:
        return _Text(path, pl.DataFrame({name: [] for name in columns}).write_csv().encode())


class _JsonLines:
    def write_part(self, frames: Iterable[pl.DataFrame], part: Path) -> None:
        with part.open("wb") as file:
            for frame in frames:
                frame.write_ndjson(file)

    def begin(self, path: Path, columns: Sequence[str]) -> Whole:
        del columns
        return _Text(path)


class _Parquet:
    """A part is an Arrow stream; each becomes a row group."""

    def write_part(self, frames: Iterable[pl.DataFrame], part: Path) -> None:
        tables = (frame.to_arrow(compat_level=pl.CompatLevel.oldest()) for frame in frames)
        first = next(tables)
        with part.open("wb") as file, ipc.new_stream(file, first.schema) as stream:
            stream.write_table(first)
            for table in tables:
                stream.write_table(table)

    def begin(self, path: Path, columns: Sequence[str]) -> Whole:
        return _Groups(path, columns)


class _Groups:
    """Columns of words in few spellings are coded; of the others, whose values hardly repeat, that would only cost."""

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self._path = path
        self._coded = [name for name in columns if name not in _UNREPEATED and not name.startswith("probability_")]
        self._writer: parquet.ParquetWriter | None = None

    def add(self, part: Path) -> None:
        with pa.memory_map(str(part)) as file, ipc.open_stream(file) as stream:
            table = stream.read_all()
            if self._writer is None:
                statistics = [name for name in table.column_names if name != "prediction_id"]
                self._writer = parquet.ParquetWriter(
                    self._path,
                    table.schema,
                    compression="zstd",
                    use_dictionary=self._coded,
                    write_statistics=statistics,
                    column_encoding=_ENCODINGS,
                )
            self._writer.write_table(table, row_group_size=max(1, table.num_rows))

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


def _flat(frame: pl.DataFrame) -> pl.DataFrame:
    """Every cell as CSV has it: several labels as JSON, no formulas."""
    several = [name for name, kind in frame.schema.items() if kind.is_nested()]
    texts = [name for name, kind in frame.schema.items() if kind == pl.String]
    lists = [pl.Series(name, map(_as_json, frame[name].to_list()), dtype=pl.String) for name in several]
    return frame.with_columns(*lists, *map(_harmless, texts))


def _as_json(labels: list[str]) -> str:
    return msgspec.json.encode(labels).decode()


def _harmless(column: str) -> pl.Expr:
    """Texts with an apostrophe before what a spreadsheet would take for a formula; numbers stay as they are."""
    texts = pl.col(column)
    formula = texts.str.contains(_FORMULA) & texts.cast(pl.Float64, strict=False).is_null()
    return pl.when(formula).then(pl.concat_str(pl.lit("'"), texts)).otherwise(texts).alias(column)


FORMS: dict[str, Form] = {".parquet": _Parquet(), ".csv": _Csv(), ".jsonl": _JsonLines()}
