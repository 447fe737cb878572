"""A column as a spec writes it -> the contract's column."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

from assay.contract.columns import Column, ColumnType, Missing
from assay.errors import Problem, SpecError
from assay.spec.tree import ColumnSpec

_CONSTANT = "constant:"
_BOOLEANS = {"true": 1.0, "false": 0.0}
_IMPUTATIONS: dict[ColumnType, tuple[Missing, ...]] = {
    "number": ("reject", "median", "mean", "most_frequent", "constant"),
    "boolean": ("reject", "most_frequent", "constant"),
    "category": ("reject", "most_frequent", "constant"),
    "timestamp": ("reject", "keep", "constant"),
    "text": ("reject", "constant"),
    "id": (),
}
_BELONGS: dict[str, tuple[ColumnType, ...]] = {
    "min": ("number",),
    "max": ("number",),
    "outliers": ("number",),
    "values": ("category",),
    "unknown": ("category",),
    "pattern": ("category", "text", "id"),
    "min_length": ("text",),
    "max_length": ("text",),
    "truncate": ("text",),
    "sanitise": ("text",),
}


def column_from_spec(name: str, column: ColumnSpec) -> Column:
    """The contract's column. A range without `outliers` refuses what is outside of it.

    Raises:
        SpecError: the keys of the column contradict each other or its type.
    """
    problems = [Problem(f"columns.{name}.{key}", message) for key, message in check_column(column)]
    if problems:
        raise SpecError(f"{problems[0]}", problems=problems)
    missing, constant = _missing(column)
    bounded = column.min is not None or column.max is not None
    plain = Column(name=name, type=column.type)
    return Column(
        name=name,
        type=column.type,
        missing=missing,
        constant=constant,
        minimum=column.min,
        maximum=column.max,
        outliers=column.outliers or ("reject" if bounded else "keep"),
        values=column.values,
        unknown=column.unknown or plain.unknown,
        pattern=column.pattern,
        min_length=column.min_length or plain.min_length,
        max_length=column.max_length or plain.max_length,
        truncate=bool(column.truncate),
        sanitise=plain.sanitise if column.sanitise is None else column.sanitise,
        personal=bool(column.personal),
    )


def check_column(column: ColumnSpec) -> list[tuple[str, str]]:
    """What is wrong between the keys of one column: (key, message)."""
    found = [
        (key, f"belongs to columns of type {' or '.join(types)}, not {column.type}")
        for key, types in _BELONGS.items()
        if getattr(column, key) is not None and column.type not in types
    ]
    found += _check_missing(column)
    if column.min is not None and column.max is not None and column.min > column.max:
        found.append(("min", f"is above max ({column.min:g} > {column.max:g})"))
    if column.outliers == "reject" and column.min is None and column.max is None:
        found.append(("outliers", "reject needs min or max"))
    if column.outliers == "keep" and (column.min is not None or column.max is not None):
        found.append(("outliers", "keep leaves min and max without a meaning; write clip or reject, or remove them"))
    if (column.min_length or 1) > (column.max_length or Column(name="", type="text").max_length):
        found.append(("min_length", "is above max_length"))
    found += _check_values(column)
    return found


def _check_values(column: ColumnSpec) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    if column.values == ():
        found.append(("values", "the list is empty"))
    elif column.values is not None and len(set(column.values)) != len(column.values):
        twice = next(value for value in column.values if column.values.count(value) > 1)
        found.append(("values", f"lists {twice!r} twice"))
    if column.unknown == "reject" and column.values is None:
        found.append(("unknown", "reject needs the list of values"))
    if column.pattern is not None:
        try:
            re.compile(column.pattern)
        except re.error as error:
            found.append(("pattern", f"is not a regular expression ({error})"))
    return found


def _check_missing(column: ColumnSpec) -> list[tuple[str, str]]:
    if column.missing is not None and column.default is not None:
        return [("default", "says what missing says; keep one of them")]
    key = "missing" if column.missing is not None else "default"
    if (said := getattr(column, key)) is None:
        return []
    allowed = _IMPUTATIONS[column.type]
    if not allowed:
        return [(key, f"a column of type {column.type} may always be missing")]
    method = "constant" if key == "default" or said.startswith(_CONSTANT) else said
    if method not in allowed or said == "constant":
        words = ", ".join(f"{_CONSTANT}VALUE" if word == "constant" else word for word in allowed)
        return [(key, f"must be one of {words} for a column of type {column.type}, got {said!r}")]
    if method == "constant":
        text = said.removeprefix(_CONSTANT) if key == "missing" else said
        if column.type == "text" and text:
            return [(key, "missing text is empty; write 'constant:' with nothing behind it")]
        if _constant(column.type, text) is None:
            return [(key, f"{text!r} is not a value of type {column.type}")]
        if column.values is not None and column.unknown == "reject" and text not in column.values:
            return [(key, f"{text!r} is not one of the values")]
    return []


def _missing(column: ColumnSpec) -> tuple[Missing, float | str | None]:
    if column.default is not None:
        return "constant", _constant(column.type, column.default)
    said = column.missing or "reject"
    if said.startswith(_CONSTANT):
        return "constant", _constant(column.type, said.removeprefix(_CONSTANT))
    return next(method for method in _IMPUTATIONS[column.type] or ("reject",) if method == said), None


def _constant(kind: ColumnType, text: str) -> float | str | None:
    """The constant as a cell of that type, None when it is none."""
    if kind in {"category", "text"}:
        return text
    if kind == "boolean":
        return _BOOLEANS.get(text.strip().lower())
    try:
        if kind == "timestamp":
            moment = datetime.fromisoformat(text.strip())
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        number = float(text)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
