"""The seam of the score cache: raw scores kept for equal examples. The policy is applied anew each time.

A key names the model and the example: nothing of one classifier or version is ever found under another's.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import NamedTuple, Protocol

import msgspec

from assay.release.core import Release
from assay.values import Row

_KEY_BYTES = 16

#: Names the model and one example.
MakeKey = Callable[[Row], bytes]


class Kept(NamedTuple):
    """Scores that were kept. Those that are not `fresh` serve only where the model fails."""

    scores: tuple[float, ...]
    fresh: bool


class ScoreCache(Protocol):
    """May forget anything at any time; never gives the scores of another key."""

    def find(self, key: bytes) -> Kept | None:
        """What was kept under a key, if it is still there."""

    def keep(self, key: bytes, scores: Sequence[float]) -> None:
        """Keep scores under a key, in place of what was kept before; they are fresh from now on."""


class MemoryCache:
    """In this process. Of more than `size` entries that goes which was not asked for longest; `monotonic` is seconds
    from any start.
    """

    def __init__(self, size: int, ttl_s: float, monotonic: Callable[[], float]) -> None:
        self._size = size
        self._ttl_s = ttl_s
        self._monotonic = monotonic
        self._entries: OrderedDict[bytes, tuple[tuple[float, ...], float]] = OrderedDict()

    def find(self, key: bytes) -> Kept | None:
        """See `ScoreCache.find`."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        self._entries.move_to_end(key)
        scores, kept_at = entry
        return Kept(scores, self._monotonic() - kept_at < self._ttl_s)

    def keep(self, key: bytes, scores: Sequence[float]) -> None:
        """See `ScoreCache.keep`."""
        self._entries[key] = (tuple(scores), self._monotonic())
        self._entries.move_to_end(key)
        if len(self._entries) > self._size:
            self._entries.popitem(last=False)


def prepare_key(release: Release) -> MakeKey:
    """The key of an example under a release whose scores are kept: its model's digest with all cells but ids, which no
    model sees.
    """
    encode = msgspec.msgpack.Encoder().encode
    begun = hashlib.blake2b(release.model_digest.encode(), digest_size=_KEY_BYTES)
    columns = release.contract.columns
    seen = [at for at, column in enumerate(columns) if column.type != "id"]
    pick: Callable[[Row], object] | None = None if len(seen) == len(columns) else itemgetter(*seen)

    def key(row: Row) -> bytes:
        digest = begun.copy()
        digest.update(encode(row if pick is None else pick(row)))
        return digest.digest()

    return key
