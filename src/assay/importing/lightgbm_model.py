"""LightGBM's text files.

A row goes left where its float64 number is at most the threshold; numbers up to 1e-35 count as 0; categories split by
sets. Tests hold all of this against LightGBM itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.importing.foreign import AS_ZERO, LEFT, RIGHT, Foreign, Tree, in_order, plant
from assay.importing.inputs import Code, Input, Source, Step
from assay.importing.lightgbm_text import fields_of, read_whole
from assay.importing.native import Columns, Floats, Native, raw_scores, refuse

_FLUSH = Step("flush", float(np.float32(1e-35)))
_CATEGORICAL, _DEFAULT_LEFT = 1, 2
_NAN, _ZERO = 2, 1
_OBJECTIVES = ("binary", "multiclass", "cross_entropy")


def open_lightgbm(path: Path) -> Native:
    """Open a model file. Raises ValueError (damaged), NotSupportedError (cannot be converted exactly)."""
    import lightgbm

    text = read_whole(path)
    try:
        booster = lightgbm.Booster(model_str=text)
    except lightgbm.basic.LightGBMError as error:
        raise ValueError(str(error)) from None
    return native_of_booster(booster)


def native_of_booster(booster: Any) -> Native:
    """The same of a booster in memory, up to its best iteration where it has one."""
    rounds = booster.best_iteration if booster.best_iteration > 0 else booster.current_iteration()
    text = booster.model_to_string(num_iteration=rounds)
    header = fields_of(text.split("\nTree=")[0])
    _refuse_objective(header)
    names = tuple(booster.feature_name())
    named = () if all(name == f"Column_{at}" for at, name in enumerate(names)) else names

    def ask(columns: Columns, first: int = rounds) -> Floats:
        return raw_scores(booster.predict(np.column_stack(columns), raw_score=True, num_iteration=first, num_threads=1))

    return Native(
        names=named or tuple("" for _ in names),
        build=lambda sources: _build(text, header, sources),
        ask=ask,
        rounds=rounds,
        ask_first=ask,
        categories=_categories(text, header),
    )


def _refuse_objective(header: Mapping[str, str]) -> None:
    words = header.get("objective", "").split()
    objective = words[0] if words else "none"
    if objective not in _OBJECTIVES:
        raise refuse(f"a LightGBM model with the objective {objective}")
    if any(word.startswith("sigmoid:") and word != "sigmoid:1" for word in words):
        raise refuse(f"a LightGBM model with another sigmoid than 1 ({header['objective']})")
    if "average_output" in header:
        raise refuse("a LightGBM model that averages its trees (boosting: rf)", "fit it with boosting: gbdt")


def _categories(text: str, header: Mapping[str, str]) -> dict[int, tuple[str, ...]]:
    """The values of the inputs that are categories: those of pandas, or whole numbers."""
    kinds = header.get("feature_infos", "").split()
    numbers = [at for at, kind in enumerate(kinds) if kind != "none" and not kind.startswith("[")]
    _, found, tail = text.rpartition("\npandas_categorical:")
    of_pandas = json.loads(tail.splitlines()[0]) if found else None
    if of_pandas:
        if len(of_pandas) != len(numbers):
            raise refuse("a LightGBM model with a category that takes one value only", "fit it without that column")
        return {at: tuple(map(_value, values)) for at, values in zip(numbers, of_pandas, strict=True)}
    return {at: tuple(str(code) for code in range(1 + max(map(int, kinds[at].split(":"))))) for at in numbers}


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _build(text: str, header: Mapping[str, str], sources: Sequence[Source]) -> Foreign:
    blocks = [fields_of("Tree=" + block) for block in text.split("\nend of trees", maxsplit=1)[0].split("\nTree=")[1:]]
    outputs = int(header["num_tree_per_iteration"])
    sets = _Sets(sources)
    trees = [_tree(block, sets) for block in blocks]
    inputs = [Input(source, (_FLUSH,)) for source in sources] + [Input(code) for code in sets.codes]
    return Foreign(
        kind="trees",
        framework="LightGBM",
        inputs=tuple(inputs),
        arrays=plant(trees, [at % outputs for at in range(len(trees))], [0.0] * outputs),
        takes_missing=True,
    )


class _Sets:
    """Which side of a split each category takes, as inputs of their own behind the model's."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        self._at: dict[Code, int] = {}

    @property
    def codes(self) -> tuple[Code, ...]:
        return tuple(self._at)

    def side(self, feature: int, chosen: frozenset[int]) -> int:
        """The input that is 0 for the categories numbered `chosen`, which go left, and 1 for all others."""
        source = self._sources[feature]
        if not isinstance(source, Code):
            raise refuse(f"a split by category of {source!r}, which is not a category in the data")
        numbers = tuple(0.0 if at in chosen else 1.0 for at in range(len(source.values)))
        code = Code(source.column, source.values, numbers, other=1.0, missing=1.0)
        return len(self._sources) + self._at.setdefault(code, len(self._at))


def _tree(fields: Mapping[str, str], sets: _Sets) -> Tree:
    if fields.get("is_linear", "0") != "0":
        raise refuse("a LightGBM model with linear leaves", "fit it with linear_tree: false")
    leaves = int(fields["num_leaves"])
    splits = leaves - 1
    kinds = _numbers(fields, "decision_type", np.int64)
    by_set = (kinds & _CATEGORICAL) > 0
    missing_kind = (kinds >> 2) & 3
    if (missing_kind[~by_set] == _ZERO).any():
        raise refuse("a LightGBM model that takes 0 for missing", "fit it with zero_as_missing: false")
    feature, threshold = _numbers(fields, "split_feature", np.int32), _numbers(fields, "threshold", np.float64)
    side = np.where((kinds & _DEFAULT_LEFT) > 0, LEFT, RIGHT)
    missing = np.where(missing_kind == _NAN, side, AS_ZERO)
    for at in np.flatnonzero(by_set).tolist():
        feature[at] = sets.side(int(feature[at]), _members(fields, int(threshold[at])))
        threshold[at], missing[at] = 0.5, RIGHT
    none = np.zeros(leaves, dtype=np.int32)
    left, right = (np.append(_below(_numbers(fields, name, np.int32), splits), none) for name in _CHILDREN)
    counts = np.append(_numbers(fields, "internal_count", np.float64), _numbers(fields, "leaf_count", np.float64))
    return in_order(
        Tree(
            feature=np.append(feature, none - 1),
            threshold=np.append(threshold, none.astype(np.float64)),
            left=left,
            right=right,
            missing=np.append(missing, none).astype(np.int8),
            value=np.append(np.zeros(splits), _numbers(fields, "leaf_value", np.float64)),
            cover=counts if counts.size == splits + leaves else np.ones(splits + leaves),
        )
    )


_CHILDREN = ("left_child", "right_child")


def _members(fields: Mapping[str, str], number: int) -> frozenset[int]:
    """The categories of a set, from its bits in words of 32."""
    starts = _numbers(fields, "cat_boundaries", np.int64)
    words = _numbers(fields, "cat_threshold", np.int64)[starts[number] : starts[number + 1]]
    return frozenset(32 * at + bit for at, word in enumerate(words.tolist()) for bit in range(32) if word >> bit & 1)


def _numbers(fields: Mapping[str, str], name: str, kind: Any) -> NDArray[Any]:
    return np.array([kind(word) for word in fields.get(name, "").split()], dtype=kind)


def _below(children: NDArray[np.int32], splits: int) -> NDArray[np.int32]:
    """LightGBM numbers leaves by their complement; here they follow the splits."""
    return np.where(children >= 0, children, splits + ~children).astype(np.int32)
