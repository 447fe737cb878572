"""Every candidate of the table: honest scores, exact conversion, the same again."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from assay.contract.table import Table
from assay.errors import DataError
from assay.features.frame import evaluate_frame
from assay.features.row import prepare_row
from assay.spec.tree import ModelChoice
from assay.training.candidates import CANDIDATES, try_candidates
from assay.training.lesson import Lesson, Part
from assay.training.losses import tempered_losses
from assay.training.progress import Silence
from tests.training.lessons import label_lesson, lesson

EVERY = list(CANDIDATES)
KINDS = [(2, True), (2, False), (3, True), (3, False)]


class Counted(Silence):
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, int]] = []
        self.done = 0

    def begin(self, step: str, total: int = 1) -> None:
        self.steps.append((step, total))

    def advance(self) -> None:
        self.done += 1


def nothing() -> None:
    """Nobody counts."""


@pytest.mark.parametrize(("classes", "text"), KINDS)
@pytest.mark.parametrize("name", EVERY)
def test_the_converted_model_scores_like_the_library(name: str, classes: int, text: bool) -> None:
    given = lesson(classes=classes, text=text)
    candidate = CANDIDATES[name]
    fitted = candidate.fit(given, candidate.try_out(given, nothing).settings)
    frame = evaluate_frame(fitted.plan, fitted.plan_arrays, given.table)
    scores = fitted.model.frame(frame)
    assert scores.shape == (given.table.rows, given.outputs)
    assert np.abs(scores - fitted.library(frame)).max() <= 1e-9
    features = prepare_row(fitted.plan, fitted.plan_arrays)
    rows = [fitted.model.row(features(given.table.row(at, given.contract.names))) for at in range(given.table.rows)]
    assert np.array_equal(np.array(rows), scores)


@pytest.mark.parametrize("classes", [2, 3])
def test_a_large_lesson_is_learned_like_a_small_one(monkeypatch: pytest.MonkeyPatch, classes: int) -> None:
    given, candidate = lesson(classes=classes, rows=600), CANDIDATES["logistic_regression"]
    small = candidate.fit(given, {"C": 3.0})
    monkeypatch.setattr("assay.training.logistic._MOST_ON_EVERY_PATH", 0)
    large = candidate.fit(given, {"C": 3.0})
    frame = evaluate_frame(large.plan, large.plan_arrays, given.table)
    scores = large.model.frame(frame)
    assert np.abs(scores - large.library(frame)).max() <= 1e-9
    assert np.abs(scores - small.model.frame(frame)).max() < 0.1
    trial = candidate.try_out(given, nothing)
    majority = CANDIDATES["majority"].try_out(given, nothing)
    asked = given.labels[given.asked]
    assert tempered_losses(trial.scores, asked).mean() < 0.8 * tempered_losses(majority.scores, asked).mean()


@pytest.mark.parametrize("classes", [2, 3])
def test_richer_candidates_learn_more_than_the_majority(classes: int) -> None:
    given = lesson(classes=classes)
    targets = given.targets[given.asked]
    losses = {
        name: tempered_losses(each.try_out(given, nothing).scores, targets).mean() for name, each in CANDIDATES.items()
    }
    assert losses["logistic_regression"] < losses["majority"] - 0.1
    assert losses["lightgbm"] < losses["majority"] - 0.1


@pytest.mark.parametrize("name", EVERY)
def test_trials_and_fits_are_the_same_again_whatever_runs_beside(name: str) -> None:
    alone, crowded = lesson(workers=1), lesson(workers=3)
    candidate = CANDIDATES[name]
    first, second = candidate.try_out(alone, nothing), candidate.try_out(crowded, nothing)
    assert first.settings == second.settings
    assert np.array_equal(first.scores, second.scores)
    one, two = (candidate.fit(each, first.settings) for each in (alone, crowded))
    assert one.plan == two.plan
    for key, array in one.model.arrays().items():
        assert np.array_equal(array, two.model.arrays()[key])


@pytest.mark.parametrize("name", ["logistic_regression", "lightgbm"])
def test_no_row_teaches_its_own_score(name: str) -> None:
    given = lesson()
    noise = replace(given, labels=np.random.default_rng(3).permutation(given.labels))
    losses = tempered_losses(CANDIDATES[name].try_out(noise, nothing).scores, noise.targets[noise.asked])
    assert losses.mean() > np.log(2) - 0.02


def test_a_feature_that_never_varies_breaks_nothing() -> None:
    given = lesson(text=False)
    table = Table({**given.table.columns, "amount": np.full(given.table.rows, 0.1)}, given.table.rows)
    constant = replace(given, table=table)
    for name, candidate in CANDIDATES.items():
        fitted = candidate.fit(constant, candidate.try_out(constant, nothing).settings)
        frame = evaluate_frame(fitted.plan, fitted.plan_arrays, table)
        assert np.isfinite(fitted.model.frame(frame)).all(), name


def test_baselines_always_run_and_only_wanted_candidates_beside_them() -> None:
    given, progress = lesson(text=False), Counted()
    trials = try_candidates(given, ModelChoice(candidates=("logistic_regression",)), progress)
    assert list(trials) == ["majority", "logistic_regression"]
    assert progress.steps == [("Trying majority", 3), ("Trying logistic_regression", 3)]
    assert progress.done == 6


def test_one_held_out_part_works_like_folds() -> None:
    given = lesson()
    held: Lesson = replace(given, parts=given.parts[:1])
    for candidate in CANDIDATES.values():
        assert len(candidate.try_out(held, nothing).scores) == held.parts[0].ask.size


def test_a_class_that_some_part_cannot_teach_is_refused_by_name() -> None:
    given = lesson(classes=3)
    given.check()
    without = Part(np.flatnonzero(given.labels != 1), np.flatnonzero(given.labels == 1))
    with pytest.raises(DataError, match="1 class") as caught:
        replace(given, parts=(*given.parts, without)).check()
    assert [problem.path for problem in caught.value.problems] == ["money"]


@pytest.mark.parametrize("text", [True, False])
@pytest.mark.parametrize("name", EVERY)
def test_several_labels_have_a_raw_score_each_like_the_librarys(name: str, text: bool) -> None:
    given = label_lesson(text=text)
    candidate = CANDIDATES[name]
    trial = candidate.try_out(given, nothing)
    assert trial.scores.shape == (given.table.rows, 4)
    fitted = candidate.fit(given, trial.settings)
    frame = evaluate_frame(fitted.plan, fitted.plan_arrays, given.table)
    scores = fitted.model.frame(frame)
    assert np.abs(scores - fitted.library(frame)).max() <= 1e-9
    features = prepare_row(fitted.plan, fitted.plan_arrays)
    rows = [fitted.model.row(features(given.table.row(at, given.contract.names))) for at in range(given.table.rows)]
    assert np.array_equal(np.array(rows), scores)
    again = candidate.fit(label_lesson(text=text, workers=2), trial.settings)
    assert all(
        np.array_equal(array, again.model.arrays()[array_name]) for array_name, array in fitted.model.arrays().items()
    )


def test_a_label_is_learned_like_a_binary_task_of_its_own() -> None:
    given = label_lesson(text=False)
    trial = CANDIDATES["logistic_regression"].try_out(given, nothing)
    fitted = CANDIDATES["logistic_regression"].fit(given, trial.settings)
    contract = msgspec.structs.replace(given.contract, task="binary", classes=("no", "rich"), positive="rich")
    alone = CANDIDATES["logistic_regression"].fit(
        replace(given, contract=contract, labels=given.labels[:, 2]), trial.settings
    )
    frame = evaluate_frame(fitted.plan, fitted.plan_arrays, given.table)
    np.testing.assert_allclose(fitted.model.frame(frame)[:, 2], alone.model.frame(frame)[:, 0], atol=1e-9)


def test_richer_candidates_learn_more_about_labels_than_their_shares() -> None:
    given = label_lesson()
    trials = try_candidates(given, ModelChoice(), Silence())
    losses = {name: tempered_losses(trial.scores, given.targets[given.asked]).mean() for name, trial in trials.items()}
    assert losses["logistic_regression"] < losses["majority"] - 0.05


def test_a_label_that_some_part_never_sees_is_named() -> None:
    given = label_lesson(text=False)
    flags = given.labels.copy()
    flags[:, 3] = 0
    flags[given.parts[0].ask[:2], 3] = 1
    with pytest.raises(DataError, match="1 class has too few rows") as caught:
        replace(given, labels=flags).check()
    assert [problem.path for problem in caught.value.problems] == ["rare"]
    flags[:, 3] = 1
    with pytest.raises(DataError, match="only such rows"):
        replace(given, labels=flags).check()
