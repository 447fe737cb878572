"""Mode `off`: nothing is awaited, and what is lost is counted."""

from __future__ import annotations

from pathlib import Path

from assay.records.deferred import DeferredLog
from assay.records.slot import read_counters
from tests.records.material import prediction, read_all, spool_in, wait_until

RECORDS = [prediction(number) for number in range(1, 41)]


def test_records_are_written_behind_the_answer(tmp_path: Path) -> None:
    with spool_in(tmp_path) as spool:
        log = DeferredLog(spool, interval_s=0.001)
        log.append_many(RECORDS)
        wait_until(lambda: spool.sequence == len(RECORDS))
        assert read_all(spool) == RECORDS
        log.close()


def test_what_does_not_fit_into_memory_is_dropped_and_counted(tmp_path: Path) -> None:
    with spool_in(tmp_path) as spool:
        log = DeferredLog(spool, interval_s=3600.0, most_records=10)
        assert log.append_many(RECORDS[:10])
        assert not log.append(RECORDS[10])
        log.close()
        assert read_counters(spool.slot.directory) == (10, 1)


def test_what_the_spool_does_not_take_is_dropped_and_counted(tmp_path: Path) -> None:
    with spool_in(tmp_path, cap_bytes=2000) as spool:
        log = DeferredLog(spool, interval_s=3600.0)
        log.append_many(RECORDS)
        log.close()
        written, dropped = read_counters(spool.slot.directory)
        assert (written > 0, written + dropped) == (True, len(RECORDS))
