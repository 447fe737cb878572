"""Files -> one frame of raw columns: delimited text, Parquet or JSON, compressed or not, one file or several.

Values of text files stay strings: what they mean is the business of `assay.data.spelling` and of the contract.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl

from assay.data.delimited import Place, count_comments, read_delimited
from assay.data.dialect import Dialect, reading, recognise
from assay.data.encoding import decode
from assay.data.reading import Kind
from assay.data.structured import read_json, read_parquet
from assay.data.unpack import plain_suffix, unpack
from assay.errors import DataError, Problem
from assay.spec.tree import Format

PARQUET = b"PAR1"
JSON_SUFFIXES = frozenset({".jsonl", ".ndjson", ".json"})
_PATTERN = "*?["
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Raw:
    """The rows of a file before anything is known of their meaning.

    `checksum` is the SHA-256 of the file's bytes, or of the checksums of several files in their order. `place` names a
    row (from 0) for a person. `kind` is what sort of file it is. `form` is the format as it was asked for,
    with what was recognised in place of `auto`; `dialect` says it of delimited text and is None for others. `left_out`
    has the columns that hold no single values, and why. `comments` lines of it were left out as such.
    """

    frame: pl.DataFrame
    checksum: str
    place: Place
    form: Format
    kind: Kind = "delimited"
    dialect: Dialect | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)
    files: tuple[Path, ...] = ()
    comments: int = 0


def read(source: Path, form: Format, names: Collection[str] = ()) -> Raw:
    """Read a whole file, or all files that `source` matches, which must have the same columns.

    Several files are read in the order of their names, numbers by value; the first says how all of them are written.
    `names` are columns by somebody's word, which tells a header from a row.

    Raises:
        DataError: a file does not exist, is empty, is of another format, or a row does not have the columns of the
            others; names the file and the line.
    """
    files = _files(source)
    if len(files) == 1:
        return _read_one(files[0], form, names)
    parts: list[Raw] = []
    for file in files:
        parts.append(_read_one(file, parts[0].form if parts else form, names))
    _require_alike(files, parts)
    return _join(files, parts)


def _files(source: Path) -> tuple[Path, ...]:
    if not any(mark in str(source) for mark in _PATTERN) or source.exists():
        return (source,)
    start = next(at for at, part in enumerate(source.parts) if any(mark in part for mark in _PATTERN))
    found = Path(*source.parts[:start]).glob("/".join(source.parts[start:]))
    files = sorted((path for path in found if path.is_file()), key=_by_number)
    if not files:
        raise DataError(f"{source} matches no file", remedy="check the pattern; data.source is relative to the spec")
    return tuple(files)


def _by_number(path: Path) -> list[tuple[int, int, str]]:
    """`part_10` comes after `part_9`."""
    return [(piece.isdigit(), int(piece) if piece.isdigit() else 0, piece) for piece in re.split(r"(\d+)", str(path))]


def _read_one(source: Path, form: Format, names: Collection[str]) -> Raw:
    content = _content(source)
    checksum = hashlib.sha256(content).hexdigest()
    content = unpack(source, content)
    if not content.strip():
        raise DataError(f"{source} is empty", remedy="name a file with a header or at least one row")
    if content.startswith(PARQUET):
        frame, left_out = read_parquet(source, content)
        return Raw(
            frame, checksum, lambda index: f"row {index + 1}", form, "parquet", left_out=left_out, files=(source,)
        )
    text, encoding = decode(source, content, form.encoding)
    if plain_suffix(source) in JSON_SUFFIXES:
        frame, left_out, place = read_json(source, text)
        known = form.model_copy(update={"encoding": encoding})
        return Raw(frame, checksum, place, known, "json", left_out=left_out, files=(source,))
    if "\n" not in text:
        text = text.replace("\r", "\n")
    dialect = recognise(text, form, names)
    comments = count_comments(source, text, dialect, said=form.comment != "auto")
    frame, place = read_delimited(source, text, dialect)
    known = form.model_copy(update={"encoding": encoding, **reading(dialect)})
    return Raw(frame, checksum, place, known, dialect=dialect, files=(source,), comments=comments)


def _content(source: Path) -> bytes:
    try:
        return source.read_bytes()
    except FileNotFoundError:
        raise DataError(
            f"{source} does not exist", remedy="check its name; data.source is relative to the spec"
        ) from None
    except OSError as error:
        raise DataError(f"{source} cannot be read: {error.strerror}") from None


def _require_alike(files: Sequence[Path], parts: Sequence[Raw]) -> None:
    """Refuse files that do not have the columns of the first one, of the same types, in one report."""
    first = parts[0].frame
    problems: list[Problem] = []
    for file, part in zip(files[1:], parts[1:], strict=True):
        absent = [name for name in first.columns if name not in part.frame.columns]
        added = [name for name in part.frame.columns if name not in first.columns]
        other = [
            f"{name} holds {part.frame.schema[name]}, not {kind}"
            for name, kind in first.schema.items()
            if name not in absent and not _joins(part.frame.schema[name], kind)
        ]
        said = [
            *([f"lacks {', '.join(absent[:_SHOWN])}"] if absent else []),
            *([f"has {', '.join(added[:_SHOWN])} besides"] if added else []),
            *other,
        ]
        if said:
            problems.append(Problem(str(file), "; ".join(said)))
    if problems:
        raise DataError(
            f"{problems[0].path} does not have the columns of {files[0]}: {problems[0].message}",
            problems=problems,
            remedy="give all files the same columns, or narrow data.source",
        )


def _joins(kind: pl.DataType, first: pl.DataType) -> bool:
    return kind == first or (kind.is_numeric() and first.is_numeric())


def _join(files: Sequence[Path], parts: Sequence[Raw]) -> Raw:
    names = parts[0].frame.columns
    begins = [0]
    for part in parts[:-1]:
        begins.append(begins[-1] + part.frame.height)

    def place(index: int) -> str:
        at = bisect_right(begins, index) - 1
        return f"{files[at].name} {parts[at].place(index - begins[at])}"

    return replace(
        parts[0],
        frame=pl.concat([part.frame.select(names) for part in parts], how="vertical_relaxed"),
        checksum=hashlib.sha256("".join(part.checksum for part in parts).encode()).hexdigest(),
        place=place,
        files=tuple(files),
        comments=sum(part.comments for part in parts),
    )
