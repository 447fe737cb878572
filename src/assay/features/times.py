"""What a timestamp gives by itself: the parts of it that go round, and how long before the example it was.

A part is a feature only where the training rows show it going round; else it would say when a row was, which no later
row repeats. The column of `data.time` has no year and no age for the same reason.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.contract.columns import Contract
from assay.features.derived import derived_column
from assay.features.plan import Derived
from assay.spec.classes import free_name

_DAY = 86_400.0
#: Part of a date: the seconds in which it has gone round twice.
_TWO_ROUNDS = {"hour": 2 * _DAY, "weekday": 14 * _DAY, "day": 62 * _DAY, "month": 731 * _DAY}


def derive_parts(contract: Contract, name: str, columns: Mapping[str, NDArray[Any]]) -> list[Derived]:
    """The derived columns of the timestamp `name` that differ between the rows of `columns`, called `<name>.<part>`.

    They are the age in days at `data.time`, where that is a time, else the year; and hour, weekday, day and month.
    """
    times = columns[name][~np.isnan(columns[name])]
    span = float(np.ptp(times)) if times.size else 0.0
    parts = [*_place(contract, name), *(part for part, rounds in _TWO_ROUNDS.items() if span >= rounds)]
    wished = [_derived(contract, name, part, columns) for part in parts]
    return [derived for derived in wished if _differs(derived_column(derived, columns))]


def _place(contract: Contract, name: str) -> tuple[str, ...]:
    """How a time is placed among all times."""
    if name == contract.time:
        return ()
    clocks = {column.name for column in contract.columns if column.type == "timestamp"}
    return ("age",) if contract.time in clocks else ("year",)


def _derived(contract: Contract, name: str, part: str, taken: Collection[str]) -> Derived:
    new = free_name(f"{name}.{part}", taken)
    if part == "age" and contract.time is not None:
        return Derived(name=new, op="age", of=(contract.time, name))
    return Derived(name=new, op="date_part", of=(name,), part=part)


def _differs(values: NDArray[np.float64]) -> bool:
    known = values[~np.isnan(values)]
    return bool(known.size) and bool((known != known[0]).any())
