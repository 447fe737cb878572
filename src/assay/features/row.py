"""The row evaluator: a plan becomes one function from a decoded row to its features, prepared when a release loads.

It gives the same bits as `assay.features.frame` for every row.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from assay.errors import ReleaseError
from assay.features.derived import RowStep, prepare_derived_row
from assay.features.plan import FeaturePlan, FeatureRow, Lookup, Number, OneHot, Ordinal, TextStatistics
from assay.features.statistics import STATISTICS, text_statistics
from assay.features.terms import WeighedTerms, prepare_row_terms, read_idf
from assay.values import Cell, Row

T = TypeVar("T")

#: A number beyond it is held at it: the largest float32.
LIMIT = float(np.finfo(np.float32).max)

_NO_INDICES: list[int] = []
_NO_VALUES: list[float] = []


class _Dense(NamedTuple):
    """The dense part as tables. `start` holds each feature's value where nothing is said of it."""

    start: list[float]
    numbers: list[tuple[int, int, float, float]]
    indicators: list[tuple[int, int]]
    one_hots: list[tuple[int, dict[Cell, int]]]
    codes: list[tuple[int, int, dict[Cell, float], float]]
    statistics: list[tuple[int, list[tuple[int, int]]]]


class _Sparse(NamedTuple):
    cell: int
    offset: int
    weigh: Callable[[str], WeighedTerms]


def prepare_row(plan: FeaturePlan, arrays: Mapping[str, NDArray[Any]]) -> Callable[[Row], FeatureRow]:
    """The function that computes one row's features; its input has the cells of `plan.columns` in order.

    Raises:
        ReleaseError: the plan uses a column that it does not have, or an array is missing or has another length.
    """
    positions = _positions(plan)
    steps = [prepare_derived_row(derived, positions) for derived in plan.derived]
    dense = _prepare_dense(plan, positions)
    sparse = _prepare_sparse(plan, arrays, positions)
    evaluate = _dense_evaluator(dense, single=plan.precision == "float32")
    if sparse:
        return _with_terms(evaluate, steps, sparse, single=plan.precision == "float32")
    if steps:
        return lambda row: FeatureRow(evaluate(_derive(row, steps)), _NO_INDICES, _NO_VALUES)
    return lambda row: FeatureRow(evaluate(row), _NO_INDICES, _NO_VALUES)


def _dense_evaluator(dense: _Dense, *, single: bool) -> Callable[[Any], list[float]]:
    start, numbers, indicators, one_hots, codes, statistics = dense

    def evaluate(cells: Any) -> list[float]:
        values = start.copy()
        for cell, out, low, high in numbers:
            value = cells[cell]
            if value is not None:
                values[out] = value if low <= value <= high else (low if value < low else high)
        for cell, out in indicators:
            if cells[cell] is None:
                values[out] = 1.0
        for cell, table in one_hots:
            position = table.get(cells[cell])
            if position is not None:
                values[position] = 1.0
        for cell, out, numbers_of, other in codes:
            values[out] = numbers_of.get(cells[cell], other)
        for cell, places in statistics:
            measured = text_statistics(cells[cell] or "")
            for at, out in places:
                values[out] = measured[at]
        return array("f", values).tolist() if single else values

    return evaluate


def _with_terms(
    evaluate: Callable[[Any], list[float]], steps: list[RowStep], sparse: list[_Sparse], *, single: bool
) -> Callable[[Row], FeatureRow]:
    def features(row: Row) -> FeatureRow:
        cells: Any = _derive(row, steps) if steps else row
        indices: list[NDArray[np.int64]] = []
        values: list[NDArray[np.float64]] = []
        for cell, offset, weigh in sparse:
            found, weights = map(np.asarray, weigh(cells[cell] or ""))
            indices.append(found.astype(np.int64) + offset)
            values.append(weights.astype(np.float32).astype(np.float64) if single else weights.astype(np.float64))
        if len(values) == 1:
            return FeatureRow(evaluate(cells), indices[0], values[0])
        return FeatureRow(evaluate(cells), np.concatenate(indices), np.concatenate(values))

    def one_text(row: Row) -> FeatureRow:
        text: Any = row[cell]
        found, weights = weigh(text or "")
        return FeatureRow(evaluate(row), found, weights)

    cell, _, weigh = sparse[0]
    return features if single or steps or len(sparse) > 1 else one_text


def _derive(row: Row, steps: list[RowStep]) -> list[Cell]:
    cells = list(row)
    for step in steps:
        cells.append(step(cells))
    return cells


def _positions(plan: FeaturePlan) -> dict[str, int]:
    names = (*plan.columns, *(derived.name for derived in plan.derived))
    positions = {name: position for position, name in enumerate(names)}
    used = {encoder.column for encoder in plan.encoders} | {name for derived in plan.derived for name in derived.of}
    unknown = sorted(used - positions.keys())
    if unknown:
        raise ReleaseError(f"the feature plan uses columns that it does not have: {', '.join(unknown)}")
    return positions


def _prepare_dense(plan: FeaturePlan, positions: Mapping[str, int]) -> _Dense:
    dense = _Dense([], [], [], [], [], [])
    start = dense.start
    for encoder in plan.encoders:
        cell = positions[encoder.column]
        if isinstance(encoder, Number):
            low, high = number_range(encoder)
            dense.numbers.append((cell, len(start), low, high))
            start.append(encoder.impute or 0.0)
        elif isinstance(encoder, OneHot):
            table: dict[Cell, int] = {value: len(start) + at for at, value in enumerate(encoder.values)}
            dense.one_hots.append((cell, _with_missing(table, encoder.impute)))
            start.extend([0.0] * len(encoder.values))
        elif isinstance(encoder, Ordinal):
            codes: dict[Cell, float] = {value: float(at) for at, value in enumerate(encoder.values)}
            dense.codes.append((cell, len(start), _with_missing(codes, encoder.impute), -1.0))
            start.append(0.0)
        elif isinstance(encoder, Lookup):
            known: dict[Cell, float] = dict(zip(encoder.values, encoder.numbers, strict=True))
            dense.codes.append((cell, len(start), {**known, None: encoder.missing}, encoder.other))
            start.append(0.0)
        elif isinstance(encoder, TextStatistics):
            places = [(STATISTICS.index(name), len(start) + at) for at, name in enumerate(encoder.statistics)]
            dense.statistics.append((cell, places))
            start.extend([0.0] * len(places))
        if isinstance(encoder, Number | OneHot | Ordinal) and encoder.indicator:
            dense.indicators.append((cell, len(start)))
            start.append(0.0)
    return dense


def _prepare_sparse(
    plan: FeaturePlan, arrays: Mapping[str, NDArray[Any]], positions: Mapping[str, int]
) -> list[_Sparse]:
    sparse: list[_Sparse] = []
    offset = 0
    for terms, idf in read_idf(plan, arrays):
        sparse.append(_Sparse(positions[terms.column], offset, prepare_row_terms(terms, idf)))
        offset += idf.size
    return sparse


def _with_missing(table: dict[Cell, T], impute: str | None) -> dict[Cell, T]:
    return table if impute not in table else {**table, None: table[impute]}


def number_range(encoder: Number) -> tuple[float, float]:
    """The least and the greatest value of a number feature."""
    low = -LIMIT if encoder.low is None else max(encoder.low, -LIMIT)
    high = LIMIT if encoder.high is None else min(encoder.high, LIMIT)
    return low, high
