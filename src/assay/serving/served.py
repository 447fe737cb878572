"""One warm release with everything prepared that answering with it needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import msgspec

from assay.contract.columns import Contract
from assay.release.core import Release
from assay.serving.answer import Answer, LabelsAnswer
from assay.serving.explain import Explainer, LabelsExplainer
from assay.serving.metrics import LabelsCounters, ReleaseCounters, Slab
from assay.values import Deployment, Row

Logged = Callable[[Row], Any]


@dataclass(frozen=True, slots=True)
class Served:
    """`entity_at` is the place of the entity in a row, `logged` gives the cells of a row that may be kept (a dict, or a
    struct that is written like one), `answer` makes an answer as the task has it.
    """

    release: Release
    deployment: Deployment | None
    counters: ReleaseCounters
    explainer: Explainer
    answer: Callable[..., Answer | LabelsAnswer]
    entity_at: int | None
    logged: Logged

    @property
    def generation(self) -> int:
        """Of the deployment; 0 where a version was named."""
        return self.deployment.generation if self.deployment else 0


def prepare_served(release: Release, deployment: Deployment | None, slab: Slab) -> Served:
    """Prepare a loaded release for answering."""
    contract = release.contract
    names = contract.names
    several = contract.task == "multilabel"
    counters = LabelsCounters if several else ReleaseCounters
    return Served(
        release=release,
        deployment=deployment,
        counters=counters(slab, release.classifier, release.version, contract.classes),
        explainer=_prepare_explainer(release),
        answer=LabelsAnswer if several else Answer,
        entity_at=names.index(contract.entity) if contract.entity in names else None,
        logged=_prepare_logged(contract),
    )


def _prepare_explainer(release: Release) -> Explainer:
    contract = release.contract
    if contract.task == "multilabel":
        return LabelsExplainer(release.plan, release.model, release.reasons, contract.classes)
    return Explainer(
        release.plan,
        release.model,
        release.reasons,
        binary=contract.task == "binary",
        positive=contract.positive_index,
    )


def logged_columns(contract: Contract) -> tuple[str, ...]:
    """The columns that the log keeps. Free text, identifiers, the entity and whatever the contract calls personal stay
    out: the digest of the input stands for them.
    """
    return tuple(
        column.name
        for column in contract.columns
        if not column.personal and column.type not in ("text", "id") and column.name != contract.entity
    )


def _prepare_logged(contract: Contract) -> Logged:
    """A struct of the kept cells is written to the log like a dict of them, and made in a third of the time."""
    names = logged_columns(contract)
    if not names:
        return lambda _row: {}
    fields = [f"cell_{at}" for at in range(len(names))]
    kept: Callable[..., Any] = msgspec.defstruct("Kept", fields, rename=dict(zip(fields, names, strict=True)), gc=False)
    if names == contract.names:
        return lambda row: kept(*row)
    pick: Callable[[Row], Any] = itemgetter(*map(contract.names.index, names))
    return (lambda row: kept(pick(row))) if len(names) == 1 else (lambda row: kept(*pick(row)))
