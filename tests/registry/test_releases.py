"""Releases by name: whole or not at all, found, and opened with every byte checked."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest

from assay.adapters.blobs import DirectoryBlobs
from assay.adapters.sql.engine import open_database
from assay.adapters.sql.registry import SqlRegistry
from assay.errors import AssayError, ConfigurationError, NotFoundError, ReleaseError, StorageError
from assay.registry.releases import (
    Registration,
    open_manifest,
    open_release,
    publish,
    read_contract,
    read_evidence,
    resolve,
)
from assay.registry.store import RegistryStore, Version
from assay.release.bundle import RELEASE_FILES, Bundle, write_files
from assay.release.core import Release
from assay.release.parity import record
from tests.release.material import linear_bundle, trees_bundle

LINEAR, TREES = linear_bundle(), trees_bundle()
REGISTRATION = Registration(passed=True, framework="lightgbm", metrics={"f1": 0.5}, created_at=1000.0, created_by="ann")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "blobs"


@pytest.fixture
def blobs(root: Path) -> DirectoryBlobs:
    return DirectoryBlobs(root)


@pytest.fixture
def version(registry: RegistryStore, blobs: DirectoryBlobs) -> Version:
    return publish(LINEAR, {"card.json": b"{}"}, REGISTRATION, registry=registry, blobs=blobs)


def _path(root: Path, digest: str) -> Path:
    return root / digest[:2] / digest


def _places(version: Version, blobs: DirectoryBlobs, root: Path) -> dict[str, Path]:
    """Where each file of a release lies, by its name."""
    manifest = open_manifest(version, blobs)
    places = {name: _path(root, file.sha256) for name, file in manifest.release.items()}
    return {**places, "manifest.json": _path(root, version.manifest)}


def _overwrite(path: Path, content: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(content)


def _files(root: Path) -> set[Path]:
    return {path for path in root.rglob("*") if path.is_file() and path.name != "lock"}


def _other(bundle: Bundle, **policy: object) -> Bundle:
    """The same model with another policy."""
    changed = dataclasses.replace(bundle, policy=msgspec.structs.replace(bundle.policy, **policy))
    examples = [one.example for one in bundle.parity]
    return dataclasses.replace(changed, parity=record(Release.prepare(changed), examples))


@pytest.mark.parametrize("bundle", [LINEAR, TREES], ids=["linear", "trees"])
def test_what_was_published_opens_and_answers_the_same(
    bundle: Bundle, registry: RegistryStore, blobs: DirectoryBlobs
) -> None:
    version = publish(bundle, {}, REGISTRATION, registry=registry, blobs=blobs)
    release, made = open_release(version, blobs), Release.prepare(bundle)
    assert (release.classifier, release.version, release.digest) == (bundle.classifier, 1, version.release_digest)
    assert release.policy_digest == version.policy_digest == made.policy_digest
    for example in release.examples:
        row = made.decode_mapping(example)
        assert release.answer(row) == made.answer(row)


def test_the_registration_is_kept(registry: RegistryStore, version: Version) -> None:
    assert (version.stage, version.passed, version.framework, version.metrics) == (
        "development",
        True,
        "lightgbm",
        {"f1": 0.5},
    )
    assert version.size_bytes == sum(len(content) for content in write_files(LINEAR).values())
    assert registry.version("spam", 1) == version


def test_the_same_release_keeps_its_version_and_evidence(
    registry: RegistryStore, blobs: DirectoryBlobs, root: Path, version: Version
) -> None:
    before = _files(root)
    again = publish(LINEAR, {"card.json": b"other"}, REGISTRATION, registry=registry, blobs=blobs)
    assert again == version
    assert _files(root) == before
    assert read_evidence(again, blobs, "card.json") == b"{}"


def test_another_policy_is_another_release_of_the_same_model(
    registry: RegistryStore, blobs: DirectoryBlobs, root: Path, version: Version
) -> None:
    second = publish(_other(LINEAR, thresholds=(0.7,)), {}, REGISTRATION, registry=registry, blobs=blobs)
    assert second.version == 2
    assert second.policy_digest != version.policy_digest
    before, after = _places(version, blobs, root), _places(second, blobs, root)
    for name in ("contract.json", "plan.json", "model.json", "arrays.safetensors", "profile.json"):
        assert before[name] == after[name]
    assert before["policy.json"] != after["policy.json"]


def test_two_classifiers_with_two_versions_each_are_told_apart(
    registry: RegistryStore, blobs: DirectoryBlobs, version: Version
) -> None:
    bundles = [_other(LINEAR, thresholds=(0.7,)), TREES, _other(TREES, review_within=0.3)]
    versions = [version, *(publish(one, {}, REGISTRATION, registry=registry, blobs=blobs) for one in bundles)]
    opened = [open_release(one, blobs) for one in versions]
    assert [(one.classifier, one.version) for one in opened] == [("spam", 1), ("spam", 2), ("topic", 1), ("topic", 2)]
    assert [one.digest for one in opened] == [one.release_digest for one in versions]
    assert len({one.policy_digest for one in opened}) == 4


@pytest.mark.parametrize("name", [*RELEASE_FILES, "manifest.json"])
@pytest.mark.parametrize("at", [0, -1, 0.5])
def test_one_flipped_bit_is_refused_and_the_file_named(
    name: str, at: float, version: Version, blobs: DirectoryBlobs, root: Path
) -> None:
    path = _places(version, blobs, root)[name]
    content = bytearray(path.read_bytes())
    content[int(at * len(content)) if at == 0.5 else int(at)] ^= 1
    _overwrite(path, bytes(content))
    with pytest.raises(ReleaseError, match=name):
        open_release(version, blobs)


def test_three_hundred_random_mutations_are_refused(version: Version, blobs: DirectoryBlobs, root: Path) -> None:
    random = np.random.default_rng(11)
    places = _places(version, blobs, root)
    originals = {name: path.read_bytes() for name, path in places.items()}
    refused = 0
    for _ in range(300):
        name = str(random.choice(list(places)))
        _overwrite(places[name], _mutate(originals[name], random))
        with pytest.raises(ReleaseError, match=name):
            open_release(version, blobs)
        refused += 1
        _overwrite(places[name], originals[name])
    assert refused == 300
    assert open_release(version, blobs).version == 1


def _mutate(content: bytes, random: np.random.Generator) -> bytes:
    at = int(random.integers(len(content)))
    match random.integers(5):
        case 0:
            return content[:at] + bytes([content[at] ^ int(random.integers(1, 256))]) + content[at + 1 :]
        case 1:
            return content[:at]
        case 2:
            return content + random.bytes(1 + at)
        case 3:
            return content[:at] + random.bytes(7) + content[at:]
        case _:
            return content[:at] + content[at + 1 :]


@pytest.mark.parametrize("name", [*RELEASE_FILES, "manifest.json"])
def test_a_missing_file_is_named(name: str, version: Version, blobs: DirectoryBlobs, root: Path) -> None:
    _places(version, blobs, root)[name].unlink()
    with pytest.raises(ReleaseError, match=name):
        open_release(version, blobs)


@pytest.mark.parametrize("name", [*RELEASE_FILES, "manifest.json"])
def test_a_link_is_not_followed(name: str, version: Version, blobs: DirectoryBlobs, root: Path) -> None:
    path = _places(version, blobs, root)[name]
    path.rename(root / "elsewhere")
    path.symlink_to(root / "elsewhere")
    with pytest.raises(ReleaseError, match=name):
        open_release(version, blobs)


def test_a_damaged_file_is_mended_by_publishing_again(
    registry: RegistryStore, blobs: DirectoryBlobs, root: Path, version: Version
) -> None:
    _overwrite(_places(version, blobs, root)["arrays.safetensors"], b"gone")
    assert publish(LINEAR, {}, REGISTRATION, registry=registry, blobs=blobs) == version
    assert open_release(version, blobs).version == 1


def test_the_manifest_of_another_release_is_refused(
    registry: RegistryStore, blobs: DirectoryBlobs, version: Version
) -> None:
    other = publish(TREES, {}, REGISTRATION, registry=registry, blobs=blobs)
    mixed = msgspec.structs.replace(version, manifest=other.manifest)
    with pytest.raises(ReleaseError, match="another release"):
        open_release(mixed, blobs)


def test_a_release_that_does_not_reproduce_its_examples_is_not_published(
    registry: RegistryStore, blobs: DirectoryBlobs, root: Path
) -> None:
    broken = dataclasses.replace(LINEAR, model_arrays={**LINEAR.model_arrays, "intercept": np.array([3.0])})
    with pytest.raises(ReleaseError, match="comes out differently"):
        publish(broken, {}, REGISTRATION, registry=registry, blobs=blobs)
    assert registry.classifiers() == []
    assert not root.exists()


def test_a_release_without_examples_is_not_published(registry: RegistryStore, blobs: DirectoryBlobs) -> None:
    with pytest.raises(ReleaseError, match="no parity examples"):
        publish(dataclasses.replace(LINEAR, parity=()), {}, REGISTRATION, registry=registry, blobs=blobs)


def test_sound_bytes_of_parts_that_do_not_fit_are_refused(registry: RegistryStore, blobs: DirectoryBlobs) -> None:
    short = {**LINEAR.model_arrays, "coefficients": LINEAR.model_arrays["coefficients"][:, :12]}
    files = write_files(dataclasses.replace(LINEAR, model_arrays=short))
    version = _register_unproven(files, registry, blobs)
    with pytest.raises(ReleaseError):
        open_release(version, blobs)


def _register_unproven(files: dict[str, bytes], registry: RegistryStore, blobs: DirectoryBlobs) -> Version:
    """What somebody could do who can write to both stores."""
    from assay.release.manifest import make_manifest, write_manifest

    manifest = make_manifest("spam", files, {})
    *_, digest = blobs.put_all([*files.values(), write_manifest(manifest)])
    return registry.register(
        Version(
            classifier="spam",
            version=0,
            release_digest=manifest.release_digest,
            policy_digest=manifest.policy_digest,
            manifest=digest,
            stage="development",
            size_bytes=1,
            **msgspec.structs.asdict(REGISTRATION),
        )
    )


class FullBlobs:
    """A blob store without space."""

    def put_all(self, blobs: Sequence[bytes]) -> Sequence[str]:
        raise StorageError("no space left")

    def get(self, digest: str, *, limit: int) -> bytes:
        raise ReleaseError("absent")


def test_what_was_not_stored_is_not_registered(registry: RegistryStore) -> None:
    with pytest.raises(StorageError):
        publish(LINEAR, {}, REGISTRATION, registry=registry, blobs=FullBlobs())
    assert registry.classifiers() == []


def test_what_was_stored_but_not_registered_does_not_exist_and_can_be_published_later(
    tmp_path: Path, blobs: DirectoryBlobs
) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'other.db'}")
    registry = SqlRegistry(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER refuse BEFORE INSERT ON model_versions BEGIN SELECT RAISE(ABORT, 'read-only'); END"
        )
    with pytest.raises(StorageError, match="read-only"):
        publish(LINEAR, {}, REGISTRATION, registry=registry, blobs=blobs)
    assert registry.classifiers() == []
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER refuse")
    version = publish(LINEAR, {}, REGISTRATION, registry=registry, blobs=blobs)
    assert open_release(version, blobs).version == 1
    engine.dispose()


def test_evidence_and_contract_are_read_without_the_model(version: Version, blobs: DirectoryBlobs) -> None:
    assert read_contract(version, blobs) == LINEAR.contract
    assert read_evidence(version, blobs, "card.json") == b"{}"
    for absent in ("report.html", "../../etc/passwd", "policy.json"):
        with pytest.raises(NotFoundError):
            read_evidence(version, blobs, absent)


def test_names_resolve_to_versions(registry: RegistryStore, blobs: DirectoryBlobs, version: Version) -> None:
    second = publish(_other(LINEAR, thresholds=(0.7,)), {}, REGISTRATION, registry=registry, blobs=blobs)
    with pytest.raises(NotFoundError, match="not deployed") as caught:
        resolve("spam", registry)
    assert "spam@2" in caught.value.remedy
    registry.deploy("spam", 1, expected_generation=0, by="ann", at=1.0)
    assert resolve("spam", registry) == resolve("spam@champion", registry) == resolve("spam@1", registry) == version
    assert resolve("spam@2", registry) == second


@pytest.mark.parametrize(
    "reference",
    ["", "@", "@3", "spam@", "spam@first", "spam@-1", "spam@1.0", "spam@²", "sp\udcffam", "a\nb", "spam@" + 9 * "9999"],
)
def test_what_names_no_release_is_wrong_usage(reference: str, registry: RegistryStore) -> None:
    with pytest.raises(ConfigurationError):
        resolve(reference, registry)


@pytest.mark.parametrize("reference", ["spam@9", "spma", "spam/../x", "spam@999999999"])
def test_what_does_not_exist_is_not_found(reference: str, registry: RegistryStore, version: Version) -> None:
    with pytest.raises(AssayError) as caught:
        resolve(reference, registry)
    assert isinstance(caught.value, NotFoundError)
