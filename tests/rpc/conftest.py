"""A home with classifiers of every task."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from assay.app import App
from assay.settings import Settings
from tests.serving.material import labels_bundle, publish_in, spam_bundle, topic_bundle, tree_bundle


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """A home with a binary, a multi-class, a multilabel and a tree classifier deployed."""
    home = tmp_path_factory.mktemp("home")
    app = App(Settings(home=home), home)
    for bundle in (spam_bundle(), topic_bundle(), labels_bundle(), tree_bundle()):
        publish_in(app, bundle)
    yield app
    app.engine.dispose()
