"""One warm release with everything prepared that answering with it needs."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import msgspec

from assay.contract.columns import Contract
from assay.release.core import Release
from assay.serving.answer import Answer, LabelsAnswer
from assay.serving.cache import MakeKey, MemoryCache, ScoreCache, prepare_key
from assay.serving.explain import Explainer, LabelsExplainer
from assay.serving.metrics import LabelsCounters, ReleaseCounters, Slab
from assay.serving.vitals import Vitals
from assay.values import Deployment, Row

_log = logging.getLogger(__name__)
_ROUNDS = 5

Logged = Callable[[Row], Any]


def _no_key(_row: Row) -> bytes:
    """Where no scores are kept."""
    return b""


@dataclass(frozen=True, slots=True)
class Served:
    """`entity_at` is the place of the entity in a row, `logged` gives the cells of a row that may be kept (a dict, or a
    struct that is written like one), `answer` makes an answer as the task has it; `cache` keeps scores where the
    release wants that, under what `key` says.
    """

    release: Release
    deployment: Deployment | None
    counters: ReleaseCounters
    vitals: Vitals
    explainer: Explainer
    answer: Callable[..., Answer | LabelsAnswer]
    entity_at: int | None
    logged: Logged
    cache: ScoreCache | None = None
    key: MakeKey = _no_key

    @property
    def generation(self) -> int:
        """Of the deployment; 0 where a version was named."""
        return self.deployment.generation if self.deployment else 0


def prepare_served(release: Release, deployment: Deployment | None, slab: Slab) -> Served:
    """Prepare a loaded release for answering."""
    contract = release.contract
    names = contract.names
    several = contract.task == "multilabel"
    make_counters = LabelsCounters if several else ReleaseCounters
    counters = make_counters(slab, release.classifier, release.version, contract.classes)
    kept = release.cache
    if kept is not None and (warning := compare_cost(release)):
        _log.warning(warning, extra={"release": f"{release.classifier}@{release.version}"})
    return Served(
        release=release,
        deployment=deployment,
        counters=counters,
        vitals=Vitals(f"{release.classifier}@{release.version}"),
        explainer=_prepare_explainer(release),
        answer=LabelsAnswer if several else Answer,
        entity_at=names.index(contract.entity) if contract.entity in names else None,
        logged=_prepare_logged(contract),
        cache=MemoryCache(kept.size, kept.ttl_s, time.monotonic) if kept is not None else None,
        key=prepare_key(release) if kept is not None else _no_key,
    )


def compare_cost(release: Release) -> str | None:
    """What to say where looking for the scores of a release costs more than computing them; its own synthetic examples
    are tried, in processor time.
    """
    key, kept = prepare_key(release), MemoryCache(len(release.examples) or 1, math.inf, time.monotonic)
    rows = [release.decode(msgspec.json.encode(example)) for example in release.examples]
    for row in rows:
        kept.keep(key(row), release.scores(release.features(row)))
    looked = _least_s(lambda: [kept.find(key(row)) for row in rows])
    computed = _least_s(lambda: [release.scores(release.features(row)) for row in rows])
    if looked < computed:
        return None
    costs = f"{_each_us(computed, rows)} us an example against {_each_us(looked, rows)}"
    return f"the model is cheaper than its cache: {costs}"


def _least_s(work: Callable[[], object]) -> float:
    """The least processor time of several times."""
    taken = []
    for _ in range(_ROUNDS):
        began = time.thread_time()
        work()
        taken.append(time.thread_time() - began)
    return min(taken)


def _each_us(seconds: float, rows: Sequence[Row]) -> str:
    return f"{seconds * 1e6 / max(1, len(rows)):.1f}"


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
