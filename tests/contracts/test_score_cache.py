"""Every score cache keeps the same promises."""

from __future__ import annotations

import pytest

from assay.serving.cache import Kept, MemoryCache, ScoreCache
from assay.testing.contracts import ScoreCacheContract


class TestMemory(ScoreCacheContract):
    @pytest.fixture
    def cache(self) -> ScoreCache:
        return MemoryCache(1000, 3600.0, lambda: 0.0)

    def test_what_was_not_asked_for_longest_makes_room(self) -> None:
        cache = MemoryCache(2, 60.0, lambda: 0.0)
        for name in (b"a", b"b"):
            cache.keep(name, [1.0])
        cache.find(b"a")
        cache.keep(b"c", [1.0])
        assert [cache.find(name) is not None for name in (b"a", b"b", b"c")] == [True, False, True]

    def test_what_is_too_old_is_not_fresh_until_it_is_kept_again(self) -> None:
        times = iter([0.0, 59.9, 60.0, 61.0, 62.0])
        cache = MemoryCache(2, 60.0, lambda: next(times))
        cache.keep(b"a", [1.0])
        assert [cache.find(b"a"), cache.find(b"a")] == [Kept((1.0,), True), Kept((1.0,), False)]
        cache.keep(b"a", [2.0])
        assert cache.find(b"a") == Kept((2.0,), True)
