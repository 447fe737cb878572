"""The counters: laid out once, summed over workers, never falling."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.errors import StorageError
from assay.serving import metrics
from assay.serving.metrics import (
    CONFIDENCE,
    ERRORS,
    FEEDBACK,
    LATENCY,
    PREDICTIONS,
    REVIEWS,
    DoorCounters,
    ReleaseCounters,
    Slab,
    read_samples,
)


def values(directory: Path) -> dict[tuple[str, ...], tuple[int, ...]]:
    return {(sample.metric.name, *sample.labels): sample.cells for sample in read_samples(directory)}


def test_a_series_keeps_its_place(slab: Slab) -> None:
    first = slab.slot(PREDICTIONS, "spam", "1", "ham")
    other = slab.slot(PREDICTIONS, "spam", "1", "spam")
    assert slab.slot(PREDICTIONS, "spam", "1", "ham") == first != other


def test_series_do_not_overlap(slab: Slab) -> None:
    counters = ReleaseCounters(slab, "spam", 1, ("ham", "spam"))
    counters.count(1, 0.97, 0.0003, review=True, explained=False)
    found = values(slab.directory)
    assert found["classification_predictions_total", "spam", "1", "ham"] == (0,)
    assert found["classification_predictions_total", "spam", "1", "spam"] == (1,)
    assert found["classification_reviews_total", "spam", "1"] == (1,)
    assert found["classification_explanations_total", "spam", "1"] == (0,)
    assert sum(found["classification_latency_seconds", "spam", "1"][:-1]) == 1
    assert sum(found["classification_confidence", "spam", "1"][:-1]) == 1


def test_a_value_on_a_bound_belongs_below_it(slab: Slab) -> None:
    counters = ReleaseCounters(slab, "spam", 1, ("ham",))
    for seconds in (*LATENCY.bounds, LATENCY.bounds[-1] + 1):
        counters.count(0, 1.0, seconds, review=False, explained=False)
    found = values(slab.directory)
    assert found["classification_latency_seconds", "spam", "1"][:-1] == (1,) * (len(LATENCY.bounds) + 1)
    assert found["classification_confidence", "spam", "1"][-2] == 0
    assert found["classification_confidence", "spam", "1"][len(CONFIDENCE.bounds) - 1] == len(LATENCY.bounds) + 1


def test_workers_are_summed_and_a_dead_one_still_counts(tmp_path: Path) -> None:
    for worker, count in (("a", 2), ("b", 3)):
        counters = DoorCounters(Slab(tmp_path, worker), ("contract", "malformed"))
        for _ in range(count):
            counters.error("contract")
        counters.feedback()
    found = values(tmp_path)
    assert found[ERRORS.name, "contract"] == (5,)
    assert found[ERRORS.name, "malformed"] == (0,)
    assert found[FEEDBACK.name,] == (2,)


def test_samples_come_in_the_order_of_the_table(slab: Slab) -> None:
    DoorCounters(slab, ("contract",))
    ReleaseCounters(slab, "spam", 1, ("ham",))
    names = list(dict.fromkeys(sample.metric.name for sample in read_samples(slab.directory)))
    assert names == [metric.name for metric in metrics.METRICS]


def test_a_release_loaded_again_goes_on_counting(slab: Slab) -> None:
    for _ in range(2):
        ReleaseCounters(slab, "spam", 1, ("ham",)).count(0, 0.9, 0.1, review=True, explained=False)
    assert values(slab.directory)[REVIEWS.name, "spam", "1"] == (2,)


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="file"):
        Slab(tmp_path / "file" / "counters", "worker")


def test_running_out_of_cells_is_an_error_and_not_a_wrong_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "_CELLS", 3)
    slab = Slab(tmp_path, "small")
    with pytest.raises(StorageError, match="taken"):
        ReleaseCounters(slab, "spam", 1, ("ham", "spam"))


def test_an_index_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    slab = Slab(tmp_path / "counters", "worker")
    (tmp_path / "counters" / "worker.json").mkdir()
    with pytest.raises(StorageError, match="worker"):
        slab.publish()
