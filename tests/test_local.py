"""The Python door: load, predict, and what is on record afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

import assay
from assay.adapters.sql.log_view import last_predictions
from assay.app import App, open_app
from assay.errors import ConfigurationError, ContractError, MalformedError, NotFoundError
from assay.local import Classifier
from assay.models.linear import LinearModel
from assay.registry.releases import Registration, publish
from assay.settings import Settings
from tests.release.material import linear_bundle, trees_bundle

ROW = {"text": "hello there", "user_id": "u1", "amount": 3, "limit": 4, "plan": "pro", "verified": True}


@pytest.fixture
def app(tmp_path: Path) -> App:
    app = open_app(settings=Settings(home=tmp_path / "home"))
    registration = Registration(passed=True, framework="assay", metrics={}, created_at=0.0, created_by="me")
    bundle = linear_bundle()
    publish(bundle, {"card.json": b"{}"}, registration, registry=app.registry, blobs=app.blobs)
    return app


@pytest.fixture
def classifier(app: App) -> Iterator[Classifier]:
    loaded = assay.load(f"{linear_bundle().classifier}@1", app=app)
    yield loaded
    loaded.close()


def test_one_example_gets_one_answer_and_many_get_many(classifier: Classifier) -> None:
    one = classifier.predict(ROW)
    many = classifier.predict([ROW, {**ROW, "amount": 900}])
    assert one.label in classifier.classes_
    assert many[0].confidence == one.confidence


def test_a_data_frame_is_a_list_of_rows_with_nan_for_missing(classifier: Classifier) -> None:
    frame = pl.DataFrame([{**ROW, "amount": 1.0}, {**ROW, "amount": float("nan")}])
    rows = [{**ROW, "amount": 1.0}, {**ROW, "amount": None}]
    assert [a.confidence for a in classifier.predict(frame)] == [a.confidence for a in classifier.predict(rows)]


def test_probabilities_have_one_column_a_class(classifier: Classifier) -> None:
    probabilities = classifier.predict_proba([ROW, ROW])
    assert probabilities.shape == (2, 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
    assert classifier.predict_proba([]).shape == (0, 2)


def test_numpy_values_are_taken_as_plain_ones(classifier: Classifier) -> None:
    assert classifier.predict({**ROW, "amount": np.int64(3)}).confidence == classifier.predict(ROW).confidence


def test_every_answer_is_on_record(app: App, classifier: Classifier) -> None:
    answers = classifier.predict([ROW, ROW])
    classifier.close()
    logged = {row["prediction_id"] for row in map(dict, last_predictions(app.engine, 10, None))}
    assert {answer.prediction_id for answer in answers} == logged


def test_an_explanation_adds_up(classifier: Classifier) -> None:
    explanation = classifier.predict(ROW, explain=True).explanation
    assert explanation is not None
    assert explanation.kind == "exact"
    assert explanation.factors


def test_an_answer_outlives_its_explanation(classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(LinearModel, "contributions", fail)
    answer = classifier.predict(ROW, explain=True)
    assert answer.explanation is None
    assert answer.degraded == ("no explanation: it failed with ZeroDivisionError",)


def test_a_bad_row_is_named_and_nothing_is_recorded(app: App, classifier: Classifier) -> None:
    with pytest.raises(ContractError) as caught:
        classifier.predict([ROW, {**ROW, "amount": "much"}])
    assert [problem.path for problem in caught.value.problems] == ["row 2, features.amount"]
    assert "row 2, features.amount: must be a number" in str(caught.value)
    assert str(caught.value).endswith("try: correct what is named; nothing was classified or recorded")
    classifier.close()
    assert not list(last_predictions(app.engine, 10, None))


def test_what_is_no_example_is_malformed(classifier: Classifier) -> None:
    with pytest.raises(MalformedError, match="plain values"):
        classifier.predict({"text": object()})


def test_a_classifier_that_does_not_exist_is_named(app: App) -> None:
    with pytest.raises(NotFoundError, match="nothing"):
        assay.load("nothing", app=app)


def test_without_a_name_the_only_deployed_classifier_is_loaded(app: App) -> None:
    with pytest.raises(NotFoundError, match="no classifier is deployed"):
        assay.load(app=app)
    app.registry.deploy("spam", 1, expected_generation=0, by="me", at=1.0, reason="")
    assert repr(assay.load(app=app)).startswith("<Classifier spam@1")
    version = publish(
        trees_bundle(),
        {},
        Registration(passed=True, framework="assay", metrics={}, created_at=0.0, created_by="me"),
        registry=app.registry,
        blobs=app.blobs,
    )
    app.registry.deploy(version.classifier, 1, expected_generation=0, by="me", at=1.0, reason="")
    with pytest.raises(ConfigurationError, match="several"):
        assay.load(app=app)


@pytest.mark.parametrize("missing", [np.nan, np.float32("nan"), pd.NA, pd.NaT, np.datetime64("NaT"), None])
def test_what_pandas_means_by_missing_is_missing(classifier: Classifier, missing: object) -> None:
    expected = classifier.predict({**ROW, "amount": None}).confidence
    assert classifier.predict({**ROW, "amount": missing}).confidence == expected


def test_a_data_frame_is_trained_and_its_card_shown(tmp_path: Path) -> None:
    app = open_app(settings=Settings(home=tmp_path / "home"))
    draw = np.random.default_rng(2)
    labels = np.tile(["<no>", "yes"], 200)
    frame = pl.DataFrame(
        {
            "amount": draw.normal(size=400) + 2.0 * (labels == "yes"),
            "kind": pl.Series(draw.choice(["a", "b"], 400), dtype=pl.Categorical),
            "<label>": labels,
        }
    )
    made = assay.train(frame, label="<label>", positive="yes", name="orders", app=app)
    assert (made.name, made.known, made.deployed) == ("orders@1", False, True)
    again = assay.train(frame.to_arrow(), label="<label>", positive="yes", name="orders", app=app)
    assert (again.known, again.version.release_digest) == (True, made.version.release_digest)
    loaded = made.load()
    assert loaded.predict({"amount": 9.0, "kind": "a"}).label == "yes"
    loaded.close()
    for card in (made._repr_html_(), loaded._repr_html_()):
        assert "orders@1" in card
        assert "&lt;label&gt;" in card
        assert "roc auc" in card
        assert "<label>" not in card


def test_a_forest_of_several_labels_is_trained_answers_and_explains(tmp_path: Path) -> None:
    app = open_app(settings=Settings(home=tmp_path / "home"))
    draw = np.random.default_rng(4)
    first, second = draw.normal(size=300), draw.normal(size=300)
    frame = pl.DataFrame({"x": first, "z": second, "far": abs(first) > 0.8, "same": first * second > 0.0})
    drafted = assay.train(frame, label="far,same", name="labels", deploy=False, app=app)
    text = drafted.spec.read_text().replace("[logistic_regression, lightgbm]", "[random_forest]\n  average: false")
    drafted.spec.write_text(text)
    made = assay.train(drafted.spec, app=app)
    assert made.card.model.chosen == "random_forest"
    forest = made.load()
    one, none = forest.predict([{"x": 1.5, "z": 1.0}, {"x": 0.4, "z": -1.0}], explain=True)
    forest.close()
    assert (set(one.labels), none.labels) == ({"far", "same"}, ())
    assert [each.label for each in one.explanation] == list(one.labels)
    for each in (*one.explanation, *none.explanation):
        assert each.kind == "exact"
        assert each.base + sum(factor.contribution for factor in each.factors) == pytest.approx(each.margin)


def test_a_release_without_a_card_has_a_short_one(classifier: Classifier) -> None:
    assert "spam@1" in classifier._repr_html_()


def test_what_cannot_be_trained_says_why(app: App) -> None:
    with pytest.raises(MalformedError, match="neither the path"):
        assay.train([1, 2], label="x", app=app)
    with pytest.raises(ConfigurationError, match="not named"):
        assay.train(pl.DataFrame({"x": [1]}), app=app)
    with pytest.raises(ConfigurationError, match="names its label itself"):
        assay.train("classifier.yaml", label="x", app=app)


def test_the_public_names_are_these() -> None:
    assert assay.__all__ == ["AssayError", "Classifier", "Explanation", "load", "train"]
    assert dir(assay) == assay.__all__
    assert all(getattr(assay, name) for name in assay.__all__)
    with pytest.raises(AttributeError, match="fit"):
        _ = assay.fit
