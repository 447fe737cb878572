"""Rows with any number of labels: one column of yes or no for each label, or one column of labels with a separator."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assay.contract.check import without_missing
from assay.data.read import Raw
from assay.errors import DataError, Problem
from assay.spec.label import JoinedLabels

#: How a label column says that the label applies, and that it does not, in any case.
SPELLINGS = {
    **dict.fromkeys(("1", "true", "yes", "y", "t"), 1),
    **dict.fromkeys(("0", "false", "no", "n", "f"), 0),
}
MOST_LABELS = 1000
_SHOWN = 5


class LabelSets(NamedTuple):
    """`values` (rows, labels) is 1 where a label applies; in the rows of `missing` nobody knows."""

    names: tuple[str, ...]
    values: NDArray[np.int64]
    missing: NDArray[np.bool_]

    def take(self, rows: NDArray[np.intp]) -> LabelSets:
        """The rows at `rows`, in that order."""
        return LabelSets(self.names, self.values[rows], self.missing[rows])


def read_label_sets(
    raw: Raw,
    label: tuple[str, ...] | JoinedLabels,
    missing_values: Sequence[str],
    classes: tuple[str, ...] | None = None,
    *,
    blank_is_none: bool = False,
) -> LabelSets:
    """The labels of every row, as `label` says where they stand; `classes` are all that joined labels may be. Where
    `blank_is_none`, a blank cell says that no label applies, and no row is missing.

    Raises:
        DataError: a cell says neither yes nor no, or names a label outside `classes`; or the labels cannot be learned
            from, because there are too few or too many of them.
    """
    if isinstance(label, JoinedLabels):
        place, found = f"column {label.column}", _joined(raw, label, missing_values, classes)
    else:
        place, found = "data.label", _by_column(raw, label, missing_values)
    if blank_is_none:
        found = found._replace(missing=np.zeros_like(found.missing))
    _check(found, place)
    return found


def label_strings(series: pl.Series, missing_values: Sequence[str]) -> pl.Series:
    """Labels as strings, null where missing: 1.0 is 1, flags are true and false, blanks around are gone."""
    series = without_missing(series, missing_values)
    if series.dtype.is_float() and bool((series.drop_nulls() == series.drop_nulls().floor()).all()):
        series = series.cast(pl.Int64)
    return series.cast(pl.String).str.strip_chars()


def split_labels(cell: str, separator: str) -> list[str]:
    """The labels in one cell; blanks around them and repeats do not count."""
    return [label for label in dict.fromkeys(part.strip() for part in cell.split(separator)) if label]


def _by_column(raw: Raw, columns: Sequence[str], missing_values: Sequence[str]) -> LabelSets:
    values = np.zeros((raw.frame.height, len(columns)), dtype=np.int64)
    missing = np.zeros(raw.frame.height, dtype=bool)
    problems: list[Problem] = []
    for position, name in enumerate(columns):
        cells = label_strings(raw.frame[name], missing_values)
        spelt = cells.str.to_lowercase()
        said = spelt.replace_strict(SPELLINGS, default=None, return_dtype=pl.Int64)
        problems += _unread(name, cells.filter(said.is_null()).to_list(), said.is_null() & cells.is_not_null(), raw)
        values[:, position] = said.fill_null(0).to_numpy()
        missing |= cells.is_null().to_numpy()
    if problems:
        raise DataError(
            f"{len(problems)} label column(s) say something other than yes and no",
            problems=problems,
            remedy=f"they say {', '.join(SPELLINGS)}; mend these cells, or leave the column out of data.label",
        )
    return LabelSets(tuple(columns), values, missing)


def _unread(name: str, cells: list[str | None], wrong: pl.Series, raw: Raw) -> list[Problem]:
    rows = wrong.arg_true().to_list()
    if not rows:
        return []
    spelt = ", ".join(repr(cell)[:40] for cell in list(dict.fromkeys(cell for cell in cells if cell is not None))[:3])
    return [Problem(f"column {name}", f"{spelt} in {len(rows)} row{'s' * (len(rows) > 1)} ({_rows(rows, raw.place)})")]


def _joined(raw: Raw, label: JoinedLabels, missing_values: Sequence[str], classes: tuple[str, ...] | None) -> LabelSets:
    cells = label_strings(raw.frame[label.column], missing_values).to_list()
    sets = [[] if cell is None else split_labels(cell, label.separator) for cell in cells]
    names = classes or tuple(sorted({name for labels in sets for name in labels}))
    if len(names) > MOST_LABELS:
        raise DataError(
            f"column {label.column}: {len(names)} different labels, at most {MOST_LABELS} can be learned",
            remedy=f"is {label.separator!r} what stands between two labels?",
        )
    position = {name: number for number, name in enumerate(names)}
    values = np.zeros((len(cells), len(names)), dtype=np.int64)
    unknown: Counter[str] = Counter()
    first: dict[str, list[int]] = {}
    for row, labels in enumerate(sets):
        for name in labels:
            if name in position:
                values[row, position[name]] = 1
            else:
                unknown[name] += 1
                first.setdefault(name, []).append(row)
    if unknown:
        raise DataError(
            f"column {label.column} has {len(unknown)} label(s) that data.classes does not name",
            problems=[
                Problem(f"column {label.column}", f"{name!r} in {count} row(s) ({_rows(first[name], raw.place)})")
                for name, count in unknown.most_common()
            ],
            remedy="mend these labels, or add them to data.classes",
        )
    return LabelSets(names, values, np.array([not labels for labels in sets], dtype=bool))


def _check(found: LabelSets, place: str) -> None:
    """Every label must apply to some rows and not to others."""
    known = found.values[~found.missing]
    if len(found.names) < 2:
        only = found.names[0] if found.names else None
        raise DataError(
            f"{place}: {'no row has a label' if only is None else f'{only!r} is the only label'}",
            remedy="the task multilabel needs at least two labels; with one, name its column as data.label",
        )
    applies = known.sum(axis=0)
    problems = [
        Problem(name, "applies to no row" if not count else "applies to every row")
        for name, count in zip(found.names, applies.tolist(), strict=True)
        if count in (0, len(known))
    ]
    if problems:
        raise DataError(
            f"{len(problems)} label(s) are the same in every row",
            problems=problems,
            remedy="leave these labels out, or add rows that differ in them; where a blank cell says that no label "
            "applies, write data.unlabelled: none (init: --unlabelled none)",
        )


def _rows(rows: Sequence[int], place: Callable[[int], str]) -> str:
    return "; ".join(place(row) for row in rows[:_SHOWN]) + ("; ..." if len(rows) > _SHOWN else "")
