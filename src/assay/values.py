"""Frozen values that travel between the rooms. They carry no behaviour beyond their own shape."""

from __future__ import annotations

from typing import Literal

import msgspec

Task = Literal["binary", "multiclass", "multilabel"]
Stage = Literal["development", "staging", "production", "deprecated"]

#: One cleaned example: the contract's columns in order. Numbers, booleans (0.0/1.0) and timestamps (epoch seconds, UTC)
#: are floats; text, categories and ids are strings; a missing value is None.
Cell = float | str | None
Row = tuple[Cell, ...]


class Interval(msgspec.Struct, frozen=True):
    """A measured value with its 95 % confidence interval."""

    value: float
    low: float
    high: float


class Factor(msgspec.Struct, frozen=True, omit_defaults=True):
    """One reason for an answer: what a feature added to the score (log-odds), and the value it had."""

    feature: str
    contribution: float
    value: float | str | None = None


class Explanation(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why an answer is what it is.

    `base` + the sum of all contributions = `margin` (raw score, log-odds of `label` before calibration); `factors` are
    the largest by absolute contribution; `reasons` come from the policy's rules. `kind` says how it was computed.
    """

    kind: Literal["exact", "approximate", "rule"]
    label: str
    base: float
    margin: float
    factors: tuple[Factor, ...]
    reasons: tuple[str, ...] = ()


class Decision(msgspec.Struct, frozen=True, gc=False):
    """What the policy made of one example's raw scores.

    `label` is the most likely class under the policy, `decision` equals it or is `review`, `confidence` is the
    calibrated probability of `label`, `prediction` that of the positive class (multi-class: of the label) and
    `probabilities` follow the order of the contract's `classes`.

    In a multilabel task `label` are the labels that apply and `label_index` their numbers; `decision` equals `label` or
    is `("review",)`; `confidence` is the least of the labels' probabilities (where none applies: of each not applying)
    and `prediction` has the probability of every label by its name.
    """

    label: str | tuple[str, ...]
    label_index: int | tuple[int, ...]
    decision: str | tuple[str, ...]
    confidence: float
    prediction: float | dict[str, float]
    probabilities: tuple[float, ...]


class Prediction(msgspec.Struct, frozen=True, omit_defaults=True, tag="prediction"):
    """The stored fact of one answered (or, with `error`, failed) request. The answer is that of `Decision`."""

    prediction_id: str
    classifier: str
    model_version: int
    release_digest: str
    policy_digest: str
    predicted_at: float
    latency_ms: float
    input_hash: str
    label: str | tuple[str, ...] = ""
    label_index: int | tuple[int, ...] = -1
    decision: str | tuple[str, ...] = ""
    confidence: float = 0.0
    prediction: float | dict[str, float] = 0.0
    probabilities: tuple[float, ...] = ()
    deployment_id: int | None = None
    request_id: str | None = None
    entity_hash: str | None = None
    input_text: str | None = None
    features: dict[str, Cell] | None = None
    cache_hit: bool = False
    degraded: tuple[str, ...] = ()
    metadata: str | None = None
    error: str | None = None


class Outcome(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag="outcome"):
    """The true label of an earlier prediction, named by its id or by entity and time; in a multilabel task all labels
    that apply.
    """

    outcome_id: str
    label: str | tuple[str, ...]
    received_at: float
    prediction_id: str | None = None
    entity_hash: str | None = None
    predicted_at: float | None = None
    score: float | None = None
    source: str = "api"
    comment: str | None = None


class Deployment(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who serves a classifier now: the one fact that moves traffic. `generation` grows with every change."""

    classifier: str
    generation: int
    deployment_id: int
    version: int
    deployed_at: float
    deployed_by: str
    canary_version: int | None = None
    canary_share: float = 0.0
    salt: str = ""
    reason: str = ""
