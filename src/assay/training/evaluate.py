"""How a release does: on the gate's rows, which chose nothing, and on the validation rows it was chosen by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.measures.fairness import Disparity
from assay.measures.labels import LabelRow
from assay.measures.slices import Groups
from assay.policy.apply import decide_frame, probabilities_frame
from assay.release.core import Release
from assay.spec import Spec
from assay.training.champion import Comparison, Opponent, compare_with_champion
from assay.training.diagnostics import Diagnostics, diagnose
from assay.training.fairness import disparities
from assay.training.figures import answers_of, figures_with_intervals, majority_answers, measure_of
from assay.training.gates import Judgement, judge, judge_champion, judge_fairness, wanted_gates
from assay.training.judged import Judged
from assay.training.lesson import Lesson
from assay.training.proof import measure_latency
from assay.values import Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """All figures, those that judge with their intervals, and what the gates say of them.

    `labels` has a row for each label of a multilabel task, `scores` are the raw ones of the gate's rows, and `notes`
    say what a reader of the figures must know.
    """

    gate: dict[str, Interval]
    validation: dict[str, float]
    majority: dict[str, float]
    champion: Comparison | None
    fairness: tuple[Disparity, ...]
    judgements: tuple[Judgement, ...]
    diagnostics: Diagnostics
    labels: tuple[LabelRow, ...]
    notes: tuple[str, ...]
    scores: NDArray[np.float64]

    @property
    def passed(self) -> bool:
        """Whether every gate passes."""
        return all(judgement.verdict == "pass" for judgement in self.judgements)


def evaluate_release(
    spec: Spec,
    release: Release,
    lesson: Lesson,
    validation: NDArray[np.float64],
    rows: Judged,
    *,
    declared: Mapping[str, Groups],
    opponent: Opponent | None,
) -> Evaluation:
    """Measure a release and judge it on `rows`. `validation` are the raw scores of the asked rows of the lesson,
    `declared` the groups that fairness is judged by, `opponent` the release that serves now.
    """
    policy, contract = release.policy, release.contract
    scores = release.model.frame(release.features_frame(rows.table))
    said = decide_frame(policy, probabilities_frame(policy, scores))
    answers = answers_of(said)
    figures, table = figures_with_intervals(spec, contract, rows, answers)
    figures["latency_p99_ms"] = measure_latency(release)
    chosen_on = answers_of(decide_frame(policy, probabilities_frame(policy, validation)))
    baseline = majority_answers(contract, lesson.labels, len(rows.labels))
    majority = measure_of(spec, contract, rows.labels, baseline).values()
    comparison = compare_with_champion(spec, contract, rows, answers, opponent) if opponent is not None else None
    groups = disparities(spec, contract, declared, rows, answers.said)
    judgements = judge(wanted_gates(spec), figures, majority)
    if spec.gates.fairness is not None:
        judgements += judge_fairness(spec.gates.fairness, groups)
    if spec.gates.champion is not None:
        judgements += judge_champion(spec.gates.champion, contract.task, spec.policy, comparison)
    return Evaluation(
        gate=figures,
        validation=measure_of(spec, contract, lesson.labels[lesson.asked], chosen_on).values(),
        majority=majority,
        champion=comparison,
        fairness=groups,
        judgements=judgements,
        diagnostics=diagnose(spec, release, rows, said),
        labels=table,
        notes=tuple(_notes(figures, majority, policy.chosen_by)),
        scores=scores,
    )


def _notes(figures: Mapping[str, Interval], majority: Mapping[str, float], chosen_by: str) -> Iterator[str]:
    if "accuracy" in figures and (right := figures["accuracy"].value) < majority["accuracy"]:
        yield (
            f"accuracy {right:.4f} is below the majority's {majority['accuracy']:.4f}: always saying the most frequent "
            f"class is right more often, but finds none of the others (the policy was chosen for {chosen_by})"
        )
