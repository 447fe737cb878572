"""Fixtures of the tests of the door: homes are made once, a door with an empty log for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.app import App
from assay.settings import Settings
from tests.api.door import Door, open_door
from tests.serving.material import labels_bundle, publish_in, spam_bundle, topic_bundle, tree_bundle


@pytest.fixture(scope="session")
def one_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """A home with the spam classifier deployed."""
    home = tmp_path_factory.mktemp("one")
    app = App(Settings(home=home), home)
    publish_in(app, spam_bundle())
    yield app
    app.engine.dispose()


@pytest.fixture(scope="session")
def several_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """A home with a linear binary, a linear multi-class and a tree classifier deployed."""
    home = tmp_path_factory.mktemp("several")
    app = App(Settings(home=home), home)
    for bundle in (spam_bundle(), topic_bundle(), tree_bundle()):
        publish_in(app, bundle)
    yield app
    app.engine.dispose()


@pytest.fixture(scope="session")
def themes_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """A home with the classifier of several labels deployed."""
    home = tmp_path_factory.mktemp("themes")
    app = App(Settings(home=home), home)
    publish_in(app, labels_bundle())
    yield app
    app.engine.dispose()


@pytest.fixture
def themes(themes_app: App, tmp_path: Path) -> Iterator[Door]:
    """A server with one classifier of several labels."""
    with open_door(themes_app, tmp_path / "counters") as door:
        yield door


@pytest.fixture
def door(one_app: App, tmp_path: Path) -> Iterator[Door]:
    """A server with one classifier."""
    with open_door(one_app, tmp_path / "counters") as door:
        yield door


@pytest.fixture
def several(several_app: App, tmp_path: Path) -> Iterator[Door]:
    """A server with three classifiers."""
    with open_door(several_app, tmp_path / "counters") as door:
        yield door


@pytest.fixture(scope="session")
def lasting_door(one_app: App, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """A server with one classifier for many examples: its log and counters keep growing."""
    with open_door(one_app, tmp_path_factory.mktemp("counters")) as door:
        yield door
