"""What answers when the model cannot: a rule over the release's features, or a simpler model with a plan of its own.

It is part of the release: stored, digested, proved by the parity examples, and as pure as the core.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
from numpy.typing import NDArray

from assay.contract.columns import Contract
from assay.errors import ReleaseError
from assay.features.plan import FeaturePlan, FeatureRow
from assay.features.row import prepare_row
from assay.models.store import load
from assay.policy.apply import prepare
from assay.policy.policy import Calibration, Policy, Rule
from assay.policy.rules import prepare_test
from assay.values import Decision, Row

_SPEC_PATH = "model.fallback.rule"


class _Node(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class RuleFallback(_Node, frozen=True, tag="rule"):
    """The label of the rule where it holds, else the class `otherwise`; in a multilabel task, no label.

    `holds` and `fails` are the shares of the classes (of several labels, of each) among the training rows of either
    side, one row added to each class: the probabilities of the answer.
    """

    rule: Rule
    otherwise: str | None
    holds: tuple[float, ...]
    fails: tuple[float, ...]


class ModelFallback(_Node, frozen=True, tag="model"):
    """A fitted candidate. The policy of the release decides on its probabilities, by a calibration of its own."""

    name: str
    kind: str
    plan: FeaturePlan
    calibration: Calibration


@dataclass(frozen=True, slots=True)
class StoredFallback:
    """What a release stores of its fallback; a rule has no arrays."""

    told: RuleFallback | ModelFallback
    plan_arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    model_arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)


class Fallen(NamedTuple):
    """What a fallback made of one row; a rule has no scores."""

    features: FeatureRow
    scores: list[float]
    decision: Decision


class Fallback(NamedTuple):
    """A fallback made ready. `name` says in words what it is."""

    name: str
    answer: Callable[[Row], Fallen]


def prepare_fallback(
    stored: StoredFallback,
    contract: Contract,
    policy: Policy,
    names: Sequence[str],
    features: Callable[[Row], FeatureRow],
) -> Fallback:
    """Make a fallback ready; `features` evaluates the release's own plan, whose dense features are `names`.

    Raises:
        ReleaseError: it does not belong to this release.
    """
    told = stored.told
    if isinstance(told, RuleFallback):
        return _prepare_rule(told, policy, names, features)
    if told.plan.columns != contract.names:
        raise ReleaseError("the plan of the fallback does not have the columns of the contract")
    evaluate = prepare_row(told.plan, stored.plan_arrays)
    scores_of = load(told.kind, stored.model_arrays).row
    decide = prepare(msgspec.structs.replace(policy, calibration=told.calibration))

    def answer(row: Row) -> Fallen:
        found = evaluate(row)
        scores = scores_of(found)
        return Fallen(found, scores, decide(scores))

    return Fallback(f"model {told.name}", answer)


def describe_rule(rule: Rule) -> str:
    """A rule as a spec writes it.

    >>> describe_rule(Rule(feature="url_count", op=">", value=2.0, label="spam"))
    'rule url_count > 2'
    """
    value = f"{rule.value:g}" if isinstance(rule.value, float) else str(rule.value)
    return f"rule {rule.feature} {rule.op} {value}"


def _prepare_rule(
    told: RuleFallback, policy: Policy, names: Sequence[str], features: Callable[[Row], FeatureRow]
) -> Fallback:
    test = prepare_test(told.rule, names, _SPEC_PATH)
    holds, fails = _say(policy, told.rule.label, told.holds), _say(policy, told.otherwise, told.fails)

    def answer(row: Row) -> Fallen:
        found = features(row)
        return Fallen(found, [], holds if test.holds(found.dense) else fails)

    return Fallback(describe_rule(told.rule), answer)


def _say(policy: Policy, label: str | None, shares: tuple[float, ...]) -> Decision:
    """What is said on one side of the rule: its label, whatever the policy's thresholds are."""
    several = policy.task == "multilabel"
    if len(shares) != len(policy.classes) or (label not in policy.classes and not (several and label is None)):
        raise ReleaseError("the rule of the fallback does not speak of the classes of the contract")
    if several:
        at = () if label is None else (policy.classes.index(label),)
        labels = tuple(policy.classes[one] for one in at)
        confidence = shares[at[0]] if at else 1.0 - max(shares)
        by_label = dict(zip(policy.classes, shares, strict=True))
        return Decision(labels, at, labels, confidence, by_label, shares)
    said = str(label)
    index = policy.classes.index(said)
    positive = shares[policy.positive_index if policy.task == "binary" else index]
    return Decision(said, index, said, shares[index], positive, shares)
