"""Which rows repeat one another, so that a split can keep them on one side."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.contract.columns import Contract
from assay.contract.table import Table
from assay.data.groups import is_lump, number_groups
from assay.data.near import near_groups

_DIGIT = re.compile(r"\d")
_BETWEEN_WORDS = re.compile(r"[\W_]+")
#: Where most rows repeat others, as in a table of a few flags, a repeat is no sign of a copy ...
_NATURAL_SHARE = 0.5
#: ... unless there are many different rows and one column alone tells most of them apart: a file of copies.
_FEW_ROWS = 100
_TELLING_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Repeats:
    """`groups` numbers the rows from 0, repeated rows alike; `rows` counts those that repeat an earlier one.

    `near` of these are near-copies only: not even their words are the same. `natural` says that so many rows are alike
    that they are no copies; every row is then a group of its own.
    """

    groups: NDArray[np.intp]
    rows: int
    near: int = 0
    natural: bool = False


def find_repeats(contract: Contract, table: Table) -> Repeats:
    """Find rows that say the same.

    With text, rows are alike whose texts differ in case, digits and punctuation only, and near-copies of these (see
    `assay.data.near`). Where one of the two makes most rows alike, or near-copies of near-copies a lump of many, as
    templates do, only the stricter ones count: rows of the same words, or equal rows. Without text, rows whose columns
    other than ids and times are all equal. Copies of a whole file are found as such, however many there are.
    """
    texts = [column.name for column in contract.columns if column.type == "text"]
    if texts:
        reduced = [[_reduced(text) for text in table.columns[name]] for name in texts]
        same = _group(reduced, table.rows)
        if same.rows <= _NATURAL_SHARE * table.rows:
            near = _with_near_copies(same, reduced)
            lumped = is_lump(near.groups) and not is_lump(same.groups)
            return same if lumped or near.rows > _NATURAL_SHARE * table.rows else near
    compared = [
        column.name
        for column in contract.columns
        if column.type not in ("id", "timestamp") and column.name != contract.time
    ]
    return _unless_natural([_comparable(table.columns[name]) for name in compared], table.rows)


def _group(columns: list[list[Any]], rows: int) -> Repeats:
    groups = number_groups(zip(*columns, strict=True)) if columns else np.arange(rows, dtype=np.intp)
    return Repeats(groups, rows - len(np.unique(groups)))


def _with_near_copies(same: Repeats, columns: Sequence[Sequence[str]]) -> Repeats:
    """Groups of rows that say the same, joined where their texts are near-copies."""
    first = np.unique(same.groups, return_index=True)[1].tolist()
    groups = near_groups(["\n".join(column[row] for column in columns) for row in first])[same.groups]
    rows = len(groups) - len(np.unique(groups))
    return Repeats(groups, rows, near=rows - same.rows)


def _unless_natural(columns: list[list[Any]], rows: int) -> Repeats:
    found = _group(columns, rows)
    different = rows - found.rows
    telling = different >= _FEW_ROWS and max(len(set(column)) for column in columns) > _TELLING_SHARE * different
    if found.rows <= _NATURAL_SHARE * rows or telling:
        return found
    return Repeats(np.arange(rows, dtype=np.intp), found.rows, natural=True)


def _reduced(text: str | None) -> str:
    folded = _DIGIT.sub("0", (text or "").casefold())
    return _BETWEEN_WORDS.sub(" ", folded).strip() or folded


def _comparable(values: NDArray[Any]) -> list[Any]:
    """Cells that compare equal where the rows say the same; a missing number equals a missing number."""
    if values.dtype != np.float64:
        return list(values)
    return [None if np.isnan(value) else value for value in values.tolist()]
