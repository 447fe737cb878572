from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from assay.contract.columns import Column, Contract
from assay.errors import DataError
from assay.measures.intervals import lower_bound
from assay.policy.apply import decide_frame
from assay.policy.choose import Circumstances, begin_policy, choose, circumstances
from assay.policy.policy import Policy
from assay.policy.thresholds import Candidates
from assay.spec import parse_spec
from assay.spec.tree import PolicyWish
from tests.spec.material import FULL

BINARY = Policy(task="binary", classes=("ham", "spam"))
NOWHERE = Circumstances()


def rows(count: int = 2000, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    generator = np.random.default_rng(seed)
    positive = 1 / (1 + np.exp(-3 * generator.normal(size=count)))
    labels = (generator.random(count) < positive).astype(np.int64)
    return np.column_stack([1 - positive, positive]), labels


def figures(policy: Policy, probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> tuple[int, int, int]:
    """Hits, flagged and positives."""
    flagged = decide_frame(policy, probabilities).label_index == policy.positive_index
    truth = labels == policy.positive_index
    return int((flagged & truth).sum()), int(flagged.sum()), int(truth.sum())


def test_recall_is_maximised_under_the_lower_bound_of_precision() -> None:
    probabilities, labels = rows()
    policy = choose(
        BINARY, probabilities, labels, PolicyWish(maximise="recall", subject_to={"precision": 0.95}), NOWHERE
    )
    hits, flagged, _ = figures(policy, probabilities, labels)
    assert lower_bound(hits, flagged, 0.99) >= 0.95
    assert "its one-sided 99 % lower bound" in policy.chosen_by
    assert not policy.note
    looser = [
        threshold
        for threshold in Candidates.of(probabilities[:, 1], labels == 1).thresholds
        if threshold < policy.thresholds[0]
    ]
    for threshold in looser[:200]:
        more_hits, more_flagged, _ = figures(
            msgspec.structs.replace(policy, thresholds=(threshold,)), probabilities, labels
        )
        assert lower_bound(more_hits, more_flagged, 0.99) < 0.95 or more_hits == hits


def test_few_rows_reach_a_floor_as_surely_as_they_can() -> None:
    wish = PolicyWish(maximise="recall", subject_to={"precision": 0.9})
    for count, told in ((50, "99 %"), (35, "95 %"), (20, "for want of")):
        positive = np.concatenate((np.linspace(0.9, 0.99, count), np.linspace(0.1, 0.2, count)))
        labels = np.repeat([1, 0], count)
        policy = choose(BINARY, np.column_stack([1 - positive, positive]), labels, wish, NOWHERE)
        assert told in policy.chosen_by
        assert bool(policy.note) == (count == 20)


@pytest.mark.parametrize(
    ("maximise", "floor"), [("recall", {"precision": 0.9}), ("precision", {"recall": 0.8})], ids=["precision", "recall"]
)
def test_rows_of_a_group_that_say_the_same_reach_a_floor_no_sooner(maximise: str, floor: dict[str, float]) -> None:
    probabilities, labels = rows(400)
    wish = PolicyWish.model_validate({"maximise": maximise, "subject_to": floor})
    many, same, groups = np.repeat(probabilities, 9, axis=0), np.repeat(labels, 9), np.repeat(np.arange(400), 9)
    once = choose(BINARY, probabilities, labels, wish, NOWHERE)
    counted = choose(BINARY, many, same, wish, NOWHERE, groups)
    assert counted.thresholds == once.thresholds
    assert choose(BINARY, many, same, wish, NOWHERE).thresholds != once.thresholds


def test_a_floor_out_of_reach_falls_back_to_the_best_f1_and_says_so() -> None:
    probabilities, labels = rows()
    wish = PolicyWish(maximise="recall", subject_to={"precision": 0.9999})
    policy = choose(BINARY, probabilities, labels, wish, NOWHERE)
    assert policy.thresholds == choose(BINARY, probabilities, labels, PolicyWish(maximise="f1"), NOWHERE).thresholds
    assert "precision >= 0.9999 cannot be reached" in policy.note
    assert "fell back to the best F1 (precision 0." in policy.note
    assert policy.chosen_by == "best f1, for want of precision >= 0.9999"


def test_precision_is_maximised_under_the_lower_bound_of_recall() -> None:
    probabilities, labels = rows()
    wish = PolicyWish(maximise="precision", subject_to={"recall": 0.8})
    hits, _, positives = figures(choose(BINARY, probabilities, labels, wish, NOWHERE), probabilities, labels)
    assert lower_bound(hits, positives) >= 0.8


@pytest.mark.parametrize("goal", ["f1", "accuracy"])
def test_no_other_threshold_does_better(goal: str) -> None:
    probabilities, labels = rows(400)
    policy = choose(BINARY, probabilities, labels, PolicyWish(maximise=goal), NOWHERE)
    values = []
    for threshold in [policy.thresholds[0], *np.linspace(0, 1, 500)]:
        said = probabilities[:, 1] >= threshold
        hits = (said & (labels == 1)).sum()
        values.append(2 * hits / (said.sum() + labels.sum()) if goal == "f1" else (said == labels).mean())
    assert values[0] == max(values)


def test_the_least_cost_depends_on_what_a_mistake_costs() -> None:
    probabilities, labels = rows()
    wish = PolicyWish(minimise="cost")
    careful = choose(BINARY, probabilities, labels, wish, Circumstances(costs=((0, 9), (1, 0))))
    eager = choose(BINARY, probabilities, labels, wish, Circumstances(costs=((0, 1), (9, 0))))
    assert careful.thresholds[0] == pytest.approx(0.9, abs=0.1)
    assert eager.thresholds[0] == pytest.approx(0.1, abs=0.1)


def test_a_capacity_is_never_exceeded() -> None:
    probabilities, labels = rows()
    wish = PolicyWish(capacity={"per_day": 100})
    policy = choose(BINARY, probabilities, labels, wish, Circumstances(rows_per_day=1000))
    _, flagged, _ = figures(policy, probabilities, labels)
    assert 190 <= flagged <= 200


def test_a_capacity_needs_to_know_how_many_rows_come() -> None:
    probabilities, labels = rows(50)
    with pytest.raises(DataError, match="how many rows come"):
        choose(BINARY, probabilities, labels, PolicyWish(capacity={"per_day": 100}), NOWHERE)


def test_no_rows_are_an_error() -> None:
    with pytest.raises(DataError, match="no validation rows"):
        choose(BINARY, np.empty((0, 2)), np.empty(0, dtype=np.int64), PolicyWish(), NOWHERE)


def test_without_a_wish_the_most_probable_class_is_said() -> None:
    probabilities, labels = rows(50)
    policy = choose(BINARY, probabilities, labels, PolicyWish(), NOWHERE)
    assert (policy.thresholds, policy.chosen_by) == ((0.5,), "most probable class")


def test_a_limit_of_reviews_a_day_needs_to_know_the_rows_of_a_day() -> None:
    probabilities, labels = rows(600)
    wish = PolicyWish(review={"within": 0.2})
    with pytest.raises(DataError, match="how many rows come in a day"):
        choose(BINARY, probabilities, labels, wish, Circumstances(review_per_day=50))


def test_the_review_band_is_narrowed_to_what_can_be_reviewed() -> None:
    probabilities, labels = rows()
    wish = PolicyWish(maximise="f1", review={"within": 0.2})
    wide = choose(BINARY, probabilities, labels, wish, NOWHERE)
    assert (wide.review_within, wide.note) == (0.2, "")
    fits = choose(BINARY, probabilities, labels, wish, Circumstances(rows_per_day=1000, review_per_day=900))
    assert fits.review_within == 0.2
    narrow = choose(BINARY, probabilities, labels, wish, Circumstances(rows_per_day=1000, review_per_day=50))
    assert (decide_frame(narrow, probabilities).decision == "review").sum() == 100
    assert "narrowed from 0.2" in narrow.note


def test_a_note_is_kept_when_the_band_adds_one() -> None:
    probabilities, labels = rows()
    wish = PolicyWish(maximise="recall", subject_to={"precision": 0.9999}, review={"within": 0.2})
    policy = choose(BINARY, probabilities, labels, wish, Circumstances(rows_per_day=1000, review_per_day=50))
    assert "cannot be reached" in policy.note
    assert "narrowed" in policy.note


def test_several_classes_take_costs_only_where_wished() -> None:
    policy = Policy(task="multiclass", classes=("a", "b", "c"))
    probabilities, labels = np.full((3, 3), 1 / 3), np.array([0, 1, 2])
    around = Circumstances(costs=((0, 1, 2), (3, 0, 1), (1, 1, 0)))
    assert choose(policy, probabilities, labels, PolicyWish(maximise="accuracy"), around).costs == ()
    chosen = choose(policy, probabilities, labels, PolicyWish(minimise="cost"), around)
    assert chosen.costs == ((0.0, 1.0, 2.0), (3.0, 0.0, 1.0), (1.0, 1.0, 0.0))
    assert chosen.chosen_by == "least expected cost"


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=40))
def test_every_candidate_flags_the_rows_it_says(drawn: list[tuple[float, bool]]) -> None:
    probabilities = np.array([probability for probability, _ in drawn])
    truth = np.array([flag for _, flag in drawn])
    candidates = Candidates.of(probabilities, truth)
    assert candidates.flagged[0] == 0
    assert candidates.flagged[-1] == len(drawn)
    for threshold, flagged, hits in zip(candidates.thresholds, candidates.flagged, candidates.hits, strict=True):
        assert (probabilities >= threshold).sum() == flagged
        assert (truth & (probabilities >= threshold)).sum() == hits


def test_very_many_candidates_are_thinned() -> None:
    probabilities = np.linspace(0.001, 0.999, 30_000)
    candidates = Candidates.of(probabilities, probabilities > 0.7)
    assert len(candidates.thresholds) == 5001
    assert candidates.flagged[-1] == 30_000
    assert candidates.thresholds[candidates.best(candidates.f1())] == pytest.approx(0.7, abs=0.001)


def test_the_spec_says_what_the_policy_begins_with() -> None:
    spec = parse_spec(FULL)
    contract = Contract(
        task="binary", classes=("ham", "spam"), positive="spam", columns=(Column(name="text", type="text"),)
    )
    policy = begin_policy(spec, contract)
    assert (policy.classes, policy.positive_index) == (("ham", "spam"), 1)
    assert policy.reasons[0].reason == "contains multiple URLs"
    around = circumstances(spec, contract, 500.0)
    assert around == Circumstances(costs=((0.0, 5.0), (1.0, 0.0)), rows_per_day=500.0, review_per_day=200.0)


def label_rows(count: int = 1500) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """A label that is easy to tell, one that is hard, and a rare one."""
    generator = np.random.default_rng(1)
    flags = (generator.random((count, 3)) < (0.5, 0.3, 0.02)).astype(np.int64)
    scores = generator.normal(size=(count, 3)) + flags * (6.0, 1.0, 2.0) - (3.0, 1.0, 3.0)
    return 1.0 / (1.0 + np.exp(-scores)), flags


SETS = Policy(task="multilabel", classes=("easy", "hard", "rare"))


def test_every_label_gets_the_threshold_that_it_would_get_alone() -> None:
    probabilities, flags = label_rows()
    policy = choose(SETS, probabilities, flags, PolicyWish(maximise="f1"), NOWHERE)
    assert policy.chosen_by == "for each label: best f1"
    for label in range(3):
        both = np.column_stack([1 - probabilities[:, label], probabilities[:, label]])
        alone = choose(BINARY, both, flags[:, label], PolicyWish(maximise="f1"), NOWHERE)
        assert policy.thresholds[label] == alone.thresholds[0]


def test_labels_that_cannot_reach_a_floor_are_named_once() -> None:
    probabilities, flags = label_rows()
    wish = PolicyWish(maximise="recall", subject_to={"precision": 0.95})
    policy = choose(SETS, probabilities, flags, wish, NOWHERE)
    assert policy.note.count("cannot be reached") == 1
    assert policy.note.endswith("fell back to the best F1: hard, rare")
    assert "with precision >= 0.95" in policy.chosen_by
    easy = probabilities[:, 0] >= policy.thresholds[0]
    assert lower_bound(int(flags[easy, 0].sum()), int(easy.sum())) >= 0.95


def test_without_a_wish_a_label_applies_that_is_more_likely_than_not() -> None:
    probabilities, flags = label_rows()
    policy = choose(SETS, probabilities, flags, PolicyWish(), NOWHERE)
    assert policy.thresholds == (0.5, 0.5, 0.5)
    assert policy.chosen_by == "each label that is more likely than not"


def test_costs_hold_for_each_label() -> None:
    probabilities, flags = label_rows()
    spec = parse_spec(
        "name: any\ndata: {source: rows.csv, label: [easy, hard, rare]}\n"
        "decision: {cost: {false_positive: 1, false_negative: 20}}\npolicy: {minimise: cost}\n"
    )
    contract = Contract(task="multilabel", classes=SETS.classes, columns=(Column(name="x", type="number"),))
    around = circumstances(spec, contract, None)
    assert around.costs == ((0.0, 1.0), (20.0, 0.0))
    policy = choose(SETS, probabilities, flags, spec.policy, around)
    assert policy.chosen_by == "for each label: least cost"
    assert max(policy.thresholds[1:]) < 0.2


@given(st.floats(0.1, 20.0), st.floats(0.1, 20.0), st.integers(0, 20))
def test_the_least_cost_is_that_of_every_threshold_tried_in_turn(miss: float, alarm: float, seed: int) -> None:
    probabilities, labels = rows(60, seed)
    around = Circumstances(costs=((0.0, alarm), (miss, 0.0)))
    policy = choose(BINARY, probabilities, labels, PolicyWish(minimise="cost"), around)

    def cost(threshold: float) -> float:
        said = probabilities[:, 1] >= threshold
        return float(miss * ((labels == 1) & ~said).sum() + alarm * ((labels == 0) & said).sum())

    tried = [0.0, 2.0, *probabilities[:, 1]]
    assert cost(policy.thresholds[0]) == pytest.approx(min(map(cost, tried)))
    assert policy.chosen_by == "least cost"


def test_a_capacity_flags_exactly_as_many_as_it_holds() -> None:
    probabilities, labels = rows(100)
    around = Circumstances(rows_per_day=100.0)
    policy = choose(BINARY, probabilities, labels, PolicyWish(capacity={"per_day": 30}), around)
    assert int((probabilities[:, 1] >= policy.thresholds[0]).sum()) == 30
    assert policy.chosen_by == "capacity of 30 a day among 100"


def test_figures_of_thresholds_are_those_counted_by_hand() -> None:
    found = Candidates.of(np.array([0.9, 0.7, 0.4, 0.1]), np.array([True, False, True, False]))
    assert found.accuracy().tolist() == [0.5, 0.75, 0.5, 0.75, 0.5]
    assert found.precision().tolist() == [0.0, 1.0, 0.5, pytest.approx(2 / 3), 0.5]
    assert found.recall().tolist() == [0.0, 0.5, 0.5, 1.0, 1.0]
    assert found.f1().tolist() == pytest.approx([0.0, 2 / 3, 0.5, 0.8, 2 / 3])


def test_of_equal_thresholds_that_nearest_to_a_half_is_best_and_that_which_flags_least_ranks_first() -> None:
    found = Candidates.of(np.array([0.9, 0.7, 0.4, 0.1]), np.array([True, False, True, False]))
    assert found.thresholds[found.best(np.ones(5))] == pytest.approx(0.55)
    assert list(found.ranking(np.array([1.0, 2.0, 1.0, 2.0, 1.0]))) == [1, 3, 0, 2, 4]
