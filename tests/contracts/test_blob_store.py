"""Every blob store keeps the same promises."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.adapters.blobs import DirectoryBlobs
from assay.registry.store import BlobStore
from assay.testing.contracts import BlobStoreContract


class TestDirectory(BlobStoreContract):
    @pytest.fixture
    def blobs(self, tmp_path: Path) -> BlobStore:
        return DirectoryBlobs(tmp_path / "blobs")
