from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.errors import ReleaseError
from assay.policy.apply import decide_frame, distances, log_odds, logistic, prepare, probabilities_frame, softmax
from assay.policy.policy import Calibration, Policy

scores = st.floats(-800, 800, allow_nan=False)
positive_numbers = st.floats(0.05, 20)


@st.composite
def curves(draw: st.DrawFn) -> tuple[tuple[float, ...], tuple[float, ...]]:
    x = sorted(draw(st.lists(st.floats(-40, 40), min_size=1, max_size=8, unique=True)))
    y = sorted(draw(st.lists(st.floats(0.001, 0.999), min_size=len(x), max_size=len(x))))
    return tuple(x), tuple(y)


@st.composite
def calibrations(draw: st.DrawFn, outputs: int) -> Calibration:
    method = draw(st.sampled_from(["none", "sigmoid", "temperature", "isotonic"]))
    if method == "sigmoid":
        slope = tuple(draw(positive_numbers) for _ in range(outputs))
        return Calibration(method="sigmoid", slope=slope, intercept=tuple(draw(scores) / 100 for _ in range(outputs)))
    if method == "temperature":
        return Calibration(method="temperature", temperature=draw(positive_numbers))
    if method == "isotonic":
        drawn = [draw(curves()) for _ in range(outputs)]
        return Calibration(method="isotonic", x=tuple(x for x, _ in drawn), y=tuple(y for _, y in drawn))
    return Calibration()


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    within = draw(st.sampled_from([0.0, 0.05, 0.4]))
    count = draw(st.integers(2, 5))
    classes = tuple("abcde"[:count])
    if count == 2:
        return Policy(
            task="binary",
            classes=classes,
            positive_index=draw(st.integers(0, 1)),
            calibration=draw(calibrations(1)),
            thresholds=draw(st.sampled_from([(), (0.2,), (0.5,), (1.0,)])),
            review_within=within,
        )
    if draw(st.booleans()):
        return Policy(
            task="multilabel",
            classes=classes,
            calibration=draw(calibrations(count)),
            thresholds=draw(st.sampled_from([(), tuple(draw(st.floats(0, 1)) for _ in classes)])),
            review_within=within,
        )
    cost = st.floats(0, 10)
    rows = tuple(tuple(draw(cost) for _ in classes) for _ in classes)
    return Policy(
        task="multiclass",
        classes=classes,
        calibration=draw(calibrations(count)),
        costs=draw(st.sampled_from([(), rows])),
        review_within=within,
    )


@given(policies(), st.data())
def test_one_row_and_many_rows_agree_to_the_bit(policy: Policy, data: st.DataObject) -> None:
    outputs = 1 if policy.task == "binary" else len(policy.classes)
    rows = data.draw(st.lists(st.lists(scores, min_size=outputs, max_size=outputs), min_size=1, max_size=6))
    frame = decide_frame(policy, probabilities_frame(policy, np.array(rows)))
    decide = prepare(policy)
    for index, row in enumerate(rows):
        one = decide(row)
        assert one.label == frame.label[index]
        several = policy.task == "multilabel"
        numbers = tuple(np.flatnonzero(frame.label_index[index]).tolist()) if several else frame.label_index[index]
        assert one.label_index == numbers
        assert one.decision == frame.decision[index]
        assert one.confidence == frame.confidence[index]
        prediction = frame.prediction[index]
        assert one.prediction == (dict(zip(policy.classes, prediction, strict=True)) if several else prediction)
        assert one.probabilities == tuple(frame.probabilities[index].tolist())


@given(policies(), st.data())
def test_a_decision_is_always_sound(policy: Policy, data: st.DataObject) -> None:
    outputs = 1 if policy.task == "binary" else len(policy.classes)
    row = data.draw(st.lists(scores, min_size=outputs, max_size=outputs))
    decision = prepare(policy)(row)
    assert all(0.0 <= probability <= 1.0 for probability in decision.probabilities)
    if isinstance(decision.label_index, tuple):
        assert decision.label == tuple(policy.classes[at] for at in decision.label_index)
        assert decision.decision in {decision.label, ("review",)}
        assert all(decision.confidence <= decision.probabilities[at] for at in decision.label_index)
        return
    assert sum(decision.probabilities) == pytest.approx(1.0)
    assert decision.label == policy.classes[decision.label_index]
    assert decision.decision in {decision.label, "review"}
    assert decision.confidence == decision.probabilities[decision.label_index]


def binary(**changes: Any) -> Policy:
    return Policy(task="binary", classes=("ham", "spam"), **changes)


def test_positive_begins_exactly_at_the_threshold() -> None:
    at = logistic(0.3)
    assert prepare(binary(thresholds=(at,)))([0.3]).label == "spam"
    assert prepare(binary(thresholds=(math.nextafter(at, 1.0),)))([0.3]).label == "ham"


def test_without_a_threshold_the_most_probable_class_is_said() -> None:
    decide = prepare(binary())
    assert (decide([0.0]).label, decide([-1e-9]).label) == ("spam", "ham")


def test_the_band_on_both_sides_of_the_threshold_is_reviewed() -> None:
    decide = prepare(binary(thresholds=(0.5,), review_within=0.1))
    said = [decide([score]).decision for score in (-2.0, -0.2, 0.2, 2.0)]
    assert said == ["ham", "review", "review", "spam"]
    assert decide([0.2]).label == "spam"


def test_the_positive_class_may_come_first() -> None:
    decision = prepare(Policy(task="binary", classes=("spam", "ham"), positive_index=0))([3.0])
    assert decision.label == "spam"
    assert decision.probabilities[0] == decision.prediction == logistic(3.0)


def test_costs_move_the_decision_away_from_the_most_probable_class() -> None:
    costs = ((0.0, 1.0, 1.0), (50.0, 0.0, 1.0), (1.0, 1.0, 0.0))
    row = [1.0, 0.0, -3.0]
    assert prepare(Policy(task="multiclass", classes=("a", "b", "c")))(row).label == "a"
    assert prepare(Policy(task="multiclass", classes=("a", "b", "c"), costs=costs))(row).label == "b"


def test_several_classes_close_together_are_reviewed() -> None:
    decide = prepare(Policy(task="multiclass", classes=("a", "b", "c"), review_within=0.2))
    assert decide([1.0, 0.9, -5.0]).decision == "review"
    assert decide([9.0, 0.9, -5.0]).decision == "a"


def test_an_isotonic_curve_is_held_at_its_ends_and_linear_between() -> None:
    policy = binary(calibration=Calibration(method="isotonic", x=((-1.0, 1.0),), y=((0.2, 0.6),)))
    decide = prepare(policy)
    assert [decide([score]).prediction for score in (-9.0, -1.0, 0.0, 1.0, 9.0)] == pytest.approx(
        [0.2, 0.2, 0.4, 0.6, 0.6]
    )


@pytest.mark.parametrize("method", ["none", "temperature", "sigmoid", "isotonic"])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_not_finite_is_never_answered(method: Any, bad: float) -> None:
    calibration = Calibration(method=method, slope=(1.0,), intercept=(0.0,), x=((0.0, 1.0),), y=((0.1, 0.9),))
    with pytest.raises(ReleaseError, match="not finite"):
        prepare(binary(calibration=calibration))([bad])
    with pytest.raises(ReleaseError, match="not finite"):
        probabilities_frame(binary(calibration=calibration), np.array([[0.0], [bad]]))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_no_class_may_have_a_score_that_is_not_finite(bad: float, place: int) -> None:
    row = [0.0, 1.0, 2.0]
    row[place] = bad
    with pytest.raises(ReleaseError, match="not finite"):
        prepare(Policy(task="multiclass", classes=("a", "b", "c")))(row)


def test_curves_that_give_nothing_to_any_class_leave_all_equal() -> None:
    flat = ((0.0, 1.0),) * 3
    nothing = ((0.0, 0.0),) * 3
    policy = Policy(
        task="multiclass", classes=("a", "b", "c"), calibration=Calibration(method="isotonic", x=flat, y=nothing)
    )
    assert prepare(policy)([1.0, 2.0, 3.0]).probabilities == pytest.approx((1 / 3, 1 / 3, 1 / 3))


def test_log_odds_turn_a_logistic_back() -> None:
    assert log_odds(logistic(2.5)) == pytest.approx(2.5)
    assert math.isfinite(log_odds(0.0))
    assert math.isfinite(log_odds(1.0))


def test_no_rows_give_no_decisions() -> None:
    assert probabilities_frame(binary(), np.empty((0, 1))).shape == (0, 2)
    assert len(decide_frame(binary(), np.empty((0, 2))).label) == 0


def test_the_softmax_of_huge_scores_does_not_overflow() -> None:
    assert softmax([1e308, -1e308]) == (1.0, 0.0)


def test_distances_are_what_the_band_is_compared_with() -> None:
    frame = np.array([[0.4, 0.6], [0.9, 0.1]])
    assert distances(binary(thresholds=(0.3,)), frame).tolist() == pytest.approx([0.3, 0.2])


LABELS = Policy(task="multilabel", classes=("art", "money", "sport"), thresholds=(0.5, 0.2, 0.9), review_within=0.05)


@pytest.mark.parametrize(
    ("probabilities", "labels", "decision", "confidence"),
    [
        ((0.7, 0.3, 0.1), ("art", "money"), ("art", "money"), 0.3),
        ((0.1, 0.1, 0.8), (), (), 0.2),
        ((0.9, 0.1, 0.98), ("art", "sport"), ("art", "sport"), 0.9),
        ((0.7, 0.22, 0.1), ("art", "money"), ("review",), 0.22),
        ((0.1, 0.1, 0.88), (), ("review",), 0.12),
    ],
)
def test_each_label_applies_from_its_own_threshold_on(
    probabilities: tuple[float, ...], labels: tuple[str, ...], decision: tuple[str, ...], confidence: float
) -> None:
    one = prepare(LABELS)([log_odds(probability) for probability in probabilities])
    assert one.label == labels
    assert one.decision == decision
    assert one.confidence == pytest.approx(confidence)
    assert one.prediction == dict(zip(LABELS.classes, one.probabilities, strict=True))
    assert one.probabilities == pytest.approx(probabilities)


def test_a_score_that_is_not_finite_is_refused_of_labels_too() -> None:
    for calibration in (Calibration(), Calibration(method="isotonic", x=((0.0,),) * 3, y=((0.5,),) * 3)):
        policy = Policy(task="multilabel", classes=("a", "b", "c"), calibration=calibration)
        for wrong in (math.nan, math.inf, -math.inf):
            with pytest.raises(ReleaseError):
                prepare(policy)([0.0, wrong, 0.0])
