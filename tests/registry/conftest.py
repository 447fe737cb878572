"""A registry to begin with; its tables are made once and copied."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.adapters.sql.engine import open_database
from assay.adapters.sql.registry import SqlRegistry
from assay.registry.store import RegistryStore


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("database") / "assay.db"
    open_database(f"sqlite:///{path}").dispose()
    return path


@pytest.fixture
def registry(tmp_path: Path, empty_database: Path) -> Iterator[RegistryStore]:
    shutil.copy(empty_database, tmp_path / "assay.db")
    engine = open_database(f"sqlite:///{tmp_path / 'assay.db'}")
    yield SqlRegistry(engine)
    engine.dispose()
