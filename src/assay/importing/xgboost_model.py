"""XGBoost's JSON and UBJ files, read as the JSON that the library writes of them.

A row goes left where its float32 number is below the threshold; the library adds leaves up in float32.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from assay.importing.foreign import LEFT, RIGHT, Foreign, Tree, in_order, plant
from assay.importing.inputs import SINGLE, Input, Source
from assay.importing.native import Columns, Floats, Native, needs, raw_scores, refuse

_BINARY = ("binary:logistic", "binary:logitraw")
_NO_CHILD = -1
_CLASSES = ("multi:softprob", "multi:softmax")


def open_xgboost(path: Path) -> Native:
    """Open a model file.

    Raises:
        ValueError: it is damaged.
        NotSupportedError: it cannot be converted exactly.
        MissingDependencyError: XGBoost is not installed.
    """
    try:
        import xgboost
    except ModuleNotFoundError:
        raise needs("xgboost") from None
    return native_of_booster(xgboost.Booster(model_file=str(path)))


def native_of_booster(booster: Any) -> Native:
    """The same of a booster in memory, up to its best iteration where it has one."""
    import xgboost

    learner = json.loads(booster.save_raw("json"))["learner"]
    objective = learner["objective"]["name"]
    if objective not in (*_BINARY, *_CLASSES):
        raise refuse(f"an XGBoost model with the objective {objective}")
    if learner["gradient_booster"]["name"] != "gbtree":
        raise refuse(f"an XGBoost model of the kind {learner['gradient_booster']['name']}", "fit it with gbtree")
    rounds = int(learner["attributes"].get("best_iteration", booster.num_boosted_rounds() - 1)) + 1
    names = tuple(learner["feature_names"]) or ("",) * int(learner["learner_model_param"]["num_feature"])
    booster.set_param({"nthread": 1})

    def ask(columns: Columns, first: int = rounds) -> Floats:
        rows = xgboost.DMatrix(
            np.column_stack(columns), feature_names=booster.feature_names, feature_types=booster.feature_types
        )
        return raw_scores(booster.predict(rows, output_margin=True, iteration_range=(0, first)))

    return Native(
        names=names,
        build=lambda sources: _build(learner, rounds, sources),
        ask=ask,
        rounds=rounds,
        ask_first=ask,
    )


def _build(learner: Mapping[str, Any], rounds: int, sources: Sequence[Source]) -> Foreign:
    model, parameters = learner["gradient_booster"]["model"], learner["learner_model_param"]
    outputs = max(1, int(parameters["num_class"]))
    if int(parameters.get("num_target", "1")) > 1:
        raise refuse("an XGBoost model with several targets", "fit one model for each target")
    taken = model["iteration_indptr"][rounds] if "iteration_indptr" in model else len(model["trees"])
    base = [_start(learner["objective"]["name"], start) for start in _base_scores(parameters["base_score"])]
    return Foreign(
        kind="trees",
        framework="XGBoost",
        inputs=tuple(Input(source, (SINGLE,)) for source in sources),
        arrays=plant(
            [_tree(tree) for tree in model["trees"][:taken]],
            model["tree_info"][:taken],
            base * outputs if len(base) == 1 else base,
        ),
        takes_missing=True,
        single=True,
    )


def _base_scores(said: str) -> list[float]:
    """One number, or since version 3.1 a list of them; float32 as the library keeps them."""
    found = json.loads(said) if said.startswith("[") else [float(said)]
    return [float(np.float32(number)) for number in found]


def _start(objective: str, base: float) -> float:
    """Where the sum starts: a base score is a probability for the logistic objective only."""
    return math.log(base / (1.0 - base)) if objective == "binary:logistic" else base


def _tree(tree: Mapping[str, Any]) -> Tree:
    left, right = (np.array(tree[name], dtype=np.int32) for name in ("left_children", "right_children"))
    leaf = left == _NO_CHILD
    if ((right == _NO_CHILD) != leaf).any():
        raise ValueError("a node of a tree has one child")
    if any(tree["split_type"]):
        raise refuse("an XGBoost model with categorical splits", "fit it on one column a category (pandas.get_dummies)")
    if int(tree["tree_param"]["size_leaf_vector"]) > 1:
        raise refuse("an XGBoost model with vectors as leaves", "fit it with multi_strategy: one_output_per_tree")
    conditions = np.array(tree["split_conditions"], dtype=np.float32)
    # Below a float32 is at most the float32 before it.
    before = np.nextafter(conditions, np.float32(-np.inf)).astype(np.float64)
    return in_order(
        Tree(
            feature=np.where(leaf, -1, np.array(tree["split_indices"], dtype=np.int32)).astype(np.int32),
            threshold=np.where(leaf, 0.0, before),
            left=left,
            right=right,
            missing=np.where(np.array(tree["default_left"], dtype=np.bool_), LEFT, RIGHT).astype(np.int8),
            value=np.where(leaf, conditions.astype(np.float64), 0.0),
            cover=np.array(tree["sum_hessian"], dtype=np.float64),
        )
    )
