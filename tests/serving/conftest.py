"""Fixtures of the serving tests."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from assay.app import App
from assay.serving.metrics import Slab
from assay.settings import Settings
from tests.serving.material import ReadableLog


@pytest.fixture
def slab(tmp_path: Path) -> Slab:
    """The counters of one worker."""
    return Slab(tmp_path / "counters", "worker-1")


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    """An application with its state in a directory of its own."""
    app = App(Settings(home=tmp_path / "home"), tmp_path / "home")
    yield app
    app.engine.dispose()


@pytest.fixture
def log() -> ReadableLog:
    """A prediction log that can be read."""
    return ReadableLog()


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], None]:
    """Wait until something observable holds, or fail."""

    def wait(holds: Callable[[], bool]) -> None:
        pause = threading.Event()
        deadline = time.monotonic() + 30.0
        while not holds():
            assert time.monotonic() < deadline, "did not come about in time"
            pause.wait(0.01)

    return wait
