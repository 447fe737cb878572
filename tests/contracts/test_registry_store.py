"""Every registry store keeps the same promises."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.adapters.sql.engine import open_database
from assay.adapters.sql.registry import SqlRegistry
from assay.registry.store import RegistryStore
from assay.testing.contracts import RegistryStoreContract


class TestSqlite(RegistryStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[RegistryStore]:
        engine = open_database(f"sqlite:///{tmp_path / 'assay.db'}")
        yield SqlRegistry(engine)
        engine.dispose()
