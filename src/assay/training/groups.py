"""The rows of a table in groups, column by column: values of a category, ranges of a number, lengths of a text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.contract.columns import Column, Contract
from assay.contract.table import Table
from assay.measures.slices import Groups

MISSING = "(missing)"
_FEW_VALUES = 5
_MOST_GROUPS = 20

Floats = NDArray[np.float64]


def group_columns(contract: Contract, table: Table) -> dict[str, Groups]:
    """Groups of every column that has any, for finding slices: texts by length, numbers by fifths, categories by their
    20 most frequent values.
    """
    found: dict[str, Groups] = {}
    for column in contract.columns:
        if column.type == "text":
            lengths = np.array([0.0 if cell is None else float(len(cell)) for cell in table.columns[column.name]])
            found[f"length of {column.name}"] = number_groups(lengths, 5)
        elif column.type != "id" and column.type in _GROUPING:
            found[column.name] = group_cells(column, table.columns[column.name], most=_MOST_GROUPS)
    return {name: groups for name, groups in found.items() if len(groups.names) > 1}


def group_cells(column: Column, cells: NDArray[Any], *, bands: int = 5, most: int | None = None) -> Groups:
    """The groups of one column of a checked table: `bands` ranges of a number, `most` values of anything else."""
    return _GROUPING[column.type](cells, bands, most)


def number_groups(values: Floats, bands: int) -> Groups:
    """Ranges of about equal size; the values themselves where there are few."""
    known = np.isfinite(values)
    distinct = np.unique(values[known])
    if len(distinct) <= max(bands, _FEW_VALUES):
        names = [f"{value:g}" for value in distinct.tolist()]
        codes = np.searchsorted(distinct, values)
    else:
        edges = np.unique(np.quantile(values[known], np.linspace(0.0, 1.0, bands + 1)[1:-1], method="lower"))
        shown = [f"{edge:.6g}" for edge in edges.tolist()]
        between = [f"above {low} to {high}" for low, high in pairwise(shown)]
        names = [f"up to {shown[0]}", *between, f"above {shown[-1]}"]
        codes = np.searchsorted(edges, values, side="left")
    return _with_missing(names, np.where(known, codes, len(names)))


def _boolean_groups(values: Floats) -> Groups:
    return _with_missing(["false", "true"], np.where(np.isfinite(values), values, 2.0))


def _value_groups(cells: NDArray[Any], most: int | None) -> Groups:
    counts = Counter(cell for cell in cells.tolist() if cell is not None)
    names = [name for name, _ in sorted(counts.most_common(most), key=lambda item: (-item[1], item[0]))]
    position: dict[str | None, int] = {name: index for index, name in enumerate(names)}
    position[None] = len(names)
    return _with_missing(names, np.array([position.get(cell, -1) for cell in cells.tolist()]))


def _with_missing(names: list[str], codes: NDArray[Any]) -> Groups:
    """`codes` has the number behind the last name where a value is missing."""
    whole = np.asarray(codes, dtype=np.int64)
    return Groups([*names, MISSING] if (whole == len(names)).any() else names, whole)


_GROUPING: Mapping[str, Callable[[NDArray[Any], int, int | None], Groups]] = {
    "number": lambda cells, bands, _: number_groups(cells, bands),
    "boolean": lambda cells, _bands, _most: _boolean_groups(cells),
    "category": lambda cells, _, most: _value_groups(cells, most),
    "id": lambda cells, _, most: _value_groups(cells, most),
}
