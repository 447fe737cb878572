"""The seams of the registry: where its facts are kept and where its blobs are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from assay.values import Deployment, Stage


class Version(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One registered release of a classifier. `manifest` is the SHA-256 of its manifest blob."""

    classifier: str
    version: int
    release_digest: str
    policy_digest: str
    manifest: str
    stage: Stage
    passed: bool
    framework: str
    metrics: dict[str, float]
    size_bytes: int
    created_at: float
    created_by: str
    approved_by: str | None = None
    gate_uses: int = 1


class RegistryStore(Protocol):
    """Facts about releases. Every change is one transaction; times are epoch seconds, UTC."""

    def register(self, version: Version) -> Version:
        """Add a release; the version number given is ignored and the next one assigned. Registering a digest that the
        classifier already has returns the existing version unchanged.
        """

    def classifiers(self) -> Sequence[str]:
        """Names of all classifiers, sorted."""

    def versions(self, classifier: str) -> Sequence[Version]:
        """All versions, oldest first. Raises NotFoundError for an unknown classifier, naming close ones."""

    def version(self, classifier: str, number: int) -> Version:
        """One version. Raises NotFoundError."""

    def set_stage(self, classifier: str, number: int, stage: Stage, *, by: str, at: float) -> Version:
        """Give an approval mark. Raises GateError for staging or production of a release that failed its gates."""

    def deployment(self, classifier: str) -> Deployment | None:
        """Who serves now, or None."""

    def deployments(self) -> Sequence[Deployment]:
        """Who serves now, for all classifiers."""

    def deploy(
        self, classifier: str, version: int, *, expected_generation: int, by: str, at: float, reason: str = ""
    ) -> Deployment:
        """Compare-and-swap the deployment row (generation 0: there is none yet) and append it to the history in the
        same transaction. Raises ConflictError when the generation has moved on, GateError for a release that failed its
        gates, NotFoundError for one that does not exist.
        """

    def history(self, classifier: str) -> Sequence[Deployment]:
        """All deployments of a classifier, oldest first."""


class BlobStore(Protocol):
    """Bytes under their SHA-256."""

    def put_all(self, blobs: Sequence[bytes]) -> Sequence[str]:
        """Store all durably (staged, fsynced, renamed) before returning their digests; present ones are kept."""

    def get(self, digest: str, *, limit: int) -> bytes:
        """The bytes, verified against `digest` while reading. Raises ReleaseError if absent, larger than `limit` bytes
        or not matching, StorageError if the store cannot be read.
        """
