"""The format of a spool's files: framed records that a torn write or a flipped bit can damage only one at a time.

A segment is a run of frames and nothing else. A frame is

    mark (4 bytes) | length of the payload (4) | sequence number (8) | payload (msgpack) | CRC-32 of all before (4)

little-endian. The mark is drawn at random by each spool and carried by the segment's name, so a reader that lost its
place finds the next frame by it, and nobody who may write text into a payload can forge one. Sequence numbers grow by
one: a gap says how many records are missing.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

HEADER = struct.Struct("<4sIQ")
TRAILER_BYTES = 4
SUFFIX = ".segment"
_NAME_PARTS = 3


class Segment(NamedTuple):
    """One file of a spool. They sort in the order of their records; a `copy` replaces a file that failed to sync."""

    first: int
    copy: int
    mark: bytes
    path: Path

    @property
    def name(self) -> str:
        return self.path.name


class Frame(NamedTuple):
    """One record as it stands in a segment; `end` is the offset behind it."""

    sequence: int
    payload: memoryview
    end: int


class Damage(NamedTuple):
    """Bytes that belong to no whole frame."""

    start: int
    end: int


def segment_at(directory: Path, first: int, copy: int, mark: bytes) -> Segment:
    """The segment that begins with sequence number `first`."""
    return Segment(first, copy, mark, directory / f"{first:016x}-{copy:02x}-{mark.hex()}{SUFFIX}")


def segments(directory: Path) -> list[Segment]:
    """All segments of a spool, in the order of their records. Files with other names are left alone."""
    return sorted(found for path in directory.glob(f"*{SUFFIX}") if (found := _parse_name(path)) is not None)


def _parse_name(path: Path) -> Segment | None:
    parts = path.name.removesuffix(SUFFIX).split("-")
    if len(parts) != _NAME_PARTS:
        return None
    try:
        found = segment_at(path.parent, int(parts[0], 16), int(parts[1], 16), bytes.fromhex(parts[2]))
    except ValueError:
        return None
    return found if found.path == path else None


def frame(mark: bytes, sequence: int, payload: bytes) -> bytes:
    """One frame. The spool's own append does the same in a buffer it keeps."""
    body = HEADER.pack(mark, len(payload), sequence) + payload
    return body + crc32(body).to_bytes(TRAILER_BYTES, "little")


def scan(data: bytes, mark: bytes) -> Iterator[Frame | Damage]:
    """Read frames in order; bytes that are none come out as one `Damage` up to the next whole frame or the end."""
    view = memoryview(data)
    position, end = 0, len(data)
    while position < end:
        found = _frame_at(data, view, position, mark)
        if found is None:
            start = position
            while found is None and (position := data.find(mark, position + 1)) >= 0:
                found = _frame_at(data, view, position, mark)
            yield Damage(start, position if found is not None else end)
            if found is None:
                return
        yield found
        position = found.end


def _frame_at(data: bytes, view: memoryview, position: int, mark: bytes) -> Frame | None:
    payload_at = position + HEADER.size
    if payload_at > len(data):
        return None
    seen, length, sequence = HEADER.unpack_from(data, position)
    end = payload_at + length + TRAILER_BYTES
    if seen != mark or end > len(data):
        return None
    checksum = int.from_bytes(data[end - TRAILER_BYTES : end], "little")
    if crc32(view[position : end - TRAILER_BYTES]) != checksum:
        return None
    return Frame(sequence, view[payload_at : end - TRAILER_BYTES], end)
