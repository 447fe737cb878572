"""Counters of one worker: 64-bit integers in a memory-mapped file, summed over all workers by whoever is scraped.

A series is given its slots when a release is loaded, so counting is an addition to a known place. No exposition format
here.
"""

from __future__ import annotations

import mmap
import os
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import msgspec

from assay.errors import StorageError

_CELL = 8
_CELLS = 1 << 20  # 8 MiB of address space; the file is sparse
_NANO = 1_000_000_000


class Metric(NamedTuple):
    """One metric: its name, labels and meaning. A histogram's `bounds` are upper bounds, in the metric's unit."""

    name: str
    kind: Literal["counter", "histogram"]
    labels: tuple[str, ...]
    help: str
    bounds: tuple[float, ...] = ()

    @property
    def cells(self) -> int:
        """One for a counter; for a histogram one a bucket, one above all, and the sum in billionths."""
        return 1 if self.kind == "counter" else len(self.bounds) + 2


PREDICTIONS = Metric(
    "classification_predictions_total",
    "counter",
    ("model", "model_version", "prediction_class"),
    "Answered predictions.",
)
REVIEWS = Metric(
    "classification_reviews_total", "counter", ("model", "model_version"), "Predictions whose decision was review."
)
LATENCY = Metric(
    "classification_latency_seconds",
    "histogram",
    ("model", "model_version"),
    "Time from the request's head to its answer, in seconds; in a bulk request, each row's own share.",
    (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5),
)
CONFIDENCE = Metric(
    "classification_confidence",
    "histogram",
    ("model", "model_version"),
    "Calibrated probability of the label.",
    (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0),
)
EXPLANATIONS = Metric(
    "classification_explanations_total", "counter", ("model", "model_version"), "Explanations computed."
)
ERRORS = Metric(
    "classification_errors_total", "counter", ("kind",), "Refused or failed requests and rows, by kind of problem."
)
FEEDBACK = Metric("classification_feedback_total", "counter", (), "True labels received.")
FALLBACKS = Metric(
    "classification_fallbacks_total",
    "counter",
    ("model", "model_version", "reason"),
    "Answers that the fallback gave in place of the model, by what kept that from answering.",
)
LOOKUPS = Metric(
    "classification_cache_lookups_total",
    "counter",
    ("model", "model_version", "result"),
    "Examples whose scores were looked for among those that are kept: hit or miss.",
)
METRICS = (PREDICTIONS, REVIEWS, LATENCY, CONFIDENCE, EXPLANATIONS, ERRORS, FEEDBACK, FALLBACKS, LOOKUPS)

#: What keeps a model from answering.
Reason = Literal["failed", "not_finite"]


class Series(msgspec.Struct, frozen=True):
    """Where the cells of one metric with one set of label values stand."""

    metric: str
    labels: tuple[str, ...]
    slot: int


class Slab:
    """One worker's counters. `cells` is written by the thread of the event loop alone; readers map the file.

    Raises:
        StorageError: the directory cannot be written, or all cells are taken.
    """

    def __init__(self, directory: Path, worker: str) -> None:
        self.directory = directory
        self._index = directory / f"{worker}.json"
        self._series: dict[tuple[str, tuple[str, ...]], Series] = {}
        self._next = 0
        try:
            directory.mkdir(parents=True, exist_ok=True)
            with (directory / f"{worker}.cells").open("w+b") as file:
                file.truncate(_CELLS * _CELL)
                self.cells = memoryview(mmap.mmap(file.fileno(), _CELLS * _CELL)).cast("q")
        except OSError as error:
            raise StorageError(f"the counters in {directory} cannot be made: {error.strerror}") from error

    def slot(self, metric: Metric, *labels: str) -> int:
        """The first cell of a series, laid out now unless it was before."""
        known = self._series.get((metric.name, labels))
        if known is None:
            if self._next + metric.cells > _CELLS:
                raise StorageError("all counters are taken", remedy="restart the server")
            known = self._series[metric.name, labels] = Series(metric.name, labels, self._next)
            self._next += metric.cells
        return known.slot

    def publish(self) -> None:
        """Tell the other workers which series there are."""
        draft = self._index.with_suffix(".draft")
        try:
            draft.write_bytes(msgspec.json.encode(list(self._series.values())))
            draft.replace(self._index)
        except OSError as error:
            raise StorageError(f"{self._index} cannot be written: {error.strerror}") from error


class ReleaseCounters:
    """The counters of one release, each at its place."""

    def __init__(self, slab: Slab, classifier: str, version: int, classes: Sequence[str]) -> None:
        name, number = classifier, str(version)
        self._cells = slab.cells
        self._labels = tuple(slab.slot(PREDICTIONS, name, number, label) for label in classes)
        self._review = slab.slot(REVIEWS, name, number)
        self._latency = slab.slot(LATENCY, name, number)
        self._latency_sum = self._latency + LATENCY.cells - 1
        self._confidence = slab.slot(CONFIDENCE, name, number)
        self._confidence_sum = self._confidence + CONFIDENCE.cells - 1
        self._explanations = slab.slot(EXPLANATIONS, name, number)
        self._fallbacks = {reason: slab.slot(FALLBACKS, name, number, reason) for reason in get_args(Reason)}
        self._lookups = tuple(slab.slot(LOOKUPS, name, number, result) for result in ("miss", "hit"))
        slab.publish()

    def looked_up(self, *, hit: bool) -> None:
        """The scores of one example were looked for."""
        self._cells[self._lookups[hit]] += 1

    def fell_back(self, reason: Reason) -> None:
        """One of the answers was the fallback's."""
        self._cells[self._fallbacks[reason]] += 1

    def count(self, label_index: Any, confidence: float, latency_s: float, *, review: bool, explained: bool) -> None:
        """Count one answer. `label_index` is the number of its label."""
        cells = self._cells
        cells[self._labels[label_index]] += 1
        cells[self._latency + bisect_left(LATENCY.bounds, latency_s)] += 1
        cells[self._latency_sum] += int(latency_s * _NANO)
        cells[self._confidence + bisect_left(CONFIDENCE.bounds, confidence)] += 1
        cells[self._confidence_sum] += int(confidence * _NANO)
        if review:
            cells[self._review] += 1
        if explained:
            cells[self._explanations] += 1


class LabelsCounters(ReleaseCounters):
    """The counters of a release that says any number of labels: each is counted, and a class without a name for none.

    The sum over the classes is then the number of labels said, not of answers.
    """

    def __init__(self, slab: Slab, classifier: str, version: int, classes: Sequence[str]) -> None:
        super().__init__(slab, classifier, version, (*classes, ""))
        self._none = len(classes)

    def count(self, label_index: Any, confidence: float, latency_s: float, *, review: bool, explained: bool) -> None:
        """Count one answer. `label_index` are the numbers of its labels."""
        first, *others = label_index or (self._none,)
        super().count(first, confidence, latency_s, review=review, explained=explained)
        for other in others:
            self._cells[self._labels[other]] += 1


class DoorCounters:
    """What a door counts: refused and failed requests by kind, and feedback."""

    def __init__(self, slab: Slab, kinds: Sequence[str]) -> None:
        self._cells = slab.cells
        self._kinds = {kind: slab.slot(ERRORS, kind) for kind in kinds}
        self._feedback = slab.slot(FEEDBACK)
        slab.publish()

    def error(self, kind: str) -> None:
        """Count one refused or failed request or row."""
        self._cells[self._kinds[kind]] += 1

    def feedback(self) -> None:
        """Count one true label."""
        self._cells[self._feedback] += 1


class Sample(NamedTuple):
    """One series summed over all workers: one value for a counter; the buckets and the sum for a histogram."""

    metric: Metric
    labels: tuple[str, ...]
    cells: tuple[int, ...]

    @property
    def sum(self) -> float:
        """Of a histogram, in the metric's unit."""
        return self.cells[-1] / _NANO


def read_samples(directory: Path) -> list[Sample]:
    """All series of all workers that ever wrote into `directory`, summed, in the order of METRICS.

    A dead worker's counters stay in the sum, so that no counter ever falls.
    """
    metrics = {metric.name: metric for metric in METRICS}
    totals: dict[tuple[str, tuple[str, ...]], list[int]] = {}
    for index in sorted(directory.glob("*.json")):
        for series, cells in _read_worker(index, metrics):
            total = totals.setdefault((series.metric, series.labels), [0] * len(cells))
            for position, cell in enumerate(cells):
                total[position] += cell
    order = {metric.name: position for position, metric in enumerate(METRICS)}
    keys = sorted(totals, key=lambda key: (order[key[0]], key[1]))
    return [Sample(metrics[name], labels, tuple(totals[name, labels])) for name, labels in keys]


def _read_worker(index: Path, metrics: Mapping[str, Metric]) -> list[tuple[Series, Sequence[int]]]:
    series = msgspec.json.decode(index.read_bytes(), type=list[Series])
    descriptor = os.open(index.with_suffix(".cells"), os.O_RDONLY)
    try:
        with (
            mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ) as mapped,
            memoryview(mapped) as raw,
            raw.cast("q") as cells,
        ):
            return [(one, cells[one.slot : one.slot + metrics[one.metric].cells].tolist()) for one in series]
    finally:
        os.close(descriptor)
