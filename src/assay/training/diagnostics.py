"""Where and how a release errs on the gate's rows: what the report draws. Nothing here has a say in anything."""

from __future__ import annotations

import msgspec
import numpy as np

from assay.contract.columns import Contract
from assay.measures.confusion import ClassFigures, Confused, class_figures, confusion
from assay.measures.curves import (
    CoveragePoint,
    RecallPoint,
    ReliabilityBin,
    ThresholdRow,
    coverage,
    precision_recall,
    reliability,
    threshold_table,
)
from assay.measures.metrics import Flags, Floats, Integers
from assay.measures.slices import SliceSearch, find_slices
from assay.policy.apply import Decisions
from assay.policy.choose import decision_costs
from assay.release.core import Release
from assay.spec import Spec
from assay.training.groups import group_columns
from assay.training.importance import Importance, importances
from assay.training.judged import Judged

_MOST_CURVES = 8


class Diagnostics(msgspec.Struct, frozen=True, kw_only=True):
    """All on the gate's rows. `thresholds` and a curve of the positive class belong to the binary task; otherwise
    `precision_recall` has curves of the largest classes, by name.
    """

    confusion: tuple[Confused, ...]
    classes: tuple[ClassFigures, ...]
    reliability: tuple[ReliabilityBin, ...]
    thresholds: tuple[ThresholdRow, ...]
    precision_recall: dict[str, tuple[RecallPoint, ...]]
    coverage: tuple[CoveragePoint, ...]
    slices: SliceSearch
    importances: tuple[Importance, ...]


def diagnose(spec: Spec, release: Release, rows: Judged, said: Decisions) -> Diagnostics:
    """Look closely at what a release `said` of the rows that judge it."""
    contract, labels = release.contract, rows.labels
    binary, several = contract.task == "binary", contract.task == "multilabel"
    right = labels == said.label_index
    whole = right.all(axis=1) if several else right
    confidence, truth = _confidence(contract, labels, said)
    return Diagnostics(
        confusion=() if several else confusion(labels, said.label_index, contract.classes),
        classes=class_figures(labels, said.label_index, contract.classes),
        reliability=tuple(reliability(confidence, truth)),
        thresholds=tuple(threshold_table(confidence, truth, decision_costs(spec, contract))) if binary else (),
        precision_recall=_curves(contract, rows, said),
        coverage=() if several else tuple(coverage(said.confidence, right)),
        slices=find_slices(group_columns(contract, rows.table), ~whole, rows.clusters),
        importances=importances(release, rows, spec.data.split.seed),
    )


def _confidence(contract: Contract, labels: Integers, said: Decisions) -> tuple[Floats, Flags]:
    """Probabilities, and whether what they are about is so: the positive class, the label said, or every label."""
    if contract.task == "multilabel":
        return said.probabilities.ravel(), labels.ravel() == 1
    return said.prediction, labels == (contract.positive_index if contract.task == "binary" else said.label_index)


def _curves(contract: Contract, rows: Judged, said: Decisions) -> dict[str, tuple[RecallPoint, ...]]:
    flags = rows.labels == 1 if rows.labels.ndim == 2 else rows.labels[:, None] == np.arange(len(contract.classes))
    sizes = flags.sum(axis=0)
    largest = [contract.positive_index] if contract.task == "binary" else np.argsort(-sizes, kind="stable").tolist()
    return {
        contract.classes[index]: tuple(precision_recall(said.probabilities[:, index], flags[:, index]))
        for index in largest[:_MOST_CURVES]
        if sizes[index]
    }
