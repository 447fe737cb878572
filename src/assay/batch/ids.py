"""UUIDs of many rows at once: SHA-1 of a job and each row's number, computed over columns of numbers.

`uuid.uuid5(job, str(row))` for every row, bit for bit (RFC 9562, section 5.5; FIPS 180-4, section 6.1). A job and a row
number fill less than one block of SHA-1, so there is one block a row, and every step is one on all rows. The compiled
loop answers where it was built; what follows is its twin.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from assay import native

Words = NDArray[np.uint32]

_BLOCK, _WORDS = 64, 16
_START = (0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0)
_CONSTANTS = (0x5A827999, 0x6ED9EBA1, 0x8F1BBCDC, 0xCA62C1D6)
_ROUNDS, _ROUNDS_A_CONSTANT = 80, 20
#: So many rows at once stay in the processor's cache.
_ROWS = 8192
_VERSION_AT, _VARIANT_AT = 6, 8
_HEX = np.frombuffer("".join(f"{byte:02x}" for byte in range(256)).encode(), dtype="<u2")
#: Where the digits of the 16 bytes stand in a text of 36 characters; between them are hyphens.
_DIGITS = np.array([at for at in range(36) if at not in (8, 13, 18, 23)])
TEXT_LENGTH = 36


def prediction_ids(job: uuid.UUID, first: int, rows: int) -> NDArray[np.uint8]:
    """The ids of `rows` rows from number `first` on, as text: (rows, 36) ASCII."""
    if native.LOOPS is not None:
        return np.frombuffer(native.LOOPS.row_ids(job.bytes, first, rows), dtype=np.uint8).reshape(rows, TEXT_LENGTH)
    texts = np.full((rows, TEXT_LENGTH), ord("-"), dtype=np.uint8)
    for begin, end, digits in _of_equal_length(first, first + rows):
        for at in range(begin, end, _ROWS):
            numbers = np.arange(at, min(at + _ROWS, end), dtype=np.int64)
            texts[at - first : at - first + len(numbers), _DIGITS] = _hex_digits(_uuids(_blocks(job, numbers, digits)))
    return texts


def _of_equal_length(first: int, last: int) -> Iterator[tuple[int, int, int]]:
    """The numbers from `first` to below `last`, parted by how many digits they have."""
    while first < last:
        digits = len(str(first))
        end = min(last, 10**digits)
        yield first, end, digits
        first = end


def _blocks(job: uuid.UUID, numbers: NDArray[np.int64], digits: int) -> Words:
    """What is hashed: the job's bytes, the number's digits and the padding, as big-endian words (16, rows)."""
    content = np.zeros((len(numbers), _BLOCK), dtype=np.uint8)
    content[:, :16] = np.frombuffer(job.bytes, dtype=np.uint8)
    for place in range(digits):
        content[:, 15 + digits - place] = numbers // 10**place % 10 + ord("0")
    length = 16 + digits
    content[:, length] = 0x80
    content[:, -8:] = np.frombuffer((8 * length).to_bytes(8, "big"), dtype=np.uint8)
    return np.ascontiguousarray(content.view(">u4").T.astype(np.uint32))


def _uuids(words: Words) -> NDArray[np.uint8]:
    """The UUIDs (rows, 16) of blocks."""
    raw = np.ascontiguousarray(_sha1(words)[:4].T, dtype=">u4").view(np.uint8)
    raw[:, _VERSION_AT] = raw[:, _VERSION_AT] & 0x0F | 0x50
    raw[:, _VARIANT_AT] = raw[:, _VARIANT_AT] & 0x3F | 0x80
    return raw


def _hex_digits(raw: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return _HEX.take(raw).view(np.uint8)


def _sha1(words: Words) -> Words:
    """SHA-1 of one block a column: (16, rows) -> (5, rows)."""
    schedule = list(words)
    a, b, c, d, e = (np.full(words.shape[1], value, dtype=np.uint32) for value in _START)
    for number in range(_ROUNDS):
        if number >= _WORDS:
            mixed = schedule[number - 3] ^ schedule[number - 8] ^ schedule[number - 14] ^ schedule[number - 16]
            schedule.append(_rotated(mixed, 1))
        part = number // _ROUNDS_A_CONSTANT
        total = _rotated(a, 5)
        total += _CHOICES[part](b, c, d)
        total += e
        total += schedule[number]
        total += np.uint32(_CONSTANTS[part])
        a, b, c, d, e = total, a, _rotated(b, 30), c, d
    return np.stack([part + np.uint32(value) for part, value in zip((a, b, c, d, e), _START, strict=True)])


def _rotated(words: Words, by: int) -> Words:
    # numpy multiplies and divides many numbers at once; it shifts one by one.
    found = words * np.uint32(1 << by)
    found |= words // np.uint32(1 << (32 - by))
    return found


def _choose(b: Words, c: Words, d: Words) -> Words:
    found = c ^ d
    found &= b
    found ^= d
    return found


def _parity(b: Words, c: Words, d: Words) -> Words:
    found = b ^ c
    found ^= d
    return found


def _majority(b: Words, c: Words, d: Words) -> Words:
    found = b | c
    found &= d
    found |= b & c
    return found


_CHOICES = (_choose, _parity, _majority, _parity)
