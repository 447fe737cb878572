"""Fitting: what a plan learns from its training rows. It sees nothing but those rows.

Text is taken apart once (`tokenise_table`); a plan can then be fitted on any rows of the table at little cost.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from assay.contract.columns import Column, Contract
from assay.contract.table import Table
from assay.errors import DataError, Problem, SpecError
from assay.features.derived import derived_column
from assay.features.names import dense_names
from assay.features.plan import Derived, Encoder, FeaturePlan, Number, OneHot, Ordinal, Terms, TextStatistics
from assay.features.row import LIMIT
from assay.features.statistics import STATISTICS
from assay.features.terms import idf_name
from assay.features.times import derive_parts
from assay.features.tokens import Tokens, choose_telling, choose_terms, tokenise
from assay.spec import resolve_features
from assay.spec.tree import DerivedColumn, Features

#: What a plan is made for: categories as flags (linear), as numbers in float32 (trees), or both ways in float32 for an
#: average of models.
Family = Literal["linear", "trees", "blend"]
Arrays = dict[str, NDArray[Any]]

#: A category becomes a feature if it stands in two training rows; of more than these, the most frequent ones do.
MOST_CATEGORIES = 255
#: Trees split on single terms, so they get the ones that tell most about the classes.
MOST_TREE_TERMS = 1000
_CLIP_QUANTILES = (0.001, 0.999)


def tokenise_table(contract: Contract, table: Table, features_spec: Features) -> dict[str, Tokens]:
    """Take every text column with n-grams apart once, for `fit_plan` and `evaluate_frame` on rows of this table."""
    wish = resolve_features(features_spec, contract.columns)
    _check_columns(contract, wish)
    columns = _with_derived(table, [_derived(column, contract) for column in wish.derived if column.op == "join"])
    ngrams = wish.ngrams or {}
    return {name: tokenise(columns[name], grams.words, grams.characters) for name, grams in ngrams.items()}


def fit_plan(
    contract: Contract,
    table: Table,
    labels: NDArray[np.int64] | None,
    features_spec: Features,
    family: Family,
    *,
    rows: NDArray[np.intp] | None = None,
    tokens: Mapping[str, Tokens] | None = None,
) -> tuple[FeaturePlan, Arrays]:
    """The plan and its arrays, learned from a table's rows or from those at `rows`.

    `labels` are class numbers of all rows of the table; trees use them to choose among the terms of a text. `tokens`
    are what `tokenise_table` made of the same table and spec.

    Raises:
        SpecError: the features use a column that is not in the contract.
        DataError: no column yields a feature.
    """
    wish = resolve_features(features_spec, contract.columns)
    _check_columns(contract, wish)
    derived = [_derived(column, contract) for column in wish.derived]
    part = table if rows is None else table.take(rows)
    columns = _with_derived(part, derived)
    parts = [each for name in wish.date_parts or () for each in derive_parts(contract, name, columns)]
    columns |= _with_derived(part, parts)
    encoders: list[Encoder] = [
        encoder
        for column in contract.columns
        if column.name != contract.time  # It orders the rows; what it tells of them is derived.
        for encoder in _encoders(column, columns[column.name], family)
    ]
    encoders += [
        _number(Column(name=each.name, type="number"), columns[each.name]) for each in derived if each.op != "join"
    ]
    encoders += _parts_of_times(parts, columns)
    encoders += [TextStatistics(column=name, statistics=STATISTICS) for name in wish.text_statistics or ()]
    arrays: Arrays = {}
    taken = labels if labels is None or rows is None else labels[rows]
    known = tokens if tokens is not None else tokenise_table(contract, part, wish)
    for name, grams in (wish.ngrams or {}).items():
        terms, idf = _terms(known[name], None if tokens is None else rows, grams.max_terms, family, taken)
        arrays[idf_name(len(arrays))] = idf
        encoders.append(
            Terms(
                column=name,
                words=grams.words,
                characters=grams.characters,
                word_terms=terms[0],
                character_terms=terms[1],
            )
        )
    plan = FeaturePlan(
        columns=contract.names,
        precision="float64" if family == "linear" else "float32",
        derived=(*derived, *parts),
        encoders=tuple(encoders),
        names=dense_names(encoders),
    )
    if not plan.names and not any(array.size for array in arrays.values()):
        raise DataError(
            "no column yields a feature",
            problems=[
                Problem(f"columns.{column.name}", f"{column.type} gives no feature") for column in contract.columns
            ],
            remedy="add a number, category or text column, or derived columns of the timestamps",
        )
    return plan, arrays


def _check_columns(contract: Contract, wish: Features) -> None:
    known = set(contract.names)
    problems: list[Problem] = []
    for derived in wish.derived:
        problems += [
            Problem(
                f"features.derived.{derived.name}", f"{name} is not a column that is known when a prediction is made"
            )
            for name in derived.of
            if name not in known
        ]
        known.add(derived.name)
    problems += [
        Problem(f"features.{key}", f"{name} is not a column that is known when a prediction is made")
        for key, names in (
            ("text_statistics", wish.text_statistics or ()),
            ("ngrams", wish.ngrams or {}),
            ("date_parts", wish.date_parts or ()),
        )
        for name in names
        if name not in known
    ]
    if problems:
        raise SpecError("the features use columns that they cannot have", problems=problems)


def _with_derived(table: Table, derived: Sequence[Derived]) -> dict[str, NDArray[Any]]:
    columns = dict(table.columns)
    for column in derived:
        columns[column.name] = derived_column(column, columns)
    return columns


def _derived(wish: DerivedColumn, contract: Contract) -> Derived:
    of = wish.of
    if wish.op == "age" and len(of) == 1 and contract.time is not None:
        of = (contract.time, of[0])
    return Derived(
        name=wish.name, op=wish.op, of=of, part=wish.part, words=wish.words or (), edges=tuple(wish.edges or ())
    )


def _parts_of_times(parts: Sequence[Derived], columns: Mapping[str, NDArray[Any]]) -> list[Encoder]:
    """The parts of one time are missing together: the first of them tells it."""
    first = {each.of[-1]: each.name for each in reversed(parts)}
    numbers = [_number(Column(name=each.name, type="number"), columns[each.name]) for each in parts]
    return [
        number if number.column == first[each.of[-1]] else msgspec.structs.replace(number, indicator=False)
        for each, number in zip(parts, numbers, strict=True)
    ]


def _encoders(column: Column, values: NDArray[Any], family: Family) -> list[Encoder]:
    if column.type in {"number", "boolean"}:
        return [_number(column, values)]
    if column.type == "category":
        return _categories(column, values, family)
    return []


def _number(column: Column, values: NDArray[np.float64]) -> Number:
    missing = np.isnan(values)
    known = np.clip(values[~missing], -LIMIT, LIMIT)
    low, high = column.minimum, column.maximum
    if column.outliers != "clip":
        low = high = None
    elif low is None and high is None and known.size:
        low, high = (float(bound) for bound in np.quantile(known, _CLIP_QUANTILES))
    return Number(column=column.name, impute=_typical(column, known), indicator=bool(missing.any()), low=low, high=high)


def _typical(column: Column, known: NDArray[np.float64]) -> float:
    """What stands for a missing number."""
    if column.missing == "constant" and column.constant is not None:
        return float(column.constant)
    if not known.size:
        return 0.0
    if column.missing == "mean":
        return float(np.mean(known))
    if column.missing == "most_frequent":
        values, counts = np.unique(known, return_counts=True)
        return float(values[np.argmax(counts)])
    return float(np.median(known))


def _categories(column: Column, values: NDArray[np.object_], family: Family) -> list[Encoder]:
    """The categories, most frequent first. Missing cells are of no category unless the contract says what they are."""
    counts = Counter(cell for cell in values.tolist() if cell is not None)
    missing = len(values) - counts.total()
    declared = set(column.values or ())
    if declared:  # whatever is not declared is `other`, of no category
        counts = Counter({value: count for value, count in counts.items() if value in declared})
    impute: str | None = None
    if column.missing == "constant" and column.constant is not None:
        impute = str(column.constant)
        counts[impute] += missing
    elif column.missing != "reject" and counts:
        impute = min(counts, key=lambda value: (-counts[value], value))
    known = [value for value, count in counts.items() if count >= 2 or (value in declared and count)]
    known.sort(key=lambda value: (-counts[value], value))
    indicator = bool(missing) and column.missing != "constant"
    values_kept = tuple(known[:MOST_CATEGORIES])
    if family == "trees":
        return [Ordinal(column=column.name, values=values_kept, impute=impute, indicator=indicator)]
    flags = OneHot(column=column.name, values=values_kept, impute=impute, indicator=indicator)
    if family == "linear":
        return [flags]
    return [flags, Ordinal(column=column.name, values=values_kept, impute=impute)]


def _terms(
    tokens: Tokens,
    rows: NDArray[np.intp] | None,
    max_terms: int,
    family: Family,
    labels: NDArray[np.int64] | None,
) -> tuple[tuple[tuple[str, ...], tuple[str, ...]], NDArray[np.float64]]:
    """Word terms, character terms and the inverse document frequency of each, smoothed: ln((1 + n) / (1 + df)) + 1."""
    chosen, in_rows = choose_terms(tokens, rows, max_terms)
    if family == "trees" and labels is not None:
        telling = choose_telling(tokens.take(rows), chosen, labels, MOST_TREE_TERMS)
        chosen, in_rows = chosen[telling], in_rows[telling]
    count = tokens.rows if rows is None else rows.size
    names = [tokens.names[position] for position in chosen.tolist()]
    words = int(np.searchsorted(chosen, tokens.words))
    idf = np.array([math.log((1 + count) / (1 + df)) + 1.0 for df in in_rows.tolist()], dtype=np.float64)
    return (tuple(names[:words]), tuple(names[words:])), idf
