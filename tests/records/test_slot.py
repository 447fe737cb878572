"""Slots: held by one process, with counters and a cursor that last."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.errors import StorageError
from assay.records.slot import Cursor, claim, hold, is_held, read_counters, read_cursor, save_cursor, slots


def test_two_holders_never_share_a_slot(tmp_path: Path) -> None:
    one, other = claim(tmp_path), claim(tmp_path)
    assert one.directory != other.directory
    assert hold(one.directory) is None
    one.release()
    other.release()


def test_a_released_slot_is_claimed_again(tmp_path: Path) -> None:
    one = claim(tmp_path)
    one.release()
    again = claim(tmp_path)
    assert again.directory == one.directory
    again.release()


def test_whether_a_slot_is_held_can_be_seen_from_outside(tmp_path: Path) -> None:
    slot = claim(tmp_path)
    assert is_held(slot.directory)
    slot.release()
    assert not is_held(slot.directory)
    assert not is_held(tmp_path / "worker-9999")


def test_counters_outlive_their_holder(tmp_path: Path) -> None:
    slot = claim(tmp_path)
    slot.counters.cells[0], slot.counters.cells[1] = 7, 2
    slot.release()
    assert read_counters(slot.directory) == (7, 2)
    assert read_counters(tmp_path) == (0, 0)


def test_a_saved_cursor_is_read_back(tmp_path: Path) -> None:
    cursor = Cursor(segment="x", offset=5, sequence=4, shipped=3, refused=1)
    save_cursor(tmp_path, cursor)
    assert read_cursor(tmp_path) == cursor


@pytest.mark.parametrize("place", [0, 3, 9, 12, -2])
def test_a_damaged_cursor_is_no_cursor(tmp_path: Path, place: int) -> None:
    save_cursor(tmp_path, Cursor(segment="x", offset=5, sequence=4, shipped=4))
    raw = bytearray((tmp_path / "cursor").read_bytes())
    raw[place] ^= 1
    (tmp_path / "cursor").write_bytes(raw)
    assert read_cursor(tmp_path) is None


def test_only_worker_directories_are_slots(tmp_path: Path) -> None:
    slot = claim(tmp_path)
    slot.release()
    (tmp_path / "notes").mkdir()
    assert slots(tmp_path) == [slot.directory]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="file"):
        claim(tmp_path / "file")
