"""Each data set is trained once for all flow tests, by the installed command, whichever worker needs it first."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from tests.flow.material import REAL, Trained, train_made, train_real


@pytest.fixture(scope="session")
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Trained]:
    """The classifier of a data set by its name. Nothing may change its home: see `copied`."""
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    root = root / "flow"
    root.mkdir(exist_ok=True)

    def train_once(name: str) -> Trained:
        source = request.getfixturevalue("shared_data") / REAL[name][0] if name in REAL else None
        kept = root / f"{name}.trained"
        with (root / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not kept.exists():
                made = train_made(name, root / name) if source is None else train_real(name, source, root / name)
                kept.write_bytes(msgspec.json.encode(made, enc_hook=str))
        return msgspec.json.decode(kept.read_bytes(), type=Trained, dec_hook=lambda kind, value: kind(value))

    return train_once


@pytest.fixture
def copied(trained: Callable[[str], Trained], tmp_path: Path) -> Callable[[str], Trained]:
    """A classifier with a home of its own, which a test may change."""

    def copy(name: str) -> Trained:
        original = trained(name)
        home = tmp_path / f"home-of-{name}"
        shutil.copytree(original.home, home)
        return Trained(name, original.spec, home, original.said)

    return copy
