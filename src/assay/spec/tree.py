"""The whole key tree of classifier.yaml as frozen values. Attribute names are the YAML keys."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from assay.contract.columns import ColumnType, Outliers
from assay.spec.label import JoinedLabels, LabelSource
from assay.spec.scalars import (
    TEXT,
    AutoFlag,
    AutoInteger,
    AutoShare,
    Bound,
    Duration,
    Flag,
    InnerShare,
    Integer,
    Mark,
    Name,
    Number,
    Share,
    Text,
)
from assay.values import Task

Metric = Literal[
    "accuracy",
    "precision",
    "recall",
    "f1",
    "roc_auc",
    "pr_auc",
    "log_loss",
    "brier",
    "ece",
    "positive_rate",
    "cost",
    "subset_accuracy",
    "hamming_loss",
    "ranking_loss",
    "precision_micro",
    "precision_macro",
    "precision_samples",
    "recall_micro",
    "recall_macro",
    "recall_samples",
    "f1_micro",
    "f1_macro",
    "f1_samples",
]
#: Of the other metrics more is better; of the positive rate neither.
LOWER_IS_BETTER = frozenset({"log_loss", "brier", "ece", "cost", "hamming_loss", "ranking_loss"})
FairnessMetric = Literal[
    "demographic_parity",
    "equal_opportunity",
    "equalized_odds",
    "predictive_equality",
    "predictive_parity",
    "accuracy_equality",
]
Candidate = Literal["logistic_regression", "lightgbm", "random_forest", "transformer"]
CalibrationMethod = Literal["auto", "none", "sigmoid", "isotonic", "temperature"]
TimeSpelling = Literal[
    "iso", "compact", "year_first", "day_first", "month_first", "named", "epoch_s", "epoch_ms", "epoch_us", "epoch_ns"
]
DerivedOp = Literal["ratio", "difference", "product", "date_part", "age", "length", "keyword", "bucket", "join"]
DatePart = Literal["hour", "weekday", "day", "month", "year"]
Part = Literal["train", "validation", "gate"]
RuleOp = Literal[">", ">=", "<", "<=", "==", "!="]

#: What missing cells look like in a file unless the spec says otherwise.
MISSING_TOKENS = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "?")


def _is_none(value: Any) -> bool:
    """Keys that came after the first release are not written out where they are absent: a spec keeps its digest."""
    return value is None


class _Node(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True)


class Owner(_Node):
    """Who answers for the classifier."""

    team: Name | None = None
    on_call: Name | None = None


class Cost(_Node):
    """What a mistake costs: the two binary mistakes, or `matrix` {actual: {predicted: cost}}; what is absent is 0."""

    false_positive: Annotated[Number, Field(ge=0)] | None = None
    false_negative: Annotated[Number, Field(ge=0)] | None = None
    matrix: Mapping[Text, Mapping[Text, Annotated[Number, Field(ge=0)]]] | None = None


def _cost(value: Any) -> Any:
    """A mapping of mappings is the matrix."""
    if isinstance(value, dict) and value and all(isinstance(row, dict) for row in value.values()):
        return {"matrix": value}
    return value


class Limits(_Node):
    """Hard limits of the decision."""

    latency_ms: Annotated[Number, Field(gt=0)] | None = None
    review_per_day: Annotated[Number, Field(ge=0)] | None = None


class DecisionFrame(_Node):
    """Why this classifier exists."""

    objective: Text | None = None
    prediction_point: Text | None = None
    cost: Annotated[Cost, BeforeValidator(_cost)] | None = None
    limits: Limits = Limits()


class Format(_Node):
    """How the data file is written; `auto` is recognised from the file. A mark that is not used is `none`.

    `skip` counts the lines above the table; `decimal` and `thousands` are the marks within numbers, and `times` says
    how the times of a column are spelt.
    """

    delimiter: Name = "auto"
    encoding: Name = "auto"
    header: AutoFlag = "auto"
    quote: Mark = "auto"
    escape: Mark = "auto"
    comment: Mark = "auto"
    skip: AutoInteger = "auto"
    decimal: Annotated[Literal["auto", ".", ","], TEXT] = "auto"
    thousands: Mark = "auto"
    times: Mapping[Name, Annotated[TimeSpelling, TEXT]] = Field(default_factory=dict)
    missing: tuple[Text, ...] = MISSING_TOKENS


class OutcomeWindow(_Node):
    """When a true label counts as known."""

    delay: Duration = timedelta(0)
    window: Duration | None = None


class Split(_Node):
    """Which rows judge and which ones choose. `column` names the column of the method `column`, and `parts` says what
    its values mean beyond the usual names.
    """

    method: Annotated[Literal["stratified", "time", "group", "column"], TEXT] = "stratified"
    column: Name | None = None
    parts: Mapping[Text, Annotated[Part, TEXT]] | None = Field(None, exclude_if=_is_none)
    gate: InnerShare = 0.2
    validation: AutoShare = "auto"
    seed: Annotated[Integer, Field(ge=0, le=2**32 - 1)] = 7
    duplicates: Annotated[Literal["together"], TEXT] = "together"


class Data(_Node):
    """Where the labelled rows are and what their columns mean.

    Several columns as `label`, or one with a separator, make the task multilabel. `classes` is the order of the classes
    and all that there may be.
    """

    source: Name
    format: Format = Format()
    label: LabelSource
    classes: Annotated[tuple[Text, ...], Field(min_length=2)] | None = Field(None, exclude_if=_is_none)
    positive: Text | None = None
    unlabelled: Annotated[Literal["drop", "reject", "none"], TEXT] = "reject"
    entity: Name | None = None
    time: Name | None = None
    outcome: OutcomeWindow | None = None
    split: Split = Split()

    @property
    def label_columns(self) -> tuple[str, ...]:
        """Every column that holds labels."""
        if isinstance(self.label, JoinedLabels):
            return (self.label.column,)
        return (self.label,) if isinstance(self.label, str) else self.label

    @property
    def multilabel(self) -> bool:
        """Whether a row may have several labels."""
        return not isinstance(self.label, str)


class ColumnSpec(_Node):
    """One column as a spec writes it; `assay.spec.column_from_spec` makes the contract's column of it."""

    type: Annotated[ColumnType, TEXT]
    missing: Text | None = None
    default: Text | None = None
    min: Number | None = None
    max: Number | None = None
    outliers: Annotated[Outliers, TEXT] | None = None
    values: tuple[Text, ...] | None = None
    unknown: Annotated[Literal["other", "reject"], TEXT] | None = None
    pattern: Name | None = None
    min_length: Annotated[Integer, Field(ge=1)] | None = None
    max_length: Annotated[Integer, Field(ge=1, le=1_000_000)] | None = None
    truncate: Flag | None = None
    sanitise: Flag | None = None
    personal: Flag | None = None
    available: Annotated[Literal["at_prediction", "after_outcome"], TEXT] = "at_prediction"


Gram = Annotated[Integer, Field(ge=1, le=10)]


class Ngrams(_Node):
    """Word and character n-grams of one text column: the shortest and the longest n of each."""

    words: tuple[Gram, Gram] | None = None
    characters: tuple[Gram, Gram] | None = None
    max_terms: Annotated[Integer, Field(ge=1, le=5_000_000)] = 50_000


def _names(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class DerivedColumn(_Node):
    """A column computed from others: `op` says how, the other keys belong to single ops."""

    name: Name
    op: Annotated[DerivedOp, TEXT]
    of: Annotated[tuple[Name, ...], BeforeValidator(_names), Field(min_length=1, max_length=32)]
    part: Annotated[DatePart, TEXT] | None = None
    words: Annotated[tuple[Name, ...], Field(min_length=1)] | None = None
    edges: Annotated[tuple[Number, ...], Field(min_length=1)] | None = None


class Features(_Node):
    """How columns become numbers. None means the default: statistics and n-grams of every text column, parts of every
    time that nothing is derived from.
    """

    text_statistics: tuple[Name, ...] | None = None
    ngrams: Mapping[Name, Ngrams] | None = None
    date_parts: Annotated[tuple[Name, ...], BeforeValidator(_names)] | None = Field(None, exclude_if=_is_none)
    derived: tuple[DerivedColumn, ...] = ()
    stored: tuple[Any, ...] = ()


class Search(_Node):
    """The hyper-parameter search."""

    trials: Annotated[Integer, Field(ge=0, le=100_000)] = 0
    timeout: Duration = timedelta(minutes=10)


class Rule(_Node):
    """`feature op value`, and what it means: a `reason` for an explanation, a `label` for a fallback."""

    feature: Name
    op: Annotated[RuleOp, TEXT]
    value: Number
    reason: Name | None = None
    label: Text | None = None


class Fallback(_Node):
    """What answers when the model cannot."""

    rule: Rule | None = None
    model: Annotated[Candidate, TEXT] | None = None


class ModelChoice(_Node):
    """Which models are tried, whether their `average` is, and what a richer one must gain (in log loss) over a simpler
    one.
    """

    candidates: Annotated[tuple[Annotated[Candidate, TEXT], ...], Field(min_length=1)] = (
        "logistic_regression",
        "lightgbm",
    )
    average: Flag = True
    search: Search = Search()
    margin: Annotated[Number, Field(ge=0)] = 0.002
    calibration: Annotated[CalibrationMethod, TEXT] = "auto"
    fallback: Fallback | None = None


class Floors(_Node):
    """What must hold while something else is maximised."""

    precision: InnerShare | None = None
    recall: InnerShare | None = None


class Capacity(_Node):
    """How many examples a day can be acted on."""

    per_day: Annotated[Number, Field(gt=0)]


class Review(_Node):
    """The band around the threshold that goes to a person."""

    within: Share


class PolicyWish(_Node):
    """What the decision policy is to achieve; at most one of `maximise`, `minimise` and `capacity`."""

    maximise: Annotated[Literal["accuracy", "precision", "recall", "f1"], TEXT] | None = None
    minimise: Annotated[Literal["cost"], TEXT] | None = None
    subject_to: Floors = Floors()
    capacity: Capacity | None = None
    review: Review | None = None
    reasons: tuple[Rule, ...] = ()


class Gate(_Node):
    """What a metric must reach with its whole interval; `majority` is what the majority baseline has."""

    min: Bound | None = None
    max: Bound | None = None


LaterGate = Annotated[Gate | None, Field(exclude_if=_is_none)]


class FairnessGate(_Node):
    """How far groups may be apart: by these columns, in the rates of `metric`. A group with too few rows to judge by
    keeps the gate from passing (`reject`), or is only listed (`report`).
    """

    by: Annotated[tuple[Name, ...], BeforeValidator(_names), Field(min_length=1)]
    metric: Annotated[FairnessMetric, TEXT]
    max_gap: InnerShare
    thin: Annotated[Literal["reject", "report"], TEXT] = "reject"


class ChampionGate(_Node):
    """By how much a release may be worse than the one deployed, in units of `metric`. Without one, the figures that the
    policy is about count.
    """

    non_inferior_by: Annotated[Number, Field(ge=0)]
    metric: Annotated[Metric, TEXT] | None = None


class Gates(_Node):
    """What a release must pass to be promotable. The metrics are gates of their own; see `metrics`."""

    accuracy: Gate | None = None
    precision: Gate | None = None
    recall: Gate | None = None
    f1: Gate | None = None
    roc_auc: Gate | None = None
    pr_auc: Gate | None = None
    log_loss: Gate | None = None
    brier: Gate | None = None
    ece: Gate | None = None
    positive_rate: Gate | None = None
    cost: Gate | None = None
    subset_accuracy: LaterGate = None
    hamming_loss: LaterGate = None
    ranking_loss: LaterGate = None
    precision_micro: LaterGate = None
    precision_macro: LaterGate = None
    precision_samples: LaterGate = None
    recall_micro: LaterGate = None
    recall_macro: LaterGate = None
    recall_samples: LaterGate = None
    f1_micro: LaterGate = None
    f1_macro: LaterGate = None
    f1_samples: LaterGate = None
    latency_p99_ms: Gate | None = None
    fairness: FairnessGate | None = None
    champion: ChampionGate | None = None
    approval: Mapping[Name, tuple[Name, ...]] | None = None

    @property
    def metrics(self) -> dict[str, Gate]:
        """The gates on single figures, by the figure's name, in a fixed order."""
        return {name: gate for name in type(self).model_fields if isinstance(gate := getattr(self, name), Gate)}


class Judge(_Node):
    errors: Share | None = None
    latency_p99_ms: Annotated[Number, Field(gt=0)] | None = None


class Rollout(_Node):
    """How a new release takes over."""

    steps: tuple[Share, ...] = (0.05, 0.2, 0.5, 1.0)
    step: Duration = timedelta(hours=1)
    keep_warm: Duration = timedelta(days=7)
    judge: Judge = Judge()


class DriftMonitor(_Node):
    min_rows: Annotated[Integer, Field(ge=1)] = 300
    effect: Annotated[Number, Field(gt=0)] = 0.1


class QualityMonitor(_Node):
    points: Share
    days: Annotated[Integer, Field(ge=1)]


class Monitors(_Node):
    """What is watched after the release."""

    drift: DriftMonitor | None = None
    prediction_shift: Share | None = None
    quality_drop: QualityMonitor | None = None


class LogSettings(_Node):
    """What of an input is kept in the prediction log."""

    inputs: Annotated[Literal["full", "features", "digest"], TEXT] = "features"


class CacheChoice(_Node):
    """How long a score is good for an equal example, and how many are kept in each worker."""

    ttl: Duration = timedelta(minutes=5)
    size: Annotated[Integer, Field(ge=1, le=10_000_000)] = 10_000


class ServingChoice(_Node):
    """How a release is served; `cache: {}` keeps scores with the defaults."""

    cache: CacheChoice | None = None


class Spec(_Node):
    """One classifier.yaml. `columns` left empty are inferred from the data, as is an absent `task`."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}$"), TEXT]
    task: Annotated[Task, TEXT] | None = None
    owner: Owner = Owner()
    decision: DecisionFrame = DecisionFrame()
    data: Data
    columns: Mapping[Name, ColumnSpec] = Field(default_factory=dict)
    features: Features = Features()
    model: ModelChoice = ModelChoice()
    policy: PolicyWish = PolicyWish()
    gates: Gates = Gates()
    rollout: Rollout | None = None
    monitors: Monitors | None = None
    log: LogSettings = LogSettings()
    serving: ServingChoice | None = Field(None, exclude_if=_is_none)
