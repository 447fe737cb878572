"""The whole log of a process: opened, written, closed, and resumed by the next one."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.errors import NotSupportedError, StorageError, UnavailableError
from assay.records.open import open_log
from assay.records.spool import Spool
from assay.records.stats import read_stats
from assay.settings import Durability
from tests.records.material import MemorySink, ids, prediction

RECORDS = [prediction(number) for number in range(1, 101)]


@pytest.mark.parametrize("durability", ["process", "power", "off"])
def test_closing_ships_everything_and_frees_the_slot(tmp_path: Path, durability: Durability) -> None:
    sink = MemorySink()
    log = open_log(tmp_path, lambda: sink, durability=durability)
    assert log.append(RECORDS[0])
    assert log.append_many(RECORDS[1:])
    log.close()
    log.close()
    assert list(sink.kept) == ids(RECORDS)
    found = read_stats(tmp_path)
    assert (found.served, found.shipped, found.balanced, found.spools[0].live) == (100, 100, True, False)


@pytest.mark.parametrize("durability", ["process", "power", "off"])
def test_a_closed_log_takes_nothing(tmp_path: Path, durability: Durability) -> None:
    log = open_log(tmp_path, MemorySink, durability=durability)
    log.close()
    with pytest.raises(UnavailableError):
        log.append(RECORDS[0])


def test_a_mode_that_comes_later_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotSupportedError, match="replicated"):
        open_log(tmp_path, MemorySink, durability="replicated")


def test_each_append_in_mode_power_is_synced_unless_the_caller_does_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    syncs: list[int] = []
    monkeypatch.setattr(Spool, "sync", lambda _spool: syncs.append(1))
    log = open_log(tmp_path, None, durability="power")
    log.append(RECORDS[0])
    log.append_many(RECORDS[1:])
    log.close()
    assert (len(syncs), log.sync) == (2, None)
    grouped = open_log(tmp_path, None, durability="power", grouped=True)
    grouped.append(RECORDS[0])
    assert len(syncs) == 2
    assert grouped.sync is not None
    grouped.close()


def test_what_one_process_could_not_ship_the_next_one_ships(tmp_path: Path) -> None:
    sink = MemorySink()
    sink.away = True
    log = open_log(tmp_path, lambda: sink)
    log.append_many(RECORDS)
    log.close()
    assert log.waiting() == 100
    sink.away = False
    open_log(tmp_path, lambda: sink).close()
    assert list(sink.kept) == ids(RECORDS)


def test_how_full_the_spool_is_can_be_asked(tmp_path: Path) -> None:
    sink = MemorySink()
    sink.away = True
    log = open_log(tmp_path, lambda: sink, cap_bytes=1 << 20)
    assert log.fill() == 0
    log.append_many(RECORDS)
    assert 0 < log.fill() < 1
    log.close()


def test_a_slot_is_given_back_when_its_spool_cannot_be_opened(tmp_path: Path) -> None:
    open_log(tmp_path, MemorySink).close()
    cursor = tmp_path / "worker-0000" / "cursor"
    cursor.unlink(missing_ok=True)
    cursor.mkdir()
    with pytest.raises(StorageError):
        open_log(tmp_path, MemorySink)
    cursor.rmdir()
    log = open_log(tmp_path, MemorySink)
    assert log.spool.slot.directory.name == "worker-0000"
    log.close()
