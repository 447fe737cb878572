"""What is known of a model file of another library once it is open, and the little its readers share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.contract.table import Table
from assay.errors import MissingDependencyError, NotSupportedError
from assay.importing.foreign import Foreign
from assay.importing.inputs import Code, Gap, Input, Source, Value, apply_steps

Floats = NDArray[np.float64]
Columns = Sequence[NDArray[Any]]

_REMEDY = "fit it as a binary or multi-class classifier, or train one with assay train"


@dataclass(frozen=True, slots=True, kw_only=True)
class Native:
    """An open model file.

    `names` are its inputs, empty strings where it has none; `categories` the values of those that are categories, by
    number. `build` makes the foreign model once every input has its source. `ask` has the library itself give the raw
    scores (rows, outputs) of columns, one an input, float64 with NaN for missing (or strings, see `cells_of`);
    `ask_first` those of its first n `rounds`.
    """

    names: tuple[str, ...]
    build: Callable[[Sequence[Source]], Foreign]
    ask: Callable[[Columns], Floats]
    rounds: int = 0
    ask_first: Callable[[Columns, int], Floats] | None = None
    categories: Mapping[int, tuple[str, ...]] = field(default_factory=dict)


def numbers_of(each: Input, table: Table) -> Floats:
    """An input for checked rows, NaN where a number is missing."""
    numbers: Floats = apply_steps(each.steps, cells_of(each.source, table))
    return numbers


def cells_of(source: Source, table: Table) -> NDArray[Any]:
    """A source for checked rows: numbers, or the strings of a category (None where missing) that is used as it is."""
    if isinstance(source, Code):
        numbers: dict[str | None, float] = dict(zip(source.values, source.numbers, strict=True))
        numbers[None] = np.nan if source.missing is None else source.missing
        return np.array([numbers.get(cell, source.other) for cell in table.columns[source.column]], dtype=np.float64)
    if isinstance(source, Gap):
        return np.asarray(np.isnan(table.columns[source.column]), dtype=np.float64)
    if isinstance(source, Value) and not isinstance(source.impute, str):
        column: NDArray[Any] = table.columns[source.column]
        if source.impute is None or column.dtype == object:
            return column
        return np.where(np.isnan(column), source.impute, column)
    raise NotSupportedError(f"{source!r} is not a number")


def raw_scores(scores: object) -> Floats:
    """What a library gave, as float64 (rows, outputs)."""
    array = np.asarray(scores, dtype=np.float64)
    return array.reshape(len(array), -1)


def refuse(what: str, remedy: str = _REMEDY) -> NotSupportedError:
    """The refusal of a model that cannot be converted exactly."""
    return NotSupportedError(f"{what} cannot be imported exactly", remedy=remedy)


def needs(library: str) -> MissingDependencyError:
    """The refusal to go on without a library that opens the file."""
    return MissingDependencyError(
        f"importing this model needs {library}, which is not installed", remedy='pip install "assay-ml[train,import]"'
    )
