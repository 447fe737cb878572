"""A home with a release of many examples; the door of the tests of the API serves here too."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from assay.app import App
from assay.settings import Settings
from tests.api.conftest import door, one_app
from tests.release.material import linear_bundle
from tests.serving.material import publish_in

__all__ = ["door", "one_app"]


@pytest.fixture(scope="session")
def home_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    home = tmp_path_factory.mktemp("bench")
    app = App(Settings(home=home), home)
    publish_in(app, linear_bundle())
    yield app
    app.engine.dispose()
