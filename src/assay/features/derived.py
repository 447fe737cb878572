"""Derived columns, computed from other columns before encoding, for one row and for a table: numbers, and joined texts.

What has no value (a division by zero, a missing part, an overflow, a date outside the years 1 to 9999) is missing,
and is imputed like any missing number. Both forms give the same bits. An `age` is of [later, earlier], in days.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.errors import NotFoundError
from assay.features.plan import Derived
from assay.values import Cell

#: Operations on one text.
TEXTUAL = frozenset({"length", "keyword"})

_DAY = 86_400
_FIRST = -62_135_596_800.0  # 0001-01-01
_END = 253_402_300_800.0  # 10000-01-01
_INFINITY = float("inf")

Cells = Sequence[Cell]
RowStep = Callable[[Cells], Cell]


def prepare_derived_row(derived: Derived, positions: Mapping[str, int]) -> RowStep:
    """The function that computes this column from a row's cells; `positions` says where the columns stand.

    Raises:
        NotFoundError: a column that is used is not among `positions`.
    """
    at = [_position(derived, name, positions) for name in derived.of]
    if derived.op == "join":
        return lambda cells: _joined(cells[position] for position in at)
    if derived.op in TEXTUAL:
        measure = _measure(derived)
        return _textual_row(at[0], measure)
    if derived.op == "date_part":
        return _date_row(at[0], derived.part or "hour")
    if derived.op == "bucket":
        return _bucket_row(at[0], derived.edges)
    return _pair_row(derived.op, at[0], at[1])


def derived_column(derived: Derived, columns: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    """The column for all rows of a table: float64 with NaN for missing; joined texts are objects with None."""
    values = [columns[name] for name in derived.of]
    if derived.op == "join":
        texts = np.empty(len(values[0]), dtype=object)
        texts[:] = [_joined(cells) for cells in zip(*values, strict=True)]
        return texts
    if derived.op in TEXTUAL:
        measure = _measure(derived)
        return np.array([np.nan if cell is None else measure(cell) for cell in values[0]], dtype=np.float64)
    if derived.op == "date_part":
        return _date_column(values[0], derived.part or "hour")
    if derived.op == "bucket":
        found = np.searchsorted(np.asarray(derived.edges), values[0], side="right").astype(np.float64)
        return np.where(np.isnan(values[0]), np.nan, found)
    return _pair_column(derived.op, values[0], values[1])


def _position(derived: Derived, name: str, positions: Mapping[str, int]) -> int:
    if name not in positions:
        raise NotFoundError(f"the derived column {derived.name!r} needs the column {name!r}, which does not exist")
    return positions[name]


def _joined(cells: Iterable[Cell]) -> str | None:
    return "\n".join(cell for cell in cells if isinstance(cell, str)) or None


def _measure(derived: Derived) -> Callable[[str], float]:
    if derived.op == "length":
        return lambda text: float(len(text))
    words = "|".join(re.escape(word.lower()) for word in derived.words)
    search = re.compile(rf"(?<!\w)(?:{words})(?!\w)").search
    return lambda text: 1.0 if search(text.lower()) else 0.0


def _textual_row(at: int, measure: Callable[[str], float]) -> RowStep:
    def step(cells: Cells) -> float | None:
        cell = cells[at]
        return measure(cell) if isinstance(cell, str) else None

    return step


def _bucket_row(at: int, edges: Sequence[float]) -> RowStep:
    def step(cells: Cells) -> float | None:
        cell = cells[at]
        return float(bisect_right(edges, cell)) if isinstance(cell, float) else None

    return step


def _date_row(at: int, part: str) -> RowStep:
    def step(cells: Cells) -> float | None:
        cell = cells[at]
        if not isinstance(cell, float) or not _FIRST <= cell < _END:
            return None
        return float(_date_part(part, int(cell // 1.0)))

    return step


def _date_column(times: NDArray[np.float64], part: str) -> NDArray[np.float64]:
    known = (times >= _FIRST) & (times < _END)
    seconds = np.floor(np.where(known, times, 0.0)).astype(np.int64)
    return np.where(known, _date_part(part, seconds).astype(np.float64), np.nan)


def _date_part(part: str, seconds: Any) -> Any:
    """Part of the UTC date of whole epoch seconds, for an int or an int64 array; the weekday of a Monday is 0."""
    if part == "hour":
        return seconds % _DAY // 3600
    days = seconds // _DAY
    if part == "weekday":
        return (days + 3) % 7
    # Civil date from a day number: years begin in March, so that the leap day is the last one.
    shifted = days + 719_468
    day_of_era = shifted % 146_097
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month_from_march = (5 * day_of_year + 2) // 153
    if part == "day":
        return day_of_year - (153 * month_from_march + 2) // 5 + 1
    month = (month_from_march + 2) % 12 + 1
    if part == "month":
        return month
    return year_of_era + shifted // 146_097 * 400 + (month < 3)


def _pair_row(op: str, left: int, right: int) -> RowStep:
    def step(cells: Cells) -> float | None:
        a, b = cells[left], cells[right]
        if not isinstance(a, float) or not isinstance(b, float):
            return None
        if op == "ratio":
            value = a / b if b else _INFINITY
        elif op == "product":
            value = a * b
        elif op == "age":
            value = (a - b) / _DAY
        else:
            value = a - b
        return value if -_INFINITY < value < _INFINITY else None

    return step


def _pair_column(op: str, a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(all="ignore"):
        if op == "ratio":
            value = a / b
        elif op == "product":
            value = a * b
        elif op == "age":
            value = (a - b) / _DAY
        else:
            value = a - b
    return np.where(np.isfinite(value), value, np.nan)
