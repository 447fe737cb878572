"""What travels through the predictor: what is asked beside the example, and the answer as it goes on the wire."""

from __future__ import annotations

from typing import Annotated

import msgspec

from assay.features.plan import FeatureRow
from assay.serving.metrics import Reason
from assay.values import Decision, Explanation, Row

#: Why an answer is what it is; in a multilabel task one explanation for each label that applies.
Explained = Explanation | tuple[Explanation, ...]


class Options(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a caller asks beside the example."""

    entity: Annotated[str, msgspec.Meta(min_length=1, max_length=1000)] | None = None
    explain: bool = False
    return_probabilities: bool = False
    timeout_ms: Annotated[float, msgspec.Meta(gt=0, le=3_600_000)] | None = None
    metadata: Annotated[str, msgspec.Meta(max_length=1000)] | None = None
    request_id: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None = None


class Thought(msgspec.Struct, frozen=True):
    """What the core made of one example. `degraded` says what of it was left out, and why; `instead` why the fallback
    answered in place of the model, `cache_hit` that its scores were kept.
    """

    row: Row
    features: FeatureRow
    scores: list[float]
    decision: Decision
    degraded: tuple[str, ...] = ()
    instead: Reason | None = None
    cache_hit: bool = False


class LabelsAnswer(msgspec.Struct, omit_defaults=True, gc=False):
    """One answer of a multilabel task, in the order of the wire.

    `labels` are those that apply, `decision` equals them or is `["review"]`; `confidence` is the least of their
    probabilities (where none applies: of each not applying), `prediction` has the probability of every label. There is
    one explanation for each of `labels`; where there are none, it is about the likeliest label.
    """

    prediction_id: str
    model: str
    model_version: int
    policy_digest: str
    label: tuple[str, ...] = msgspec.field(name="labels")
    decision: tuple[str, ...]
    confidence: float
    prediction: dict[str, float]
    probabilities: dict[str, float] | None = None
    explanation: tuple[Explanation, ...] | None = None
    latency_ms: float = -1.0
    cache_hit: bool = False
    degraded: tuple[str, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that apply."""
        return self.label


class Answer(msgspec.Struct, omit_defaults=True, gc=False):
    """One answer, in the order of the wire.

    `prediction` is the probability of the positive class, in a multi-class task that of the label. It is acknowledged:
    its record stands in the log as the log's durability promises. `degraded` lists what was left out and why.
    """

    prediction_id: str
    model: str
    model_version: int
    policy_digest: str
    label: str
    decision: str
    confidence: float
    prediction: float
    probabilities: dict[str, float] | None = None
    explanation: Explanation | None = None
    latency_ms: float = -1.0
    cache_hit: bool = False
    degraded: tuple[str, ...] = ()
