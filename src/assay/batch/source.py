"""What is to be scored: a file recognised once, so that any process can read any piece of it.

Text that is compressed or not UTF-8 is first written out as plain UTF-8, so that pieces of it are ranges of bytes.
"""

from __future__ import annotations

import codecs
import gzip
import hashlib
import io
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Literal

import msgspec
import pyarrow as pa
from pyarrow import parquet

from assay.batch.fields import read_rows
from assay.contract.check import closest
from assay.contract.columns import Contract
from assay.data.dialect import Dialect, recognise
from assay.errors import DataError, Problem
from assay.spec.tree import Format

Kind = Literal["csv", "jsonl", "parquet"]

_GZIP, _PARQUET = b"\x1f\x8b", b"PAR1"
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_JSON_SUFFIXES = frozenset({".jsonl", ".ndjson", ".json"})
_BLOCK = 1 << 20
_SAMPLE = 4 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A recognised file. `start` and `end` are the bytes between which the rows of a text stand."""

    path: Path
    kind: Kind
    columns: tuple[str, ...]
    dialect: Dialect | None = None
    start: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The bytes of a file: their SHA-256, how many, and when they last changed, in ns."""

    sha256: str
    size: int
    changed_ns: int


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


def open_source(path: Path, form: Format, contract: Contract, plain: Path) -> Source:
    """Recognise a file. `plain` is where its text is written out if need be.

    Raises:
        DataError: it is empty, damaged or lacks a column that every example needs.
    """
    with path.open("rb") as file:
        begins = file.read(4)
    if begins == _PARQUET:
        source = _open_parquet(path)
    else:
        gzipped = begins.startswith(_GZIP)
        encoding = _encoding(form.encoding, path, gzipped=gzipped)
        if gzipped or encoding != "utf-8":
            _write_plain(path, encoding, plain, gzipped=gzipped)
        source = _open_text(path, plain if gzipped or encoding != "utf-8" else path, form, contract)
    lacking = [column.name for column in contract.columns if column.required and column.name not in source.columns]
    if lacking and source.kind != "jsonl":
        raise DataError(
            f"{path} lacks {'a column' if len(lacking) == 1 else 'columns'} that the classifier needs",
            problems=[
                Problem(f"column {name}", f"is not in the file; it has {closest(name, source.columns)}")
                for name in lacking
            ],
            remedy="add them, or say how the file is written: --delimiter, --no-header, --encoding",
        )
    return source


def _open_parquet(path: Path) -> Source:
    try:
        schema = parquet.read_schema(path)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path} is a damaged Parquet file: {str(error).splitlines()[0]}") from None
    single = [field.name for field in schema if not pa.types.is_nested(field.type) and not _is_binary(field.type)]
    return Source(path=path, kind="parquet", columns=tuple(single))


def _is_binary(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _encoding(said: str, path: Path, *, gzipped: bool) -> str:
    if said == "auto":
        with gzip.open(path) if gzipped else path.open("rb") as file:
            begins = _read(path, file, 2)
        return "utf-16" if begins in _UTF16 else "utf-8"
    try:
        name = codecs.lookup(said).name
    except LookupError:
        raise DataError(f"{said!r} is not an encoding", remedy="use a name such as utf-8, latin-1 or cp1252") from None
    return "utf-8" if name == "utf-8-sig" else name


def _write_plain(path: Path, encoding: str, plain: Path, *, gzipped: bool) -> None:
    """Block by block; what is not valid in the encoding stays invalid, and is then found in its row."""
    decoder = codecs.getincrementaldecoder(encoding)(errors="surrogateescape")
    with gzip.open(path) if gzipped else path.open("rb") as file, plain.open("wb") as out:
        while block := _read(path, file, _BLOCK):
            out.write(block if encoding == "utf-8" else _recoded(decoder.decode(block)))
        if encoding != "utf-8":
            out.write(_recoded(decoder.decode(b"", final=True)))


def _recoded(text: str) -> bytes:
    return text.encode("utf-8", errors="surrogateescape")


def _read(path: Path, file: BinaryIO | gzip.GzipFile, size: int) -> bytes:
    try:
        return file.read(size)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} is a damaged gzip file: {error}", remedy="fetch or compress it again") from None


def _open_text(named: Path, path: Path, form: Format, contract: Contract) -> Source:
    with path.open("rb") as file:
        head = file.read(_SAMPLE)
        start = len(codecs.BOM_UTF8) if head.startswith(codecs.BOM_UTF8) else 0
        end = _end_of_rows(file, file.seek(0, io.SEEK_END))
    if end <= start:
        raise DataError(f"{named} is empty", remedy="name a file with a header and rows")
    if len(head) == _SAMPLE:
        head = head[: head.rfind(b"\n") + 1] or head
    sample = head[start:].decode("utf-8", errors="surrogateescape")
    suffix = (named.with_suffix("") if named.suffix == ".gz" else named).suffix.lower()
    if suffix in _JSON_SUFFIXES:
        return Source(path=path, kind="jsonl", columns=_keys(sample, contract), start=start, end=end)
    dialect = recognise(sample, form.model_copy(update={"skip": 0, "comment": "none", "escape": "none"}))
    head_row = next(read_rows(sample, dialect))
    first = head_row.values
    if head_row.wrong:
        raise DataError(f"{named}, row 1: {head_row.wrong}", remedy="say how the file is written: --delimiter")
    if form.header == "auto":
        dialect = replace(dialect, header=dialect.header or bool({*_stripped(first)} & {*contract.names}))
    if not dialect.header:
        columns = [f"column_{number}" for number in range(1, len(first) + 1)]
        return Source(path=path, kind="csv", columns=tuple(columns), dialect=dialect, start=start, end=end)
    columns = _stripped(first)
    for position, name in enumerate(columns):
        if name in columns[:position]:
            raise DataError(f"{named}, header: {name!r} names two columns", remedy="give every column its own name")
    start += len(_recoded(sample[: head_row.end]))
    if end <= start:
        raise DataError(f"{named} has a header but no rows")
    return Source(path=path, kind="csv", columns=tuple(columns), dialect=dialect, start=start, end=end)


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


def _keys(sample: str, contract: Contract) -> tuple[str, ...]:
    """The columns of JSON lines: those of the first rows, and those of the contract, which may come later."""
    names = dict.fromkeys(contract.names)
    for line in sample.split("\n")[:1000]:
        try:
            row = msgspec.json.decode(line.encode("utf-8", errors="replace"))
        except (msgspec.DecodeError, RecursionError):
            continue
        if isinstance(row, dict):
            names.update(dict.fromkeys(row))
    return tuple(names)


def _stripped(cells: Sequence[str]) -> list[str]:
    return [cell.strip() for cell in cells]
