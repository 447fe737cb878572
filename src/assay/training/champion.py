"""The champion on the challenger's gate rows: what the two differ by, measured in pairs."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np

from assay.contract.columns import Contract
from assay.errors import AssayError
from assay.measures.evaluate import Answers, compare
from assay.registry.releases import open_release
from assay.registry.store import BlobStore, RegistryStore, Version
from assay.release.core import Release
from assay.spec import Spec
from assay.training.figures import measure_of
from assay.training.judged import Judged
from assay.values import Interval


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """The champion's own figures on the same rows, and the new release's figures less these, with the 95 % intervals of
    a paired bootstrap. `note` says what the comparison suffers from; where there are no differences, why not.
    """

    version: int
    release_digest: str
    metrics: dict[str, float]
    differences: dict[str, Interval]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Opponent:
    """The release that serves now. `same_gate`: the same rows judged it, so it did not learn from them."""

    version: Version
    blobs: BlobStore
    same_gate: bool


def find_champion(classifier: str, registry: RegistryStore) -> Version | None:
    """The version that is deployed now, if any is."""
    deployment = registry.deployment(classifier) if classifier in registry.classifiers() else None
    return registry.version(classifier, deployment.version) if deployment is not None else None


def compare_with_champion(
    spec: Spec, contract: Contract, rows: Judged, said: Answers, opponent: Opponent
) -> Comparison:
    """How far the release that `said` this of the gate's rows is ahead of the champion."""
    champion = opponent.version
    try:
        release = open_release(champion, opponent.blobs)
        theirs = _answer(release, contract, rows)
    except AssayError as error:
        return _without(champion, f"@{champion.version} could not answer these rows: {error.message}")
    of_ours, of_theirs = (measure_of(spec, contract, rows.labels, answers) for answers in (said, theirs))
    note = f"@{champion.version} may have learned from some of these rows, which flatters it"
    return Comparison(
        version=champion.version,
        release_digest=champion.release_digest,
        metrics=of_theirs.values(),
        differences=compare(of_ours, of_theirs, seed=spec.data.split.seed, clusters=rows.clusters),
        note="" if opponent.same_gate else note,
    )


def _answer(release: Release, contract: Contract, rows: Judged) -> Answers:
    """The champion's answers in the classes of `contract`. Raises AssayError where it takes other examples."""
    ours = {column.name: column.type for column in contract.columns}
    other = [column.name for column in release.contract.columns if ours.get(column.name) != column.type]
    if other:
        raise AssayError(f"its contract has other columns ({', '.join(other[:5])})")
    classes = release.contract.classes
    if set(classes) != set(contract.classes) or release.contract.task != contract.task:
        raise AssayError("it has other classes")
    decisions = release.answer_frame(rows.table)
    order = [classes.index(name) for name in contract.classes]
    if contract.task == "multilabel":
        return Answers(decisions.probabilities[:, order], decisions.label_index[:, order])
    ours_of = np.array([contract.classes.index(name) for name in classes], dtype=np.int64)
    return Answers(decisions.probabilities[:, order], ours_of[decisions.label_index])


def _without(champion: Version, why: str) -> Comparison:
    return Comparison(
        version=champion.version, release_digest=champion.release_digest, metrics={}, differences={}, note=why
    )
