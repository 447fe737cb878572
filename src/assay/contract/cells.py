"""One cell at a time: the meaning of a JSON or Python value in a column. The single truth about types online."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from numbers import Integral, Real

from assay.contract.columns import Column
from assay.contract.sanitise import sanitise
from assay.values import Cell

#: Value -> cell. Raises ValueError with what is wrong, to be read after the column's name.
CellReader = Callable[[object], Cell]


def prepare_cell(column: Column, missing_values: frozenset[str] = frozenset()) -> CellReader:
    """The reader of one column. None is missing, and so are the spellings in `missing_values` unless it is text."""
    read = _READERS[column.type](column)
    absent = missing_time(column)

    def read_cell(value: object) -> Cell:
        if value is None or (value.__class__ is str and value in missing_values and column.type != "text"):
            if column.required:
                raise ValueError("is required and cannot be missing")
            return absent
        return read(value)

    return read_cell


def missing_time(column: Column) -> float | None:
    """What stands for a missing time; None where it stays missing, and for the other types, which features impute."""
    return float(column.constant) if column.type == "timestamp" and isinstance(column.constant, int | float) else None


def epoch_seconds(value: str) -> float:
    """An ISO 8601 date or time as seconds since 1970 in UTC; one without an offset is taken as UTC."""
    moment = datetime.fromisoformat(value.strip())
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def is_cut(column: Column, value: object) -> bool:
    """Whether the reader of a text column with `truncate` leaves out a part of `value`."""
    if not isinstance(value, str):
        return False
    return len(sanitise(value) if column.sanitise else value) > column.max_length


def _number(column: Column) -> CellReader:
    low, high = column.minimum, column.maximum
    bounded = column.outliers == "reject"

    def read(value: object) -> Cell:
        if isinstance(value, bool) or not isinstance(value, Real):
            raise ValueError(f"must be a number, got {_kind(value)}")
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise ValueError("must be a finite number")
        if bounded and ((low is not None and number < low) or (high is not None and number > high)):
            raise ValueError(f"must lie between {_bound(low, '-')} and {_bound(high, '+')}, got {number:g}")
        return number

    return read


def _boolean(_column: Column) -> CellReader:
    def read(value: object) -> Cell:
        if isinstance(value, bool) or type(value).__name__ == "bool":
            return 1.0 if value else 0.0
        raise ValueError(f"must be true or false, got {_kind(value)}")

    return read


def _category(column: Column) -> CellReader:
    allowed = frozenset(column.values) if column.values is not None and column.unknown == "reject" else None
    pattern = re.compile(column.pattern) if column.pattern else None

    def read(value: object) -> Cell:
        text = _string(value)
        if allowed is not None and text not in allowed:
            known = ", ".join(sorted(allowed)[:10])
            raise ValueError(f"must be one of {known}{', ...' if len(allowed) > 10 else ''}")
        if pattern is not None and pattern.fullmatch(text) is None:
            raise ValueError(f"must match {column.pattern}")
        return text

    return read


def _timestamp(_column: Column) -> CellReader:
    def read(value: object) -> Cell:
        try:
            if isinstance(value, datetime):
                return epoch_seconds(value.isoformat())
            if isinstance(value, str):
                return epoch_seconds(value)
        except (ValueError, OverflowError):
            raise ValueError("must be a time such as 2024-05-01T12:30:00Z") from None
        raise ValueError(f"must be a time such as 2024-05-01T12:30:00Z, got {_kind(value)}")

    return read


def _text(column: Column) -> CellReader:
    least, most = column.min_length, column.max_length
    pattern = re.compile(column.pattern) if column.pattern else None

    def read(value: object) -> Cell:
        if not isinstance(value, str):
            raise ValueError(f"must be text, got {_kind(value)}")
        if len(value) > most and not column.truncate:
            raise ValueError(f"must have at most {most} characters, got {len(value)}")
        text = sanitise(value) if column.sanitise else value
        if len(text) > most:
            if not column.truncate:
                raise ValueError(f"must have at most {most} characters, got {len(text)} after sanitising")
            text = text[:most].rstrip()
        if len(text) < least or not text.strip():
            if not column.required and not text.strip():
                return None
            if not text.strip():
                raise ValueError("must hold some text; without white space and control characters nothing is left")
            raise ValueError(f"must have at least {least} characters, got {len(text)}")
        if pattern is not None and pattern.fullmatch(text) is None:
            raise ValueError(f"must match {column.pattern}")
        return _encodable(text)

    return read


def _id(column: Column) -> CellReader:
    pattern = re.compile(column.pattern) if column.pattern else None

    def read(value: object) -> Cell:
        text = _string(value)
        if pattern is not None and pattern.fullmatch(text) is None:
            raise ValueError(f"must match {column.pattern}")
        return text

    return read


def _string(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | Integral):
        raise ValueError(f"must be a string, got {_kind(value)}")
    try:
        return _encodable(str(value))
    except ValueError:
        raise ValueError("is not valid Unicode or has too many digits") from None


def _encodable(text: str) -> str:
    text.encode()
    return text


def _bound(bound: float | None, sign: str) -> str:
    return f"{sign}infinity" if bound is None else f"{bound:g}"


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, str):
        return "a string"
    if isinstance(value, Real):
        return "a number"
    if isinstance(value, dict):
        return "an object"
    return "a list" if isinstance(value, list | tuple) else f"a {type(value).__name__}"


_READERS: dict[str, Callable[[Column], CellReader]] = {
    "number": _number,
    "boolean": _boolean,
    "category": _category,
    "timestamp": _timestamp,
    "text": _text,
    "id": _id,
}
