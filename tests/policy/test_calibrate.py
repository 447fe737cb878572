from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression

from assay.measures.metrics import log_losses
from assay.policy.apply import probabilities_frame
from assay.policy.calibrate import Method, fit_calibration
from assay.policy.policy import Calibration, Policy
from assay.policy.solve import fit_isotonic, fit_platt, fit_temperature

BINARY = Policy(task="binary", classes=("ham", "spam"))
CLASSES = Policy(task="multiclass", classes=("a", "b", "c"))


def binary_rows(count: int = 4000, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """True log-odds, and labels drawn from them."""
    generator = np.random.default_rng(seed)
    odds = generator.normal(size=count) * 1.5
    return odds[:, None], (generator.random(count) < 1 / (1 + np.exp(-odds))).astype(np.int64)


def class_rows(count: int = 3000, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    generator = np.random.default_rng(seed)
    scores = generator.normal(size=(count, 3)) * 2
    shares = np.exp(scores)
    shares /= shares.sum(axis=1, keepdims=True)
    labels = (generator.random(count)[:, None] > shares.cumsum(axis=1)).sum(axis=1)
    return scores, labels.astype(np.int64)


def loss(policy: Policy, calibration: Calibration, raw: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    fitted = Policy(
        task=policy.task, classes=policy.classes, positive_index=policy.positive_index, calibration=calibration
    )
    return float(log_losses(probabilities_frame(fitted, raw), labels).mean())


def test_scores_that_are_right_are_left_alone() -> None:
    raw, labels = binary_rows()
    assert fit_calibration(BINARY, raw, labels) == Calibration()


def test_overconfident_scores_are_cooled() -> None:
    raw, labels = binary_rows()
    calibration = fit_calibration(BINARY, 3 * raw, labels)
    assert calibration.method == "temperature"
    assert calibration.temperature == pytest.approx(3.0, rel=0.1)


def test_shifted_scores_get_a_line() -> None:
    raw, labels = binary_rows()
    calibration = fit_calibration(BINARY, raw + 1.5, labels)
    assert calibration.method == "sigmoid"
    assert calibration.intercept[0] == pytest.approx(-1.5, abs=0.2)


def test_bent_scores_get_a_curve() -> None:
    raw, labels = binary_rows(20_000)
    assert fit_calibration(BINARY, np.sign(raw) * np.abs(raw) ** 4, labels).method == "isotonic"


def test_few_rows_are_not_calibrated_by_themselves() -> None:
    raw, labels = binary_rows(12)
    assert fit_calibration(BINARY, 9 * raw, labels) == Calibration()


def test_several_classes_are_cooled_too() -> None:
    raw, labels = class_rows()
    assert fit_calibration(CLASSES, raw, labels).method == "none"
    calibration = fit_calibration(CLASSES, 3 * raw, labels)
    assert calibration.method == "temperature"
    assert calibration.temperature == pytest.approx(3.0, rel=0.1)


def test_many_classes_are_only_ever_cooled() -> None:
    generator = np.random.default_rng(0)
    labels = np.repeat(np.arange(30), 20)
    raw = generator.normal(size=(600, 30)) * 3
    raw[np.arange(600), labels] += 1
    policy = Policy(task="multiclass", classes=tuple(map(str, range(30))))
    assert fit_calibration(policy, raw, labels).method == "temperature"


@pytest.mark.parametrize("method", ["temperature", "sigmoid", "isotonic"])
@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_every_method_improves_bad_scores(method: Method, task: str) -> None:
    policy, (raw, labels) = (BINARY, binary_rows()) if task == "binary" else (CLASSES, class_rows())
    calibration = fit_calibration(policy, 4 * raw, labels, method)
    assert calibration.method == method
    assert loss(policy, calibration, 4 * raw, labels) < loss(policy, Calibration(), 4 * raw, labels) - 0.05


def test_the_positive_class_may_come_first() -> None:
    raw, labels = binary_rows()
    turned = Policy(task="binary", classes=("spam", "ham"), positive_index=0)
    straight = fit_calibration(BINARY, raw + 1.5, labels, "sigmoid")
    assert fit_calibration(turned, raw + 1.5, 1 - labels, "sigmoid") == straight


def test_the_same_rows_give_the_same_calibration() -> None:
    raw, labels = binary_rows()
    assert fit_calibration(BINARY, raw + 1, labels, seed=3) == fit_calibration(BINARY, raw + 1, labels, seed=3)


def test_an_isotonic_curve_is_the_best_growing_one() -> None:
    raw, labels = binary_rows(500)
    scores = np.round(raw[:, 0], 1)
    x, y = fit_isotonic(scores, labels == 1)
    expected = IsotonicRegression().fit(scores, labels).predict(np.array(x))
    assert y == pytest.approx(np.clip(expected, 1 / 502, 501 / 502).tolist())
    assert list(x) == sorted(set(x))
    assert list(y) == sorted(y)


def test_no_calibration_turns_the_order_round() -> None:
    raw, labels = binary_rows(300)
    slope, intercept = fit_platt(-raw[:, 0], labels == 1)
    assert slope == 0.0
    assert 1 / (1 + np.exp(-intercept)) == pytest.approx(labels.mean(), abs=0.01)


def test_parted_classes_give_a_finite_line() -> None:
    scores = np.array([-2.0, -1.0, 1.0, 2.0])
    slope, intercept = fit_platt(scores, scores > 0)
    assert np.isfinite([slope, intercept]).all()
    assert slope > 0


def test_a_temperature_stays_within_its_bounds() -> None:
    scores = np.array([[-2.0], [2.0]])
    assert fit_temperature(scores, np.array([0, 1]), 1) == pytest.approx(0.02, rel=0.01)
    assert fit_temperature(scores, np.array([1, 0]), 1) == pytest.approx(50, rel=0.01)


def test_each_label_is_calibrated_by_itself() -> None:
    generator = np.random.default_rng(3)
    scores = generator.normal(size=(4000, 2)) * 2.0
    slopes = np.array([0.5, 2.0])
    flags = (generator.random(scores.shape) < 1.0 / (1.0 + np.exp(-slopes * scores - 1.0))).astype(np.int64)
    policy = Policy(task="multilabel", classes=("a", "b"))
    line = fit_calibration(policy, scores, flags, "sigmoid")
    assert line.slope == pytest.approx(tuple(slopes), rel=0.15)
    assert line.intercept == pytest.approx((1.0, 1.0), abs=0.2)
    assert fit_calibration(policy, scores, flags, "auto").method in ("sigmoid", "isotonic")
    shared = fit_calibration(policy, scores, flags, "temperature")
    assert 0.5 < shared.temperature < 2.0


def test_labels_too_rare_to_compare_are_not_calibrated() -> None:
    generator = np.random.default_rng(4)
    scores = generator.normal(size=(300, 2))
    flags = np.column_stack([scores[:, 0] > 0, np.arange(300) < 5]).astype(np.int64)
    policy = Policy(task="multilabel", classes=("a", "b"))
    assert fit_calibration(policy, scores, flags, "auto") == Calibration()
