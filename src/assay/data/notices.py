"""What `assay init` tells of a file and of how it was read, for a person to confirm."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

import polars as pl

from assay.contract.check import without_missing
from assay.contract.columns import Column
from assay.data.doubts import doubt
from assay.data.numbers import maybe_thousands
from assay.data.read import Raw
from assay.data.spelling import Spelling, respell
from assay.spec.tree import Format
from assay.values import Task

#: So much of a cell is shown.
_SHOWN = 30


def tell_reading(raw: Raw, form: Format, missing: Sequence[str]) -> list[str]:
    """What a person should confirm of the way in which the file was read."""
    told = [f"column {name} {why}: it is left out" for name, why in raw.left_out.items()]
    if len(raw.files) > 1:
        told.append(f"{len(raw.files)} files were read as one, from {raw.files[0].name} to {raw.files[-1].name}")
    if form.encoding not in {"auto", "utf-8"}:
        told.append(f"the file is not UTF-8: it was read as {form.encoding}, which data.format.encoding can change")
    if raw.dialect is not None and raw.dialect.skip:
        above = "line stands" if raw.dialect.skip == 1 else f"{raw.dialect.skip} lines stand"
        told.append(f"the first {above} above the table and {'is' if raw.dialect.skip == 1 else 'are'} skipped")
    if raw.dialect is not None and raw.comments:
        told.append(f"lines that begin with {raw.dialect.comment} are comments and are skipped: {raw.comments}")
    if form.decimal == ",":
        told.append("numbers are read with a decimal comma")
    if form.thousands not in {"auto", "none"}:
        told.append(f"{form.thousands!r} between digits parts thousands")
    if missing:
        told.append(f"{', '.join(map(repr, missing))} means a missing value")
    return told


def tell_doubts(raw: Raw, columns: Sequence[Column], spelling: Spelling) -> Iterator[str]:
    """What looks like numbers or times and was taken for something else."""
    words = [column for column in columns if column.type in ("id", "category", "text")]
    frame = respell(replace(raw, frame=raw.frame.select([column.name for column in words])), spelling).frame
    for column in words:
        found = doubt(without_missing(frame[column.name], raw.form.missing), column.type)
        if found is not None:
            yield f"column {column.name}: {found.told(column.type, raw.place(found.row))}"


def tell_points(raw: Raw, columns: Sequence[Column]) -> Iterator[str]:
    """Numbers whose decimal points may be marks between thousands."""
    for column in columns:
        if column.type != "number" or raw.frame.schema[column.name] != pl.String:
            continue
        if (example := maybe_thousands(without_missing(raw.frame[column.name], raw.form.missing))) is not None:
            yield (
                f"column {column.name}: the point in {example!r} is read as the decimal mark; if it parts thousands, "
                "say --thousands ., else --decimal ."
            )


def tell_unlabelled(raw: Raw, column: str, classes: Sequence[str], task: Task, absent: int) -> list[str]:
    """How many rows have no label, by what stands in its place in the first label column."""
    if not absent:
        return []
    told = f"{absent} of {raw.frame.height} rows have no label and are left out (data.unlabelled: drop)"
    cells = raw.frame[column]
    if task == "multilabel":
        return [f"{told}; where a blank cell says that no label applies, say --unlabelled none"]
    if cells.dtype != pl.String:
        return [told]
    words = cells.str.strip_chars().filter(without_missing(cells, raw.form.missing).is_null())
    counts = Counter(word for word in words.to_list() if word and word not in classes)
    if not counts:
        return [told]
    shown = ", ".join(f"{word!r} in {count}" for word, count in counts.most_common(3))
    return [f"{told}: {shown}; where such a word is a class, name all classes in data.classes"]


def first_row(raw: Raw) -> str:
    """The first line of a file without a header, in words."""
    if raw.dialect is None or raw.dialect.header:
        return ""
    cells = [cell if len(cell) <= _SHOWN else f"{cell[: _SHOWN - 3]}..." for cell in raw.frame.row(0)[:3]]
    return f"the first line, {', '.join(map(repr, cells))}{', ...' * (raw.frame.width > 3)}"


def describe_file(raw: Raw) -> str:
    size = f"{raw.frame.height} rows, {raw.frame.width} columns"
    if raw.dialect is None:
        return size
    names = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "bars"}
    between = names.get(raw.dialect.delimiter, repr(raw.dialect.delimiter))
    header = "" if raw.dialect.header else ", no header"
    return f"{size}, {between} between, {'no quoting' if raw.dialect.quote is None else 'quotes as usual'}{header}"


def describe_labels(classes: Sequence[str], counts: Counter[str], rows: int, missing: int) -> str:
    shares = [f"{name} {counts[name]} ({counts[name] / rows:.1%})" for name in classes[:6]]
    more = f", ... {len(classes)} classes" if len(classes) > 6 else ""
    return ", ".join(shares) + more + (f"; {missing} rows without a label" if missing else "")
