"""The manifest of a release."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from assay.errors import ReleaseError
from assay.release.bundle import MAX_BYTES, MAX_FILES, RELEASE_FILES, policy_digest, release_digest, write_files
from assay.release.manifest import File, Manifest, make_manifest, read_manifest, write_manifest
from tests.release.material import trees_bundle

BUNDLE = trees_bundle()
FILES = write_files(BUNDLE)


@pytest.fixture
def manifest() -> Manifest:
    return make_manifest("topic", FILES, {"card.json": b"{}"})


def _changed(manifest: Manifest, **changes: Any) -> bytes:
    return write_manifest(msgspec.structs.replace(manifest, **changes))


def test_it_names_every_file_with_size_and_digest(manifest: Manifest) -> None:
    assert read_manifest(write_manifest(manifest)) == manifest
    assert set(manifest.release) == set(RELEASE_FILES)
    assert manifest.size_bytes == sum(len(content) for content in FILES.values())
    assert manifest.evidence["card.json"].size == 2
    assert manifest.policy_digest == policy_digest(BUNDLE.policy)
    assert manifest.release_digest == release_digest(FILES)


def test_evidence_does_not_count_in_the_release_digest(manifest: Manifest) -> None:
    assert make_manifest("topic", FILES, {}).release_digest == manifest.release_digest


@pytest.mark.parametrize("name", RELEASE_FILES)
def test_a_release_lacks_no_file(manifest: Manifest, name: str) -> None:
    release = {other: file for other, file in manifest.release.items() if other != name}
    with pytest.raises(ReleaseError, match=name):
        read_manifest(_changed(manifest, release=release))


def test_a_release_has_no_file_more(manifest: Manifest) -> None:
    more = {**manifest.release, "../../etc/passwd": File(1, "a" * 64)}
    with pytest.raises(ReleaseError, match="passwd"):
        read_manifest(_changed(manifest, release=more))


@pytest.mark.parametrize("name", RELEASE_FILES)
def test_a_digest_that_was_exchanged_contradicts_the_release_digest(manifest: Manifest, name: str) -> None:
    release = {**manifest.release, name: File(manifest.release[name].size, "a" * 64)}
    with pytest.raises(ReleaseError, match="contradicts"):
        read_manifest(_changed(manifest, release=release))


def test_too_many_files_are_refused() -> None:
    evidence = {f"{at}.json": b"" for at in range(MAX_FILES)}
    with pytest.raises(ReleaseError, match="files"):
        make_manifest("topic", FILES, evidence)


@pytest.mark.parametrize("size", [MAX_BYTES, -1])
def test_impossible_sizes_are_refused(manifest: Manifest, size: int) -> None:
    with pytest.raises(ReleaseError, match="bytes"):
        read_manifest(_changed(manifest, evidence={"card.json": File(size, "a" * 64)}))


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b'{"classifier":"topic"}'])
def test_something_else_is_no_manifest(content: bytes) -> None:
    with pytest.raises(ReleaseError, match=r"manifest\.json"):
        read_manifest(content)
