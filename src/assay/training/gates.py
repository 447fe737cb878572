"""What a release must pass to be promotable: each gate is judged with the whole interval of its figure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from assay.measures.fairness import Disparity
from assay.spec import Spec
from assay.spec.tree import LOWER_IS_BETTER, ChampionGate, FairnessGate, Gate, PolicyWish
from assay.training.champion import Comparison
from assay.values import Interval, Task

Verdict = Literal["pass", "fail", "undecided"]

_NO_CHAMPION: tuple[Verdict, str] = "pass", "no champion yet, so there is nothing to be inferior to"


class Judgement(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One bound of one gate. `relative` names the baseline that the limit was taken from; where that is `champion`,
    `measured` is the difference from it. With `by`, `measured` is the widest gap of a fairness metric by that column.
    """

    metric: str
    bound: Literal["min", "max"]
    limit: float
    measured: Interval | None
    verdict: Verdict
    reason: str
    relative: Literal["majority", "champion"] | None = None
    by: str | None = None


def wanted_gates(spec: Spec) -> dict[str, Gate]:
    """The gates that a spec names, and its hard limit on latency, which no release may break either."""
    gates = spec.gates.metrics
    limit = spec.decision.limits.latency_ms
    if limit is not None:
        said = gates.get("latency_p99_ms", Gate())
        most = min(said.max, limit) if isinstance(said.max, float) else limit
        gates["latency_p99_ms"] = said.model_copy(update={"max": most})
    return gates


def judge(
    gates: Mapping[str, Gate], figures: Mapping[str, Interval], majority: Mapping[str, float]
) -> tuple[Judgement, ...]:
    """Judge every gate. A gate passes only if the whole 95 % interval is on the right side of the limit, fails if all
    of it is on the wrong side, and is undecided between. A limit of `majority` is the value that the majority baseline
    has on the same rows, and has to be beaten.
    """
    return tuple(
        _judge(metric, bound, limit, figures.get(metric), majority.get(metric))
        for metric, gate in gates.items()
        for bound, limit in (("min", gate.min), ("max", gate.max))
        if limit is not None
    )


def judge_champion(
    gate: ChampionGate, task: Task, wish: PolicyWish, comparison: Comparison | None
) -> tuple[Judgement, ...]:
    """Judge that a release is not inferior to the champion: the whole interval of each difference is on the right side
    of the margin (Piaggio et al. 2012). Without a champion there is nothing to be inferior to.
    """
    return tuple(
        _judge_difference(metric, gate.non_inferior_by, comparison)
        for metric in ((gate.metric,) if gate.metric is not None else _aims(task, wish))
    )


def judge_fairness(gate: FairnessGate, disparities: Sequence[Disparity]) -> tuple[Judgement, ...]:
    """Judge the widest gap between groups, a column each. While a group has too few rows to judge by, the gate fails or
    is undecided, unless such groups are only reported.
    """
    judged = []
    for found in disparities:
        verdict, reason = _verdict("max", gate.max_gap, found.gap, strict=False)
        if found.thin and gate.thin == "reject" and verdict == "pass":
            verdict, reason = "undecided", ""
        if found.thin:
            told = f"undecidable with so few rows: {', '.join(found.thin)}"
            reason = f"{reason}; {told}" if reason else told
        judged.append(
            Judgement(
                metric=found.metric,
                bound="max",
                limit=gate.max_gap,
                measured=found.gap,
                verdict=verdict,
                reason=reason,
                by=found.by,
            )
        )
    return tuple(judged)


def _aims(task: Task, wish: PolicyWish) -> tuple[str, ...]:
    """The figures that the policy is about; of several labels, whose thresholds are their own, means over labels."""
    if wish.minimise is not None:
        return (wish.minimise,)
    if wish.capacity is not None:
        return ("recall",)
    floors = (name for name in ("precision", "recall") if getattr(wish.subject_to, name) is not None)
    aims = (wish.maximise or "accuracy", *floors)
    if task == "multilabel":
        return tuple("subset_accuracy" if aim == "accuracy" else f"{aim}_macro" for aim in aims)
    return aims


def _judge_difference(metric: str, margin: float, comparison: Comparison | None) -> Judgement:
    side: Literal["min", "max"] = "max" if metric in LOWER_IS_BETTER else "min"
    limit = margin if side == "max" else -margin
    measured = comparison.differences.get(metric) if comparison is not None else None
    if comparison is None:
        verdict, reason = _NO_CHAMPION
    else:
        verdict, reason = _verdict(side, limit, measured, strict=False)
        reason = f"{reason}, against @{comparison.version}" if measured is not None else comparison.note or reason
    return Judgement(
        metric=metric,
        bound=side,
        limit=limit,
        measured=measured,
        verdict=verdict,
        reason=reason,
        relative="champion",
    )


def _judge(metric: str, bound: str, limit: float | str, measured: Interval | None, baseline: float | None) -> Judgement:
    side: Literal["min", "max"] = "min" if bound == "min" else "max"
    relative = isinstance(limit, str)
    value = (baseline if baseline is not None else math.nan) if isinstance(limit, str) else limit
    verdict, reason = _verdict(side, value, measured, strict=relative)
    return Judgement(
        metric=metric,
        bound=side,
        limit=value,
        measured=measured,
        verdict=verdict,
        reason=reason,
        relative="majority" if relative else None,
    )


def _verdict(side: str, limit: float, measured: Interval | None, *, strict: bool) -> tuple[Verdict, str]:
    if measured is None or math.isnan(limit):
        return "undecided", "the gate rows cannot say"
    sign = 1.0 if side == "min" else -1.0
    near, far = sorted((sign * (measured.low - limit), sign * (measured.high - limit)))
    if near > 0.0 or (near == 0.0 and not strict):
        return "pass", "the whole interval passes"
    wanted = "at least" if side == "min" else "at most"
    if far < 0.0:
        return "fail", f"{measured.value:.4f}, must be {wanted} {limit:.4f}"
    return "undecided", f"the interval {measured.low:.4f} to {measured.high:.4f} holds the limit {limit:.4f}"
