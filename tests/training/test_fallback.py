"""The fallback that training makes: counted or fitted, proved, and told on the card."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from assay.app import App
from assay.contract.table import Table
from assay.errors import ReleaseError, SpecError
from assay.features.plan import FeatureFrame
from assay.registry.releases import open_release, read_evidence, read_release
from assay.release.bundle import read_files
from assay.release.fallback import ModelFallback, RuleFallback
from assay.release.manifest import CARD
from assay.spec import Spec, parse_spec
from assay.training.candidates import fit_candidate, try_again
from assay.training.fallback import FittedFallback, check_fallback, make_fallback, prove_fallback
from assay.training.progress import Silence
from tests.training.lessons import label_lesson, lesson
from tests.training.test_train import SPEC, trained

RULE = '{rule: {feature: amount, op: ">", value: 45, label: "yes"}}'


def spec(fallback: str) -> Spec:
    return parse_spec(f"name: x\ndata: {{source: x.csv, label: y}}\nmodel: {{fallback: {fallback}}}\n")


def with_fallback(fallback: str) -> str:
    return SPEC.replace("policy:", f"model: {{fallback: {fallback}}}\npolicy:")


@pytest.mark.parametrize(("fallback", "name"), [(RULE, "rule amount > 45"), ("{model: logistic_regression}", "model ")])
def test_a_release_is_trained_with_its_fallback(folder: Path, app: App, fallback: str, name: str) -> None:
    result = trained(with_fallback(fallback), folder, app)
    release = open_release(result.version, app.blobs)
    assert release.fallback is not None
    assert release.fallback.name.startswith(name)
    card = msgspec.json.decode(read_evidence(result.version, app.blobs, CARD))["model"]["fallback"]
    assert card["name"] == release.fallback.name
    assert 0.5 < card["right"] < 1.0
    assert 0.5 < card["agrees"] <= 1.0


def test_the_shares_on_either_side_of_a_rule_are_its_probabilities() -> None:
    given = lesson(text=False)
    fitted = fit_candidate("logistic_regression", given, {"C": 1.0})
    made = make_fallback(
        spec('{rule: {feature: amount, op: ">=", value: 0.5, label: spam}}'), given, "x", fitted, {}, Silence()
    )
    assert made is not None
    told = made.stored.told
    assert isinstance(told, RuleFallback)
    amount = np.nan_to_num(given.table.columns["amount"], nan=float(np.nanmedian(given.table.columns["amount"])))
    holds = amount >= 0.5
    spam = given.labels == 1
    assert told.otherwise == "ham"
    assert told.holds[1] == pytest.approx(((holds & spam).sum() + 1) / (holds.sum() + 2))
    assert told.fails[0] == pytest.approx(((~holds & ~spam).sum() + 1) / ((~holds).sum() + 2))


def test_of_several_classes_the_most_frequent_other_one_is_said_where_the_rule_does_not_hold() -> None:
    given = lesson(classes=3, text=False)
    fitted = fit_candidate("logistic_regression", given, {"C": 1.0})
    made = make_fallback(
        spec('{rule: {feature: amount, op: ">", value: 1, label: sport}}'), given, "x", fitted, {}, Silence()
    )
    assert made is not None
    told = made.stored.told
    assert isinstance(told, RuleFallback)
    assert told.otherwise == "art"
    assert max(told.fails) == told.fails[0]
    assert sum(told.holds) == pytest.approx(1.0)


def test_of_several_labels_none_is_said_where_the_rule_does_not_hold() -> None:
    given = label_lesson(text=False)
    fitted = fit_candidate("logistic_regression", given, {"C": 1.0})
    made = make_fallback(
        spec('{rule: {feature: amount, op: ">", value: 1, label: rich}}'), given, "x", fitted, {}, Silence()
    )
    assert made is not None
    told = made.stored.told
    assert isinstance(told, RuleFallback)
    assert told.otherwise is None
    assert told.holds[2] > 0.9
    assert told.fails[2] < 0.1


@pytest.mark.parametrize(
    ("fallback", "chosen", "name"),
    [
        ("logistic_regression", "lightgbm", "logistic_regression"),
        ("logistic_regression", "average", "logistic_regression"),
        ("logistic_regression", "logistic_regression", "majority"),
        ("lightgbm", "logistic_regression", "majority"),
        ("logistic_regression", "majority", "majority"),
    ],
)
def test_a_model_that_is_no_simpler_than_the_chosen_one_gives_way_to_the_shares(
    fallback: str, chosen: str, name: str
) -> None:
    given = lesson(text=False)
    fitted = fit_candidate("majority", given, {})
    made = make_fallback(spec(f"{{model: {fallback}}}"), given, chosen, fitted, {}, Silence())
    assert made is not None
    assert isinstance(made.stored.told, ModelFallback)
    assert made.stored.told.name == name


def test_the_calibration_is_its_own() -> None:
    given = lesson(text=False)
    trial = try_again("logistic_regression", {"C": 1.0}, given)
    cold = dataclasses.replace(trial, scores=trial.scores * 5.0)
    fitted = fit_candidate("majority", given, {})
    made = make_fallback(
        spec("{model: logistic_regression}"), given, "lightgbm", fitted, {"logistic_regression": cold}, Silence()
    )
    assert made is not None
    assert isinstance(made.stored.told, ModelFallback)
    assert made.stored.told.calibration.method != "none"


@pytest.mark.parametrize(
    ("fallback", "message"),
    [
        ('{rule: {feature: amuont, op: ">", value: 1, label: spam}}', r"rule\.feature.*did you mean amount"),
        ('{rule: {feature: amount, op: ">", value: 1, label: eggs}}', r"rule\.label.*'eggs' is not one of the classes"),
    ],
)
def test_what_the_data_cannot_have_is_refused_before_anything_is_learned(fallback: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        check_fallback(spec(fallback), lesson(text=False))


def test_a_model_that_does_not_suit_the_data_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assay.training.boosting.Boosting.unsuited", lambda *_: "too many classes")
    with pytest.raises(SpecError, match="lightgbm cannot be fitted here: too many classes"):
        check_fallback(spec("{model: lightgbm}"), lesson(text=False))


def test_a_fallback_that_is_not_what_its_library_fitted_is_refused(folder: Path, app: App) -> None:
    result = trained(with_fallback("{model: logistic_regression}"), folder, app)
    bundle = read_files("orders", read_release(result.version, app.blobs))
    release = open_release(result.version, app.blobs)
    assert bundle.fallback is not None
    rows = [release.decode_mapping(example) for example in release.examples[:5]]

    def other(features: FeatureFrame) -> NDArray[np.float64]:
        return np.full((len(features.dense), 1), 9.0)

    with pytest.raises(ReleaseError, match="library"):
        prove_fallback(bundle, Table.from_rows(release.contract, rows), FittedFallback(bundle.fallback, other))
