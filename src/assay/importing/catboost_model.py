"""CatBoost's own (.cbm) and JSON files, read as the JSON that the library writes of them.

A row goes right where its float32 number is above the border. Symmetric trees ask the same question on each level.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from assay.importing.foreign import LEFT, RIGHT, Foreign, Tree, counted, plant
from assay.importing.inputs import SINGLE, Input, Source
from assay.importing.native import Columns, Floats, Native, needs, raw_scores, refuse

_LOSSES = ("Logloss", "CrossEntropy", "MultiClass")


def open_catboost(path: Path, form: Literal["cbm", "json"]) -> Native:
    """Open a model file.

    Raises:
        ValueError: it is damaged.
        NotSupportedError: it cannot be converted exactly.
        MissingDependencyError: CatBoost is not installed.
    """
    try:
        import catboost
    except ModuleNotFoundError:
        raise needs("catboost") from None
    model = catboost.CatBoost()
    try:
        model.load_model(str(path), format=form)
    except catboost.CatBoostError as error:
        raise ValueError(str(error)) from None
    return native_of_model(model)


def native_of_model(model: Any) -> Native:
    """The same of a model in memory."""
    told = _as_json(model)
    loss = told["model_info"].get("params", {}).get("loss_function", {}).get("type", "Logloss")
    if loss not in _LOSSES:
        raise refuse(f"a CatBoost model with the loss {loss}")
    others = [kind for kind in ("categorical_features", "text_features", "embedding_features") if _used(told, kind)]
    if others:
        raise refuse(
            f"a CatBoost model with {others[0].replace('_', ' ')}",
            "fit it on one column a category (pandas.get_dummies), or train one with assay train",
        )
    count = len(told["features_info"]["float_features"])
    names = tuple(model.feature_names_ or ())
    named = names if len(names) == count and names != tuple(map(str, range(count))) else ("",) * count

    def ask(columns: Columns, first: int = model.tree_count_) -> Floats:
        return raw_scores(
            model.predict(np.column_stack(columns), prediction_type="RawFormulaVal", ntree_end=first, thread_count=1)
        )

    return Native(
        names=named,
        build=lambda sources: _build(told, sources),
        ask=ask,
        rounds=model.tree_count_,
        ask_first=ask,
    )


def _as_json(model: Any) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "model.json"
        model.save_model(str(path), format="json")
        told: dict[str, Any] = json.loads(path.read_text())
        return told


def _used(told: Mapping[str, Any], kind: str) -> bool:
    return bool(told["features_info"].get(kind))


def _build(told: Mapping[str, Any], sources: Sequence[Source]) -> Foreign:
    scale, bias = told["scale_and_bias"]
    features = told["features_info"]["float_features"]
    sides = [RIGHT if each["nan_value_treatment"] == "AsTrue" else LEFT for each in features]
    outputs = len(bias)
    grown = [_symmetric(tree, sides, outputs) for tree in told.get("oblivious_trees", ())]
    grown += [_free(tree, sides, outputs) for tree in told.get("trees", ())]
    trees = [each._replace(value=each.value * scale) for one in grown for each in one]
    names = told["model_info"].get("class_params", {}).get("class_names")
    return Foreign(
        kind="trees",
        framework="CatBoost",
        inputs=tuple(Input(source, (SINGLE,)) for source in sources),
        arrays=plant(trees, [at % outputs for at in range(len(trees))], bias),
        classes=tuple(map(_name, names)) if names else None,
        takes_missing=True,
    )


def _name(said: object) -> str:
    return str(int(said)) if isinstance(said, float) and said.is_integer() else str(said)


class _Growing:
    """A tree while its nodes are told one by one, parents first; a leaf has a number for each output."""

    def __init__(self, sides: Sequence[int]) -> None:
        self._sides = sides
        self.feature: list[int] = []
        self.border: list[float] = []
        self.children: list[list[int]] = []
        self.leaf: list[Sequence[float]] = []
        self.cover: list[float] = []

    def add(self, parent: int | None, split: Mapping[str, Any] | None, leaf: Sequence[float], cover: float) -> int:
        node = len(self.feature)
        if parent is not None:
            self.children[parent].append(node)
        if split is not None and split.get("split_type", "FloatFeature") != "FloatFeature":
            raise refuse(f"a CatBoost split of the kind {split['split_type']}")
        self.feature.append(-1 if split is None else int(split["float_feature_index"]))
        self.border.append(0.0 if split is None else float(np.float32(split["border"])))
        self.children.append([])
        self.leaf.append(leaf)
        self.cover.append(cover)
        return node

    def done(self, outputs: int) -> list[Tree]:
        """A tree of its own for each output."""
        pairs = np.array([pair or [0, 0] for pair in self.children], dtype=np.int32)
        feature = np.array(self.feature, dtype=np.int32)
        return [
            counted(
                Tree(
                    feature=feature,
                    threshold=np.array(self.border),
                    left=pairs[:, 0],
                    right=pairs[:, 1],
                    missing=np.array([self._sides[at] if at >= 0 else LEFT for at in self.feature], dtype=np.int8),
                    value=np.array([leaf[output] if len(leaf) else 0.0 for leaf in self.leaf]),
                    cover=np.array(self.cover),
                )
            )
            for output in range(outputs)
        ]


def _symmetric(tree: Mapping[str, Any], sides: Sequence[int], outputs: int) -> list[Tree]:
    """The first question is the lowest bit of a leaf's number. Branches that contradict an earlier answer of their path
    are left out.
    """
    splits, values = tree["splits"] or [], tree["leaf_values"]
    weights = tree.get("leaf_weights") or [1.0] * (1 << len(splits))
    growing = _Growing(sides)
    Range = dict[int, tuple[float, float]]
    waiting: list[tuple[int | None, int, int, Range]] = [(None, len(splits) - 1, 0, {})]
    while waiting:
        parent, level, leaf, path = waiting.pop()
        while level >= 0:
            feature, border = splits[level]["float_feature_index"], splits[level]["border"]
            low, high = path.get(feature, (-np.inf, np.inf))
            if low < border < high:
                break
            leaf |= (border <= low) << level
            level -= 1
        if level < 0:
            growing.add(parent, None, values[leaf * outputs : (leaf + 1) * outputs], weights[leaf])
            continue
        node = growing.add(parent, splits[level], (), 0.0)
        waiting.append((node, level - 1, leaf | 1 << level, {**path, feature: (border, high)}))
        waiting.append((node, level - 1, leaf, {**path, feature: (low, border)}))
    return growing.done(outputs)


def _free(tree: Mapping[str, Any], sides: Sequence[int], outputs: int) -> list[Tree]:
    """Trees of the policies Depthwise and Lossguide."""
    growing = _Growing(sides)
    waiting: list[tuple[int | None, Mapping[str, Any]]] = [(None, tree)]
    while waiting:
        parent, node = waiting.pop()
        if "split" not in node:
            value = node["value"]
            growing.add(parent, None, value if isinstance(value, list) else [value], node.get("weight", 1.0))
            continue
        at = growing.add(parent, node["split"], (), 0.0)
        waiting += [(at, node["right"]), (at, node["left"])]
    return growing.done(outputs)
