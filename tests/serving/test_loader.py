"""The loader: follows deployments, swaps whole releases, keeps the old one when the new one is refused."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import pytest

from assay.app import App
from assay.errors import NotFoundError, ReleaseError, StorageError
from assay.registry.releases import open_release
from assay.registry.store import RegistryStore, Version
from assay.release.core import Release
from assay.serving.loader import Loader, Target
from assay.serving.metrics import Slab
from tests.serving.material import deploy_in, publish_in, release_of, spam_bundle, topic_bundle


class Rehearsal:
    """Opens releases from the application's blobs, can be told to fail, and has a clock that is set by hand."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.opened: list[tuple[str, int]] = []
        self.failure: Exception | None = None
        self.now = 100.0

    def open_release(self, version: Version) -> Release:
        self.opened.append((version.classifier, version.version))
        if self.failure is not None:
            raise self.failure
        return open_release(version, self.app.blobs)

    def loader(self, slab: Slab, *targets: Target, registry: RegistryStore | None = None) -> Loader:
        return Loader(registry or self.app.registry, self.open_release, slab, targets, lambda: self.now)


@pytest.fixture
def rehearsal(app: App) -> Rehearsal:
    return Rehearsal(app)


def versions(loader: Loader) -> dict[str, int]:
    return {name: served.release.version for name, served in loader.served.items()}


def test_every_deployed_classifier_is_served(rehearsal: Rehearsal, slab: Slab) -> None:
    publish_in(rehearsal.app, spam_bundle())
    publish_in(rehearsal.app, topic_bundle())
    publish_in(rehearsal.app, spam_bundle(classifier="mail"), deploy=False)
    loader = rehearsal.loader(slab)
    loader.load()
    assert versions(loader) == {"spam": 1, "topic": 1}
    assert (loader.ready, loader.database_connected, loader.reasons) == (True, True, ())


def test_a_new_deployment_is_followed(rehearsal: Rehearsal, slab: Slab) -> None:
    publish_in(rehearsal.app, spam_bundle())
    loader = rehearsal.loader(slab)
    loader.load()
    before = loader.served
    publish_in(rehearsal.app, spam_bundle(bias=1.0))
    publish_in(rehearsal.app, topic_bundle())
    loader.refresh()
    assert versions(loader) == {"spam": 2, "topic": 1}
    assert before["spam"].release.version == 1
    assert loader.served["spam"].generation == 2


def test_what_did_not_change_is_not_loaded_again(rehearsal: Rehearsal, slab: Slab) -> None:
    publish_in(rehearsal.app, spam_bundle())
    loader = rehearsal.loader(slab)
    for _ in range(3):
        loader.refresh()
    assert rehearsal.opened == [("spam", 1)]


def test_going_back_is_a_new_generation(rehearsal: Rehearsal, slab: Slab) -> None:
    publish_in(rehearsal.app, spam_bundle())
    publish_in(rehearsal.app, spam_bundle(bias=1.0))
    loader = rehearsal.loader(slab)
    loader.load()
    deploy_in(rehearsal.app, "spam", 1)
    loader.refresh()
    assert versions(loader) == {"spam": 1}


def test_a_named_version_is_served_whatever_is_deployed(rehearsal: Rehearsal, slab: Slab) -> None:
    publish_in(rehearsal.app, spam_bundle())
    publish_in(rehearsal.app, spam_bundle(bias=1.0))
    loader = rehearsal.loader(slab, Target("spam", 1))
    loader.load()
    publish_in(rehearsal.app, spam_bundle(bias=2.0))
    loader.refresh()
    assert versions(loader) == {"spam": 1}
    assert loader.served["spam"].deployment is None


def test_only_what_was_named_is_served(rehearsal: Rehearsal, slab: Slab) -> None:
    publish_in(rehearsal.app, spam_bundle())
    publish_in(rehearsal.app, topic_bundle())
    loader = rehearsal.loader(slab, Target("topic"))
    loader.load()
    assert versions(loader) == {"topic": 1}


def test_a_refused_release_leaves_the_old_one_serving(rehearsal: Rehearsal, slab: Slab) -> None:
    publish_in(rehearsal.app, spam_bundle())
    loader = rehearsal.loader(slab)
    loader.load()
    rehearsal.failure = ReleaseError("arrays.safetensors does not match")
    publish_in(rehearsal.app, spam_bundle(bias=1.0))
    loader.refresh()
    assert versions(loader) == {"spam": 1}
    assert loader.ready
    assert loader.reasons == ("spam@2 could not be loaded: arrays.safetensors does not match",)


def test_a_refused_release_is_tried_again_later_and_later(rehearsal: Rehearsal, slab: Slab) -> None:
    publish_in(rehearsal.app, spam_bundle())
    rehearsal.failure = StorageError("the blobs are away")
    loader = rehearsal.loader(slab)
    tried = []
    for _ in range(8):
        loader.refresh()
        tried.append(len(rehearsal.opened))
        rehearsal.now += 1.0
    assert tried == [1, 2, 2, 3, 3, 3, 3, 4]
    rehearsal.failure = None
    rehearsal.now += 60.0
    loader.refresh()
    assert (versions(loader), loader.reasons) == ({"spam": 1}, ())


def test_a_newer_deployment_does_not_wait_for_the_refused_one(rehearsal: Rehearsal, slab: Slab) -> None:
    publish_in(rehearsal.app, spam_bundle())
    rehearsal.failure = ReleaseError("damaged")
    loader = rehearsal.loader(slab)
    loader.refresh()
    rehearsal.failure = None
    publish_in(rehearsal.app, spam_bundle(bias=1.0))
    loader.refresh()
    assert versions(loader) == {"spam": 2}


def test_going_back_to_what_serves_forgets_the_failure(rehearsal: Rehearsal, slab: Slab) -> None:
    publish_in(rehearsal.app, spam_bundle())
    loader = rehearsal.loader(slab)
    loader.load()
    rehearsal.failure = ReleaseError("damaged")
    publish_in(rehearsal.app, spam_bundle(bias=1.0))
    loader.refresh()
    rehearsal.failure = None
    deploy_in(rehearsal.app, "spam", 1)
    loader.refresh()
    assert (versions(loader), loader.reasons) == ({"spam": 1}, ())


def test_nothing_deployed_stops_the_start(rehearsal: Rehearsal, slab: Slab) -> None:
    loader = rehearsal.loader(slab)
    with pytest.raises(NotFoundError, match="no classifier is deployed"):
        loader.load()
    assert not loader.ready


def test_a_name_that_does_not_exist_stops_the_start(rehearsal: Rehearsal, slab: Slab) -> None:
    publish_in(rehearsal.app, spam_bundle())
    with pytest.raises(NotFoundError, match="spamm"):
        rehearsal.loader(slab, Target("spamm")).load()
    with pytest.raises(NotFoundError, match="9"):
        rehearsal.loader(slab, Target("spam", 9)).load()


def test_a_classifier_that_is_not_deployed_is_said_so(rehearsal: Rehearsal, slab: Slab) -> None:
    publish_in(rehearsal.app, spam_bundle(), deploy=False)
    loader = rehearsal.loader(slab, Target("spam"))
    with pytest.raises(NotFoundError, match="not deployed"):
        loader.load()
    assert loader.reasons == ("spam is not loaded",)


@pytest.mark.parametrize("targets", [(), (Target("spam"),)])
def test_a_damaged_release_stops_the_start_with_its_reason(
    rehearsal: Rehearsal, slab: Slab, targets: tuple[Target, ...]
) -> None:
    publish_in(rehearsal.app, spam_bundle())
    rehearsal.failure = ReleaseError("plan.json cannot be read")
    with pytest.raises(ReleaseError, match=r"plan\.json cannot be read"):
        rehearsal.loader(slab, *targets).load()


class Away:
    """A registry that can be unplugged."""

    def __init__(self, registry: RegistryStore) -> None:
        self._registry = registry
        self.away = False
        self.asked = threading.Event()

    def deployments(self) -> Sequence[object]:
        self.asked.set()
        if self.away:
            raise StorageError("the database is away")
        return self._registry.deployments()

    def __getattr__(self, name: str) -> object:
        return getattr(self._registry, name)


def test_without_the_database_the_last_state_goes_on(rehearsal: Rehearsal, slab: Slab) -> None:
    publish_in(rehearsal.app, spam_bundle())
    registry = Away(rehearsal.app.registry)
    loader = rehearsal.loader(slab, registry=registry)
    loader.load()
    registry.away = True
    with pytest.raises(StorageError):
        loader.refresh()
    assert (versions(loader), loader.ready, loader.database_connected) == ({"spam": 1}, True, False)
    assert "database" in loader.reasons[0]
    registry.away = False
    loader.refresh()
    assert (loader.database_connected, loader.reasons) == (True, ())


def test_the_thread_outlives_a_database_that_is_away(
    rehearsal: Rehearsal, slab: Slab, eventually: Callable[[Callable[[], bool]], None]
) -> None:
    publish_in(rehearsal.app, spam_bundle())
    registry = Away(rehearsal.app.registry)
    loader = rehearsal.loader(slab, registry=registry)
    loader.load()
    registry.away = True
    loader.start(0.01)
    try:
        eventually(lambda: not loader.database_connected)
        publish_in(rehearsal.app, spam_bundle(bias=1.0))
        registry.away = False
        eventually(lambda: versions(loader) == {"spam": 2})
    finally:
        loader.stop()
    assert loader.database_connected


def test_a_swap_never_shows_a_half(rehearsal: Rehearsal, slab: Slab) -> None:
    """Whoever holds the mapping of before keeps a whole, working release."""
    publish_in(rehearsal.app, spam_bundle())
    loader = rehearsal.loader(slab)
    loader.load()
    held = loader.served["spam"]
    publish_in(rehearsal.app, spam_bundle(bias=4.0))
    loader.refresh()
    example = dict(held.release.examples[0])
    row = held.release.decode_mapping(example)
    assert held.release.answer(row) == release_of(spam_bundle()).answer(row)
    assert held.release.answer(row) != loader.served["spam"].release.answer(row)
