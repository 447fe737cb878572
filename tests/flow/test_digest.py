"""The digest of a release is that of what made it: the same again, and another one as soon as anything differs."""

from __future__ import annotations

import dataclasses
import math
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from assay.app import App, open_app
from assay.registry.releases import Registration, open_manifest, publish
from assay.release.bundle import RELEASE_FILES, Bundle, read_files
from assay.settings import Settings
from assay.spec import read_spec
from assay.training.train import Destination, Trained, train
from tests.flow.material import Trained as Made
from tests.flow.material import assay, said

SPEC = """\
name: small
data: {source: data.csv, label: outcome, split: {seed: SEED}}
columns:
  amount: {type: number}
  plan: {type: category}
model: {candidates: [logistic_regression]}
policy: {maximise: f1}
"""


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    app = open_app(settings=Settings(home=tmp_path / "home"))
    yield app
    app.engine.dispose()


def write_data(directory: Path, first: str = "0.25") -> None:
    directory.mkdir(exist_ok=True)
    rows = [f"{first},free,no"]
    rows += [f"{number % 17 + number / 1000},{'pro' if number % 3 else 'free'},{'yes' if number % 17 > 8 else 'no'}"
             for number in range(1, 300)]  # fmt: skip
    # A few rows that no model gets right, so that the classes overlap.
    rows += [f"{number},pro,{'no' if number > 8 else 'yes'}" for number in range(17)]
    (directory / "data.csv").write_text("\n".join(["amount,plan,outcome", *rows]) + "\n")


def trained_in(directory: Path, app: App, *, seed: int = 7, policy: str = "maximise: f1") -> Trained:
    spec = directory / "classifier.yaml"
    spec.write_text(SPEC.replace("SEED", str(seed)).replace("maximise: f1", policy))
    return train(read_spec(spec), directory, Destination(registry=app.registry, blobs=app.blobs, by="test"))


def bundle_of(made: Made, app: App) -> Bundle:
    version = app.registry.version(made.name, 1)
    manifest = open_manifest(version, app.blobs)
    files = {
        name: app.blobs.get(manifest.release[name].sha256, limit=manifest.release[name].size) for name in RELEASE_FILES
    }
    return read_files(made.name, files)


@pytest.mark.slow
@pytest.mark.integration
def test_another_process_elsewhere_makes_the_same_release(trained: Callable[[str], Made], tmp_path: Path) -> None:
    made = trained("mixed")
    for name in ("data.csv", "classifier.yaml"):
        shutil.copy(made.directory / name, tmp_path / name)
    again = said(assay("train", "--json", home=tmp_path / "home", cwd=tmp_path))
    assert again["digest"] == made.said["digest"]
    assert again["known"] is False


@pytest.mark.slow
@pytest.mark.integration
def test_training_the_same_again_finds_the_version_that_is_there(copied: Callable[[str], Made]) -> None:
    made = copied("mixed")
    again = said(assay("train", made.spec, "--json", home=made.home))
    assert (again["version"], again["digest"], again["known"]) == (1, made.said["digest"], True)
    assert [one["version"] for one in said(assay("releases", "--json", home=made.home))] == [1]


def test_the_same_data_spec_and_seed_make_the_same_release(tmp_path: Path, app: App) -> None:
    write_data(tmp_path / "one")
    write_data(tmp_path / "two")
    first, second = trained_in(tmp_path / "one", app), trained_in(tmp_path / "two", app)
    assert (first.version, first.known, second.known) == (second.version, False, True)
    assert len(app.registry.versions("small")) == 1


@pytest.mark.parametrize(
    ("cell", "seed", "policy"),
    [("0.26", 7, "maximise: f1"), ("0.25", 8, "maximise: f1"), ("0.25", 7, "maximise: f1, review: {within: 0.01}")],
    ids=["one cell", "the seed", "the review band"],
)
def test_one_change_makes_another_release(tmp_path: Path, app: App, cell: str, seed: int, policy: str) -> None:
    write_data(tmp_path / "before")
    write_data(tmp_path / "after", first=cell)
    before = trained_in(tmp_path / "before", app)
    after = trained_in(tmp_path / "after", app, seed=seed, policy=policy)
    assert before.version.release_digest != after.version.release_digest
    assert after.version.version == 2


def test_one_ulp_of_the_threshold_makes_another_release(copied: Callable[[str], Made]) -> None:
    made = copied("mixed")
    app = made.open()
    bundle = bundle_of(made, app)
    moved = math.nextafter(bundle.policy.thresholds[0], 1.0)
    changed = dataclasses.replace(bundle, policy=msgspec.structs.replace(bundle.policy, thresholds=(moved,)))
    registration = Registration(passed=True, framework="test", metrics={}, created_at=1.0, created_by="test")
    versions = [publish(one, {}, registration, registry=app.registry, blobs=app.blobs) for one in (bundle, changed)]
    app.engine.dispose()
    assert [version.version for version in versions] == [1, 2]
    assert versions[0].release_digest == made.said["digest"] != versions[1].release_digest
    assert versions[0].policy_digest != versions[1].policy_digest
