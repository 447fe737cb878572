"""A spool may be read while another process writes it: only as far as that has counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.records.reader import acknowledge, cursor_of, read_batch
from assay.records.segment import segments
from tests.records.material import ids, prediction, spool_in

RECORDS = [prediction(number) for number in range(1, 21)]


def test_what_is_not_counted_yet_is_left(tmp_path: Path) -> None:
    with spool_in(tmp_path) as spool:
        spool.append_many(RECORDS)
        directory = spool.slot.directory
        batch = read_batch(directory, 100, 12)
        assert ids([entry.record for entry in batch.entries]) == ids(RECORDS[:12])
        assert (batch.missing, batch.done) == (0, [])
        acknowledge(directory, batch, 0)
        assert [entry.sequence for entry in read_batch(directory, 100, 20).entries] == list(range(13, 21))


def test_a_long_read_breathes_and_may_be_given_up(tmp_path: Path) -> None:
    with spool_in(tmp_path) as spool:
        spool.append_many([prediction(number) for number in range(1, 201)])
        directory = spool.slot.directory
        breaths: list[None] = []
        assert len(read_batch(directory, 175, 200, lambda: breaths.append(None)).entries) == 175
        assert len(breaths) == 3

        def give_up() -> None:
            raise TimeoutError

        with pytest.raises(TimeoutError):
            read_batch(directory, 175, 200, give_up)
        assert len(read_batch(directory, 200, 200).entries) == 200


def test_a_torn_end_that_may_still_grow_is_not_passed_over(tmp_path: Path) -> None:
    with spool_in(tmp_path) as spool:
        spool.append_many(RECORDS)
        directory = spool.slot.directory
        path = segments(directory)[0].path
        whole = path.read_bytes()
        path.write_bytes(whole[:-10])
        batch = read_batch(directory, 100, 20)
        assert len(batch.entries) == 19
        acknowledge(directory, batch, 0)
        assert read_batch(directory, 100, 20).missing == 0
        path.write_bytes(whole)
        assert [entry.sequence for entry in read_batch(directory, 100, 20).entries] == [20]


def test_a_segment_in_use_is_never_removed(tmp_path: Path) -> None:
    with spool_in(tmp_path, segment_bytes=2000) as spool:
        for record in RECORDS:
            spool.append(record)
        directory, active = spool.slot.directory, segments(spool.slot.directory)[-1]
        while (batch := read_batch(directory, 100, 20)).entries:
            acknowledge(directory, batch, 0)
        assert segments(directory) == [active]
        assert cursor_of(directory).sequence == 20
