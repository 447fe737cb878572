"""Releases by name: publish one whole or not at all, find the one that is meant, open it with every byte checked."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from assay.contract.columns import Contract
from assay.errors import ConfigurationError, NotFoundError, ReleaseError
from assay.registry.store import BlobStore, RegistryStore, Version
from assay.release.bundle import CONTRACT, MAX_BYTES, Bundle, read_contract_file, read_files, write_files
from assay.release.core import Release
from assay.release.manifest import File, Manifest, make_manifest, read_manifest, write_manifest
from assay.release.parity import replay

_MANIFEST_LIMIT = 1 << 20


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """What the registry knows of a release beside its bytes. `created_at` is epoch seconds, UTC; `gate_uses` counts the
    releases that the same gate rows have judged, up to this one.
    """

    passed: bool
    framework: str
    metrics: dict[str, float]
    created_at: float
    created_by: str
    gate_uses: int = 1


def publish(
    bundle: Bundle,
    evidence: Mapping[str, bytes],
    registration: Registration,
    *,
    registry: RegistryStore,
    blobs: BlobStore,
) -> Version:
    """Store a release with its evidence and register it: blobs first, durably, then one row.

    A release that the classifier already has keeps its version, evidence and registration; a file of it that was
    damaged is sound again.

    Raises:
        ReleaseError: what would be read back does not reproduce its parity examples, or is too large.
        StorageError: disk or database did not take it; it is not registered.
    """
    files = write_files(bundle)
    manifest = make_manifest(bundle.classifier, files, evidence)
    known = _find(registry, bundle.classifier, manifest.release_digest)
    if known is not None:
        blobs.put_all([*files.values()])
        return known
    read_back = read_files(bundle.classifier, files)
    replay(Release.prepare(read_back, digest=manifest.release_digest), read_back.parity)
    *_, manifest_digest = blobs.put_all([*files.values(), *evidence.values(), write_manifest(manifest)])
    return registry.register(
        Version(
            classifier=bundle.classifier,
            version=0,
            release_digest=manifest.release_digest,
            policy_digest=manifest.policy_digest,
            manifest=manifest_digest,
            stage="development",
            size_bytes=manifest.size_bytes,
            **msgspec.structs.asdict(registration),
        )
    )


def open_release(version: Version, blobs: BlobStore) -> Release:
    """Load a registered release: bytes verified against the registry's digests, parity examples replayed.

    Raises:
        ReleaseError: a file is damaged, missing or does not give the answers it gave when it was made; names the file
            or the feature.
        StorageError: the blob store cannot be read.
    """
    bundle = read_files(version.classifier, read_release(version, blobs))
    try:
        release = Release.prepare(bundle, version=version.version, digest=version.release_digest)
        replay(release, bundle.parity)
    except (ArithmeticError, LookupError, MemoryError, RuntimeError, TypeError, ValueError) as error:
        # The bytes are those that were registered, so whoever wrote them did not prove them.
        raise ReleaseError(
            f"{version.classifier}@{version.version}: the parts of the release do not fit together: {error}"
        ) from error
    return release


def read_release(version: Version, blobs: BlobStore) -> dict[str, bytes]:
    """The files of a registered release by name, verified. Raises as `open_release`."""
    manifest = open_manifest(version, blobs)
    return {name: _get(version, blobs, name, manifest.release[name]) for name in manifest.release}


def open_manifest(version: Version, blobs: BlobStore) -> Manifest:
    """What a registered release consists of. Raises as `open_release`."""
    manifest = read_manifest(_get(version, blobs, "manifest.json", File(_MANIFEST_LIMIT, version.manifest)))
    if (manifest.classifier, manifest.release_digest) != (version.classifier, version.release_digest):
        raise ReleaseError(f"{version.classifier}@{version.version}: manifest.json is that of another release")
    return manifest


def read_evidence(version: Version, blobs: BlobStore, name: str) -> bytes:
    """One file of the evidence beside a release. Raises NotFoundError, or as `open_release`."""
    evidence = open_manifest(version, blobs).evidence
    if name not in evidence:
        raise NotFoundError(f"{version.classifier}@{version.version} has no {name}")
    return _get(version, blobs, name, evidence[name])


def read_contract(version: Version, blobs: BlobStore) -> Contract:
    """The contract of a registered release, without loading its model. Raises as `open_release`."""
    content = _get(version, blobs, CONTRACT, open_manifest(version, blobs).release[CONTRACT])
    return read_contract_file(content)


def parse_reference(reference: str) -> tuple[str, int | None]:
    """What `spam@3`, `spam@champion` or `spam` (the champion) names: a classifier, and its version or None.

    Raises:
        ConfigurationError: the reference is not of one of these forms.
    """
    classifier, at, which = reference.partition("@")
    numbered = which.isascii() and which.isdigit() and len(which) < 10
    if not classifier or not reference.isprintable() or (at and which != "champion" and not numbered):
        raise ConfigurationError(
            f"{reference!r} does not name a release", remedy="write NAME, NAME@VERSION or NAME@champion"
        )
    return classifier, int(which) if numbered else None


def resolve(reference: str, registry: RegistryStore) -> Version:
    """The version that a reference means; see `parse_reference`.

    Raises:
        ConfigurationError: the reference is not of one of the forms.
        NotFoundError: there is no such classifier or version, or none of it is deployed.
    """
    classifier, version = parse_reference(reference)
    if version is not None:
        return registry.version(classifier, version)
    deployment = registry.deployment(classifier)
    if deployment is None:
        newest = registry.versions(classifier)[-1].version
        raise NotFoundError(
            f"{classifier} is not deployed, so it has no champion", remedy=f"name a version, like {classifier}@{newest}"
        )
    return registry.version(classifier, deployment.version)


def _find(registry: RegistryStore, classifier: str, digest: str) -> Version | None:
    if classifier not in registry.classifiers():
        return None
    return next((version for version in registry.versions(classifier) if version.release_digest == digest), None)


def _get(version: Version, blobs: BlobStore, name: str, file: File) -> bytes:
    place = f"{version.classifier}@{version.version}: {name}"
    try:
        content = blobs.get(file.sha256, limit=min(file.size, MAX_BYTES))
    except ReleaseError as error:
        raise ReleaseError(
            f"{place} cannot be used: {error.message}",
            remedy="restore it from a copy, or train again: the same data, spec and seed give the same release files",
        ) from error
    if name != "manifest.json" and len(content) != file.size:
        raise ReleaseError(f"{place} has {len(content)} bytes, not {file.size}")
    return content
