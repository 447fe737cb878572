"""The shipper: everything ends in the sink once, or as a dead letter with its reason."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest

from assay.errors import StorageError
from assay.records.log import Record, go_on
from assay.records.reader import acknowledge, cursor_of, read_batch
from assay.records.segment import frame, segments
from assay.records.shipper import DeadLetter, Shipper
from assay.records.slot import Slot, claim, read_cursor
from assay.records.spool import Spool
from assay.records.stats import read_stats
from tests.records.material import MemorySink, ids, prediction, ship_out, spool_in, wait_until

RECORDS = [prediction(number) for number in range(1, 1201)]


def shipper_of(root: Path, sink: MemorySink, spool: Spool | None = None) -> Shipper:
    return Shipper(root, lambda: sink, own=spool.slot.directory if spool else None, interval_s=0.005, clock=lambda: 5.0)


def leave_behind(root: Path, count: int, **options: object) -> Path:
    """A spool that a dead worker left; returns its directory."""
    with spool_in(root, **options) as spool:
        for record in RECORDS[:count]:
            spool.append(record)
        return spool.slot.directory


def dead_letters(directory: Path) -> list[DeadLetter]:
    lines = (directory / "dead.jsonl").read_bytes().splitlines()
    return [msgspec.json.decode(line, type=DeadLetter) for line in lines]


def test_all_records_reach_the_sink_and_the_spool_is_empty(tmp_path: Path) -> None:
    sink = MemorySink()
    with spool_in(tmp_path, segment_bytes=100_000) as spool:
        spool.append_many(RECORDS)
        spool.close()
    assert shipper_of(tmp_path, sink, spool).drain(30)
    assert list(sink.kept) == ids(RECORDS)
    assert segments(spool.slot.directory) == []


def test_records_are_shipped_while_the_spool_is_written(tmp_path: Path) -> None:
    sink = MemorySink()
    with spool_in(tmp_path) as spool:
        shipper = shipper_of(tmp_path, sink, spool)
        for start in range(0, 30, 10):
            for record in RECORDS[start : start + 10]:
                spool.append(record)
            assert shipper.ship() == 10
        assert shipper.ship() == 0
        assert list(sink.kept) == ids(RECORDS[:30])


def test_a_thread_ships_and_stops(tmp_path: Path) -> None:
    sink = MemorySink()
    with spool_in(tmp_path) as spool:
        shipper = shipper_of(tmp_path, sink, spool)
        shipper.start()
        spool.append_many(RECORDS)
        wait_until(lambda: len(sink.kept) == len(RECORDS))
        assert shipper.stop(30)


def test_a_sink_that_is_away_costs_nothing(tmp_path: Path) -> None:
    sink = MemorySink()
    sink.away = True
    with spool_in(tmp_path) as spool:
        shipper = shipper_of(tmp_path, sink, spool)
        spool.append_many(RECORDS)
        shipper.start()
        wait_until(lambda: sink.writes >= 3)
        assert cursor_of(spool.slot.directory).sequence == 0
        sink.away = False
        wait_until(lambda: len(sink.kept) == len(RECORDS))
        shipper.stop(30)


def test_a_sink_that_cannot_even_be_made_is_asked_again(tmp_path: Path) -> None:
    sink, asked = MemorySink(), list[int]()

    def make() -> MemorySink:
        asked.append(1)
        if len(asked) < 3:
            raise RuntimeError("no driver")
        return sink

    with spool_in(tmp_path) as spool:
        shipper = Shipper(tmp_path, make, own=spool.slot.directory if spool else None, interval_s=0.001)
        spool.append(RECORDS[0])
        shipper.start()
        wait_until(lambda: len(sink.kept) == 1)
        shipper.stop(30)


def test_draining_gives_up_when_the_sink_is_away(tmp_path: Path) -> None:
    sink = MemorySink()
    sink.away = True
    with spool_in(tmp_path) as spool:
        spool.append(RECORDS[0])
    assert not shipper_of(tmp_path, sink, spool).drain(30)


def test_draining_gives_up_when_its_time_is_over(tmp_path: Path) -> None:
    with spool_in(tmp_path) as spool:
        spool.append_many(RECORDS)
    assert not shipper_of(tmp_path, MemorySink(), spool).drain(-1)


def test_a_crash_between_commit_and_cursor_repeats_and_loses_nothing(tmp_path: Path) -> None:
    sink = MemorySink()
    directory = leave_behind(tmp_path, 50)

    def crash() -> None:
        raise KeyboardInterrupt

    sink.after_commit = crash
    with pytest.raises(KeyboardInterrupt):
        shipper_of(tmp_path, sink).adopt()
    assert read_cursor(directory) is None
    sink.after_commit = lambda: None
    assert shipper_of(tmp_path, sink).adopt() == 50
    assert list(sink.kept) == ids(RECORDS[:50])
    cursor = read_cursor(directory)
    assert cursor is not None
    assert (cursor.shipped, cursor.sequence) == (50, 50)


def test_a_segment_that_was_shipped_but_not_unlinked_is_not_counted_again(tmp_path: Path) -> None:
    sink = MemorySink()
    directory = leave_behind(tmp_path, 50)
    kept = segments(directory)[0]
    content = kept.path.read_bytes()
    shipper_of(tmp_path, sink).adopt()
    kept.path.write_bytes(content)
    assert shipper_of(tmp_path, sink).adopt() == 0
    assert segments(directory) == []


def test_without_its_cursor_a_spool_is_shipped_again_to_the_same_end(tmp_path: Path) -> None:
    sink = MemorySink()
    directory = leave_behind(tmp_path, 50, segment_bytes=2000)
    first = read_batch(directory, 10, None)
    sink.write([entry.record for entry in first.entries if not isinstance(entry.record, bytes)])
    acknowledge(directory, first, 0)
    (directory / "cursor").unlink()
    shipper_of(tmp_path, sink).adopt()
    cursor = read_cursor(directory)
    assert list(sink.kept) == ids(RECORDS[:50])
    assert cursor is not None
    assert (cursor.shipped, cursor.damaged) == (50, 0)


def test_poison_is_halved_out_and_the_others_land(tmp_path: Path) -> None:
    sink = MemorySink()
    poison = {RECORDS[number].prediction_id for number in (0, 17, 18, 99)}
    sink.refuse = lambda record: ids([record])[0] in poison
    directory = leave_behind(tmp_path, 100)
    assert shipper_of(tmp_path, sink).adopt() == 100
    assert set(sink.kept) == set(ids(RECORDS[:100])) - poison
    letters = dead_letters(directory)
    assert [letter.sequence for letter in letters] == [1, 18, 19, 100]
    assert letters[0].record == RECORDS[0]
    assert letters[0].reason == "a record is refused"
    cursor = read_cursor(directory)
    assert cursor is not None
    assert (cursor.shipped, cursor.refused) == (96, 4)


def test_a_payload_that_cannot_be_decoded_is_kept_as_it_is(tmp_path: Path) -> None:
    sink = MemorySink()
    directory = leave_behind(tmp_path, 2)
    segment = segments(directory)[0]
    segment.path.write_bytes(segment.path.read_bytes() + frame(segment.mark, 3, b"\xc1"))
    assert shipper_of(tmp_path, sink).adopt() == 3
    assert dead_letters(directory)[0].raw == "wQ=="
    assert len(sink.kept) == 2


def test_a_record_that_its_worker_wrote_but_never_counted_is_shipped_and_adds_up(tmp_path: Path) -> None:
    sink = MemorySink()
    with spool_in(tmp_path) as spool:
        spool.append_many(RECORDS[:3])
        spool.slot.counters.cells[0] = 2
    shipper_of(tmp_path, sink).adopt()
    found = read_stats(tmp_path)
    assert (found.served, found.shipped, found.balanced) == (3, 3, True)


@pytest.mark.parametrize("victim", [1, 10, 19, 20])
def test_a_damaged_record_is_counted_and_the_others_land(tmp_path: Path, victim: int) -> None:
    sink = MemorySink()
    directory = leave_behind(tmp_path, 20)
    segment = segments(directory)[0]
    raw = bytearray(segment.path.read_bytes())
    raw[raw.find(RECORDS[victim - 1].prediction_id.encode())] ^= 1
    segment.path.write_bytes(raw)
    assert shipper_of(tmp_path, sink).adopt() == 20
    cursor = read_cursor(directory)
    assert cursor is not None
    assert (cursor.shipped, cursor.damaged) == (19, 1)
    assert RECORDS[victim - 1].prediction_id not in sink.kept


def test_records_that_a_power_loss_took_are_counted_once_the_worker_is_back(tmp_path: Path) -> None:
    sink = MemorySink()
    directory = leave_behind(tmp_path, 20)
    segment = segments(directory)[0]
    raw = segment.path.read_bytes()
    segment.path.write_bytes(raw[: raw.find(RECORDS[15].prediction_id.encode())])
    with spool_in(tmp_path) as spool:
        shipper = shipper_of(tmp_path, sink, spool)
        ship_out(shipper)
        spool.append(RECORDS[20])
        ship_out(shipper)
    cursor = read_cursor(directory)
    assert cursor is not None
    assert (cursor.sequence, cursor.shipped, cursor.damaged) == (21, 16, 5)


def test_only_spools_that_nobody_holds_are_adopted(tmp_path: Path) -> None:
    sink = MemorySink()
    with spool_in(tmp_path) as spool:
        spool.append(RECORDS[0])
        other: Slot = claim(tmp_path)
        other.release()
        assert shipper_of(tmp_path, sink).adopt() == 0
    assert shipper_of(tmp_path, sink).adopt() == 1


def test_a_running_shipper_adopts_the_spools_of_the_dead(tmp_path: Path) -> None:
    sink = MemorySink()
    leave_behind(tmp_path, 50)
    shipper = shipper_of(tmp_path, sink)
    shipper.start()
    wait_until(lambda: len(sink.kept) == 50)
    assert shipper.stop(30)
    assert shipper.ship() == 0


def test_stopping_does_not_wait_for_a_sink_that_hangs(tmp_path: Path) -> None:
    sink, go_on = MemorySink(), threading.Event()

    def hang() -> None:
        go_on.wait(30)

    sink.after_commit = hang
    with spool_in(tmp_path) as spool:
        shipper = shipper_of(tmp_path, sink, spool)
        spool.append(RECORDS[0])
        shipper.start()
        wait_until(lambda: len(sink.kept) == 1)
        assert not shipper.stop(0.01)
        go_on.set()
        assert shipper.stop(30)


def test_a_spool_that_cannot_be_read_stays_as_it_is(tmp_path: Path) -> None:
    directory = leave_behind(tmp_path, 5)
    segment = segments(directory)[0]
    segment.path.rename(directory / "aside")
    segment.path.mkdir()
    with pytest.raises(StorageError, match="fails"):
        shipper_of(tmp_path, MemorySink()).adopt()


class SlowSink(MemorySink):
    """Breathes as long as it may before it writes."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = threading.Event()
        self.given_up = 0
        self.patient = True

    def write(self, records: Sequence[Record], breathe: Callable[[], None] = go_on) -> None:
        self.begun.set()
        try:
            while self.patient and threading.current_thread().name == "assay-shipper":
                breathe()
        except Exception:
            self.given_up += 1
            raise
        super().write(records)


def test_where_many_records_wait_they_are_shipped_from_here_and_the_thread_gives_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = SlowSink()
    with spool_in(tmp_path) as spool:
        shipper = shipper_of(tmp_path, sink, spool)
        shipper.start()
        spool.append_many(RECORDS[:1000])
        assert sink.begun.wait(30)
        assert shipper.keep_up() == 0
        monkeypatch.setattr("assay.records.shipper._MANY_WAITING", 999)
        wait_until(lambda: shipper.keep_up() > 0)
        assert (len(sink.kept), sink.given_up) == (1000, 1)
        assert shipper.keep_up() == 0
        sink.patient = False
        spool.append(RECORDS[1000])
        wait_until(lambda: len(sink.kept) == 1001)
        assert shipper.stop(30)


def test_a_thread_that_is_stopped_gives_its_batch_up_and_it_is_shipped_after_it(tmp_path: Path) -> None:
    sink = SlowSink()
    with spool_in(tmp_path) as spool:
        shipper = shipper_of(tmp_path, sink, spool)
        spool.append_many(RECORDS[:10])
        lowered: list[str] = []
        shipper.start(lambda: lowered.append(threading.current_thread().name))
        assert sink.begun.wait(30)
        assert shipper.stop(30)
        assert (len(sink.kept), sink.given_up, lowered) == (0, 1, ["assay-shipper"])
        assert shipper.ship() == 10
        assert list(sink.kept) == ids(RECORDS[:10])


def test_in_a_hurry_a_spool_that_fails_holds_no_other_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = MemorySink()
    with spool_in(tmp_path) as bad, spool_in(tmp_path) as good:
        bad.append_many(RECORDS[:10])
        good.append_many(RECORDS[10:30])
        segment = segments(bad.slot.directory)[0]
        segment.path.rename(bad.slot.directory / "aside")
        segment.path.mkdir()
        monkeypatch.setattr("assay.records.shipper._MANY_WAITING", 5)
        shipper = shipper_of(tmp_path, sink)
        assert shipper.keep_up() == 20
        assert list(sink.kept) == ids(RECORDS[10:30])


def test_a_spool_that_is_a_quarter_full_is_in_a_hurry(tmp_path: Path) -> None:
    sink = MemorySink()
    with spool_in(tmp_path) as spool:
        spool.append_many(RECORDS[:10])
        held = spool.held_bytes()
        assert Shipper(tmp_path, lambda: sink, cap_bytes=5 * held).keep_up() == 0
        assert Shipper(tmp_path, lambda: sink, cap_bytes=3 * held).keep_up() == 10


def test_a_batch_that_takes_too_long_is_handed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assay.records.shipper._PATIENCE_S", 0.0)
    sink = SlowSink()
    with spool_in(tmp_path) as spool:
        spool.append_many(RECORDS[:10])
        shipper = shipper_of(tmp_path, sink, spool)
        shipper.start()
        wait_until(lambda: shipper.keep_up() == 10)
        assert sink.given_up > 0
        assert shipper.stop(30)


def test_the_thread_leaves_the_processor_to_others_while_it_reads_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    yielded: list[str] = []
    monkeypatch.setattr(os, "sched_yield", lambda: yielded.append(threading.current_thread().name))
    with spool_in(tmp_path) as spool:
        spool.append_many(RECORDS[:1000])
        sink = MemorySink()
        shipper = shipper_of(tmp_path, sink, spool)
        assert shipper.ship() == 1000
        assert yielded == []  # whoever ships by itself waits for it
        spool.append_many(RECORDS[:1000])
        shipper.start()
        wait_until(lambda: len(yielded) >= 1000 // 50)
        assert shipper.stop(30)
        assert set(yielded) == {"assay-shipper"}


def test_who_ships_because_many_wait_rests_in_between(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rested: list[float] = []
    monkeypatch.setattr("assay.records.shipper._STRETCH_S", -1.0)
    monkeypatch.setattr("assay.records.shipper._MANY_WAITING", 999)
    with spool_in(tmp_path) as spool:
        spool.append_many(RECORDS[:1000])
        shipper = shipper_of(tmp_path, MemorySink(), spool)
        with monkeypatch.context() as patched:
            patched.setattr("assay.records.shipper.time.sleep", rested.append)
            assert shipper.ship() == 1000
            assert rested == []
            spool.append_many(RECORDS[:1000])
            assert shipper.keep_up() == 1000
        assert rested == [0.00005] * (1000 // 50)
