"""What one worker's doors are given to translate for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, NamedTuple

from assay.contract.columns import Contract
from assay.inference.service import Inference
from assay.records.log import PredictionLog
from assay.registry.store import RegistryStore, Version
from assay.serving.loader import Loader
from assay.serving.metrics import Slab
from assay.serving.predictor import Predictor
from assay.settings import Settings


class Evidence(NamedTuple):
    """What is told of a version beside its registration: its contract and its card."""

    contract: Contract
    card: Mapping[str, Any]


ReadEvidence = Callable[[Version], Evidence]

#: Another door of the same worker, opened with what it asks and whom it tells of an error (under an id for the log). It
#: can be pickled.
Beside = Callable[[Inference, Callable[[Exception, str], None]], AbstractAsyncContextManager[None]]


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that the door translates for.

    `read_evidence` gives the contract and card of a version, `log_counts` what `/metrics` says of the prediction log,
    `concerns` what else an operator should know; `sync`, where there is one, makes the log durable;
    `start` and `stop` frame the life of the worker.
    """

    settings: Settings
    registry: RegistryStore
    loader: Loader
    predictor: Predictor
    log: PredictionLog
    slab: Slab
    clock: Callable[[], float]
    read_evidence: ReadEvidence
    log_counts: Callable[[], Mapping[str, float]]
    concerns: Callable[[], tuple[str, ...]]
    sync: Callable[[], None] | None
    start: Callable[[], None]
    stop: Callable[[], None]
