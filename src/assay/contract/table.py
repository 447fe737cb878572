"""A checked table in memory: numpy columns typed as the contract says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.contract.columns import Contract
from assay.values import Row

_FLOATS = frozenset({"number", "boolean", "timestamp"})


@dataclass(frozen=True, slots=True, eq=False)
class Codes:
    """A column of few different words: `values` (different,) of `str` or None, and which one each row has (rows,)."""

    values: NDArray[Any]
    at: NDArray[np.intp]

    @property
    def cells(self) -> NDArray[Any]:
        """The word of each row."""
        return self.values.take(self.at)


@dataclass(frozen=True, slots=True)
class Table:
    """Columns by name, all of `rows` length.

    Numbers, booleans and timestamps are float64 with NaN for missing; text, categories and ids are object arrays of
    `str` with None for missing: the columnar form of `assay.values.Row`. `codes` has those columns again of which it is
    known that they hold few different words.
    """

    columns: Mapping[str, NDArray[Any]]
    rows: int
    codes: Mapping[str, Codes] = field(default_factory=dict)

    def take(self, index: NDArray[np.intp]) -> Table:
        """The rows at `index`, in that order."""
        return Table(
            {name: values[index] for name, values in self.columns.items()},
            len(index),
            {name: Codes(codes.values, codes.at[index]) for name, codes in self.codes.items()},
        )

    def row(self, index: int, names: Sequence[str]) -> Row:
        """One row as the tuple that the row path sees."""
        return tuple(_cell(self.columns[name][index]) for name in names)

    @classmethod
    def from_rows(cls, contract: Contract, rows: Sequence[Row]) -> Table:
        """The columnar form of decoded rows."""
        columns: dict[str, NDArray[Any]] = {}
        for position, column in enumerate(contract.columns):
            cells = [row[position] for row in rows]
            if column.type in _FLOATS:
                columns[column.name] = np.array([np.nan if cell is None else cell for cell in cells], dtype=np.float64)
            else:
                array = np.empty(len(cells), dtype=object)
                array[:] = cells
                columns[column.name] = array
        return cls(columns, len(rows))


def _cell(value: Any) -> float | str | None:
    if isinstance(value, str) or value is None:
        return value
    return None if np.isnan(value) else float(value)
