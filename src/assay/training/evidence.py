"""The evidence kept beside a release: its card, and the scores that later policies are chosen and judged on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from safetensors import numpy as tensors

from assay.data.audit import AuditReport
from assay.data.dataset import Dataset, count_labels
from assay.data.split import Split
from assay.errors import AssayError
from assay.features.names import term_count
from assay.policy.apply import label_thresholds
from assay.policy.policy import Policy
from assay.registry.releases import read_evidence
from assay.registry.store import BlobStore, RegistryStore, Version
from assay.release.bundle import Bundle, canonical_json, policy_digest, sha256
from assay.release.manifest import CARD
from assay.report.page import render
from assay.serving.served import logged_columns
from assay.spec import Spec
from assay.training.assemble import origin
from assay.training.card import (
    Card,
    DataCard,
    FallbackCard,
    FeatureCard,
    ImportCard,
    Lineage,
    LogCard,
    ModelCard,
    PolicyCard,
)
from assay.training.evaluate import Evaluation
from assay.training.learning import LearningPoint
from assay.training.lesson import Fitted
from assay.training.lineage import code_commit, library_versions
from assay.training.proof import Proof
from assay.training.search import SearchTrial
from assay.training.selection import Tried

REPORT = "report.html"
SCORES = "scores.safetensors"
TRIALS = "trials.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """All that happened on the way to a release. `made_at` is epoch seconds, UTC; `directory` is that of the spec."""

    spec: Spec
    directory: Path
    dataset: Dataset
    audit: AuditReport
    split: Split
    tried: tuple[Tried, ...]
    framework: str
    fitted: Fitted
    bundle: Bundle
    release_digest: str
    evaluation: Evaluation
    proof: Proof
    learning_curve: tuple[LearningPoint, ...]
    made_by: str
    made_at: float
    imported: ImportCard | None = None
    fallback: FallbackCard | None = None


def make_card(story: Story) -> Card:
    """Tell the story as a card."""
    spec, evaluation = story.spec, story.evaluation
    return Card(
        classifier=spec.name,
        task=story.bundle.contract.task,
        created_at=datetime.fromtimestamp(story.made_at, UTC).isoformat(timespec="seconds"),
        created_by=story.made_by,
        owner=spec.owner.model_dump(mode="json", exclude_none=True),
        decision=spec.decision.model_dump(mode="json", exclude_none=True),
        release_digest=story.release_digest,
        passed=evaluation.passed,
        gates=evaluation.judgements,
        metrics=evaluation.gate,
        validation=evaluation.validation,
        majority=evaluation.majority,
        notes=evaluation.notes,
        champion=evaluation.champion,
        fairness=evaluation.fairness,
        diagnostics=evaluation.diagnostics,
        data=_data(story),
        features=FeatureCard(
            columns=story.bundle.contract.names,
            dense=len(story.bundle.plan.names),
            terms=term_count(story.bundle.plan),
        ),
        model=_model(story),
        policy=_policy(story.bundle),
        parity=story.proof,
        log=_log(story),
        lineage=_lineage(story),
        label_table=evaluation.labels,
    )


def write_card(card: Card) -> bytes:
    """The card's file."""
    return canonical_json(card)


def write_report(card: Card) -> bytes:
    """The report's file: the card as a page with pictures."""
    return render(msgspec.json.decode(write_card(card)))


def read_card(version: Version, blobs: BlobStore) -> Card | None:
    """The card on record of a registered release; None where it cannot be read or is of another version of Assay."""
    try:
        return msgspec.json.decode(read_evidence(version, blobs, CARD), type=Card)
    except (AssayError, msgspec.DecodeError):
        return None


def count_gate_uses(card: Card, registry: RegistryStore, blobs: BlobStore) -> int:
    """How many releases of the classifier the gate's rows of `card` have judged, this one included. One whose card
    cannot be read counts too.
    """
    if card.classifier not in registry.classifiers():
        return 1
    return 1 + sum(
        judged_by(version, blobs) in (card.data.gate_digest, None) for version in registry.versions(card.classifier)
    )


def digest_gate(dataset: Dataset, split: Split) -> str:
    """The same wherever the same rows of the same file judge."""
    return sha256(dataset.checksum.encode() + split.gate.astype("<i8").tobytes())


def judged_by(version: Version, blobs: BlobStore) -> str | None:
    """The digest of the gate's rows that judged a release; None where its card cannot be read."""
    try:
        card = msgspec.json.decode(read_evidence(version, blobs, CARD), type=dict[str, Any])
    except (AssayError, msgspec.DecodeError):
        return None
    digest: str | None = card.get("data", {}).get("gate_digest")
    return digest


def write_scores(story: Story, validation: NDArray[np.float64], asked: NDArray[np.intp]) -> bytes:
    """Raw scores (rows, outputs), true classes (or flags of labels) and row numbers in the data, of the validation and
    of the gate's rows.

    `validation` are the raw scores of the validation rows, `asked` their row numbers.
    """
    labels, gate = story.dataset.labels, story.split.gate
    return tensors.save(
        {
            "validation.scores": np.ascontiguousarray(validation),
            "validation.labels": labels[asked],
            "validation.rows": asked.astype(np.int64),
            "gate.scores": np.ascontiguousarray(story.evaluation.scores),
            "gate.labels": labels[gate],
            "gate.rows": gate.astype(np.int64),
        }
    )


def write_trials(trials: Sequence[SearchTrial]) -> bytes:
    """Every trial of the search for settings."""
    return canonical_json(trials)


def _data(story: Story) -> DataCard:
    spec, split, dataset = story.spec, story.split, story.dataset
    classes = dataset.contract.classes
    counts = count_labels(dataset.labels, len(classes)).tolist()
    columns = spec.data.label_columns
    return DataCard(
        source=spec.data.source,
        checksum=dataset.checksum,
        rows=dataset.rows,
        dropped=dataset.dropped,
        label=columns[0] if len(columns) == 1 else columns,
        positive=dataset.contract.positive,
        classes=dict(zip(classes, counts, strict=True)),
        split=spec.data.split.method,
        learned_rows=split.all_but_gate.size,
        validation_rows=split.fit.size if split.validation is None else split.validation.size,
        out_of_fold=split.validation is None,
        gate_rows=split.gate.size,
        gate_groups=len(np.unique(split.clusters[split.gate])) if split.clusters is not None else None,
        gate_digest=digest_gate(dataset, split),
        findings=tuple(
            {
                "severity": finding.severity,
                "code": finding.code,
                "message": finding.message,
                "columns": list(finding.columns),
            }
            for finding in story.audit.findings
        ),
        reading=dataset.reading,
    )


def _model(story: Story) -> ModelCard:
    chosen = next(tried.name for tried in story.tried if tried.chosen)
    return ModelCard(
        chosen=chosen,
        framework=story.framework,
        settings=dict(story.fitted.settings),
        candidates=story.tried,
        learning_curve=story.learning_curve,
        imported=story.imported,
        fallback=story.fallback,
    )


def _policy(bundle: Bundle) -> PolicyCard:
    policy = bundle.policy
    return PolicyCard(
        calibration=policy.calibration.method,
        thresholds=_thresholds(policy),
        review_within=policy.review_within,
        chosen_by=policy.chosen_by,
        note=policy.note,
        digest=policy_digest(policy),
    )


def _thresholds(policy: Policy) -> dict[str, float]:
    """The threshold of the positive class, or of every label, by its name."""
    if policy.task == "multilabel":
        return dict(zip(policy.classes, label_thresholds(policy), strict=True))
    return {policy.classes[policy.positive_index]: policy.thresholds[0]} if policy.thresholds else {}


def _log(story: Story) -> LogCard:
    contract = story.bundle.contract
    kept = logged_columns(contract)
    seen = {column.name for column in contract.columns if column.type != "id"}
    return LogCard(
        inputs=story.spec.log.inputs,
        kept=kept,
        withheld=tuple(name for name in contract.names if name not in kept),
        redecidable=seen <= set(kept),
    )


def _lineage(story: Story) -> Lineage:
    return Lineage(
        data_checksum=story.dataset.checksum,
        spec_digest=origin(story.spec, story.dataset)["spec"],
        spec=story.spec.model_dump(mode="json", exclude_none=True),
        seed=story.spec.data.split.seed,
        code_commit=code_commit(story.directory),
        libraries=library_versions(),
    )
