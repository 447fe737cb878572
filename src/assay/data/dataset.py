"""A labelled data set: the rows of a file, checked against the contract, each with its class."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assay.contract.check import check_frame, closest
from assay.contract.columns import Column, Contract
from assay.contract.table import Table
from assay.data.columns import find_columns
from assay.data.labels import LabelSets, label_strings, read_label_sets
from assay.data.read import Raw, read
from assay.data.reading import Reading
from assay.errors import DataError, Problem
from assay.spec import Spec, check_classes
from assay.values import Task

_MOST_CLASSES = 1000
_SHOWN = 5
_AROUND_LABELS = " .,;:'\""
_WITH_POINT = re.compile(r"[-+]?\d+\.\d+")


@dataclass(frozen=True, slots=True)
class Dataset:
    """Checked rows with their labels.

    `labels` (rows,) int64 are indices into `contract.classes`; in a multilabel task they are (rows, classes), 1 where a
    label applies; `entity` (rows,) strings or None; `time` (rows,) epoch seconds, or numbers that only say the order;
    `part` (rows,) the column that names train, validation and gate. `dropped` rows had no label. `unused` are columns
    of the file outside the spec, `after_outcome` columns of the spec that are known too late to be features. `place`
    names a row for a person, `reading` says how the file was read.
    """

    table: Table
    labels: NDArray[np.int64]
    contract: Contract
    checksum: str
    place: Callable[[int], str]
    reading: Reading = field(default_factory=Reading)
    entity: NDArray[Any] | None = None
    time: NDArray[np.float64] | None = None
    part: NDArray[Any] | None = None
    dropped: int = 0
    unused: tuple[str, ...] = ()
    after_outcome: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """How many labelled rows there are."""
        return self.table.rows

    @property
    def moments(self) -> NDArray[np.float64] | None:
        """`time` where it is one, epoch seconds; None where there is none or it only says the order."""
        kinds = {column.name: column.type for column in self.contract.columns}
        return self.time if kinds.get(self.contract.time or "") == "timestamp" else None

    def rows_of(self, number: int) -> NDArray[np.bool_]:
        """Which rows are of a class, or have a label, by its number."""
        return np.asarray(self.labels == number if self.labels.ndim == 1 else self.labels[:, number] == 1)


def count_labels(labels: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """The rows of each class, from class numbers (rows,) or from flags (rows, classes)."""
    return np.bincount(labels, minlength=classes) if labels.ndim == 1 else labels.sum(axis=0)


def load_dataset(spec: Spec, directory: Path, columns: tuple[Column, ...] | None = None) -> Dataset:
    """Read, label and check the data of a spec whose source is relative to `directory`. `columns` take the place of the
    spec's, where a model brings its own.

    Raises:
        DataError: one report of everything that is wrong with the file: columns, rows, counts.
        SpecError: the spec does not fit the classes of the data.
    """
    raw, read_labels, dropped = read_labelled(spec, directory)
    task, classes, labels = _number(spec, raw, read_labels)
    check_classes(spec, task, classes)
    columns, raw = find_columns(spec, raw, {*spec.data.label_columns, *_part_column(spec)}, columns)
    contract = _contract(spec, columns, task, classes)
    table, problems = check_frame(contract, raw.frame, raw.place)
    if problems:
        raise DataError(
            f"{spec.data.source} breaks the contract in {len(problems)} {'way' if len(problems) == 1 else 'ways'}",
            problems=problems,
            remedy="mend the data, or say in columns: what such values mean (missing:, min:, max:, unknown:, type:)",
        )
    known = {*contract.names, *spec.data.label_columns, *_part_column(spec)}
    return Dataset(
        table=table,
        labels=labels if contract.classes == classes else len(classes) - 1 - labels,
        contract=contract,
        checksum=raw.checksum,
        place=raw.place,
        reading=Reading.of(raw.kind, raw.form),
        entity=table.columns[contract.entity] if contract.entity else None,
        time=table.columns[contract.time] if contract.time else None,
        part=_part(spec, raw),
        dropped=dropped,
        unused=tuple(name for name in raw.frame.columns if name not in known and name not in spec.columns),
        after_outcome=tuple(name for name, column in spec.columns.items() if column.available == "after_outcome"),
    )


def read_labelled(spec: Spec, directory: Path) -> tuple[Raw, list[str] | LabelSets, int]:
    """The raw rows that have a label, their labels, and how many rows had none; the rows of `load_dataset`.

    Raises:
        DataError: the file cannot be read, or labels are missing that the spec asks for.
    """
    source = directory / spec.data.source
    return _labelled(read(source, spec.data.format), spec, source)


def _number(spec: Spec, raw: Raw, labels: list[str] | LabelSets) -> tuple[Task, tuple[str, ...], NDArray[np.int64]]:
    """The task, its classes, and the labels as numbers."""
    if isinstance(labels, LabelSets):
        return "multilabel", labels.names, labels.values
    column = spec.data.label_columns[0]
    classes = class_names(labels, column)
    if spec.data.classes is not None:
        classes = _in_order(classes, spec.data.classes, labels, column, raw.place)
    task = find_task(classes, spec.task)
    if task != "binary" and (spec.task == "binary" or (spec.task is None and spec.data.positive in classes)):
        raise _unexpected(labels, column, raw.place)
    position = {name: index for index, name in enumerate(classes)}
    return task, classes, np.array([position[label] for label in labels], dtype=np.int64)


def _in_order(
    seen: Sequence[str], classes: tuple[str, ...], labels: Sequence[str], column: str, place: Callable[[int], str]
) -> tuple[str, ...]:
    """The classes as the spec orders them, which must be those of the data."""
    problems = [_unknown_label(name, labels, column, place) for name in seen if name not in classes]
    problems += [Problem("data.classes", f"no row has the label {name!r}") for name in classes if name not in seen]
    if problems:
        raise DataError(
            f"column {column} does not have the classes that data.classes names",
            problems=problems,
            remedy="mend these labels, or data.classes",
        )
    return classes


def class_names(labels: Sequence[str], column: str) -> tuple[str, ...]:
    """The classes: numbers by value, other labels by the alphabet.

    Raises:
        DataError: there are fewer than two, so many that the column cannot be a label, or one in several spellings.
    """
    names = set(labels)
    if len(names) < 2:
        only = next(iter(names), None)
        raise DataError(
            f"column {column}: {'no row has a label' if only is None else f'every row is {only!r}'}",
            remedy="a classifier needs examples of at least two classes; a cell that is blank or says NA has no label, "
            "unless data.classes names the word",
        )
    if len(names) > _MOST_CLASSES or (len(names) > 20 and len(names) > len(labels) / 2):
        raise DataError(
            f"column {column}: {len(names)} different labels in {len(labels)} rows",
            remedy="name the column that holds the class; to predict a number, put it into classes first",
        )
    _refuse_spellings(labels, column)
    try:
        return tuple(sorted(names, key=lambda name: (float(name), name)))
    except ValueError:
        return tuple(sorted(names))


def plain_number(label: str) -> str:
    """A number without zeros behind its point: 1.0 is 1."""
    return label.rstrip("0").rstrip(".") if _WITH_POINT.fullmatch(label) else label


def _plain_label(label: str) -> str:
    """What several spellings of one label have in common; a single letter is what it is."""
    if len(label) == 1:
        return label
    plain = " ".join(unicodedata.normalize("NFC", label).split())
    return plain_number(plain) if _WITH_POINT.fullmatch(plain) else plain.strip(_AROUND_LABELS).casefold()


def _refuse_spellings(labels: Sequence[str], column: str) -> None:
    """Classes that differ only in case, punctuation at the end, blanks, how an accent is written or zeros behind a
    point are one class, spelt in several ways.
    """
    counts = Counter(labels)
    spellings: dict[str, list[str]] = {}
    for name in sorted(counts, key=lambda name: (-counts[name], name)):
        spellings.setdefault(_plain_label(name), []).append(name)
    problems = [
        Problem(f"column {column}", f"label {other!r} in {_rows(counts[other])}: {meant!r} in {_rows(counts[meant])}?")
        for meant, *others in spellings.values()
        for other in others
    ]
    if problems:
        raise DataError(
            f"column {column}: labels that differ in their spelling only",
            problems=problems[:_SHOWN],
            remedy="write each label in one spelling",
        )


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"


def find_task(classes: Sequence[str], wanted: Task | None = None) -> Task:
    """The task that the classes make, unless two of them are wanted as multi-class."""
    return "binary" if len(classes) == 2 and wanted != "multiclass" else "multiclass"


def _unexpected(labels: Sequence[str], column: str, place: Callable[[int], str]) -> DataError:
    """A binary task with more than two labels: the rare ones are the likely mistakes."""
    rare = Counter(labels).most_common()[2:]
    return DataError(
        f"column {column}: {len(rare) + 2} labels do not make the task binary",
        problems=[_unknown_label(name, labels, column, place) for name, _ in rare[:_SHOWN]],
        remedy="mend these labels, or write task: multiclass",
    )


def _unknown_label(name: str, labels: Sequence[str], column: str, place: Callable[[int], str]) -> Problem:
    rows = [index for index, label in enumerate(labels) if label == name]
    first = ", ".join(place(index) for index in rows[:_SHOWN])
    return Problem(f"column {column}", f"unknown label {name!r} in {len(rows)} row{'s' * (len(rows) > 1)} ({first})")


def _labelled(raw: Raw, spec: Spec, source: Path) -> tuple[Raw, list[str] | LabelSets, int]:
    """The rows that have a label, and their labels."""
    columns = spec.data.label_columns
    for label in columns:
        if label in raw.left_out:
            raise DataError(
                f"{source}: the label column {label} {raw.left_out[label]}",
                remedy="write the labels of a row as one word, or with a separator between them",
            )
        if label not in raw.frame.columns:
            raise DataError(
                f"{source}: the label column {label!r} is not there",
                remedy=f"name one of its columns in data.label: {closest(label, raw.frame.columns)}",
            )
    missing_values = [word for word in spec.data.format.missing if word not in (spec.data.classes or ())]
    if not isinstance(spec.data.label, str):
        blank_is_none = spec.data.unlabelled == "none"
        sets = read_label_sets(raw, spec.data.label, missing_values, spec.data.classes, blank_is_none=blank_is_none)
        kept = _kept(raw, spec, sets.missing)
        return _only(raw, kept), sets.take(kept), raw.frame.height - len(kept)
    labels = label_strings(raw.frame[columns[0]], missing_values)
    kept = _kept(raw, spec, labels.is_null().to_numpy())
    return _only(raw, kept), labels[kept].to_list(), raw.frame.height - len(kept)


def _kept(raw: Raw, spec: Spec, missing: NDArray[np.bool_]) -> NDArray[np.intp]:
    """The rows that have a label, where the spec does not ask for it in all of them."""
    absent = np.flatnonzero(missing)
    if absent.size and spec.data.unlabelled == "reject":
        first = ", ".join(raw.place(int(index)) for index in absent[:_SHOWN])
        columns = spec.data.label_columns
        raise DataError(
            f"column{'s' * (len(columns) > 1)} {', '.join(columns)}: "
            f"{absent.size} of {missing.size} rows have no label ({first})",
            remedy="label them, or write data.unlabelled: drop to leave them out"
            + ("" if isinstance(spec.data.label, str) else ", or none where blank says that no label applies"),
        )
    return np.flatnonzero(~missing)


def _only(raw: Raw, rows: NDArray[np.intp]) -> Raw:
    if len(rows) == raw.frame.height:
        return raw
    return replace(raw, frame=raw.frame[rows], place=lambda row: raw.place(int(rows[row])))


def _contract(spec: Spec, columns: tuple[Column, ...], task: Task, classes: tuple[str, ...]) -> Contract:
    positive = (spec.data.positive or classes[-1]) if task == "binary" else None
    if positive is not None and positive == classes[0]:
        classes = classes[::-1]
    return Contract(
        task=task,
        classes=classes,
        columns=columns,
        positive=positive,
        entity=spec.data.entity,
        time=spec.data.time,
        missing_values=tuple(sorted(set(spec.data.format.missing))),
    )


def _part_column(spec: Spec) -> set[str]:
    column = spec.data.split.column
    return {column} if spec.data.split.method == "column" and column is not None else set()


def _part(spec: Spec, raw: Raw) -> NDArray[Any] | None:
    for name in _part_column(spec):
        if name not in raw.frame.columns:
            raise DataError(f"{spec.data.source}: the split column {name!r} is not in the data")
        return raw.frame[name].cast(pl.String).str.strip_chars().to_numpy()
    return None
