"""Converted models against the libraries that fitted them: trees to the bit, linear models within 1e-9."""

from __future__ import annotations

from typing import Any

import lightgbm
import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from assay.errors import NotSupportedError
from assay.features.plan import FeaturePlan
from assay.models.trees import TreeModel
from assay.training.convert import linear_from_sklearn, trees_from_booster
from tests.models.examples import frame_of, rows_of

COLUMNS = 6
PLAN = FeaturePlan(columns=(), names=tuple(f"x{number}" for number in range(COLUMNS)))


def matrix(seed: int, rows: int = 600) -> NDArray[np.float64]:
    """Numbers of very different sizes, with many repeated values, as float32."""
    random = np.random.default_rng(seed)
    values = random.normal(size=(rows, COLUMNS)) * 10.0 ** np.arange(-3, 3)
    values[:, 1] = random.integers(0, 3, rows)
    values[:, 2] *= random.random(rows) < 0.3
    return values.astype(np.float32).astype(np.float64)


def labels_of(values: NDArray[np.float64], classes: int) -> NDArray[np.int64]:
    mixed = values[:, 0] * 500 + values[:, 1] - values[:, 3] * 2 + np.random.default_rng(0).normal(size=len(values))
    return np.digitize(mixed, np.quantile(mixed, np.arange(1, classes) / classes))


def booster_of(values: Any, labels: Any, classes: int, rounds: int = 25, **more: Any) -> lightgbm.Booster:
    task = {"objective": "binary"} if classes == 2 else {"objective": "multiclass", "num_class": classes}
    parameters = {**task, "num_leaves": 31, "min_data_in_leaf": 5, "num_threads": 1, "verbose": -1, **more}
    return lightgbm.train(parameters, lightgbm.Dataset(values, labels), rounds)


def raw(booster: lightgbm.Booster, values: Any) -> NDArray[np.float64]:
    return np.asarray(booster.predict(values, raw_score=True, num_threads=1)).reshape(len(values), -1)


def beside_thresholds(model: TreeModel, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows at, one ulp below and one ulp above every threshold of the model, and about what LightGBM takes for 0."""
    arrays = model.arrays()
    inner = arrays["feature"] >= 0
    tiny = np.array([1e-35, 1e-38, 1e-45, -1e-45, -1e-35], dtype=np.float32)
    feature = np.append(arrays["feature"][inner], np.full(5, 2))
    at = np.append(arrays["threshold"][inner], tiny)
    places = np.concatenate([at, np.nextafter(at, np.float32(-np.inf)), np.nextafter(at, np.float32(np.inf))])
    rows = np.repeat(values[:1], places.size, axis=0).astype(np.float32)
    rows[np.arange(len(rows)), np.tile(feature, 3)] = places
    return rows.astype(np.float64)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("seed", [0, 1])
def test_trees_score_like_lightgbm_to_the_bit(classes: int, seed: int) -> None:
    values = matrix(seed)
    booster = booster_of(values, labels_of(values, classes), classes)
    model = trees_from_booster(booster, PLAN)
    every = np.vstack([values, matrix(seed + 10), beside_thresholds(model, values)])
    inputs = frame_of(every)
    assert np.array_equal(model.frame(inputs), raw(booster, every))
    assert [model.row(row) for row in rows_of(inputs)] == model.frame(inputs).tolist()


def with_categories(values: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    """The same rows, whose column 1 holds the numbers of categories, -1 for none."""
    numbers = np.random.default_rng(1).integers(-1, most, len(values)).astype(np.float64)
    return np.hstack([values[:, :1], numbers[:, None], values[:, 2:]])


@pytest.mark.parametrize("classes", [2, 3])
def test_sets_of_categories_score_and_explain_like_lightgbm(classes: int) -> None:
    values = with_categories(matrix(7), 40)
    labels = (labels_of(values, classes) + (values[:, 1] % 5 > 2)) % classes
    task = {"objective": "binary"} if classes == 2 else {"objective": "multiclass", "num_class": classes}
    parameters = {**task, "min_data_per_group": 5, "cat_smooth": 1, "num_threads": 1, "verbose": -1}
    booster = lightgbm.train(parameters, lightgbm.Dataset(values, labels, categorical_feature=[1]), 20)
    model = trees_from_booster(booster, PLAN)
    assert len(model.arrays()["sets"]) > 10
    every = with_categories(matrix(8), 60)
    inputs = frame_of(every)
    assert np.array_equal(model.frame(inputs), raw(booster, every))
    assert [model.row(row) for row in rows_of(inputs)] == model.frame(inputs).tolist()
    theirs = np.asarray(booster.predict(every[:20], pred_contrib=True, num_threads=1)).reshape(20, -1, COLUMNS + 1)
    for row, expected in zip(rows_of(inputs), theirs, strict=False):
        base, dense, _ = model.contributions(row, 0)
        assert [*dense, base] == pytest.approx(expected[0].tolist(), abs=1e-9)


def test_more_categories_than_a_set_holds_are_refused() -> None:
    values = with_categories(matrix(9, rows=8000), 400)
    parameters = {"objective": "binary", "min_data_per_group": 1, "max_bin": 1000, "num_threads": 1, "verbose": -1}
    labels = (values[:, 1] > 300).astype(np.int64)
    more = {**parameters, "min_data_in_bin": 1, "min_data_in_leaf": 1}
    booster = lightgbm.train(more, lightgbm.Dataset(values, labels, categorical_feature=[1], params=more), 3)
    with pytest.raises(NotSupportedError, match="beyond number 255"):
        trees_from_booster(booster, PLAN)


def test_trees_take_terms_behind_the_dense_features() -> None:
    values = matrix(2)
    booster = booster_of(values, labels_of(values, 2), 2)
    plan = FeaturePlan(columns=(), names=PLAN.names[:2])
    inputs = frame_of(values[:, :2], values[:, 2:])
    assert np.array_equal(trees_from_booster(booster, plan).frame(inputs), raw(booster, values))


def test_contributions_are_those_of_lightgbm() -> None:
    values = matrix(3)
    booster = booster_of(values, labels_of(values, 2), 2)
    model = trees_from_booster(booster, PLAN)
    theirs = np.asarray(booster.predict(values[:40], pred_contrib=True, num_threads=1))
    for row, expected in zip(rows_of(frame_of(values[:40])), theirs, strict=True):
        base, dense, _ = model.contributions(row, 0)
        assert [*dense, base] == pytest.approx(expected.tolist(), abs=1e-9)


def test_trees_stop_where_the_booster_found_its_best() -> None:
    values = matrix(4)
    labels = labels_of(values, 2)
    teach = lightgbm.Dataset(values[:400], labels[:400])
    booster = lightgbm.train(
        {"objective": "binary", "num_threads": 1, "verbose": -1, "learning_rate": 0.5},
        teach,
        200,
        valid_sets=[lightgbm.Dataset(values[400:], labels[400:], reference=teach)],
        callbacks=[lightgbm.early_stopping(5, verbose=False)],
    )
    model = trees_from_booster(booster, PLAN)
    assert 0 < model.arrays()["root"].size == booster.best_iteration < 200
    assert np.array_equal(model.frame(frame_of(values)), raw(booster, values))


def test_trees_without_a_split_are_constants() -> None:
    values = np.zeros((100, COLUMNS))
    booster = booster_of(values, np.arange(100) % 4 == 0, 2, rounds=3)
    model = trees_from_booster(booster, PLAN)
    assert np.array_equal(model.frame(frame_of(values)), raw(booster, values))
    base, dense, _ = model.contributions(rows_of(frame_of(values))[0], 0)
    assert (base, dense) == (model.frame(frame_of(values))[0, 0], [0.0] * COLUMNS)


@pytest.mark.parametrize(
    "more",
    [
        {"zero_as_missing": True},
        {"linear_tree": True},
        {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5},
    ],
)
def test_a_booster_that_decides_otherwise_is_refused(more: dict[str, Any]) -> None:
    values = matrix(5)
    parameters = {"objective": "binary", "num_threads": 1, "verbose": -1, **more}
    booster = lightgbm.train(parameters, lightgbm.Dataset(values, labels_of(values, 2), params=parameters), 5)
    with pytest.raises(NotSupportedError, match="cannot be converted"):
        trees_from_booster(booster, PLAN)


@pytest.mark.parametrize("classes", [2, 4])
def test_linear_models_score_like_scikit_learn(classes: int) -> None:
    values = matrix(6)
    dense, terms = values[:, :4], values[:, 4:]
    mean, spread = dense.mean(axis=0), dense.std(axis=0)
    scaled = np.hstack([(dense - mean) / spread, terms])
    estimator = LogisticRegression(max_iter=2000).fit(scaled, labels_of(values, classes))
    model = linear_from_sklearn(estimator, mean, spread)
    theirs = estimator.decision_function(scaled).reshape(len(values), -1)
    assert np.abs(model.frame(frame_of(dense, terms)) - theirs).max() <= 1e-9
    assert model.means.tolist() == mean.tolist()
