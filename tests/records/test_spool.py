"""The spool: what is acknowledged can be read back, and trouble ends in the declared policy."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from assay.errors import ContractError, StorageError, UnavailableError
from assay.records.log import Record
from assay.records.reader import acknowledge, read_batch
from assay.records.segment import Frame, scan, segment_at, segments
from assay.records.slot import claim, read_counters
from assay.records.spool import Spool
from tests.records.material import ids, prediction, read_all, spool_in, wait_until

ROOT = Path(__file__).resolve().parents[2]
RECORDS = [prediction(number) for number in range(1, 41)]


def read_everything(spool: Spool) -> list[Record | bytes]:
    """All records of all segments, as a shipper would take them."""
    directory, found = spool.slot.directory, list[Record | bytes]()
    while (batch := read_batch(directory, 1000, spool.sequence)).entries:
        found += [entry.record for entry in batch.entries]
        acknowledge(directory, batch, 0)
    return found


def fail_sync(_: int) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_appended_records_are_read_back_in_order(tmp_path: Path) -> None:
    with spool_in(tmp_path) as spool:
        assert all(spool.append(record) for record in RECORDS[:10])
        assert spool.append_many(RECORDS[10:])
        assert read_all(spool) == RECORDS


def test_segments_follow_each_other_when_one_is_full(tmp_path: Path) -> None:
    with spool_in(tmp_path, segment_bytes=2000) as spool:
        for record in RECORDS:
            spool.append(record)
        assert read_everything(spool) == RECORDS
        assert len(segments(spool.slot.directory)) == 1


def test_many_threads_lose_nothing(tmp_path: Path) -> None:
    with spool_in(tmp_path, flush_interval_s=0.001, segment_bytes=5000) as spool:
        groups = [[prediction(100 * group + number) for number in range(100)] for group in range(4)]
        threads = [
            threading.Thread(target=lambda records=group: [spool.append(record) for record in records])
            for group in groups
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        found = read_everything(spool)
        assert sorted(ids(found)) == sorted(ids([record for group in groups for record in group]))


def test_a_full_spool_rejects(tmp_path: Path) -> None:
    with spool_in(tmp_path, cap_bytes=2000) as spool:
        kept = 0
        while spool.held_bytes() < 1600:
            kept += spool.append(RECORDS[kept])
        with pytest.raises(UnavailableError, match="full") as raised:
            spool.append(RECORDS[kept])
        assert raised.value.retry_after_s > 0
        assert read_everything(spool) == RECORDS[:kept]
        assert spool.held_bytes() <= 2000


def test_a_full_spool_lets_answers_go_unlogged_where_that_is_declared(tmp_path: Path) -> None:
    with spool_in(tmp_path, cap_bytes=2000, when_full="answer_unlogged") as spool:
        logged = sum(spool.append(record) for record in RECORDS)
        assert read_counters(spool.slot.directory) == (logged, len(RECORDS) - logged)
        assert not spool.append_many(RECORDS)
        assert read_everything(spool) == RECORDS[:logged]


def test_a_write_of_many_that_does_not_fit_writes_none(tmp_path: Path) -> None:
    with spool_in(tmp_path, cap_bytes=2000) as spool:
        with pytest.raises(UnavailableError):
            spool.append_many(RECORDS)
        assert read_all(spool) == []


def test_shipped_segments_make_room_again(tmp_path: Path) -> None:
    with spool_in(tmp_path, cap_bytes=4000, segment_bytes=1000, when_full="answer_unlogged") as spool:
        while spool.append(RECORDS[0]):
            pass
        read_everything(spool)
        assert spool.append(RECORDS[1])


@pytest.mark.parametrize(
    "record",
    [prediction(1, metadata="\ud800"), prediction(1, label_index=1 << 64), prediction(1, features={"a": object()})],
)
def test_a_record_that_cannot_be_written_is_the_callers_fault(tmp_path: Path, record: object) -> None:
    with spool_in(tmp_path) as spool:
        with pytest.raises(ContractError):
            spool.append(record)
        with pytest.raises(ContractError):
            spool.append_many([RECORDS[0], record])
        spool.append(RECORDS[1])
        assert read_all(spool) == [RECORDS[1]]


def test_a_closed_spool_takes_nothing(tmp_path: Path) -> None:
    with spool_in(tmp_path) as spool:
        spool.close()
        with pytest.raises(UnavailableError, match="closed"):
            spool.append(RECORDS[0])
        with pytest.raises(UnavailableError, match="closed"):
            spool.append_many(RECORDS)


@pytest.mark.parametrize(("device", "flags"), [("/dev/full", os.O_WRONLY), ("/dev/null", os.O_RDONLY)])
def test_a_file_that_fails_is_replaced_by_a_new_segment(tmp_path: Path, device: str, flags: int) -> None:
    with spool_in(tmp_path) as spool:
        spool.append(RECORDS[0])
        failing = os.open(device, flags)
        os.dup2(failing, spool._descriptor)
        os.close(failing)
        assert spool.append(RECORDS[1])
        assert spool.append_many(RECORDS[2:4])
        assert read_everything(spool) == RECORDS[:4]


def test_after_a_failed_sync_the_segment_is_sealed_and_its_records_copied(tmp_path: Path) -> None:
    failing = threading.Event()
    failing.set()

    def sync(descriptor: int) -> None:
        if failing.is_set():
            fail_sync(descriptor)
        os.fdatasync(descriptor)

    with spool_in(tmp_path, flush_interval_s=0.001, sync=sync) as spool:
        spool.append_many(RECORDS[:5])
        wait_until(lambda: spool._active is None)
        assert spool.append(RECORDS[5])
        failing.clear()
        wait_until(lambda: len(spool._retired) == 0 and len(segments(spool.slot.directory)) >= 3)
        original = segments(spool.slot.directory)[0]
        original.path.unlink()
        assert read_everything(spool) == RECORDS[:6]


def test_a_copy_beside_its_original_changes_nothing(tmp_path: Path) -> None:
    with spool_in(tmp_path, sync=fail_sync, flush_interval_s=0.001) as spool:
        spool.append_many(RECORDS[:5])
        wait_until(lambda: spool._active is None)
        spool.append(RECORDS[5])
        original = segments(spool.slot.directory)[0]
        original.path.with_name(original.name.replace("-00-", "-01-")).write_bytes(original.path.read_bytes())
        assert read_everything(spool) == RECORDS[:6]


def test_a_reopened_spool_goes_on_counting_behind_a_torn_tail(tmp_path: Path) -> None:
    with spool_in(tmp_path) as spool:
        spool.append_many(RECORDS[:3])
        path = segments(spool.slot.directory)[0].path
    path.write_bytes(path.read_bytes() + b"torn")
    with spool_in(tmp_path) as spool:
        assert spool.sequence == 3
        spool.append(RECORDS[3])
        assert read_everything(spool) == RECORDS[:4]


def test_a_record_written_but_not_counted_when_its_process_died_is_counted_at_reopening(tmp_path: Path) -> None:
    with spool_in(tmp_path) as spool:
        spool.append_many(RECORDS[:3])
        spool.slot.counters.cells[0] = 2
    with spool_in(tmp_path) as spool:
        assert read_counters(spool.slot.directory) == (3, 0)
        assert spool.sequence == 3


def test_segments_without_a_record_do_not_stay(tmp_path: Path) -> None:
    with spool_in(tmp_path) as spool:
        directory = spool.slot.directory
    assert segments(directory) == []
    segment_at(directory, 1, 0, b"dead").path.touch()
    with spool_in(tmp_path) as spool:
        assert [segment.mark == b"dead" for segment in segments(directory)] == [False]


def test_a_copy_that_a_killed_worker_left_unfinished_is_removed(tmp_path: Path) -> None:
    with spool_in(tmp_path) as spool:
        left = segment_at(spool.slot.directory, 1, 1, b"dead").path.with_suffix(".copy")
    left.write_bytes(b"half")
    with spool_in(tmp_path):
        assert not left.exists()


def test_filling_up_is_warned_about_once_a_level(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with spool_in(tmp_path, cap_bytes=4000, when_full="answer_unlogged", flush_interval_s=0.001) as spool:
        while spool.append(RECORDS[0]):
            pass
        wait_until(lambda: "filled" in caplog.text)
    assert 1 <= caplog.text.count("filled") <= 3


def test_a_directory_that_cannot_be_written_stops_the_start(tmp_path: Path) -> None:
    slot = claim(tmp_path)
    (slot.directory / "cursor").mkdir()
    with pytest.raises(StorageError, match="cannot be opened"):
        Spool(slot, cap_bytes=1000)
    slot.release()


def test_a_sync_that_stalls_holds_no_append_up(tmp_path: Path) -> None:
    stalled, go_on = threading.Event(), threading.Event()

    def sync(_: int) -> None:
        stalled.set()
        go_on.wait(30)

    with spool_in(tmp_path, flush_interval_s=0.001, sync=sync) as spool:
        spool.append(RECORDS[0])
        assert stalled.wait(30)
        assert all(spool.append(record) for record in RECORDS[1:])
        go_on.set()
        assert read_all(spool) == RECORDS


def test_what_a_sync_covers_survives_a_loss_of_power(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contents: dict[int, bytes] = {}
    names: dict[Path, int] = {}

    def sync(descriptor: int) -> None:
        contents[os.fstat(descriptor).st_ino] = os.pread(descriptor, 1 << 20, 0)

    def sync_directory(directory: Path) -> None:
        names.update({segment.path: segment.path.stat().st_ino for segment in segments(directory)})

    def surviving() -> list[int]:
        files = [segment for segment in segments(spool.slot.directory) if segment.path in names]
        frames = [found for file in files for found in scan(contents.get(names[file.path], b""), file.mark)]
        return [frame.sequence for frame in frames if isinstance(frame, Frame)]

    monkeypatch.setattr("assay.records.spool.sync_directory", sync_directory)
    with spool_in(tmp_path, sync=sync, flush_interval_s=3600, segment_bytes=2000) as spool:
        for at, record in enumerate(RECORDS, start=1):
            spool.append(record)
            assert surviving() == list(range(1, at))
            spool.sync()
            assert surviving() == list(range(1, at + 1))
        assert len(names) > 5


def test_a_sync_that_fails_once_is_made_good_by_a_copy(tmp_path: Path) -> None:
    failures = [1]

    def sync(descriptor: int) -> None:
        if failures:
            failures.pop()
            fail_sync(descriptor)
        os.fdatasync(descriptor)

    with spool_in(tmp_path, sync=sync, flush_interval_s=3600) as spool:
        spool.append(RECORDS[0])
        spool.sync()
        segments(spool.slot.directory)[0].path.unlink()
        assert read_everything(spool) == RECORDS[:1]


def test_a_segment_that_cannot_be_looked_at_is_still_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with spool_in(tmp_path, segment_bytes=2000) as spool:
        for record in RECORDS:
            spool.append(record)
        held, real = spool.held_bytes(), Path.stat

        def fail(path: Path, **options: bool) -> os.stat_result:
            if path.suffix == ".segment":
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return real(path, **options)

        monkeypatch.setattr(Path, "stat", fail)
        spool.sync()
        assert spool.held_bytes() == held


def test_a_disk_that_takes_nothing_is_told(tmp_path: Path) -> None:
    with spool_in(tmp_path, sync=fail_sync, flush_interval_s=3600) as spool:
        spool.append(RECORDS[0])
        with pytest.raises(UnavailableError, match="cannot be made durable"):
            spool.sync()


@pytest.mark.performance
def test_an_append_costs_a_few_bare_writes_of_the_same_bytes(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.records.append_cost", str(tmp_path)]
    assert float(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout) < 5
