"""The three releases that are measured, fitted on rows from a seeded generator: 20 columns with logistic regression,
the same with 200 trees of 31 leaves, and short texts with n-grams and logistic regression.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any, NamedTuple

import lightgbm
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack
from sklearn.linear_model import LogisticRegression

from assay.app import App
from assay.contract.columns import Column, Contract
from assay.contract.table import Table
from assay.features.fit import fit_plan
from assay.features.frame import evaluate_frame
from assay.features.plan import FeatureFrame, FeaturePlan
from assay.models.model import Model
from assay.models.store import save
from assay.policy.policy import Policy
from assay.registry.releases import Registration, publish
from assay.release.bundle import Bundle, Example
from assay.release.core import Release
from assay.release.parity import record
from assay.spec.tree import Features, Ngrams
from assay.training.convert import linear_from_sklearn, trees_from_booster

ROWS = 4_000
NUMBERS, CATEGORIES = 14, 6
STARTS, ENDS = ("ba", "co", "du", "fi", "lo", "me", "pra", "stu"), ("ra", "ten", "si", "vo", "mul", "gan", "ly", "ber")
WORDS = [start + end for start in STARTS for end in ENDS]
NO_TEXT = Features(text_statistics=(), ngrams={})
WITH_TERMS = Features(ngrams={"text": Ngrams(words=(1, 2))})


class Rows(NamedTuple):
    """Labelled rows of one contract, and one of them as a request says it."""

    contract: Contract
    table: Table
    labels: NDArray[np.int64]
    example: Example


class Fitted(NamedTuple):
    """What a bundle is made of."""

    plan: FeaturePlan
    arrays: dict[str, NDArray[Any]]
    model: Model


def publish_all(app: App) -> dict[str, Example]:
    """Register and deploy the three; a request's example by classifier."""
    rng = np.random.default_rng(20)
    tabular, texts = _tabular(rng), _texts(rng)
    _publish(app, "linear_tabular", tabular, _fit_linear(tabular, NO_TEXT))
    _publish(app, "linear_text", texts, _fit_linear(texts, WITH_TERMS))
    _publish(app, "lightgbm_200x31", tabular, _fit_trees(tabular))
    return {"linear_tabular": tabular.example, "linear_text": texts.example, "lightgbm_200x31": tabular.example}


def publish_tabular(app: App) -> Rows:
    """Register and deploy the first alone, as `publish_all` does; its rows."""
    tabular = _tabular(np.random.default_rng(20))
    _publish(app, "linear_tabular", tabular, _fit_linear(tabular, NO_TEXT))
    return tabular


def _publish(app: App, name: str, rows: Rows, fitted: Fitted) -> None:
    kind, model_arrays = save(fitted.model)
    bundle = Bundle(
        classifier=name,
        contract=rows.contract,
        plan=fitted.plan,
        plan_arrays=fitted.arrays,
        kind=kind,
        model_arrays=model_arrays,
        policy=Policy(task="binary", classes=rows.contract.classes, thresholds=(0.5,)),
        profile={},
    )
    bundle = replace(bundle, parity=record(Release.prepare(bundle), [rows.example]))
    registration = Registration(passed=True, framework=kind, metrics={}, created_at=time.time(), created_by="bench")
    version = publish(bundle, {"card.json": b"{}"}, registration, registry=app.registry, blobs=app.blobs)
    app.registry.deploy(name, version.version, expected_generation=0, by="bench", at=time.time())


def _fit_linear(rows: Rows, features: Features) -> Fitted:
    plan, arrays = fit_plan(rows.contract, rows.table, rows.labels, features, "linear")
    frame = evaluate_frame(plan, arrays, rows.table)
    mean, spread = frame.dense.mean(axis=0), frame.dense.std(axis=0) + 1e-9
    scaled = csr_matrix((frame.dense - mean) / spread)
    estimator = LogisticRegression(max_iter=500).fit(hstack([scaled, _sparse(frame)]).tocsr(), rows.labels)
    return Fitted(plan, arrays, linear_from_sklearn(estimator, mean, spread))


def _fit_trees(rows: Rows) -> Fitted:
    plan, arrays = fit_plan(rows.contract, rows.table, rows.labels, NO_TEXT, "trees")
    dense = evaluate_frame(plan, arrays, rows.table).dense
    settings = {"objective": "binary", "num_leaves": 31, "min_data_in_leaf": 5, "verbose": -1, "num_threads": 1}
    booster = lightgbm.train(settings, lightgbm.Dataset(dense, rows.labels), num_boost_round=200)
    return Fitted(plan, arrays, trees_from_booster(booster, plan))


def _sparse(frame: FeatureFrame) -> csr_matrix:
    width = int(frame.indices.max()) + 1 if frame.indices.size else 0
    return csr_matrix((frame.values, frame.indices, frame.indptr), shape=(frame.dense.shape[0], width))


def _tabular(rng: np.random.Generator) -> Rows:
    columns: dict[str, NDArray[Any]] = {f"n{at}": rng.normal(size=ROWS).round(2) for at in range(NUMBERS)}
    score = columns["n0"] - columns["n1"] * columns["n2"] + np.abs(columns["n3"])
    for at in range(CATEGORIES):
        letters = rng.integers(0, 4, ROWS)
        columns[f"c{at}"] = np.array([f"v{letter}" for letter in letters], dtype=object)
        score = score + (letters == at % 4)
    labels = (score + rng.logistic(size=ROWS) > 1.5).astype(np.int64)
    contract = Contract(
        task="binary",
        classes=("no", "yes"),
        positive="yes",
        columns=(
            *(Column(name=f"n{at}", type="number", missing="median") for at in range(NUMBERS)),
            *(Column(name=f"c{at}", type="category", missing="most_frequent") for at in range(CATEGORIES)),
        ),
    )
    table = Table(columns, ROWS)
    return Rows(contract, table, labels, dict(zip(contract.names, table.row(0, contract.names), strict=True)))


def _texts(rng: np.random.Generator) -> Rows:
    drawn = [rng.choice(len(WORDS), size=rng.integers(8, 25)) for _ in range(ROWS)]
    labels = np.array([int((words < 12).mean() + rng.normal(scale=0.1) > 0.2) for words in drawn])
    texts = np.empty(ROWS, dtype=object)
    texts[:] = [" ".join(WORDS[word] for word in words) for words in drawn]
    contract = Contract(
        task="binary", classes=("no", "yes"), positive="yes", columns=(Column(name="text", type="text", personal=True),)
    )
    example = {"text": min(texts, key=lambda text: abs(len(text) - 150))}
    return Rows(contract, Table({"text": texts}, ROWS), labels, example)
