"""Makes the fallback of a release: counts what a rule is worth, or fits and calibrates a simpler candidate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import msgspec
import numpy as np
from numpy.typing import NDArray

from assay.contract.columns import Contract
from assay.contract.table import Table
from assay.errors import Problem, SpecError
from assay.features.fit import Family
from assay.features.plan import FeatureFrame
from assay.models.store import save
from assay.policy.calibrate import fit_calibration
from assay.policy.choose import begin_policy
from assay.policy.policy import Rule
from assay.policy.rules import prepare_test
from assay.release.bundle import Bundle
from assay.release.core import Release
from assay.release.fallback import ModelFallback, RuleFallback, StoredFallback
from assay.spec import Spec
from assay.training.candidates import BASELINES, CANDIDATES, fit_candidate
from assay.training.card import FallbackCard
from assay.training.judged import Judged
from assay.training.lesson import Fitted, Lesson, Trial
from assay.training.progress import Progress
from assay.training.proof import prove, sample

_PATH = "model.fallback"
_FAMILIES: tuple[Family, ...] = ("linear", "trees")


@dataclass(frozen=True, slots=True)
class FittedFallback:
    """What the release stores, and the raw scores of the library that fitted it, where one did."""

    stored: StoredFallback
    library: Callable[[FeatureFrame], NDArray[np.float64]] | None = None


def check_fallback(spec: Spec, lesson: Lesson) -> None:
    """Refuse, before anything is learned, a fallback that this data cannot have.

    Raises:
        SpecError: the rule names an unknown feature or class, or the model does not suit the data.
    """
    fallback = spec.model.fallback
    if fallback is None:
        return
    if fallback.model is not None:
        why = CANDIDATES[fallback.model].unsuited(lesson)
        if why is not None:
            raise _wrong("model", f"{fallback.model} cannot be fitted here: {why}")
        return
    rule = _rule(spec)
    if rule.label not in lesson.contract.classes:
        raise _wrong(
            "rule.label", f"{rule.label!r} is not one of the classes {', '.join(lesson.contract.classes[:10])}"
        )
    for family in _FAMILIES:
        plan, _ = lesson.encode(family, np.arange(lesson.table.rows))
        prepare_test(rule, plan.names, f"{_PATH}.rule")


def make_fallback(
    spec: Spec, lesson: Lesson, chosen: str, fitted: Fitted, trials: Mapping[str, Trial], progress: Progress
) -> FittedFallback | None:
    """The fallback that the spec asks for, beside the `chosen` candidate as it was `fitted`; `trials` are those that
    were made already.

    A model that is no simpler than the chosen one would fail as it does: the shares of the classes take its place.
    """
    fallback = spec.model.fallback
    if fallback is None:
        return None
    if fallback.model is None:
        progress.begin("Counting what the fallback rule is worth")
        return FittedFallback(StoredFallback(_count(_rule(spec), lesson, fitted)))
    order = list(CANDIDATES)
    richer = chosen not in order or order.index(fallback.model) < order.index(chosen)
    name = fallback.model if richer else BASELINES[0]
    progress.begin(f"Fitting the fallback {name}", len(lesson.parts))
    trial = trials.get(name) or CANDIDATES[name].try_out(lesson, progress.advance)
    own = fit_candidate(name, lesson, trial.settings)
    labels = lesson.labels[lesson.asked]
    policy = begin_policy(spec, lesson.contract)
    calibration = fit_calibration(policy, trial.scores, labels, spec.model.calibration, spec.data.split.seed)
    kind, arrays = save(own.model)
    told = ModelFallback(name=name, kind=kind, plan=own.plan, calibration=calibration)
    return FittedFallback(StoredFallback(told, own.plan_arrays, arrays), own.library)


def prove_fallback(bundle: Bundle, table: Table, fitted: FittedFallback) -> None:
    """Hold the row path, the columnar path and the library of a fallback model together. Raises as `prove`."""
    stored = fitted.stored
    if isinstance(stored.told, RuleFallback) or fitted.library is None:
        return
    policy = msgspec.structs.replace(bundle.policy, calibration=stored.told.calibration, reasons=())
    alone = replace(
        bundle,
        plan=stored.told.plan,
        plan_arrays=stored.plan_arrays,
        kind=stored.told.kind,
        model_arrays=stored.model_arrays,
        policy=policy,
        fallback=None,
    )
    prove(Release.prepare(alone), table, fitted.library)


def judge_fallback(release: Release, rows: Judged) -> FallbackCard | None:
    """How the fallback does on the gate's rows, up to 2000 of them, evenly spread."""
    if release.fallback is None:
        return None
    table, names = rows.table, release.contract.names
    right = agrees = 0
    asked = sample(table.rows).tolist()
    for at in asked:
        row = table.row(at, names)
        said = release.fallback.answer(row).decision.label_index
        right += said == _truth(rows.labels[at])
        agrees += said == release.answer(row).label_index
    return FallbackCard(name=release.fallback.name, right=right / len(asked), agrees=agrees / len(asked))


def _count(rule: Rule, lesson: Lesson, fitted: Fitted) -> RuleFallback:
    """The rule with the shares of the classes on either side of it, among all rows of the lesson."""
    features = lesson.evaluate(fitted.plan, fitted.plan_arrays, np.arange(lesson.table.rows))
    holds = np.asarray(prepare_test(rule, fitted.plan.names, f"{_PATH}.rule").holds(features.dense.T), dtype=np.bool_)
    shares = [_class_shares(lesson.labels[side], lesson.contract) for side in (holds, ~holds)]
    others = {name: share for name, share in zip(lesson.contract.classes, shares[1], strict=True) if name != rule.label}
    several = lesson.contract.task == "multilabel"
    otherwise = None if several else max(others, key=lambda name: others[name])
    return RuleFallback(rule=rule, otherwise=otherwise, holds=shares[0], fails=shares[1])


def _class_shares(labels: NDArray[np.int64], contract: Contract) -> tuple[float, ...]:
    """Shares with one row added to each class; of several labels one with and one without each."""
    if labels.ndim == 2:
        return tuple(((labels.sum(axis=0) + 1.0) / (len(labels) + 2.0)).tolist())
    counts = np.bincount(labels, minlength=len(contract.classes)) + 1.0
    return tuple((counts / counts.sum()).tolist())


def _truth(label: NDArray[np.int64]) -> int | tuple[int, ...]:
    """A true class, or the numbers of the labels that apply."""
    return int(label) if label.ndim == 0 else tuple(np.flatnonzero(label).tolist())


def _rule(spec: Spec) -> Rule:
    asked = spec.model.fallback.rule if spec.model.fallback is not None else None
    if asked is None:
        raise _wrong("rule", "is missing")
    return Rule(feature=asked.feature, op=asked.op, value=asked.value, label=asked.label)


def _wrong(key: str, message: str) -> SpecError:
    problem = Problem(f"{_PATH}.{key}", message)
    return SpecError(f"the fallback cannot be made: {problem}", problems=[problem])
