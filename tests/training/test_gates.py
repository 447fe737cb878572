"""Gates judge whole intervals."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from assay.measures.fairness import Disparity
from assay.spec import parse_spec
from assay.spec.tree import Capacity, ChampionGate, FairnessGate, Floors, Gate, PolicyWish
from assay.training.champion import Comparison
from assay.training.gates import Judgement, judge, judge_champion, judge_fairness, wanted_gates
from assay.values import Interval


def verdict(gate: Gate, measured: Interval | None, baseline: float | None = None) -> Judgement:
    figures = {"f1": measured} if measured else {}
    majority = {"f1": baseline} if baseline is not None else {}
    (judgement,) = judge({"f1": gate}, figures, majority)
    return judgement


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0.91, 0.95, "pass"), (0.9, 0.95, "pass"), (0.8, 0.89, "fail"), (0.85, 0.95, "undecided")],
)
def test_a_floor_is_passed_by_the_whole_interval(low: float, high: float, expected: str) -> None:
    assert verdict(Gate(min=0.9), Interval((low + high) / 2, low, high)).verdict == expected


@pytest.mark.parametrize(
    ("low", "high", "expected"), [(0.01, 0.05, "pass"), (0.06, 0.08, "fail"), (0.04, 0.06, "undecided")]
)
def test_a_ceiling_is_passed_by_the_whole_interval(low: float, high: float, expected: str) -> None:
    assert verdict(Gate(max=0.05), Interval((low + high) / 2, low, high)).verdict == expected


def test_the_majority_must_be_beaten_not_only_met() -> None:
    gate, baseline = Gate(min="majority"), 0.5
    assert verdict(gate, Interval(0.6, 0.5, 0.7), baseline).verdict == "undecided"
    better = verdict(gate, Interval(0.6, 0.51, 0.7), baseline)
    assert (better.verdict, better.limit, better.relative) == ("pass", 0.5, "majority")


@pytest.mark.parametrize(("measured", "baseline"), [(None, 0.5), (Interval(0.9, 0.8, 1.0), None)])
def test_what_cannot_be_measured_is_undecided(measured: Interval | None, baseline: float | None) -> None:
    assert verdict(Gate(min="majority"), measured, baseline).verdict == "undecided"


@pytest.mark.parametrize(
    ("more", "most"),
    [
        ("", {}),
        ("decision: {limits: {latency_ms: 50}}", {"latency_p99_ms": 50.0}),
        ("decision: {limits: {latency_ms: 50}}\ngates: {latency_p99_ms: {max: 20}}", {"latency_p99_ms": 20.0}),
        ("decision: {limits: {latency_ms: 10}}\ngates: {latency_p99_ms: {max: 20}}", {"latency_p99_ms": 10.0}),
    ],
)
def test_the_hard_limit_on_latency_is_a_gate(more: str, most: dict[str, float]) -> None:
    spec = parse_spec(f"name: spam\ndata: {{source: a.csv, label: b}}\n{more}\n")
    assert {name: gate.max for name, gate in wanted_gates(spec).items()} == most


def test_both_bounds_of_a_gate_are_judged() -> None:
    judged = judge({"positive_rate": Gate(min=0.1, max=0.3)}, {"positive_rate": Interval(0.2, 0.15, 0.35)}, {})
    assert [(one.bound, one.verdict) for one in judged] == [("min", "pass"), ("max", "undecided")]
    assert "0.1500 to 0.3500" in judged[1].reason


CHAMPION = Comparison(version=3, release_digest="d", metrics={}, differences={})


def against(low: float, high: float, metric: str = "f1", margin: float = 0.01) -> Judgement:
    comparison = msgspec.structs.replace(CHAMPION, differences={metric: Interval((low + high) / 2, low, high)})
    gate = ChampionGate(non_inferior_by=margin, metric=metric)
    (judgement,) = judge_champion(gate, "binary", PolicyWish(), comparison)
    return judgement


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(-0.005, 0.02, "pass"), (-0.02, 0.02, "undecided"), (-0.03, -0.02, "fail")],
)
def test_a_release_may_not_be_worse_than_the_champion_by_more_than_the_margin(
    low: float, high: float, expected: str
) -> None:
    judgement = against(low, high)
    assert (judgement.verdict, judgement.limit, judgement.relative) == (expected, -0.01, "champion")
    assert "@3" in judgement.reason
    assert against(-high, -low, "log_loss").verdict == expected


def test_without_a_champion_there_is_nothing_to_be_inferior_to() -> None:
    (judgement,) = judge_champion(ChampionGate(non_inferior_by=0.0), "binary", PolicyWish(maximise="f1"), None)
    assert (judgement.verdict, judgement.measured) == ("pass", None)


def test_a_champion_that_cannot_answer_leaves_it_undecided() -> None:
    silent = msgspec.structs.replace(CHAMPION, note="it has other classes")
    (judgement,) = judge_champion(ChampionGate(non_inferior_by=0.0), "binary", PolicyWish(maximise="f1"), silent)
    assert (judgement.verdict, judgement.reason) == ("undecided", "it has other classes")


@pytest.mark.parametrize(
    ("wish", "metrics"),
    [
        (PolicyWish(maximise="recall", subject_to=Floors(precision=0.9)), ["recall", "precision"]),
        (PolicyWish(minimise="cost"), ["cost"]),
        (PolicyWish(capacity=Capacity(per_day=9)), ["recall"]),
        (PolicyWish(), ["accuracy"]),
    ],
)
def test_what_the_policy_is_about_is_compared(wish: PolicyWish, metrics: list[str]) -> None:
    assert [one.metric for one in judge_champion(ChampionGate(non_inferior_by=0.1), "binary", wish, None)] == metrics


def fair(gap: Interval | None, few: tuple[str, ...] = (), **more: Any) -> Judgement:
    gate = FairnessGate(by=("sex",), metric="equal_opportunity", max_gap=0.1, **more)
    found = Disparity(by="sex", metric="equal_opportunity", rates=(), gap=gap, thin=few)
    (judgement,) = judge_fairness(gate, [found])
    assert judgement.by == "sex"
    return judgement


@pytest.mark.parametrize(
    ("low", "high", "expected"), [(0.0, 0.09, "pass"), (0.05, 0.15, "undecided"), (0.11, 0.2, "fail")]
)
def test_a_gap_between_groups_is_judged_by_its_whole_interval(low: float, high: float, expected: str) -> None:
    assert fair(Interval((low + high) / 2, low, high)).verdict == expected


def test_a_group_of_too_few_rows_keeps_the_gate_from_passing_unless_it_is_only_reported() -> None:
    small = Interval(0.0, 0.0, 0.05)
    judged = fair(small, ("other",))
    assert (judged.verdict, judged.reason) == ("undecided", "undecidable with so few rows: other")
    assert fair(small, ("other",), thin="report").verdict == "pass"
    assert fair(Interval(0.3, 0.2, 0.4), ("other",)).verdict == "fail"
    assert fair(None, ("other",)).verdict == "undecided"
