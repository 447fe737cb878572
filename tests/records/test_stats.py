"""The checked equation."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.errors import StorageError
from assay.records.segment import segments
from assay.records.shipper import Shipper
from assay.records.stats import read_stats
from tests.records.material import MemorySink, identity, prediction, ship_out, spool_in

RECORDS = [prediction(number) for number in range(1, 31)]


def test_nothing_adds_up(tmp_path: Path) -> None:
    found = read_stats(tmp_path / "absent")
    assert (found.served, found.balanced, found.spools) == (0, True, ())


def test_every_record_is_somewhere(tmp_path: Path) -> None:
    sink = MemorySink()
    sink.refuse = lambda record: identity(record) == RECORDS[3].prediction_id
    with spool_in(tmp_path, cap_bytes=10_000, when_full="answer_unlogged") as spool:
        spool.append_many(RECORDS[:10])
        Shipper(tmp_path, lambda: sink, own=spool.slot.directory).ship()
        spool.append_many(RECORDS[10:15])
        spool.append_many(RECORDS[15:])
        found = read_stats(tmp_path)
    assert found.spools[0].live
    assert (found.served, found.shipped, found.spooled, found.dead_lettered, found.dropped) == (30, 9, 5, 1, 15)
    assert found.balanced


def test_a_record_that_went_missing_shows(tmp_path: Path) -> None:
    with spool_in(tmp_path) as spool:
        spool.append_many(RECORDS)
    segment = segments(spool.slot.directory)[0]
    segment.path.write_bytes(segment.path.read_bytes()[:-1])
    assert not read_stats(tmp_path).balanced


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture], max_examples=40)
@given(steps=st.lists(st.sampled_from(["append", "many", "ship", "reopen", "kill", "away"]), max_size=15))
def test_it_adds_up_after_any_history(tmp_path_factory: pytest.TempPathFactory, steps: list[str]) -> None:
    root, sink = tmp_path_factory.mktemp("spool"), MemorySink()
    sink.refuse = lambda record: int(identity(record)[-1], 16) == 7
    number = served = 0
    remaining = list(steps)
    while remaining:
        with spool_in(root, segment_bytes=1500) as spool:
            shipper = Shipper(root, lambda: sink, own=spool.slot.directory)
            while remaining:
                step = remaining.pop(0)
                if step == "append":
                    number += 1
                    served += spool.append(prediction(number))
                elif step == "many":
                    spool.append_many([prediction(number + one) for one in range(1, 6)])
                    number, served = number + 5, served + 5
                elif step in {"ship", "away"}:
                    sink.away = step == "away"
                    with suppress(StorageError):
                        ship_out(shipper)
                else:
                    break
        assert read_stats(root).balanced
        assert read_stats(root).served == served
    sink.away = False
    Shipper(root, lambda: sink).adopt()
    found = read_stats(root)
    assert (found.shipped + found.dead_lettered, found.spooled, found.balanced) == (served, 0, True)
    assert len(sink.kept) == found.shipped


def test_a_spool_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with spool_in(tmp_path) as spool:
        pass
    (spool.slot.directory / "cursor").mkdir()
    with pytest.raises(StorageError, match="cannot be read"):
        read_stats(tmp_path)


def test_it_adds_up_while_records_are_written_and_shipped(tmp_path: Path) -> None:
    with spool_in(tmp_path, segment_bytes=20_000) as spool:
        shipper = Shipper(tmp_path, MemorySink, own=spool.slot.directory, interval_s=0.001)
        shipper.start()
        stop = threading.Event()

        def write() -> None:
            while not stop.is_set():
                spool.append(RECORDS[0])
                stop.wait(0.0005)

        writer = threading.Thread(target=write)
        writer.start()
        looks = []
        while spool.sequence < 300:
            looks.append(read_stats(tmp_path).balanced)
        stop.set()
        writer.join()
        shipper.stop(30)
    assert looks
    assert all(looks)
