"""A frame from a file -> a checked table. Every fault is found before the first is reported."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assay.contract.cells import missing_time, prepare_cell
from assay.contract.columns import Column, Contract
from assay.contract.table import Codes, Table
from assay.errors import Problem

_SHOWN_ROWS = 5
#: Up to so many words are remembered with what became of them.
_FEW_WORDS = 128
_MISSING = "is missing, and the spec does not say what that means (missing: ...)"
_WORDS = {"true": True, "false": False}
Faults = dict[str, list[int]]


_NEARLY = 0.7


def check_frame(
    contract: Contract, frame: pl.DataFrame, place: Callable[[int], str] = lambda index: f"row {index + 1}"
) -> tuple[Table, list[Problem]]:
    """Check every column of `frame` and convert it.

    `frame` has columns of strings (from text files; null or one of the contract's `missing_values` is missing) or typed
    ones. `place` names a row of the frame for a person. Columns of the frame outside the contract are left out.

    Returns:
        The table, and one problem for each kind of fault of each column, with its first rows and its count.
    """
    problems = [
        Problem(f"column {name}", f"is not in the data; it has {closest(name, frame.columns)}")
        for name in contract.names
        if name not in frame.columns
    ]
    columns: dict[str, NDArray[Any] | Codes] = {}
    for column in contract.columns:
        if column.name not in frame.columns:
            continue
        faults: Faults = {}
        columns[column.name] = _convert(column, frame[column.name], contract.missing_values, faults)
        if column.required and column.type != "text" and faults.get(_MISSING) == list(range(frame.height)):
            faults = {f"has no value in any of the {frame.height} rows; remove it from columns": faults[_MISSING]}
        problems += [_problem(column, message, rows, place) for message, rows in faults.items()]
    return _table(columns, frame.height), problems


def check_rows(
    contract: Contract, frame: pl.DataFrame, codes: Mapping[str, Codes] | None = None
) -> tuple[Table, dict[int, list[Problem]]]:
    """Check every row on its own, as `check_frame` would: what is wrong with one says nothing of its neighbours.

    A column that the frame lacks is missing in every row. `codes` are columns of categories, as the file writes them,
    that are not in the frame.

    Returns:
        The table of all rows, and by row of the frame what is wrong with it; such a row of the table means nothing.
    """
    columns: dict[str, NDArray[Any] | Codes] = {}
    problems: dict[int, list[Problem]] = {}
    for column in contract.columns:
        faults: Faults = {}
        if codes and column.name in codes:
            columns[column.name] = _read_words(column, codes[column.name], contract.missing_values, faults)
        else:
            absent = column.name not in frame.columns
            series = pl.repeat(None, frame.height, dtype=pl.String, eager=True) if absent else frame[column.name]
            columns[column.name] = _convert(column, series, contract.missing_values, faults)
        for message, rows in faults.items():
            for row in rows:
                problems.setdefault(row, []).append(Problem(column.name, message))
    return _table(columns, frame.height), problems


def renamed(contract: Contract, names: Sequence[str]) -> list[Problem]:
    """A problem for each column that the data lacks while it has an unknown one of nearly that name: taken for missing,
    it would change answers without a word.
    """
    known = set(contract.names)
    unknown = {name.casefold(): name for name in names if name not in known}
    return [
        Problem(f"column {name}", f"is not in the data, which has {unknown[near[0]]!r}: rename it, or leave it out")
        for name in contract.names
        if name not in names and (near := difflib.get_close_matches(name.casefold(), unknown, 1, _NEARLY))
    ]


def _table(columns: Mapping[str, NDArray[Any] | Codes], rows: int) -> Table:
    codes = {name: found for name, found in columns.items() if isinstance(found, Codes)}
    cells = {name: found.cells if isinstance(found, Codes) else found for name, found in columns.items()}
    return Table(cells, rows, codes)


def closest(name: str, names: Sequence[str], most: int = 12) -> str:
    """The names that are most like `name`, likeliest first, then others in their order; `...` where there are more."""
    near = difflib.get_close_matches(name, names, 3, 0.6)
    shown = [*near, *(other for other in names if other not in near)]
    return ", ".join(shown[:most]) + (", ..." if len(shown) > most else "")


def without_missing(series: pl.Series, missing_values: Sequence[str]) -> pl.Series:
    """The series with null for every spelling of missing, surrounding blanks not counted."""
    if series.dtype == pl.String:
        stripped = series.str.strip_chars()
        return series.set(stripped.is_in(list(missing_values)) & series.is_not_null(), None)
    return series.fill_nan(None) if series.dtype.is_float() else series


def _convert(column: Column, series: pl.Series, missing_values: Sequence[str], faults: Faults) -> NDArray[Any] | Codes:
    if column.type == "category" and series.dtype == pl.String:
        return _words(column, series, missing_values, faults)
    if column.type == "number" and series.dtype.is_numeric():
        return _plain_numbers(column, series, faults)
    if column.type != "text":
        series = without_missing(series, missing_values)
    if column.required and column.type != "text":
        _note(faults, _MISSING, series.is_null())
    if column.type == "number" and series.dtype != pl.Boolean:
        return _numbers(column, series, faults)
    if column.type == "timestamp":
        times = _times(series) if series.dtype.is_temporal() else _cells(column, series, faults)
        constant = missing_time(column)
        return times if constant is None else np.where(np.isnan(times), constant, times)
    return _cells(column, series, faults)


def _times(series: pl.Series) -> NDArray[np.float64]:
    return series.cast(pl.Datetime("us")).dt.epoch("us").cast(pl.Float64).to_numpy() / 1e6


def _words(column: Column, series: pl.Series, missing_values: Sequence[str], faults: Faults) -> Codes:
    different = series.unique(maintain_order=True).drop_nulls()
    at = series.cast(pl.Enum(different)).to_physical().cast(pl.Int64).fill_null(len(different)).to_numpy()
    return _read_words(column, Codes(np.array([*different.to_list(), None], dtype=object), at), missing_values, faults)


def _read_words(column: Column, words: Codes, missing_values: Sequence[str], faults: Faults) -> Codes:
    """A word is read once, however many rows have it; few words once, however many tables have them."""
    read = _read_few if words.values.size <= _FEW_WORDS else _read_several
    values, wrong = read(column, tuple(words.values.tolist()), tuple(missing_values))
    for message, places in wrong.items():
        if (rows := np.flatnonzero(np.isin(words.at, places))).size:
            faults.setdefault(message, []).extend(rows.tolist())
    return Codes(values, words.at)


def _read_several(
    column: Column, words: tuple[str | None, ...], missing_values: tuple[str, ...]
) -> tuple[NDArray[Any], Faults]:
    """A cell for each word, and by message at which words it is wrong."""
    given = pl.Series(words, dtype=pl.String)
    stripped = _strings(column, without_missing(given, missing_values)).to_list()
    wrong: Faults = {}
    if column.required and (missing := [at for at, word in enumerate(stripped) if word is None]):
        wrong[_MISSING] = missing
    values = _read_all(column, stripped, wrong)
    values.flags.writeable = False
    return values, wrong


_read_few = lru_cache(maxsize=256)(_read_several)


def _plain_numbers(column: Column, series: pl.Series, faults: Faults) -> NDArray[np.float64]:
    """Numbers that are numbers already; NaN is missing."""
    numbers = series.cast(pl.Float64).to_numpy()
    missing, infinite = np.isnan(numbers), np.isinf(numbers)
    if column.required and missing.any():
        faults.setdefault(_MISSING, []).extend(np.flatnonzero(missing).tolist())
    for index in np.flatnonzero(infinite).tolist():
        faults.setdefault(f"must be a number, got {_shown(series[index])}", []).append(index)
    if column.outliers == "reject":
        low, high = _bounds(column)
        outside = np.flatnonzero(~infinite & ((numbers < low) | (numbers > high)))
        if outside.size:
            faults.setdefault(_outside(column), []).extend(outside.tolist())
    return numbers


def _bounds(column: Column) -> tuple[float, float]:
    return (
        -np.inf if column.minimum is None else column.minimum,
        np.inf if column.maximum is None else column.maximum,
    )


def _outside(column: Column) -> str:
    low, high = _bounds(column)
    return f"must lie between {low:g} and {high:g}"


def _numbers(column: Column, series: pl.Series, faults: Faults) -> NDArray[Any]:
    text = series.str.strip_chars() if series.dtype == pl.String else series
    numbers = text.cast(pl.Float64, strict=False)
    wrong = (numbers.is_null() | ~numbers.is_finite().fill_null(value=False)) & series.is_not_null()
    for index in wrong.arg_true().to_list():
        faults.setdefault(f"must be a number, got {_shown(series[index])}", []).append(index)
    if column.outliers == "reject":
        low, high = _bounds(column)
        outside = ~wrong & ((numbers < low) | (numbers > high)).fill_null(value=False)
        _note(faults, _outside(column), outside)
    return numbers.to_numpy().astype(np.float64)


def _cells(column: Column, series: pl.Series, faults: Faults) -> NDArray[Any]:
    """The same readers as online, after the spellings that only files have."""
    if column.type == "boolean" and series.dtype == pl.Boolean:
        return series.cast(pl.Float64).to_numpy().astype(np.float64)
    strings = _strings(column, series)
    if strings.dtype != pl.String or column.type == "text":
        return _read_all(column, strings.to_list(), faults)
    different = strings.unique(maintain_order=True).drop_nulls()
    codes = strings.cast(pl.Enum(different)).to_physical().cast(pl.Int64).fill_null(len(different)).to_numpy()
    wrong: Faults = {}
    cells: NDArray[Any] = _read_all(column, [*different.to_list(), None], wrong)
    for message, at in wrong.items():
        faults.setdefault(message, []).extend(np.flatnonzero(np.isin(codes, at)).tolist())
    return cells.take(codes)


def _read_all(column: Column, values: Sequence[Any], faults: Faults) -> NDArray[Any]:
    """A cell for each value."""
    read = prepare_cell(column)
    floats = column.type in ("boolean", "timestamp", "number")
    cells: NDArray[Any] = np.full(len(values), np.nan) if floats else np.full(len(values), None, dtype=object)
    for index, value in enumerate(values):
        if value is None and (not column.required or column.type != "text"):
            continue
        given = value
        if column.type == "boolean" and isinstance(value, str):
            given = _WORDS.get(value.strip().lower(), value)
        try:
            cell = read(given)
        except ValueError as error:
            shown = "" if column.type == "text" else f", got {_shown(value)}"
            faults.setdefault(str(error).split(", got ")[0] + shown, []).append(index)
            continue
        cells[index] = np.nan if floats and cell is None else cell
    return cells


def _strings(column: Column, series: pl.Series) -> pl.Series:
    """The series as strings where the column is made of them; a whole number has no point."""
    if column.type in ("category", "id") and series.dtype.is_float():
        whole = pl.when(series == series.floor()).then(series.cast(pl.Int64, strict=False).cast(pl.String))
        series = pl.select(pl.coalesce(whole, series.cast(pl.String))).to_series()
    if column.type in ("category", "id", "text") and series.dtype != pl.String:
        series = series.cast(pl.String)
    return series.str.strip_chars() if column.type in ("category", "id") else series


def _note(faults: Faults, message: str, where: pl.Series) -> None:
    if where.any():
        faults.setdefault(message, []).extend(where.arg_true().to_list())


def _problem(column: Column, message: str, rows: list[int], place: Callable[[int], str]) -> Problem:
    first = "; ".join(place(index) for index in rows[:_SHOWN_ROWS])
    more = f" and {len(rows) - _SHOWN_ROWS} more" if len(rows) > _SHOWN_ROWS else ""
    return Problem(f"column {column.name}", f"{message} ({first}{more})")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
