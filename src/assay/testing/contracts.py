"""What every implementation of a seam must do, as suites to inherit from: override the fixture, run them with pytest.

A subclass of `BlobStoreContract` overrides `blobs`, one of `RegistryStoreContract` `store`, one of `ScoreCacheContract`
`cache`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import TypeVar

import pytest

from assay.errors import AssayError, ConflictError, GateError, NotFoundError, ReleaseError
from assay.registry.store import BlobStore, RegistryStore, Version
from assay.serving.cache import ScoreCache

T = TypeVar("T")


def make_version(classifier: str = "spam", digest: str = "a", *, passed: bool = True) -> Version:
    """A release to register; `digest` makes it another one."""
    return Version(
        classifier=classifier,
        version=0,
        release_digest=sha256(digest.encode()).hexdigest(),
        policy_digest="b" * 64,
        manifest="c" * 64,
        stage="development",
        passed=passed,
        framework="lightgbm",
        metrics={"roc_auc": 0.75},
        size_bytes=1 << 33,
        created_at=1000.5,
        created_by="ann",
    )


class RegistryStoreContract:
    """Override `store` with a fixture that gives an empty store."""

    @pytest.fixture
    def store(self) -> RegistryStore:
        raise NotImplementedError

    def test_versions_count_from_one_in_each_classifier(self, store: RegistryStore) -> None:
        given = [("spam", "a"), ("churn", "a"), ("spam", "b"), ("churn", "b")]
        registered = [store.register(make_version(*one)) for one in given]
        assert [(one.classifier, one.version) for one in registered] == [
            ("spam", 1),
            ("churn", 1),
            ("spam", 2),
            ("churn", 2),
        ]
        assert store.classifiers() == ["churn", "spam"]
        assert list(store.versions("spam")) == [registered[0], registered[2]]
        assert store.version("churn", 2) == registered[3]

    def test_the_same_digest_gives_the_existing_version(self, store: RegistryStore) -> None:
        first = store.register(make_version())
        store.register(make_version(digest="b"))
        again = store.register(make_version(passed=False))
        assert again == first
        assert len(store.versions("spam")) == 2

    def test_concurrent_registrations_get_a_version_each(self, store: RegistryStore) -> None:
        registered = _at_once(lambda at: store.register(make_version(digest=f"d{at // 2}")), 8)
        assert sorted({one.version for one in registered}) == [1, 2, 3, 4]
        assert len({(one.version, one.release_digest) for one in registered}) == 4

    def test_what_does_not_exist_is_named(self, store: RegistryStore) -> None:
        store.register(make_version())
        with pytest.raises(NotFoundError, match="no version 7"):
            store.version("spam", 7)
        for number in (0, -1, 1 << 31, 1 << 80):
            with pytest.raises(NotFoundError):
                store.version("spam", number)
        with pytest.raises(NotFoundError, match="spma") as caught:
            store.versions("spma")
        assert "spam" in caught.value.remedy
        for unknown in ("", "users; DROP TABLE users--", "../../etc/passwd"):
            with pytest.raises(NotFoundError):
                store.version(unknown, 1)
        assert store.version("spam", 1).version == 1

    def test_a_stage_has_an_approver(self, store: RegistryStore) -> None:
        registered = store.register(make_version())
        marked = store.set_stage("spam", 1, "production", by="bo", at=2000.0)
        assert (marked.stage, marked.approved_by) == ("production", "bo")
        assert store.version("spam", 1) == marked
        assert registered.stage == "development"

    def test_a_stage_needs_a_release(self, store: RegistryStore) -> None:
        with pytest.raises(NotFoundError):
            store.set_stage("spam", 1, "deprecated", by="bo", at=2000.0)

    def test_a_release_that_failed_its_gates_is_neither_promoted_nor_deployed(self, store: RegistryStore) -> None:
        store.register(make_version(passed=False))
        with pytest.raises(GateError):
            store.set_stage("spam", 1, "staging", by="bo", at=2000.0)
        with pytest.raises(GateError):
            store.deploy("spam", 1, expected_generation=0, by="bo", at=2000.0)
        assert store.version("spam", 1).stage == "development"
        assert store.deployment("spam") is None
        assert store.set_stage("spam", 1, "deprecated", by="bo", at=2000.0).stage == "deprecated"

    def test_deployments_follow_each_other(self, store: RegistryStore) -> None:
        for one in (("spam", "a"), ("spam", "b"), ("churn", "a"), ("churn", "b")):
            store.register(make_version(*one))
        first = store.deploy("spam", 1, expected_generation=0, by="ann", at=10.5, reason="first")
        other = store.deploy("churn", 2, expected_generation=0, by="cy", at=11.0)
        second = store.deploy("spam", 2, expected_generation=1, by="bo", at=12.0)
        assert (first.generation, first.version, first.deployed_at, first.deployed_by) == (1, 1, 10.5, "ann")
        assert (second.generation, second.version) == (2, 2)
        assert store.deployment("spam") == second
        assert list(store.deployments()) == [other, second]
        assert list(store.history("spam")) == [first, second]
        assert list(store.history("unknown")) == []
        assert store.deployment("unknown") is None

    def test_a_stale_change_is_refused_and_leaves_no_trace(self, store: RegistryStore) -> None:
        store.register(make_version())
        now = store.deploy("spam", 1, expected_generation=0, by="ann", at=10.0)
        for stale in (0, 2):
            with pytest.raises(ConflictError):
                store.deploy("spam", 1, expected_generation=stale, by="bo", at=11.0)
        assert list(store.history("spam")) == [now]
        assert store.deployment("spam") == now

    def test_only_what_is_registered_can_be_deployed(self, store: RegistryStore) -> None:
        store.register(make_version())
        with pytest.raises(NotFoundError):
            store.deploy("spam", 2, expected_generation=0, by="ann", at=10.0)
        assert store.deployment("spam") is None

    def test_of_concurrent_changes_one_wins(self, store: RegistryStore) -> None:
        store.register(make_version())

        def deploy(at: int) -> bool:
            try:
                store.deploy("spam", 1, expected_generation=0, by=f"controller {at}", at=10.0)
            except ConflictError:
                return False
            return True

        assert sorted(_at_once(deploy, 6)) == [False] * 5 + [True]
        assert len(store.history("spam")) == 1


class BlobStoreContract:
    """Override `blobs` with a fixture that gives an empty store."""

    @pytest.fixture
    def blobs(self) -> BlobStore:
        raise NotImplementedError

    def test_what_was_put_comes_back(self, blobs: BlobStore) -> None:
        given = [b"", b"one", b"\x00" * 3_000_000, b"one"]
        digests = blobs.put_all(given)
        assert list(digests) == [sha256(one).hexdigest() for one in given]
        assert [blobs.get(digest, limit=len(one)) for digest, one in zip(digests, given, strict=True)] == given

    def test_putting_twice_changes_nothing(self, blobs: BlobStore) -> None:
        assert list(blobs.put_all([b"one"])) == list(blobs.put_all([b"one"]))
        assert list(blobs.put_all([])) == []

    def test_what_is_not_there_is_refused(self, blobs: BlobStore) -> None:
        blobs.put_all([b"one"])
        with pytest.raises(ReleaseError):
            blobs.get(sha256(b"two").hexdigest(), limit=10)

    def test_more_than_the_limit_is_refused(self, blobs: BlobStore) -> None:
        (digest,) = blobs.put_all([b"one"])
        with pytest.raises(ReleaseError):
            blobs.get(digest, limit=2)

    @pytest.mark.parametrize("digest", ["", "..", "../../etc/passwd", "a" * 63 + "/", "A" * 64, "a" * 65, "\x00" * 64])
    def test_only_a_digest_names_a_blob(self, blobs: BlobStore, digest: str) -> None:
        with pytest.raises(AssayError):
            blobs.get(digest, limit=1 << 20)

    def test_concurrent_writers_of_the_same_blobs_agree(self, blobs: BlobStore) -> None:
        given = [f"blob {at}".encode() * 1000 for at in range(4)]
        answers = _at_once(lambda at: tuple(blobs.put_all(given[at % 2 :])), 6)
        assert len(set(answers)) == 2
        for one in given:
            assert blobs.get(sha256(one).hexdigest(), limit=len(one)) == one


class ScoreCacheContract:
    """Override `cache` with a fixture that gives an empty cache with room for 1000 entries, fresh for an hour."""

    @pytest.fixture
    def cache(self) -> ScoreCache:
        raise NotImplementedError

    def test_what_was_kept_is_found_to_the_bit(self, cache: ScoreCache) -> None:
        scores = [0.1, -0.0, 5e-324, 1.7976931348623157e308, 1.0 / 3.0]
        cache.keep(b"a" * 16, scores)
        found = cache.find(b"a" * 16)
        assert found is not None
        assert [score.hex() for score in found.scores] == [score.hex() for score in scores]
        assert found.fresh

    def test_nothing_is_found_under_another_key(self, cache: ScoreCache) -> None:
        assert cache.find(b"a" * 16) is None
        keys = [bytes([at]) * 16 for at in range(256)]
        for at, key in enumerate(keys[1:], start=1):
            cache.keep(key, [float(at)])
        found = [cache.find(key) for key in keys]
        assert found[0] is None
        assert [one and one.scores for one in found[1:]] == [(float(at),) for at in range(1, 256)]

    def test_what_is_kept_last_counts(self, cache: ScoreCache) -> None:
        for score in (1.0, 2.0):
            cache.keep(b"a" * 16, [score])
        found = cache.find(b"a" * 16)
        assert found is not None
        assert found.scores == (2.0,)

    def test_what_was_given_may_change_afterwards(self, cache: ScoreCache) -> None:
        scores = [1.0]
        cache.keep(b"a" * 16, scores)
        scores[0] = 2.0
        found = cache.find(b"a" * 16)
        assert found is not None
        assert found.scores == (1.0,)


def _at_once(call: Callable[[int], T], times: int) -> list[T]:
    """Call from as many threads, let go together."""
    gate = threading.Barrier(times, timeout=30.0)

    def one(at: int) -> T:
        gate.wait()
        return call(at)

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(one, range(times)))
