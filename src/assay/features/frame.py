"""The columnar evaluator: a plan over a checked table, on numpy columns; for training and batches.

It gives the same bits as `assay.features.row` for every row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from assay.contract.table import Codes, Table
from assay.features.derived import derived_column
from assay.features.plan import FeatureFrame, FeaturePlan, Lookup, Number, OneHot, Ordinal, Terms, TextStatistics
from assay.features.row import number_range
from assay.features.statistics import STATISTICS, text_statistics
from assay.features.terms import Coder, TermCounts, count_terms, prepare_coder, read_idf, weigh_counts
from assay.features.tokens import Tokens

#: The words of a column of categories, or their codes.
Words = NDArray[np.object_] | Codes


class _Vocabulary(NamedTuple):
    terms: Terms
    idf: NDArray[np.float64]
    code: Coder


def prepare_frame(plan: FeaturePlan, arrays: Mapping[str, NDArray[Any]]) -> Callable[[Table], FeatureFrame]:
    """The function that computes the features of a table's rows; vocabularies are looked up here, once.

    Raises:
        ReleaseError: an array of the plan is missing or has another length.
    """
    vocabularies = [_Vocabulary(terms, idf, prepare_coder(terms)) for terms, idf in read_idf(plan, arrays)]

    def features(table: Table) -> FeatureFrame:
        columns = _columns(plan, table)
        parts = [
            _Part(found := count_terms(columns[terms.column], code), weigh_counts(found, terms, idf), idf.size)
            for terms, idf, code in vocabularies
        ]
        return _frame(plan, table, columns, parts)

    return features


def evaluate_frame(
    plan: FeaturePlan,
    arrays: Mapping[str, NDArray[Any]],
    table: Table,
    *,
    rows: NDArray[np.intp] | None = None,
    tokens: Mapping[str, Tokens] | None = None,
) -> FeatureFrame:
    """The features of a table's rows, or of those at `rows`, in that order.

    `tokens` are what `tokenise_table` made of the same table: its text is then not read again.

    Raises:
        ReleaseError: an array of the plan is missing or has another length.
    """
    part = table if rows is None else table.take(rows)
    if tokens is None:
        return prepare_frame(plan, arrays)(part)
    parts: list[_Part] = []
    for terms, idf in read_idf(plan, arrays):
        found = tokens[terms.column].counts_of(terms.word_terms, terms.character_terms, rows)
        parts.append(_Part(found, weigh_counts(found, terms, idf), idf.size))
    return _frame(plan, part, _columns(plan, part), parts)


class _Part(NamedTuple):
    """The sparse features of one vocabulary, `width` columns of them."""

    found: TermCounts
    values: NDArray[np.float64]
    width: int


def _columns(plan: FeaturePlan, table: Table) -> dict[str, NDArray[Any]]:
    columns = dict(table.columns)
    for derived in plan.derived:
        columns[derived.name] = derived_column(derived, columns)
    return columns


def _frame(plan: FeaturePlan, table: Table, columns: Mapping[str, NDArray[Any]], parts: list[_Part]) -> FeatureFrame:
    rows = table.rows
    dense = np.zeros((rows, len(plan.names)), order="F")
    # A derived column may have the name of none.
    codes = {name: codes for name, codes in table.codes.items() if columns[name] is table.columns[name]}
    at = 0
    for encoder in plan.encoders:
        if not isinstance(encoder, Terms):
            column = codes.get(encoder.column) if isinstance(encoder, OneHot | Ordinal | Lookup) else None
            cells = columns[encoder.column] if column is None else column
            at += _ENCODE[type(encoder)](encoder, cells, dense[:, at:])
    indptr, indices, values = _side_by_side(parts, rows)
    if plan.precision == "float32":
        dense = dense.astype(np.float32).astype(np.float64)
        values = values.astype(np.float32).astype(np.float64)
    return FeatureFrame(dense, indptr, indices, values)


def _number(encoder: Number, column: NDArray[np.float64], out: NDArray[np.float64]) -> int:
    missing = np.isnan(column)
    low, high = number_range(encoder)
    held = np.where(column < low, low, np.where(column > high, high, column))
    out[:, 0] = np.where(missing, encoder.impute or 0.0, held)
    return 1 + _indicator(encoder.indicator, missing, out[:, 1:])


def _one_hot(encoder: OneHot, column: Words, out: NDArray[np.float64]) -> int:
    width = len(encoder.values)
    codes = _codes(encoder, column)
    known = np.flatnonzero(codes >= 0)
    out[known, codes[known]] = 1.0
    return width + _indicator(encoder.indicator, _missing(column), out[:, width:])


def _ordinal(encoder: Ordinal, column: Words, out: NDArray[np.float64]) -> int:
    out[:, 0] = _codes(encoder, column)
    return 1 + _indicator(encoder.indicator, _missing(column), out[:, 1:])


def _lookup(encoder: Lookup, column: Words, out: NDArray[np.float64]) -> int:
    numbers: dict[str | None, float] = dict(zip(encoder.values, encoder.numbers, strict=True))
    numbers[None] = encoder.missing
    out[:, 0] = _each(column, lambda cell: numbers.get(cell, encoder.other), np.float64)
    return 1


def _text_statistics(encoder: TextStatistics, column: NDArray[np.object_], out: NDArray[np.float64]) -> int:
    width = len(STATISTICS)
    numbers = chain.from_iterable(text_statistics(text or "") for text in column)
    measured = np.fromiter(numbers, np.float64, len(column) * width).reshape(len(column), width)
    for at, name in enumerate(encoder.statistics):
        out[:, at] = measured[:, STATISTICS.index(name)]
    return len(encoder.statistics)


_ENCODE: dict[type, Any] = {
    Number: _number,
    OneHot: _one_hot,
    Ordinal: _ordinal,
    Lookup: _lookup,
    TextStatistics: _text_statistics,
}


def _each(column: Words, number_of: Callable[[str | None], float], kind: type[np.generic]) -> NDArray[Any]:
    """A number for the word of each row."""
    if isinstance(column, Codes):
        return np.array([number_of(word) for word in column.values], dtype=kind).take(column.at)
    return np.array([number_of(word) for word in column], dtype=kind)


def _codes(encoder: OneHot | Ordinal, column: Words) -> NDArray[np.intp]:
    table: dict[str | None, int] = {value: at for at, value in enumerate(encoder.values)}
    if encoder.impute in table:
        table[None] = table[encoder.impute]
    return _each(column, lambda word: table.get(word, -1), np.intp)


def _indicator(wanted: bool, missing: NDArray[np.bool_], out: NDArray[np.float64]) -> int:
    if wanted:
        out[:, 0] = missing
    return int(wanted)


def _missing(column: Words) -> NDArray[np.bool_]:
    return _each(column, lambda word: word is None, np.bool_)


def _side_by_side(parts: list[_Part], rows: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """The parts as one CSR matrix, their columns side by side."""
    if len(parts) == 1:
        found, values, _ = parts[0]
        return found.indptr, found.ids.astype(np.int64), values
    indptr = np.zeros(rows + 1, dtype=np.int64)
    for part in parts:
        indptr += part.found.indptr
    indices = np.empty(indptr[-1], dtype=np.int64)
    values = np.empty(indptr[-1], dtype=np.float64)
    begin = indptr[:-1].copy()
    offset = 0
    for part in parts:
        lengths = np.diff(part.found.indptr)
        at = np.arange(part.values.size) + np.repeat(begin - part.found.indptr[:-1], lengths)
        indices[at] = part.found.ids.astype(np.int64) + offset
        values[at] = part.values
        begin += lengths
        offset += part.width
    return indptr, indices, values
