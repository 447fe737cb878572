"""The card of a release: everything a person needs to judge it, as one value: evidence beside the release."""

from __future__ import annotations

from typing import Any

import msgspec

from assay.data.reading import Reading
from assay.measures.fairness import Disparity
from assay.measures.labels import LabelRow
from assay.training.champion import Comparison
from assay.training.diagnostics import Diagnostics
from assay.training.gates import Judgement
from assay.training.learning import LearningPoint
from assay.training.proof import Proof
from assay.training.selection import Tried
from assay.values import Interval


class _Node(msgspec.Struct, frozen=True, kw_only=True):
    pass


class DataCard(_Node, frozen=True):
    """The rows: how many, what became of them, and which ones they are (`checksum`, SHA-256 of the file's bytes;
    `gate_digest`, the same wherever the same rows of the same file judge). Where whole groups of rows were divided,
    intervals draw whole groups, of which the gate has `gate_groups`. `reading` says how the file was read: batches read
    theirs by it.
    """

    source: str
    checksum: str
    rows: int
    dropped: int
    label: str | tuple[str, ...]
    positive: str | None
    classes: dict[str, int]
    split: str
    learned_rows: int
    validation_rows: int
    out_of_fold: bool
    gate_rows: int
    gate_groups: int | None
    gate_digest: str
    findings: tuple[dict[str, Any], ...]
    reading: Reading = Reading()


class FeatureCard(_Node, frozen=True):
    """What the model sees: columns of the contract, and how many features the plan makes of them."""

    columns: tuple[str, ...]
    dense: int
    terms: int


class ImportCard(_Node, frozen=True):
    """Where an imported model comes from: its file and the SHA-256 of that, and what was assumed of it."""

    file: str
    format: str
    checksum: str
    notices: tuple[str, ...]


class FallbackCard(_Node, frozen=True):
    """What answers when the model cannot, on the gate's rows: the share where it is right, and where it says what the
    model says.
    """

    name: str
    right: float
    agrees: float


class ModelCard(_Node, frozen=True):
    """Which candidate was chosen, how all of them did on the validation rows, and what more rows brought the chosen; or
    which model was imported; and its fallback.
    """

    chosen: str
    framework: str
    settings: dict[str, float | int]
    candidates: tuple[Tried, ...]
    learning_curve: tuple[LearningPoint, ...]
    imported: ImportCard | None = None
    fallback: FallbackCard | None = None


class PolicyCard(_Node, frozen=True):
    """How scores become decisions, and why so."""

    calibration: str
    thresholds: dict[str, float]
    review_within: float
    chosen_by: str
    note: str
    digest: str


class Lineage(_Node, frozen=True):
    """What made the release. With the same data, spec, seed and libraries it can be made again."""

    data_checksum: str
    spec_digest: str
    spec: dict[str, Any]
    seed: int
    code_commit: str | None
    libraries: dict[str, str]


class LogCard(_Node, frozen=True):
    """What the prediction log keeps of an input: the `kept` columns. Of the `withheld` ones (free text, identifiers,
    what is personal) there is a digest only. A past prediction can be decided again from the log alone where nothing
    that the model sees is withheld (`redecidable`).
    """

    inputs: str
    kept: tuple[str, ...]
    withheld: tuple[str, ...]
    redecidable: bool


class Card(_Node, frozen=True):
    """`metrics` are those on the gate's rows, with 95 % intervals; `majority` are the baseline's on the same rows and
    `validation` those on the rows that chose. `label_table` has the figures of each label of a multilabel task.
    `created_at` is ISO 8601, UTC.
    """

    classifier: str
    task: str
    created_at: str
    created_by: str
    owner: dict[str, Any]
    decision: dict[str, Any]
    release_digest: str
    passed: bool
    gates: tuple[Judgement, ...]
    metrics: dict[str, Interval]
    validation: dict[str, float]
    majority: dict[str, float]
    notes: tuple[str, ...]
    champion: Comparison | None
    fairness: tuple[Disparity, ...]
    diagnostics: Diagnostics
    data: DataCard
    features: FeatureCard
    model: ModelCard
    policy: PolicyCard
    parity: Proof
    log: LogCard
    lineage: Lineage
    label_table: tuple[LabelRow, ...] = ()
