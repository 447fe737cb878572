"""Releases of any contract, plan, model and policy, with rows to ask them about."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from assay.contract.columns import Contract
from assay.contract.table import Table
from assay.features.fit import fit_plan
from assay.features.frame import evaluate_frame
from assay.features.names import term_count
from assay.features.plan import FeatureFrame, FeaturePlan
from assay.models.linear import LinearModel
from assay.models.model import Model
from assay.models.store import save
from assay.models.trees import TreeArrays, TreeModel
from assay.policy.policy import Calibration, Policy
from assay.release.bundle import Bundle
from assay.release.core import Release
from assay.values import Row
from tests.features.examples import contracts, features, rows_of

Case = tuple[Release, Table, list[Row]]

_DEPTH = 4


@st.composite
def releases_with_rows(draw: st.DrawFn) -> Case:
    """A release fitted on some rows, and a table of others with the same rows as tuples."""
    contract = draw(st.sampled_from([_binary, _three, _any_of_three]))(draw(contracts()))
    training = draw(rows_of(contract, least=2, most=6)) * 2
    rows = draw(rows_of(contract, least=1, most=8)) + training[:2]
    family = draw(st.sampled_from(["linear", "trees"]))
    labels = np.arange(len(training)) % len(contract.classes)
    if contract.task == "multilabel":
        labels = np.stack([labels == 0, labels > 0, labels == 1], axis=1).astype(np.int64)
    plan, arrays = fit_plan(contract, Table.from_rows(contract, training), labels, draw(features()), family)
    table = Table.from_rows(contract, rows)
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    outputs = 1 if contract.task == "binary" else len(contract.classes)
    frame = evaluate_frame(plan, arrays, table)
    model = _linear(plan, outputs, random) if family == "linear" else _trees(frame, plan, outputs, random)
    kind, model_arrays = save(model)
    bundle = Bundle(
        classifier="any",
        contract=contract,
        plan=plan,
        plan_arrays=arrays,
        kind=kind,
        model_arrays=model_arrays,
        policy=draw(policies(contract)),
        profile={},
    )
    return Release.prepare(bundle), table, rows


@st.composite
def policies(draw: st.DrawFn, contract: Contract) -> Policy:
    """Thresholds, costs, review bands and calibrations of every kind."""
    outputs = 1 if contract.task == "binary" else len(contract.classes)
    small = st.floats(-3, 3)
    curve = st.lists(st.floats(0, 1), min_size=3, max_size=3).map(lambda ys: tuple(sorted(ys)))
    calibration = draw(
        st.sampled_from([Calibration(), Calibration(method="temperature", temperature=1.7)])
        | st.builds(
            Calibration,
            method=st.just("sigmoid"),
            slope=st.tuples(*[st.floats(0.1, 3)] * outputs),
            intercept=st.tuples(*[small] * outputs),
        )
        | st.builds(
            Calibration,
            method=st.just("isotonic"),
            x=st.just(((-2.0, 0.0, 1.5),) * outputs),
            y=st.tuples(*[curve] * outputs),
        )
    )
    within = draw(st.sampled_from([0.0, 0.05, 0.5]))
    if contract.task == "binary":
        return Policy(
            task="binary",
            classes=contract.classes,
            positive_index=contract.positive_index,
            calibration=calibration,
            thresholds=(draw(st.floats(0, 1)),),
            review_within=within,
        )
    if contract.task == "multilabel":
        return Policy(
            task="multilabel",
            classes=contract.classes,
            calibration=calibration,
            thresholds=draw(st.tuples(*[st.floats(0, 1)] * outputs)),
            review_within=within,
        )
    costs = draw(st.sampled_from([(), ((0.0, 1.0, 5.0), (1.0, 0.0, 1.0), (2.5, 1.0, 0.0))]))
    return Policy(
        task="multiclass", classes=contract.classes, calibration=calibration, costs=costs, review_within=within
    )


def _binary(contract: Contract) -> Contract:
    return contract


def _three(contract: Contract) -> Contract:
    return msgspec.structs.replace(contract, task="multiclass", classes=("art", "money", "sport"), positive=None)


def _any_of_three(contract: Contract) -> Contract:
    return msgspec.structs.replace(_three(contract), task="multilabel")


def _linear(plan: FeaturePlan, outputs: int, random: np.random.Generator) -> LinearModel:
    """Weights small enough that no score overflows: features reach the largest float32."""
    width = len(plan.names)
    weights = random.normal(size=(outputs, width + term_count(plan)))
    weights[:, random.random(weights.shape[1]) < 0.2] = 0.0
    return LinearModel(weights, random.normal(size=outputs), random.normal(size=width))


def _trees(frame: FeatureFrame, plan: FeaturePlan, outputs: int, random: np.random.Generator) -> Model:
    """Trees that split at values which the rows have, and at their neighbours."""
    nodes: dict[str, list[Any]] = {name: [] for name in ("feature", "threshold", "left", "right", "value", "cover")}
    roots = [_grow(nodes, frame, plan, _DEPTH, random) for _ in range(4 * outputs)]
    kinds: dict[str, Any] = {"threshold": np.float32, "value": np.float64, "cover": np.float64}
    arrays: dict[str, NDArray[Any]] = {
        name: np.array(values, dtype=kinds.get(name, np.int32)) for name, values in nodes.items()
    }
    return TreeModel(
        TreeArrays(
            **arrays,
            root=np.array(roots, dtype=np.int32),
            output=np.arange(len(roots), dtype=np.int32) % np.int32(outputs),
            base=random.normal(size=outputs),
            dense=np.array([len(plan.names)]),
        )
    )


def _grow(
    nodes: dict[str, list[Any]], frame: FeatureFrame, plan: FeaturePlan, depth: int, random: np.random.Generator
) -> int:
    """Add a subtree; returns its first node."""
    here = len(nodes["feature"])
    width = len(plan.names) + term_count(plan)
    leaf = depth == 0 or random.random() < 0.2
    for name, value in {
        "feature": -1 if leaf else int(random.integers(width)),
        "threshold": 0.0,
        "left": -1,
        "right": -1,
        "value": random.normal() if leaf else 0.0,
        "cover": 2.0**depth,
    }.items():
        nodes[name].append(value)
    if not leaf:
        nodes["threshold"][here] = _threshold(frame, nodes["feature"][here], random)
        nodes["left"][here] = _grow(nodes, frame, plan, depth - 1, random)
        nodes["right"][here] = _grow(nodes, frame, plan, depth - 1, random)
    return here


def _threshold(frame: FeatureFrame, feature: int, random: np.random.Generator) -> float:
    dense = frame.dense.shape[1]
    seen = frame.dense[:, feature] if feature < dense else frame.values[frame.indices == feature - dense]
    value = np.float32(random.choice(seen)) if seen.size else np.float32(0.0)
    beside = random.choice([-math.inf, 0.0, math.inf])
    with np.errstate(over="ignore"):
        moved = value if beside == 0.0 else np.nextafter(value, np.float32(beside))
    return float(moved if np.isfinite(moved) else value)
