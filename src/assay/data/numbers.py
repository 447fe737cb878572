"""How a file spells numbers: the decimal mark and the one between thousands, recognised from all of its columns."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

import polars as pl

from assay.errors import DataError, Problem


class Marks(NamedTuple):
    """The marks within a number; `thousands` is None where there is none."""

    decimal: str = "."
    thousands: str | None = None


PLAIN = Marks()
#: Every known spelling, the likeliest first.
_SPELLINGS = (
    PLAIN,
    Marks(".", ","),
    Marks(",", None),
    Marks(",", "."),
    Marks(".", " "),
    Marks(",", " "),
    Marks(".", "'"),
    Marks(",", "'"),
)
_BLANKS = " \u00a0\u202f"
#: A column of so many numbers is one of numbers with mistakes in it, which the check will name.
_MOSTLY = 0.99
_FIRST, _FEW = 200, 0.9
_MAYBE_THOUSANDS = r"^[-+]?[1-9]\d{0,2}\.\d{3}$"
_SHOWN = 5


def recognise_marks(columns: Iterable[pl.Series], delimiter: str | None, decimal: str, thousands: str) -> Marks:
    """The marks under which all columns of numbers are read; `decimal` and `thousands` are `auto` or taken as said.

    `columns` are strings with null for missing. `delimiter` is that of the file: semicolons come with decimal commas.

    Raises:
        DataError: two columns are spelt differently, or a mark may mean either; names a value.
    """
    allowed = [
        marks
        for marks in (*_SPELLINGS, *_said(decimal, thousands))
        if decimal in ("auto", marks.decimal) and thousands in ("auto", marks.thousands or "none")
    ]
    common, owner = allowed, ""
    marked: list[pl.Series] = []
    for series in columns:
        fitting = _fitting(series, allowed)
        if not fitting:
            continue
        both = [marks for marks in common if marks in fitting]
        if not both:
            raise DataError(
                f"columns {owner} and {series.name} spell numbers differently ({_example(series)!r})",
                problems=[Problem(f"column {series.name}", f"has {_example(series)!r}")],
                remedy="spell them alike, or say data.format.decimal (init: --decimal), and the others stay words",
            )
        if len(both) < len(common):
            owner = series.name
        common = both
        if PLAIN not in fitting:
            marked.append(series)
    if len(common) > 1 and common[0] == Marks(".", ",") and Marks(",", None) in common:
        return _thousands_or_decimals(marked, delimiter)
    return common[0]


def fits(series: pl.Series, marks: Marks) -> bool:
    """Whether a column of strings, null for missing, is one of numbers so spelt."""
    return marks in _fitting(series, [marks])


def maybe_thousands(series: pl.Series) -> str | None:
    """A value whose point may part thousands: so do all points of the column, which has whole numbers besides."""
    present = series.drop_nulls().str.strip_chars()
    pointed = present.filter(present.str.contains(".", literal=True))
    if pointed.is_empty() or not pointed.str.contains(_MAYBE_THOUSANDS).all():
        return None
    return str(pointed[0]) if present.str.contains(r"^[-+]?\d+$").any() else None


def respell_numbers(series: pl.Series, marks: Marks) -> tuple[pl.Series, list[int]]:
    """The column with a decimal point and no other mark, and the rows whose value would be a number only elsewhere.

    What is no number at all stays as it is, for the check to name.
    """
    if marks == PLAIN or series.dtype != pl.String:
        return series, []
    stripped = series.str.strip_chars()
    fitting = stripped.str.contains(_pattern(marks))
    plain = stripped
    if marks.thousands is not None:
        plain = plain.str.replace_all(_class(marks.thousands), "")
    plain = plain.str.replace_all(marks.decimal, ".", literal=True)
    elsewhere = ~fitting & stripped.cast(pl.Float64, strict=False).is_finite()
    return series.zip_with(~fitting.fill_null(value=False), plain), elsewhere.arg_true().to_list()


def _said(decimal: str, thousands: str) -> list[Marks]:
    """Marks that only the spec can name."""
    if thousands in ("auto", "none") or Marks(".", thousands) in _SPELLINGS:
        return []
    return [Marks(mark, thousands) for mark in (".", ",") if decimal in ("auto", mark)]


def _fitting(series: pl.Series, allowed: Iterable[Marks]) -> list[Marks]:
    """The marks under which the most values are numbers; none where these are too few."""
    present = series.drop_nulls().str.strip_chars()
    if present.is_empty() or present.head(_FIRST).str.contains(r"\d").sum() < _FEW * min(len(present), _FIRST):
        return []
    counts = present.value_counts()
    values, weights = counts.to_series(0), counts.to_series(1)
    known = {marks: _sum(weights.filter(values.str.contains(_pattern(marks)))) for marks in allowed}
    most = max(known.values(), default=0)
    if most < _MOSTLY * len(present):
        return []
    return [marks for marks, count in known.items() if count == most]


def _sum(weights: pl.Series) -> int:
    return int(weights.sum())


@cache
def _pattern(marks: Marks) -> str:
    """A whole number, in groups of three or without, a fraction, an exponent."""
    groups = ""
    if marks.thousands is not None:
        groups = rf"|[1-9]\d{{0,2}}({_class(marks.thousands)}\d{{3}})+"
    decimal = re.escape(marks.decimal)
    return rf"^[-+]?((\d+{groups})({decimal}\d*)?|{decimal}\d+)([eE][-+]?\d+)?$"


def _class(mark: str) -> str:
    return f"[{_BLANKS}]" if mark == " " else re.escape(mark)


def _example(series: pl.Series) -> str:
    present = series.drop_nulls()
    unusual = present.filter(~present.str.strip_chars().str.contains(r"^[-+]?\d+$"))
    return str((unusual if len(unusual) else present)[0])


def _thousands_or_decimals(columns: Iterable[pl.Series], delimiter: str | None) -> Marks:
    """Every comma stands before exactly three digits: with numbers that have none it parts thousands."""
    if delimiter == ";":
        return Marks(",", None)
    for series in columns:
        if not series.drop_nulls().str.contains(",").all():
            return Marks(".", ",")
    series = next(iter(columns))
    raise DataError(
        f"column {series.name}: the comma in {_example(series)!r} may part thousands or be the decimal mark",
        remedy='say data.format.decimal (init: --decimal): "." or ","',
    )
