"""Two small releases put together by hand: a linear one over a mixed table with text, and trees for three classes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.contract.columns import Column, Contract
from assay.features.plan import Derived, FeaturePlan, Number, OneHot, Ordinal, Terms, TextStatistics
from assay.models.linear import LinearModel
from assay.models.store import save
from assay.models.trees import TreeArrays, TreeModel
from assay.policy.policy import Calibration, Policy, Rule
from assay.release.bundle import Bundle
from assay.release.core import Release
from assay.release.parity import record
from assay.release.synthesise import synthesise

LINEAR_CONTRACT = Contract(
    task="binary",
    classes=("ham", "spam"),
    positive="spam",
    entity="user_id",
    columns=(
        Column(name="text", type="text", max_length=500, personal=True),
        Column(name="user_id", type="id"),
        Column(name="amount", type="number", missing="median", minimum=0.0, outliers="clip"),
        Column(name="limit", type="number", missing="constant", constant=0.0),
        Column(name="plan", type="category", missing="most_frequent", values=("free", "pro")),
        Column(name="verified", type="boolean", missing="most_frequent"),
        Column(name="sent_at", type="timestamp", missing="median"),
    ),
)
TREES_CONTRACT = Contract(
    task="multiclass",
    classes=("art", "money", "sport"),
    columns=(
        Column(name="goals", type="number", missing="median"),
        Column(name="price", type="number"),
        Column(name="page", type="category", missing="most_frequent", pattern="^[a-z]$"),
    ),
)


def linear_bundle(*, seed: int = 1, recorded: bool = True) -> Bundle:
    """Binary, every kind of encoder that linear models get, calibrated by a slope."""
    plan = FeaturePlan(
        columns=LINEAR_CONTRACT.names,
        derived=(
            Derived(name="used_share", op="ratio", of=("amount", "limit")),
            Derived(name="hour", op="date_part", of=("sent_at",), part="hour"),
        ),
        encoders=(
            Number(column="amount", impute=2.0, indicator=True, low=0.0, high=1000.0),
            Number(column="used_share", impute=0.5),
            Number(column="hour", impute=12.0),
            OneHot(column="plan", values=("free", "pro"), impute="free"),
            Number(column="verified", impute=1.0),
            TextStatistics(column="text", statistics=("char_count", "url_count", "capital_ratio")),
            Terms(
                column="text",
                words=(1, 2),
                characters=(2, 3),
                word_terms=("call", "call me", "free", "order", "win"),
                character_terms=(" f", "ee", "ee ", "in"),
            ),
        ),
        names=(
            *("amount", "amount is missing", "used_share", "hour", "plan=free", "plan=pro", "verified"),
            *("char_count", "url_count", "capital_ratio"),
        ),
    )
    random = np.random.default_rng(seed)
    model = LinearModel(random.normal(size=(1, 19)) * 0.3, np.array([-0.5]), np.zeros(10))
    policy = Policy(
        task="binary",
        classes=LINEAR_CONTRACT.classes,
        calibration=Calibration(method="sigmoid", slope=(1.1,), intercept=(-0.2,)),
        thresholds=(0.6,),
        review_within=0.05,
        reasons=(Rule(feature="url_count", op=">", value=0, reason="contains a URL"),),
    )
    idf = random.uniform(1.0, 3.0, size=9)
    return _bundle("spam", LINEAR_CONTRACT, plan, model, policy, {"terms.0.idf": idf}, recorded=recorded)


def trees_bundle(*, recorded: bool = True, threshold: float = 2.5) -> Bundle:
    """Three classes, one tree each and a second one for the first class; float32 features."""
    plan = FeaturePlan(
        columns=TREES_CONTRACT.names,
        precision="float32",
        encoders=(
            Number(column="goals", impute=1.0, indicator=True),
            Number(column="price"),
            Ordinal(column="page", values=("a", "b"), impute="a"),
        ),
        names=("goals", "goals is missing", "price", "page"),
    )
    trees = TreeArrays(
        feature=np.array([0, 2, -1, -1, -1, 2, -1, -1, 3, -1, -1, 0, -1, -1], dtype=np.int32),
        threshold=np.array([threshold, 1.1, 0, 0, 0, 2.0, 0, 0, 0.0, 0, 0, 0.1, 0, 0], dtype=np.float32),
        left=np.array([1, 2, -1, -1, -1, 6, -1, -1, 9, -1, -1, 12, -1, -1], dtype=np.int32),
        right=np.array([4, 3, -1, -1, -1, 7, -1, -1, 10, -1, -1, 13, -1, -1], dtype=np.int32),
        value=np.array([0, 0, -1.1, -0.25, 1.5, 0, 0.3, -0.75, 0, 0.1, 0.9, 0, 0.7, -0.7]),
        cover=np.array([10, 6, 2, 4, 4, 10, 7, 3, 10, 5, 5, 10, 4, 6], dtype=np.float64),
        root=np.array([0, 5, 8, 11], dtype=np.int32),
        output=np.array([0, 1, 2, 0], dtype=np.int32),
        base=np.array([0.1, -0.1, 0.0]),
        dense=np.array([4], dtype=np.int64),
    )
    costs = ((0.0, 1.0, 2.0), (1.0, 0.0, 1.0), (1.0, 3.0, 0.0))
    policy = Policy(task="multiclass", classes=TREES_CONTRACT.classes, costs=costs, review_within=0.02)
    return _bundle("topic", TREES_CONTRACT, plan, TreeModel(trees), policy, {}, recorded=recorded)


def _bundle(
    classifier: str,
    contract: Contract,
    plan: FeaturePlan,
    model: LinearModel | TreeModel,
    policy: Policy,
    plan_arrays: Mapping[str, NDArray[Any]],
    *,
    recorded: bool,
) -> Bundle:
    kind, arrays = save(model)
    profile = {"columns": {"amount": {"quantiles": [0.0, 1.5, 4.0, 90.0]}, "goals": {"quantiles": [0.0, 2.0, 9.0]}}}
    bundle = Bundle(
        classifier=classifier,
        contract=contract,
        plan=plan,
        plan_arrays=plan_arrays,
        kind=kind,
        model_arrays=arrays,
        policy=policy,
        profile=profile,
    )
    if not recorded:
        return bundle
    return dataclasses.replace(bundle, parity=record(Release.prepare(bundle), synthesise(bundle, seed=1)))
