"""What `assay init` does: from a file and a few wishes to the draft of a spec that needs no editing."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple

import polars as pl

from assay.contract.check import without_missing
from assay.contract.columns import Column
from assay.contract.infer import Seen
from assay.data.columns import infer_columns
from assay.data.dataset import class_names, find_task, plain_number
from assay.data.labels import label_strings, read_label_sets, split_labels
from assay.data.notices import (
    describe_file,
    describe_labels,
    first_row,
    tell_doubts,
    tell_points,
    tell_reading,
    tell_unlabelled,
)
from assay.data.read import Raw, read
from assay.data.spelling import Spelling, find_missing
from assay.data.times import read_time
from assay.errors import ConfigurationError, DataError, Problem
from assay.spec import Draft, classifier_name
from assay.spec.label import JoinedLabels
from assay.spec.problems import suggest
from assay.spec.said import said_format
from assay.spec.tree import MISSING_TOKENS, Format
from assay.values import Task

Unlabelled = Literal["drop", "reject", "none"]
SplitMethod = Literal["stratified", "time", "group", "column"]

_METHODS: tuple[SplitMethod, ...] = ("stratified", "time", "group")
_POSITION = re.compile(r"#(-?\d+)")
_PART_NAMES = frozenset({"split", "fold", "partition", "subset"})
_AFFIRMATIVE = frozenset({"1", "true", "yes", "y", "t", "positive", "pos"})
#: What usually stands between the labels of one cell, the likeliest first.
_SEPARATORS = ("|", ";", ",")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the caller of `init` said. Columns are names, or `#N` for a position (`#1` the first, `#-1` the last).

    Several entries of `label` (or one with commas between columns) are one column for each label; `separator` says that
    the cells of the one label column hold several labels.
    """

    label: tuple[str, ...]
    separator: str | None = None
    positive: str | None = None
    name: str | None = None
    entity: str | None = None
    time: str | None = None
    ignore: tuple[str, ...] = ()
    split: str | None = None
    header: bool | None = None
    day_first: bool | None = None
    unlabelled: Unlabelled | None = None
    decimal: Literal["auto", ".", ","] = "auto"
    delimiter: str = "auto"
    encoding: str = "auto"
    thousands: str = "auto"
    comment: str = "auto"


@dataclass(frozen=True, slots=True)
class Drafted:
    """The draft, the rows of each class, and what the caller should be told besides."""

    draft: Draft
    rows: int
    classes: dict[str, int]
    notices: tuple[str, ...]


def draft_spec(source: Path, wishes: Wishes, directory: Path) -> Drafted:
    """Infer a spec from the file `source`, to be written into `directory`.

    Raises:
        DataError: the file cannot be read or learned from.
        ConfigurationError: a wish names a column, class or split that does not exist.
    """
    raw = read(source, _said(wishes), _named_columns(wishes))
    missing = find_missing(raw)
    notices: list[str] = []
    label, labels = _labels(raw, wishes, missing, notices)
    raw = replace(raw, form=raw.form.model_copy(update={"missing": (*MISSING_TOKENS, *missing)}))
    classes, counts = labels.classes, labels.counts
    kept = [name for name in classes if name in missing]
    unlabelled = wishes.unlabelled or ("drop" if labels.rows < raw.frame.height else "reject")
    if unlabelled == "drop":
        notices += tell_unlabelled(raw, labels.columns[0], classes, labels.task, raw.frame.height - labels.rows)
    notices += [f"{name!r} is a class in column {labels.columns[0]}, as data.classes says" for name in kept]
    entity = None if wishes.entity is None else _column(raw, wishes.entity, "--entity")
    time = None if wishes.time is None else _column(raw, wishes.time, "--time")
    unwanted = [_column(raw, name, "--ignore") for name in wishes.ignore]
    method, part, time = _split(raw, wishes, labels.columns, entity, time)
    for name in raw.frame.columns:
        if name.lower() in _PART_NAMES and name not in (part, *labels.columns, entity, time, *unwanted):
            unwanted.append(name)
            notices.append(f"column {name} looks like parts made by the data's authors and is left out")
    found, spelling = _columns(raw, labels.columns, entity, time, {*unwanted, part}, wishes.day_first)
    columns = tuple(item.column for item in found.values() if item.column is not None)
    seen = {name: item.comment for name, item in found.items()}
    empty = tuple(name for name, item in found.items() if item.column is None)
    notices += [f"column {name} has no values and is left out" for name in empty]
    form = _form(raw, spelling, columns)
    notices += tell_doubts(raw, [column for column in columns if column.name != entity], spelling)
    notices += tell_reading(raw, form, missing)
    if wishes.decimal == wishes.thousands == "auto" and form.decimal == ".":
        notices += tell_points(raw, columns)
    if wishes.header is None and (first := first_row(raw)):
        notices.append(f"{first}, was taken for a row; if it names the columns, say --header")
    seen["source"] = describe_file(raw)
    if time is not None and any(column.name == time and column.type == "number" for column in columns):
        seen[time] += "; " * bool(seen[time]) + "says the order of the rows and is no feature"
    seen["label"] = describe_labels(classes, counts, labels.rows, raw.frame.height - labels.rows)
    draft = Draft(
        name=classifier_name(wishes.name if wishes.name is not None else source.name.split(".")[0]),
        source=Path(os.path.relpath(source.resolve(), directory.resolve())).as_posix(),
        label=label,
        task=labels.task,
        columns=columns,
        positive=labels.positive,
        classes=classes if kept else None,
        unlabelled=unlabelled,
        entity=entity,
        time=time,
        split=method,
        split_column=part,
        form=form,
        ignored=(*unwanted, *empty, *raw.left_out),
        seen=seen,
    )
    return Drafted(draft, raw.frame.height, {name: counts[name] for name in classes}, tuple(notices))


def _said(wishes: Wishes) -> Format:
    """What the caller said of how the file is written; a tab may be said as a backslash and a t."""
    delimiter = wishes.delimiter.replace("\\t", "\t")
    if delimiter != "auto" and len(delimiter.removesuffix(" ")) != 1 and delimiter != " ":
        raise ConfigurationError(
            f"--delimiter {delimiter!r}: is not one character", remedy='say one, or ", " where a blank always follows'
        )
    return said_format(
        delimiter=delimiter,
        encoding=wishes.encoding,
        header="auto" if wishes.header is None else wishes.header,
        decimal=wishes.decimal,
        thousands=wishes.thousands,
        comment=wishes.comment,
    )


class _Labels(NamedTuple):
    """What the label columns hold; `rows` of the file have labels."""

    task: Task
    columns: tuple[str, ...]
    classes: tuple[str, ...]
    counts: Counter[str]
    rows: int
    positive: str | None = None


def _labels(
    raw: Raw, wishes: Wishes, missing: Sequence[str], notices: list[str]
) -> tuple[str | tuple[str, ...] | JoinedLabels, _Labels]:
    """Where the labels stand, and what they are.

    Of the spellings of `missing`, which other columns have, one column of labels keeps those that are its own words.
    """
    columns = _label_columns(raw, wishes)
    if len(columns) > 1:
        if wishes.separator is not None:
            raise ConfigurationError("--separator belongs to one label column", remedy="leave --separator out")
        return columns, _several(raw, columns, columns, wishes, (*MISSING_TOKENS, *missing))
    column = columns[0]
    absent = (*MISSING_TOKENS, *find_missing(raw, columns))
    values = label_strings(raw.frame[column], absent)
    known = [value for value in values.to_list() if value is not None]
    counts = Counter(known)
    separator = wishes.separator or _likely_separator(counts)
    if separator is not None:
        joined = JoinedLabels(column=column, separator=separator)
        if wishes.separator is None:
            notices.append(f"column {column} holds several labels with {separator!r} between: the task is multilabel")
        elif not any(separator in name for name in counts):
            raise ConfigurationError(
                f"--separator {separator}: no label of column {column} holds it", remedy="leave --separator out"
            )
        return joined, _several(raw, joined, columns, wishes, absent)
    classes = class_names(known, column)
    if wishes.unlabelled == "none":
        raise ConfigurationError("--unlabelled none belongs to several labels", remedy="say drop or reject")
    notices += _tell_joined(column, counts)
    positive = _positive(classes, counts, wishes.positive, column)
    return column, _Labels(find_task(classes), columns, classes, counts, len(known), positive)


def _label_columns(raw: Raw, wishes: Wishes) -> tuple[str, ...]:
    """One column, or one for each label: `--label` repeated, or its columns with commas between."""
    said = wishes.label
    if len(said) == 1 and said[0] not in raw.frame.columns and "," in said[0]:
        said = tuple(part.strip() for part in said[0].split(",") if part.strip())
    columns = tuple(dict.fromkeys(_column(raw, name, "--label") for name in said))
    if not columns:
        raise ConfigurationError(
            "which column is the label? name it with --label", remedy=_columns_of(raw, len(raw.frame.columns))
        )
    return columns


def _several(
    raw: Raw, label: tuple[str, ...] | JoinedLabels, columns: tuple[str, ...], wishes: Wishes, missing: Sequence[str]
) -> _Labels:
    if wishes.positive is not None:
        raise ConfigurationError("--positive belongs to two classes, not to several labels", remedy="leave it out")
    found = read_label_sets(raw, label, missing, blank_is_none=wishes.unlabelled == "none")
    counts = Counter(dict(zip(found.names, found.values[~found.missing].sum(axis=0).tolist(), strict=True)))
    return _Labels("multilabel", columns, found.names, counts, int((~found.missing).sum()))


def _likely_separator(counts: Counter[str]) -> str | None:
    """What stands between labels where cells hold several: most different cells are made of the same few labels."""
    for separator in _SEPARATORS:
        joined = [name for name in counts if separator in name]
        pieces = {piece for name in counts for piece in name.split(separator)}
        if len(joined) > len(counts) / 2 and len(pieces) < len(counts):
            return separator
    return None


def _tell_joined(column: str, counts: Counter[str]) -> Iterator[str]:
    """Classes that are made of others, which may be several labels in one cell."""
    for separator in _SEPARATORS:
        joined = [name for name in counts if separator in name]
        pieces = Counter(piece for name in counts for piece in split_labels(name, separator))
        if joined and all(pieces[piece] > 1 for name in joined for piece in split_labels(name, separator)):
            yield (
                f"cells of column {column} such as {joined[0]!r} look like several labels; if they are, say "
                f"--separator {separator!r}"
            )


def _column(raw: Raw, said: str, option: str) -> str:
    """The column that was meant, by name or by position."""
    names = raw.frame.columns
    if said in names:
        return said
    if said in raw.left_out:
        raise DataError(f"{option} {said}: the column {raw.left_out[said]}", remedy="flatten it in the file")
    position = _POSITION.fullmatch(said)
    if position is not None:
        number = int(position[1])
        if 1 <= abs(number) <= len(names):
            return names[number - 1 if number > 0 else number]
        raise ConfigurationError(f"{option} {said}: the file has {len(names)} columns", remedy=_columns_of(raw))
    raise ConfigurationError(
        f"{option} {said}: the file has no such column{suggest(said, names)}", remedy=_columns_of(raw)
    )


def _columns_of(raw: Raw, most: int = 12) -> str:
    names, first = raw.frame.columns, first_row(raw)
    header = f"; {first}, was taken for a row, and --header says that it names the columns" if first else ""
    return f"one of {', '.join(names[:most])}{', ...' if len(names) > most else ''}, or #N for a position{header}"


def _named_columns(wishes: Wishes) -> set[str]:
    """The columns that the caller called by name."""
    parts = [part.strip() for said in wishes.label for part in said.split(",")]
    part = (wishes.split or "").partition("column:")[2]
    return {name for name in (*wishes.label, *parts, wishes.time, wishes.entity, *wishes.ignore, part) if name}


def _positive(classes: tuple[str, ...], counts: Counter[str], said: str | None, label: str) -> str | None:
    """The class asked for; else the one that says yes; else the rarer one."""
    if len(classes) != 2:
        if said is not None:
            raise ConfigurationError(
                f"--positive belongs to two classes; column {label} has {len(classes)}", remedy="leave --positive out"
            )
        return None
    if said is not None:
        said = {plain_number(name): name for name in classes}.get(plain_number(said), said)
        if said not in classes:
            raise ConfigurationError(
                f"--positive {said}: no row has this label{suggest(said, list(classes))}",
                remedy=f"one of {', '.join(classes)}",
            )
        return said
    affirmative = [name for name in classes if name.lower() in _AFFIRMATIVE]
    if len(affirmative) == 1:
        return affirmative[0]
    return classes[0] if counts[classes[0]] < counts[classes[1]] else classes[1]


def _split(
    raw: Raw, wishes: Wishes, labels: Sequence[str], entity: str | None, time: str | None
) -> tuple[SplitMethod, str | None, str | None]:
    """The split's method, its column, and the time column; the strictest that the named columns allow."""
    said = wishes.split
    if said is None:
        return ("time" if time is not None else "group" if entity is not None else "stratified"), None, time
    if said.startswith("column:"):
        part = _column(raw, said.removeprefix("column:"), "--split column:")
        if part in labels:
            raise ConfigurationError(f"--split {said}: {part} is the label", remedy="name the column of the parts")
        return "column", part, time
    method = next((known for known in _METHODS if known == said), None)
    if method is None:
        raise ConfigurationError(
            f"--split {said}: there is no such method{suggest(said, list(_METHODS))}",
            remedy="stratified, time, group or column:COL",
        )
    if method == "group" and entity is None:
        raise ConfigurationError("--split group needs --entity", remedy="name the column that says who a row is about")
    if method == "time" and time is None:
        raise ConfigurationError("--split time needs --time", remedy="name the column of the event's time")
    return method, None, time


def _columns(
    raw: Raw,
    labels: Sequence[str],
    entity: str | None,
    time: str | None,
    unwanted: set[str | None],
    day_first: bool | None,
) -> tuple[dict[str, Seen], Spelling]:
    """What the columns of an example are, and how their numbers and times are spelt."""
    for name, option in ((entity, "--entity"), (time, "--time")):
        if name is not None and (name in labels or name in unwanted):
            raise ConfigurationError(f"{option} {name}: the column is the label or left out", remedy="name another one")
    others = {*labels, *(name for name in unwanted if name is not None)}
    found, spelling = infer_columns(raw, others, entity=entity, time=time, day_first=day_first)
    for name, option in ((entity, "--entity"), (time, "--time")):
        if name is not None and found[name].column is None:
            raise DataError(
                f"{option} {name}: the column has no values in any row",
                remedy=f"name another column, or leave {option} out",
            )
    kinds = {item.column.type for item in found.values() if item.column is not None}
    if kinds <= {"id"}:
        raise DataError(
            "there is nothing to learn from: no column besides the label and ids",
            problems=[Problem(f"column {name}", item.comment) for name, item in found.items()],
            remedy="look at --label and --ignore, or add columns",
        )
    if time is not None:
        _check_time(raw, time, found[time], spelling)
    return found, spelling


def _check_time(raw: Raw, time: str, seen: Seen, spelling: Spelling) -> None:
    """Refuse a column that is neither one of times nor one of numbers."""
    series = without_missing(raw.frame[time], raw.form.missing)
    if seen.column is None or seen.column.type == "number" or series.dtype.is_temporal():
        return
    kind = spelling.times.get(time, "iso")
    for index, value in enumerate(series.to_list()):
        if value is not None and read_time(str(value).strip(), kind) is None:
            raise DataError(
                f"--time {time}: {raw.place(index)} has {value!r}, which is no time",
                remedy="write times such as 2024-05-01T12:00:00Z or 2024-05-01, or name a column of numbers in order",
            )


def _form(raw: Raw, spelling: Spelling, columns: Sequence[Column]) -> Format:
    """The reading, in full: with it nothing is recognised anew."""
    kinds = {column.name: column.type for column in columns}
    keys: dict[str, object] = {
        "times": {name: kind for name, kind in spelling.times.items() if kinds.get(name) == "timestamp"}
    }
    if any(kind == "number" and raw.frame.schema[name] == pl.String for name, kind in kinds.items()):
        keys |= {"decimal": spelling.marks.decimal, "thousands": spelling.marks.thousands or "none"}
    return raw.form.model_copy(update=keys)
