"""The format of segments under damage."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from assay.records.segment import Damage, Frame, frame, scan, segment_at, segments

MARK = b"\x9a\x01\xfe\x33"
payloads = st.lists(st.binary(max_size=60), min_size=1, max_size=8)


def written(contents: list[bytes]) -> bytes:
    return b"".join(frame(MARK, number, content) for number, content in enumerate(contents, 1))


def read(data: bytes) -> dict[int, bytes]:
    return {found.sequence: bytes(found.payload) for found in scan(data, MARK) if isinstance(found, Frame)}


@given(payloads)
def test_what_was_written_is_read(contents: list[bytes]) -> None:
    assert read(written(contents)) == dict(enumerate(contents, 1))


@given(payloads, st.data())
def test_one_flipped_bit_costs_at_most_one_record(contents: list[bytes], data: st.DataObject) -> None:
    raw = bytearray(written(contents))
    bit = data.draw(st.integers(0, len(raw) * 8 - 1))
    raw[bit // 8] ^= 1 << bit % 8
    found = read(bytes(raw))
    assert found.items() <= dict(enumerate(contents, 1)).items()
    assert len(found) >= len(contents) - 1


@given(payloads, st.data())
def test_a_torn_tail_leaves_every_whole_record(contents: list[bytes], data: st.DataObject) -> None:
    whole = written(contents)
    kept = data.draw(st.integers(0, len(whole)))
    ends = [len(written(contents[:count])) for count in range(1, len(contents) + 1)]
    assert len(read(whole[:kept])) == sum(end <= kept for end in ends)


@given(payloads, st.binary(min_size=1, max_size=80))
def test_garbage_behind_the_records_is_reported_and_costs_none(contents: list[bytes], garbage: bytes) -> None:
    found = list(scan(written(contents) + garbage, MARK))
    assert len([one for one in found if isinstance(one, Frame)]) == len(contents)
    assert isinstance(found[-1], Damage)


def test_damage_says_where_it_is() -> None:
    first, second = frame(MARK, 1, b"one"), frame(MARK, 2, b"two")
    found = list(scan(first[:-1] + second, MARK))
    assert found[0] == Damage(0, len(first) - 1)


def test_a_frame_inside_a_damaged_payload_is_not_taken_for_a_record() -> None:
    forged = frame(b"evil", 7, b"a record that nobody wrote")
    raw = bytearray(frame(MARK, 1, forged) + frame(MARK, 2, b"next"))
    raw[5] ^= 1
    assert read(bytes(raw)) == {2: b"next"}


def test_segments_sort_by_their_first_record_and_then_by_copy(tmp_path: Path) -> None:
    made = [segment_at(tmp_path, first, copy, MARK) for first, copy in ((16, 0), (2, 1), (2, 0))]
    for segment in made:
        segment.path.touch()
    assert segments(tmp_path) == made[::-1]


def test_files_with_other_names_are_left_alone(tmp_path: Path) -> None:
    for name in ("notes.segment", "0-0-zz.segment", "1-0-9a01fe33.segment", "cursor"):
        (tmp_path / name).touch()
    assert segments(tmp_path) == []
