"""What a caller in Python wishes of a DataFrame, as `assay init` takes it: columns and classes by their text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from assay.errors import ConfigurationError, DataError


def spell(wishes: Mapping[str, Any]) -> dict[str, Any]:
    """The wishes that were said, each spelt as `assay init` takes it: 2 is the column or class "2", True is "true".

    Raises:
        ConfigurationError: a wish has a type that says nothing.
    """
    return {option: _SPELLINGS[option](option, said) for option, said in wishes.items() if said is not None}


def refuse_repeated(frame: Any) -> None:
    """Raises DataError where several columns of a frame have the same name, as text."""
    names = frame.column_names if hasattr(type(frame), "column_names") else getattr(frame, "columns", ())
    for name, times in Counter(map(str, names)).items():
        if times > 1:
            raise DataError(
                f"{times} columns of the DataFrame have the name {name}", remedy="give each column a name of its own"
            )


def _text(option: str, said: Any) -> str:
    if not isinstance(said, str):
        raise _refusal(option, said, "write it as text")
    return said


def _flag(option: str, said: Any) -> bool:
    if not isinstance(said, bool | np.bool_):
        raise _refusal(option, said, "say True or False")
    return bool(said)


def _column(option: str, said: Any) -> str:
    if isinstance(said, bool) or not isinstance(said, str | int | np.integer):
        raise _refusal(option, said, "give the name of a column, as text or as a whole number")
    return str(said)


def _columns(option: str, said: Any) -> tuple[str, ...]:
    several = isinstance(said, Iterable) and not isinstance(said, str)
    return tuple(_column(option, each) for each in (said if several else [said]))


def _class(option: str, said: Any) -> str:
    if isinstance(said, bool | np.bool_):
        return "true" if said else "false"
    if not isinstance(said, str | int | float | np.integer | np.floating):
        raise _refusal(option, said, "give the class as it stands in the label column")
    whole = not isinstance(said, str) and float(said).is_integer()
    return str(int(said) if whole else said)


def _refusal(option: str, said: Any, remedy: str) -> ConfigurationError:
    return ConfigurationError(f"{option} cannot be of the type {type(said).__name__}", remedy=remedy)


_SPELLINGS: Mapping[str, Callable[[str, Any], Any]] = {
    "label": _columns,
    "separator": _text,
    "positive": _class,
    "name": _text,
    "entity": _column,
    "time": _column,
    "ignore": _columns,
    "split": _text,
    "day_first": _flag,
}
