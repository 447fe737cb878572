"""The manifest names every file of a release and of its evidence with size and digest: to trust it is to trust them."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from assay.errors import ReleaseError
from assay.release.bundle import (
    FURTHER_FILES,
    MAX_BYTES,
    MAX_FILES,
    POLICY,
    RELEASE_FILES,
    canonical_json,
    digest_of,
    sha256,
)

#: The file of the evidence that tells everything of how a release was made.
CARD = "card.json"


class File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file as it must be."""

    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`release` makes the release and its digest, `evidence` stands beside it."""

    classifier: str
    release_digest: str
    release: dict[str, File]
    evidence: dict[str, File]

    @property
    def policy_digest(self) -> str:
        """SHA-256 of the policy's file."""
        return self.release[POLICY].sha256

    @property
    def size_bytes(self) -> int:
        """Bytes of the release, evidence not counted."""
        return sum(file.size for file in self.release.values())


def make_manifest(classifier: str, release: Mapping[str, bytes], evidence: Mapping[str, bytes]) -> Manifest:
    """The manifest of files in memory. Raises ReleaseError for too many or too large ones."""
    described = {name: File(len(content), sha256(content)) for name, content in release.items()}
    manifest = Manifest(
        classifier=classifier,
        release_digest=digest_of({name: file.sha256 for name, file in described.items()}),
        release=described,
        evidence={name: File(len(content), sha256(content)) for name, content in evidence.items()},
    )
    _check(manifest)
    return manifest


def write_manifest(manifest: Manifest) -> bytes:
    """The manifest's own bytes."""
    return canonical_json(manifest)


def read_manifest(content: bytes) -> Manifest:
    """A manifest whose own digest was checked. Raises ReleaseError when it does not describe a release."""
    try:
        manifest = msgspec.json.decode(content, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ReleaseError(f"manifest.json cannot be read: {error}") from error
    _check(manifest)
    return manifest


def _check(manifest: Manifest) -> None:
    if set(manifest.release) - set(FURTHER_FILES) != set(RELEASE_FILES):
        differing = ", ".join(sorted((set(manifest.release) - set(FURTHER_FILES)) ^ set(RELEASE_FILES)))
        raise ReleaseError(f"the manifest of {manifest.classifier} does not name the files of a release: {differing}")
    if manifest.release_digest != digest_of({name: file.sha256 for name, file in manifest.release.items()}):
        raise ReleaseError(f"the manifest of {manifest.classifier} contradicts its own release digest")
    files = [*manifest.release.values(), *manifest.evidence.values()]
    if len(files) > MAX_FILES:
        raise ReleaseError(f"a release of {manifest.classifier} has {len(files)} files; at most {MAX_FILES} are taken")
    if (total := sum(file.size for file in files)) > MAX_BYTES or any(file.size < 0 for file in files):
        raise ReleaseError(f"a release of {manifest.classifier} has {total} bytes; at most {MAX_BYTES} are taken")
