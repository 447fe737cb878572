"""Identities of records: ids that are unique without a clock, ids made of content, and hashed entities."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from itertools import count

_RANDOM_BYTES = 10


def id_source(entropy: bytes) -> Callable[[], str]:
    """Make ids for one worker: UUIDs of version 8 (RFC 9562, section 5.8), in the order in which they are asked for.

    Of the first 80 bits 74 are random and the worker's own, the last 48 count: no clock, no system call, and two
    workers meet with probability 2**-74. `entropy` is ten random bytes, never used twice; a forked child needs its own
    source. Safe to call from several threads.
    """
    prefix = _as_uuid(entropy[:_RANDOM_BYTES].ljust(_RANDOM_BYTES, b"\0") + bytes(6))[:24]
    numbers = count(1)
    return lambda: f"{prefix}{next(numbers):012x}"


def content_id(*parts: str) -> str:
    """The same parts give the same id: a UUID of version 8 from SHA-256 over the parts and their lengths."""
    return _as_uuid(_digest(parts)[:16])


def entity_hash(classifier: str, entity: str) -> str:
    """Whom a prediction is about, as it stands in the log: SHA-256, in hex, of the classifier's name and the entity.

    The classifier is part of it, so that one person's predictions by two classifiers are told apart.
    """
    return _digest(("entity", classifier, entity)).hex()


def _digest(parts: tuple[str, ...]) -> bytes:
    digest = hashlib.sha256()
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass")
        digest.update(len(raw).to_bytes(8, "big"))
        digest.update(raw)
    return digest.digest()


def _as_uuid(raw: bytes) -> str:
    bits = int.from_bytes(raw, "big")
    bits = bits & ~(0xF << 76) | 0x8 << 76
    bits = bits & ~(0x3 << 62) | 0x2 << 62
    digits = f"{bits:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
