"""From a foreign model to one of a release: a feature plan, its arrays and a model of plain arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from assay.contract.columns import Contract
from assay.errors import NotSupportedError
from assay.features.plan import Encoder, FeaturePlan, Lookup, Number, OneHot, Terms
from assay.features.row import LIMIT
from assay.features.terms import idf_name
from assay.importing.foreign import AS_ZERO, LEFT, RIGHT, Foreign, Linear, Trees
from assay.importing.inputs import Code, Gap, Input, Source, Term, Value, Vocabulary, fold, pull_back
from assay.models.forest import ForestModel
from assay.models.linear import LinearModel
from assay.models.model import Model
from assay.models.trees import TreeArrays, TreeModel

Floats = NDArray[np.float64]

#: Where trees are to send missing numbers apart, they are the ends of the range, and all other numbers lie within it.
_HELD = float(np.nextafter(LIMIT, 0.0))


class Composed(NamedTuple):
    """A model of a release and the plan that feeds it; `terms` has the sparse feature of each input that is a term."""

    plan: FeaturePlan
    plan_arrays: dict[str, NDArray[Any]]
    model: Model
    terms: dict[int, int]


def compose(foreign: Foreign, contract: Contract) -> Composed:
    """The release's form of a foreign model; its scores are those of the original, within rounding of sums.

    Raises:
        NotSupportedError: an input cannot be computed exactly.
    """
    optional = {column.name for column in contract.columns if not column.required}
    if isinstance(foreign.arrays, Linear):
        return _compose_linear(foreign, foreign.arrays, contract)
    return _compose_trees(foreign, foreign.arrays, contract, optional)


class _Features:
    """The dense features, collected as they are asked for, and the vocabularies behind them."""

    def __init__(self, vocabularies: Sequence[Vocabulary]) -> None:
        self._of: dict[tuple[Source, int | None], int] = {}
        self._vocabularies = vocabularies
        # A plan has its terms in lexicographic order.
        self._orders = [sorted(range(len(each.terms)), key=each.terms.__getitem__) for each in vocabularies]
        self._places: list[dict[int, int]] = []
        offset = 0
        for order in self._orders:
            self._places.append({at: offset + place for place, at in enumerate(order)})
            offset += len(order)

    def dense(self, source: Source, missing: int | None = None) -> int:
        """The place of a source among the dense features, in the order in which they were asked for."""
        return self._of.setdefault((source, missing), len(self._of))

    def sparse(self, term: Term) -> int:
        """The place of a term among the sparse features."""
        return self._places[term.vocabulary][term.at]

    def plan(self, contract: Contract) -> tuple[FeaturePlan, dict[str, NDArray[Any]], NDArray[np.int32]]:
        """The plan, its arrays, and where in it each dense feature stands: flags of a column stand together."""
        encoders: list[Encoder] = []
        names: list[str] = []
        place = np.zeros(len(self._of), dtype=np.int32)
        flags: dict[str, list[tuple[Code, int]]] = {}
        for (source, missing), at in self._of.items():
            if isinstance(source, Code) and _is_flag(source):
                flags.setdefault(source.column, []).append((source, at))
                continue
            place[at] = len(names)
            encoder, name = _encode(source, missing)
            encoders.append(encoder)
            names.append(name)
        for column, found in flags.items():
            place[[at for _, at in found]] = np.arange(len(names), len(names) + len(found))
            values = tuple(code.values[0] for code, _ in found)
            encoders.append(OneHot(column=column, values=values))
            names += [f"{column}={value}" for value in values]
        arrays: dict[str, NDArray[Any]] = {}
        for number, (vocabulary, order) in enumerate(zip(self._vocabularies, self._orders, strict=True)):
            terms = tuple(vocabulary.terms[at] for at in order)
            arrays[idf_name(number)] = np.array([vocabulary.idf[at] for at in order], dtype=np.float64)
            encoders.append(
                Terms(
                    column=vocabulary.column,
                    words=vocabulary.words,
                    characters=vocabulary.characters,
                    counting=vocabulary.counting,
                    norm=vocabulary.norm,
                    shortest_word=vocabulary.shortest_word,
                    stop_words=vocabulary.stop_words,
                    word_terms=terms if vocabulary.words else (),
                    character_terms=terms if vocabulary.characters else (),
                )
            )
        plan = FeaturePlan(columns=contract.names, encoders=tuple(encoders), names=_unique(names))
        return plan, arrays, place


def _is_flag(code: Code) -> bool:
    """Whether it is 1 for one category and 0 for all others; two flags that are 1 where it is missing would clash."""
    return code.numbers == (1.0,) and not code.other and not code.missing


def _encode(source: Source, missing: int | None) -> tuple[Encoder, str]:
    if isinstance(source, Gap):
        # A number that is never known is what its absence is imputed by.
        return Number(column=source.column, impute=1.0, low=0.0, high=0.0), f"{source.column} is missing"
    if isinstance(source, Code):
        encoder = Lookup(
            column=source.column,
            values=source.values,
            numbers=source.numbers,
            other=source.other,
            missing=source.missing or 0.0,
        )
        return encoder, source.column
    if isinstance(source, Term) or isinstance(source.impute, str):
        raise NotSupportedError(f"the text {source!r} is used as if it were a number")
    if missing is None or source.impute is not None:
        return Number(column=source.column, impute=source.impute), source.column
    impute, told = {LEFT: (-LIMIT, "lowest"), RIGHT: (LIMIT, "highest"), AS_ZERO: (0.0, "0")}[missing]
    held = Number(column=source.column, impute=impute, low=-_HELD, high=_HELD)
    return held, f"{source.column} (missing is {told})"


def _unique(names: Sequence[str]) -> tuple[str, ...]:
    """The names, with a number behind those that stood there before."""
    seen: dict[str, int] = {}
    unique = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        unique.append(name if seen[name] == 1 else f"{name} #{seen[name]}")
    return tuple(unique)


def _compose_linear(foreign: Foreign, linear: Linear, contract: Contract) -> Composed:
    features = _Features(foreign.vocabularies)
    dense: list[tuple[int, Floats]] = []
    sparse: list[tuple[int, Floats]] = []
    intercept = linear.intercept.copy()
    for number, each in enumerate(foreign.inputs):
        slope, start = fold(each.steps)
        intercept += linear.coefficients[:, number] * start
        weights = linear.coefficients[:, number] * slope
        if isinstance(each.source, Term):
            sparse.append((features.sparse(each.source), weights))
        else:
            dense.append((features.dense(each.source), weights))
    places = {
        at: features.sparse(each.source) for at, each in enumerate(foreign.inputs) if isinstance(each.source, Term)
    }
    plan, arrays, place = features.plan(contract)
    coefficients = np.zeros((intercept.size, len(plan.names) + sum(array.size for array in arrays.values())))
    for at, weights in dense:
        coefficients[:, place[at]] += weights
    for at, weights in sparse:
        coefficients[:, len(plan.names) + at] += weights
    return Composed(plan, arrays, LinearModel(coefficients, intercept, np.zeros(len(plan.names))), places)


def with_means(composed: Composed, dense: Floats) -> Composed:
    """The same model; a linear one explains its answers by the means of these dense features (rows, features)."""
    model = composed.model
    if not isinstance(model, LinearModel):
        return composed
    means = dense.mean(axis=0) if dense.size else np.zeros(dense.shape[1])
    return composed._replace(model=LinearModel(model.coefficients, model.intercept, means))


def _compose_trees(foreign: Foreign, trees: Trees, contract: Contract, optional: set[str]) -> Composed:
    features = _Features(foreign.vocabularies)
    used, threshold = trees.feature.copy(), trees.threshold.copy()
    terms = np.zeros(used.size, dtype=np.bool_)
    for number, each in enumerate(foreign.inputs):
        for missing in (LEFT, RIGHT, AS_ZERO):
            at = np.flatnonzero((trees.feature == number) & (trees.missing == missing))
            if not at.size:
                continue
            if isinstance(each.source, Term):
                used[at], terms[at] = features.sparse(each.source), True
            else:
                used[at] = features.dense(each.source, missing if _may_lack(each, optional) else None)
            found = pull_back(each.steps, trees.threshold[at])
            threshold[at] = found.clip(-LIMIT, _HELD) if _may_lack(each, optional) else found.clip(-2 * LIMIT, LIMIT)
    places = {
        at: features.sparse(each.source) for at, each in enumerate(foreign.inputs) if isinstance(each.source, Term)
    }
    plan, arrays, place = features.plan(contract)
    dense = (trees.feature >= 0) & ~terms
    used[dense] = place[used[dense]]
    used[terms] += len(plan.names)
    made = TreeArrays(
        feature=used,
        threshold=np.where(used >= 0, threshold, 0.0),
        left=trees.left,
        right=trees.right,
        value=trees.value,
        cover=trees.cover,
        root=trees.root,
        output=trees.output,
        base=trees.base,
        dense=np.array([len(plan.names)]),
    )
    return Composed(plan, arrays, ForestModel(made) if foreign.kind == "forest" else TreeModel(made), places)


def _may_lack(each: Input, optional: set[str]) -> bool:
    """Whether trees have to say where a missing number goes."""
    return isinstance(each.source, Value) and each.source.impute is None and each.source.column in optional
