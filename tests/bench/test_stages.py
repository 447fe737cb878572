"""The stages of a request in process: the answers are those of the door, and every stage is there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from assay import native
from assay.bench.stages import InProcess
from assay.errors import ContractError
from assay.release.bundle import Bundle
from assay.release.core import Release
from assay.serving.metrics import Slab
from assay.serving.served import prepare_served
from tests.api.door import Door
from tests.loops import twins_only
from tests.serving.material import ReadableLog, labels_bundle, spam_bundle, topic_bundle, tree_bundle

STAGES = ["decode", "features", "model", "policy", "record", "log", "metrics", "encode"]


@contextmanager
def in_process(bundle: Bundle, folder: Path) -> Iterator[tuple[InProcess, Release, ReadableLog]]:
    release, log = Release.prepare(bundle, version=1), ReadableLog()
    yield InProcess(prepare_served(release, None, Slab(folder, "bench")), log), release, log


def bodies_of(release: Release) -> list[bytes]:
    return [json.dumps({"model": release.classifier, "features": example}).encode() for example in release.examples]


@pytest.mark.parametrize("bundle", [spam_bundle, topic_bundle, tree_bundle, labels_bundle])
def test_every_stage_is_measured(bundle: object, tmp_path: Path) -> None:
    with in_process(bundle(), tmp_path) as (here, release, log):  # type: ignore[operator] - a function of the material
        stages = here.time(bodies_of(release)[:3], seconds=0.0)
        assert [stage.name for stage in stages] == STAGES
        assert all(stage.us >= 0.0 and stage.does for stage in stages)
        assert sum(stage.us for stage in stages) > 0.0
        assert len(log.predictions) >= 20 * len(bodies_of(release)[:3])


def test_what_is_expected_is_what_the_door_says(door: Door, tmp_path: Path) -> None:
    with in_process(spam_bundle(), tmp_path) as (here, release, _):
        for body in bodies_of(release):
            told = door.post("/v1/predict", body)
            assert told.status == 200
            assert here.expected(body) in told.body
            assert b"prediction_id" not in here.expected(body)


def test_another_answer_is_not_what_is_expected(door: Door, tmp_path: Path) -> None:
    with in_process(spam_bundle(), tmp_path) as (here, release, _):
        one = bodies_of(release)[0]
        assert here.expected(one) not in door.post("/v1/predict", one.replace(b"3.5", b"900")).body


def test_the_twins_are_named(tmp_path: Path) -> None:
    if native.LOOPS is None:
        pytest.skip("the compiled loops were not built here: no compiler when Assay was installed")
    with in_process(spam_bundle(), tmp_path / "compiled") as (here, release, _):
        by = {stage.name: stage.by for stage in here.time(bodies_of(release), 0.0)}
    assert (by["model"], by["features"], by["decode"]) == ("compiled", "compiled", "")
    with twins_only(), in_process(spam_bundle(), tmp_path / "python") as (here, release, _):
        by = {stage.name: stage.by for stage in here.time(bodies_of(release), 0.0)}
    assert (by["model"], by["features"]) == ("Python", "Python")


def test_a_body_that_is_not_taken_is_refused(tmp_path: Path) -> None:
    with in_process(spam_bundle(), tmp_path) as (here, _, _), pytest.raises(ContractError):
        here.expected(b'{"features": {"amount": "much"}}')
