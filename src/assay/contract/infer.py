"""What the columns of a file are, inferred from its values; and what was seen, for a person to judge the guess."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

import polars as pl

from assay.contract.cells import epoch_seconds
from assay.contract.check import without_missing
from assay.contract.columns import Column, ColumnType

_MISSING = "missing"
_TEXT_CHARACTERS = 30
_TEXT_WORDS = 4
#: What is written like a number and is the name of something: leading zeros, more digits than a number keeps, an
#: international call prefix.
_NAMES_OF_DIGITS = r"^\s*([-+]?0\d|[-+]?\d{16,}|\+\d{7,})"
#: A whole number with an exponent is a name too, but for one among fractions.
_WITH_EXPONENT = r"^\s*\d+[eE]\d+\s*$"
_FRACTION = r"^\s*[-+]?\d*\.\d+\s*$"
_ISO_DATE = r"^\s*\d{4}-\d{2}-\d{2}"
_MIDNIGHT = r"[T ]00:00:00(\.0+)?(\+00:00)?$"
#: A column of so many numbers, or times, is one of them with mistakes in it, which the check will name.
_MOSTLY = 0.99
_MOST_CATEGORIES = 1000


class Seen(NamedTuple):
    """An inferred column, and a line about its values. `column` is None when there is nothing to learn from it."""

    column: Column | None
    comment: str


def infer(
    frame: pl.DataFrame,
    missing_values: Sequence[str],
    *,
    ids: Collection[str] = (),
    times: Collection[str] = (),
) -> dict[str, Seen]:
    """Infer one contract column for each column of `frame`; `ids` and `times` are known to be that.

    Missing numbers are imputed by the median, missing categories are a category of their own, missing flags are the
    most frequent one, missing text is empty, and missing times stay missing. A column without missing values refuses
    them later. A known time that is a number, such as a position in a sequence, stays one.
    """
    return {
        series.name: _infer_column(without_missing(series, missing_values), series.name in ids, series.name in times)
        for series in frame
    }


def _infer_column(series: pl.Series, known_id: bool, known_time: bool) -> Seen:
    present = series.drop_nulls()
    if present.is_empty():
        return Seen(None, "no values at all")
    kind: ColumnType = "id" if known_id else _kind_of_time(present) if known_time else _kind(present)
    missing = series.null_count()
    comment = _seen(kind, present) + (f"; {missing} missing" if missing else "")
    if odd := _odd(kind, series):
        comment = f"{odd}; {comment}"
    if not missing or kind == "id":
        return Seen(Column(name=series.name, type=kind, max_length=_max_length(kind, present)), comment)
    if kind in ("number", "timestamp"):
        return Seen(Column(name=series.name, type=kind, missing="median" if kind == "number" else "keep"), comment)
    if kind == "boolean":
        return Seen(Column(name=series.name, type=kind, missing="most_frequent"), comment)
    constant = _MISSING if kind == "category" else ""
    column = Column(
        name=series.name, type=kind, missing="constant", constant=constant, max_length=_max_length(kind, present)
    )
    return Seen(column, comment)


def _kind_of_time(present: pl.Series) -> ColumnType:
    if present.dtype.is_temporal():
        return "timestamp"
    return "number" if _numbers(present).count() >= _MOSTLY * len(present) else "timestamp"


def _kind(present: pl.Series) -> ColumnType:
    if present.dtype == pl.Boolean:
        return "boolean"
    if present.dtype.is_numeric():
        return "id" if _counts_rows(present) or _has_too_many_digits(present) else "number"
    if present.dtype.is_temporal():
        return "timestamp"
    return _kind_of_strings(present.cast(pl.String))


def _kind_of_strings(present: pl.Series) -> ColumnType:
    if present.str.strip_chars().str.to_lowercase().is_in(["true", "false"]).all():
        return "boolean"
    numbers = _numbers(present).drop_nulls()
    if len(numbers) >= _MOSTLY * len(present) and not names_of_digits(present).any():
        return "id" if _counts_rows(numbers) and len(numbers) == len(present) else "number"
    if are_iso_times(present).sum() >= _MOSTLY * len(present):
        return "timestamp"
    words = _mean(present.str.count_matches(r"\S+"))
    length = _mean(present.str.len_chars())
    values = present.n_unique()
    distinct = values / len(present)
    if distinct > 0.3 and words > 1.5 and (words >= _TEXT_WORDS or length >= _TEXT_CHARACTERS):
        return "text"
    if values > _MOST_CATEGORIES:
        return "text" if words > 1.5 else "id"
    return "id" if distinct == 1.0 and len(present) > 20 and words < 1.5 else "category"


def _numbers(series: pl.Series) -> pl.Series:
    """The finite numbers of a column, null where it has none."""
    if series.dtype == pl.String:
        series = series.str.strip_chars()
    numbers = series.cast(pl.Float64, strict=False)
    return numbers.set(numbers.is_finite().not_(), None)


def _odd(kind: ColumnType, series: pl.Series) -> str:
    """What stands among the numbers or times and is none, and where; empty when there is nothing."""
    if kind == "number":
        known = _numbers(series).is_not_null()
    elif kind == "timestamp" and series.dtype == pl.String:
        known = are_iso_times(series)
    else:
        return ""
    rows = (~known & series.is_not_null()).arg_true().to_list()
    if not rows:
        return ""
    what = "NUMBER" if kind == "number" else "TIME"
    return f"NOT A {what} in {len(rows)} rows, first {series[rows[0]]!r} in row {rows[0] + 1}"


def _counts_rows(numbers: pl.Series) -> bool:
    """Whether the values number the rows: all different whole numbers without a gap."""
    if len(numbers) <= 20 or numbers.n_unique() != len(numbers):
        return False
    low, high = numbers.min(), numbers.max()
    return isinstance(low, int | float) and isinstance(high, int | float) and high - low == len(numbers) - 1


def _has_too_many_digits(numbers: pl.Series) -> bool:
    """Whether whole numbers have more digits than float64 keeps."""
    return numbers.dtype.is_integer() and bool((numbers.cast(pl.Float64).abs() >= 1e15).any())


def names_of_digits(strings: pl.Series) -> pl.Series:
    """Which strings are written like a number and are the name of something."""
    exponents = strings.str.contains(_WITH_EXPONENT)
    if exponents.any() and strings.str.contains(_FRACTION).any():
        return strings.str.contains(_NAMES_OF_DIGITS)
    return strings.str.contains(_NAMES_OF_DIGITS) | exponents


def are_iso_times(strings: pl.Series) -> pl.Series:
    """Which strings are a date or a time of ISO 8601."""
    dated = strings.str.contains(_ISO_DATE)
    if not dated.any():
        return dated
    times = [value for value in strings.filter(dated).unique() if _is_time(value)]
    return dated & strings.is_in(times)


def _is_time(value: str) -> bool:
    try:
        epoch_seconds(value)
    except (ValueError, OverflowError):
        return False
    return True


def _mean(counts: pl.Series) -> float:
    return float(counts.to_numpy().mean())


def _max_length(kind: ColumnType, present: pl.Series) -> int:
    default = Column(name="", type="text").max_length
    if kind != "text":
        return default
    longest = present.cast(pl.String).str.len_chars().max()
    return default if not isinstance(longest, int) or longest <= default else 2 * longest


def _seen(kind: ColumnType, present: pl.Series) -> str:
    if kind == "number":
        numbers = _numbers(present).drop_nulls().to_numpy()
        return f"{numbers.min():g} to {numbers.max():g}"
    if kind == "text":
        length = present.cast(pl.String).str.len_chars().to_numpy()
        return f"{length.min()} to {length.max()} characters"
    if kind in ("category", "boolean"):
        counts = present.cast(pl.String).value_counts(sort=True)
        names = counts[present.name].to_list()
        top = ", ".join(str(name)[:30] for name in names[:4])
        return f"{len(names)} values: {top}{', ...' if len(names) > 4 else ''}"
    if kind == "timestamp":
        times = present.cast(pl.String).str.replace(_MIDNIGHT, "").sort()
        return f"{times.item(0)} to {times.item(-1)}"
    return f"{present.n_unique()} different values"
