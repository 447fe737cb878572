"""What the strings of a file mean as numbers and times: recognised, and put into the plain spelling of the contract."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import polars as pl

from assay.contract.check import without_missing
from assay.contract.columns import Column
from assay.data.numbers import PLAIN, Marks, fits, recognise_marks, respell_numbers
from assay.data.read import Raw
from assay.data.times import recognise_times, respell_times
from assay.errors import DataError, Problem
from assay.spec.tree import TimeSpelling

#: What means a missing value wherever it stands.
_UNMISTAKABLE = frozenset(
    [
        "n/a",
        "N.A.",
        "n.a.",
        "#N/A",
        "#NA",
        "<NA>",
        "<null>",
        "(null)",
        "NaT",
        "\\N",
        "#NULL!",
        "#DIV/0!",
        "#VALUE!",
        "#REF!",
        "#NAME?",
        "#NUM!",
        "-nan",
        "-NaN",
        "1.#QNAN",
    ]
)
#: What means a missing value where all others are numbers or times.
_AMONG_NUMBERS = frozenset(
    [
        "-",
        "--",
        "---",
        ".",
        "..",
        "na",
        "Na",
        "none",
        "None",
        "NONE",
        "nil",
        "Nil",
        "NIL",
        "missing",
        "Missing",
        "unknown",
        "Unknown",
        "undefined",
        "*",
        "x",
        "X",
        "#",
    ]
)
_LONG = 30
_SHOWN = 5


class Spelling(NamedTuple):
    """How the strings of a file spell numbers, and the times of each column of them."""

    marks: Marks = PLAIN
    times: dict[str, TimeSpelling] = {}  # noqa: RUF012 - never changed


def recognise_spelling(
    raw: Raw,
    *,
    numbers: Collection[str],
    times: Collection[str],
    known_times: Collection[str] = (),
    day_first: bool | None = None,
) -> Spelling:
    """How the columns `numbers` and `times`, which may be the same, spell them; what `raw.form` says is taken as said.

    `known_times` are times by somebody's word.

    Raises:
        DataError: a value may mean either of two things; names it and the key that decides.
    """
    form = raw.form
    found: dict[str, TimeSpelling] = {}
    for series in _present(raw, times):
        if series.dtype.is_temporal() or series.dtype == pl.Boolean:
            continue
        kind = form.times.get(series.name)
        if kind is None:
            kind = recognise_times(series, known=series.name in known_times, day_first=day_first)
        if kind is not None:
            found[series.name] = kind
    strings = [series for series in _present(raw, numbers) if series.dtype == pl.String and series.name not in found]
    delimiter = None if raw.dialect is None else raw.dialect.delimiter
    return Spelling(recognise_marks(strings, delimiter, form.decimal, form.thousands), found)


def respell(raw: Raw, spelling: Spelling, columns: Sequence[Column] | None = None) -> Raw:
    """The rows with their numbers and times in plain spelling; all columns that look so, or those of the contract.

    Raises:
        DataError: a value of a number column is a number only by other marks.
    """
    changed: list[pl.Series] = []
    if columns is None:
        numbers = [series.name for series in _present(raw, raw.frame.columns) if _is_marked(series, spelling.marks)]
        times = list(spelling.times)
    else:
        numbers = [column.name for column in columns if column.type == "number"]
        times = [column.name for column in columns if column.type == "timestamp" and column.name in spelling.times]
    for series in _present(raw, numbers):
        plain, elsewhere = respell_numbers(series, spelling.marks)
        if elsewhere and columns is not None:
            raise _other_marks(raw, series, spelling.marks, elsewhere)
        changed.append(plain)
    changed += [respell_times(series, spelling.times[series.name]) for series in _present(raw, times)]
    return replace(raw, frame=raw.frame.with_columns(changed))


def find_missing(raw: Raw, names: Collection[str] | None = None) -> tuple[str, ...]:
    """The spellings of missing that the columns `names`, or all, have besides those of `raw.form`, sorted."""
    found: set[str] = set()
    for series in _present(raw, raw.frame.columns if names is None else names):
        if series.dtype != pl.String:
            continue
        values = series.drop_nulls().str.strip_chars()
        if values.is_empty() or float(values.str.len_chars().to_numpy().mean()) > _LONG:
            continue  # In text such words are what somebody wrote.
        here = set(values.unique().to_list())
        found |= here & _UNMISTAKABLE
        odd = here & _AMONG_NUMBERS
        if odd and _are_figures(values.filter(~values.is_in(list(odd | _UNMISTAKABLE)))):
            found |= odd
    return tuple(sorted(found))


def _are_figures(values: pl.Series) -> bool:
    """Whether all values begin like a number or a date, in any spelling."""
    return not values.is_empty() and bool(values.str.contains(r"^[-+]?[.,]?\d[\d.,:/' -]*([eE][-+]?\d+)?$").all())


def _present(raw: Raw, names: Collection[str]) -> Iterator[pl.Series]:
    for name in raw.frame.columns:
        if name in names:
            yield without_missing(raw.frame[name], raw.form.missing)


def _is_marked(series: pl.Series, marks: Marks) -> bool:
    return marks != PLAIN and series.dtype == pl.String and fits(series, marks)


def _other_marks(raw: Raw, series: pl.Series, marks: Marks, rows: Sequence[int]) -> DataError:
    said = f"the decimal mark {marks.decimal!r}" + (
        f" and {marks.thousands!r} between thousands" * bool(marks.thousands)
    )
    shown = [Problem(f"column {series.name}", f"has {series[row]!r} in {raw.place(row)}") for row in rows[:_SHOWN]]
    return DataError(
        f"column {series.name}: {len(rows)} of its values are no numbers with {said}",
        problems=shown,
        remedy="mend them, or say data.format.decimal and data.format.thousands",
    )
