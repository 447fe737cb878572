"""The average of candidates: taken where it helps, fitted as one model."""

from __future__ import annotations

import numpy as np
import pytest

from assay.features.frame import evaluate_frame
from assay.features.row import prepare_row
from assay.spec.tree import ModelChoice
from assay.training.candidates import AVERAGE, fit_candidate, frameworks, try_candidates
from assay.training.lesson import Trial
from assay.training.losses import tempered_losses
from assay.training.progress import Silence
from assay.training.selection import tell_settings
from tests.training.lessons import lesson

EVERY = ("logistic_regression", "random_forest", "lightgbm")


@pytest.mark.parametrize(("classes", "text"), [(2, True), (2, False), (3, True), (3, False)])
def test_an_average_is_one_model_that_scores_like_the_libraries(classes: int, text: bool) -> None:
    given = lesson(classes=classes, text=text)
    tried = try_candidates(given, ModelChoice(candidates=EVERY), Silence())
    settings = {f"{name}.{key}": value for name in EVERY for key, value in tried[name].settings.items()}
    settings |= {f"{name}.weight": 0.4 for name in EVERY}
    fitted = fit_candidate("average", given, settings)
    frame = evaluate_frame(fitted.plan, fitted.plan_arrays, given.table)
    scores = fitted.model.frame(frame)
    assert scores.shape == (given.table.rows, given.outputs)
    assert np.abs(scores - fitted.library(frame)).max() <= 1e-9
    features = prepare_row(fitted.plan, fitted.plan_arrays)
    rows = [fitted.model.row(features(given.table.row(at, given.contract.names))) for at in range(given.table.rows)]
    assert np.array_equal(np.array(rows), scores)


def test_an_average_is_no_worse_than_its_best_member() -> None:
    given = lesson()
    tried = try_candidates(given, ModelChoice(candidates=EVERY), Silence())
    losses = {name: tempered_losses(each.scores, given.targets[given.asked]).mean() for name, each in tried.items()}
    assert losses["average"] <= min(losses[name] for name in EVERY) + 1e-9


def test_what_two_candidates_see_apart_an_average_sees() -> None:
    """Each of two says the truth about its half of the rows and noise about the other."""
    given = lesson(rows=480)
    random = np.random.default_rng(3)
    truth = 4.0 * given.targets[given.asked] - 2.0
    halves = np.arange(truth.size) % 2 == 0
    views = [np.where(half, truth, random.normal(size=truth.size))[:, None] for half in (halves, ~halves)]
    found = AVERAGE.of(given, {name: Trial(view, {}) for name, view in zip(EVERY, views, strict=False)})
    assert found is not None
    assert found.settings["logistic_regression.weight"] == pytest.approx(
        found.settings["random_forest.weight"], rel=0.5
    )


def test_of_an_average_its_weights_are_told() -> None:
    tried = try_candidates(lesson(), ModelChoice(candidates=EVERY), Silence())
    told = tell_settings(tried["average"])
    assert told.count(",") == told.count(".weight ") - 1
    assert tell_settings(tried["logistic_regression"]).startswith("C ")
    assert tell_settings(tried["random_forest"]) == ""


def test_one_candidate_that_says_it_all_needs_no_other() -> None:
    given = lesson()
    truth = 4.0 * given.targets[given.asked] - 2.0
    noise = np.random.default_rng(3).normal(size=(truth.size, 1))
    assert AVERAGE.of(given, {"lightgbm": Trial(truth[:, None], {}), "random_forest": Trial(noise, {})}) is None


def test_no_average_where_the_spec_wants_none() -> None:
    assert "average" not in try_candidates(lesson(text=False), ModelChoice(average=False), Silence())


def test_its_frameworks_are_those_of_its_members() -> None:
    said = frameworks("average", {"lightgbm.weight": 0.5, "logistic_regression.weight": 0.5})
    assert said == f"{frameworks('logistic_regression', {})}, {frameworks('lightgbm', {})}"
