"""The Python door: load, predict, and what is on record afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import assay
from assay.adapters.sql.log_view import last_predictions
from assay.app import App, open_app
from assay.errors import ConfigurationError, ContractError, DataError, MalformedError, NotFoundError
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


def table(**columns: object) -> pd.DataFrame:
    """300 rows of a number that tells `y`, which is 0 or 1, with further columns."""
    draw = np.random.default_rng(6)
    x = draw.normal(size=300)
    return pd.DataFrame({"x": x, "y": (x + draw.normal(size=300) > 0).astype(int), **columns})


@pytest.mark.parametrize(
    ("kind", "positive", "meant"),
    [(int, 0, "0"), (int, np.int64(1), "1"), (float, 0.0, "0"), (bool, False, "false"), (bool, np.True_, "true")],
)
def test_the_positive_class_is_given_as_it_stands_in_the_frame(app: App, kind: type, positive: Any, meant: str) -> None:
    frame = table()
    made = assay.train(frame.assign(y=frame["y"].astype(kind)), label="y", positive=positive, app=app)
    assert made.card.data.positive == meant


def test_columns_that_are_numbers_are_meant_by_their_text(app: App) -> None:
    frame = table(who=np.arange(300) % 100, noise=1.5).set_axis([0, 1, 2, 3], axis=1)
    made = assay.train(frame, label=frame.columns[1], entity=2, ignore=3, name="numbered", app=app)
    assert (made.card.data.label, made.card.data.split, made.card.features.columns) == ("1", "group", ("0", "2"))


def test_several_labels_are_a_list_of_columns_or_stand_in_one(app: App) -> None:
    frame = table()
    frame["z"] = (frame["x"] > 0.5).astype(int)
    by_column = assay.train(frame, label=["y", "z"], app=app)
    assert (by_column.name, by_column.card.data.label) == ("y_z@1", ("y", "z"))
    frame["tags"] = np.select(
        [(frame["y"] == 1) & (frame["z"] == 1), frame["y"] == 1, frame["z"] == 1], ["y/z", "y", "z"], "w"
    )
    joined = assay.train(frame.drop(columns=["y", "z"]), label="tags", separator="/", app=app)
    assert joined.card.task == "multilabel"


def test_day_first_says_what_no_row_tells(app: App) -> None:
    frame = table(day="03/04/2024")
    frame.loc[::2, "day"] = "05/06/2024"
    with pytest.raises(DataError, match="no row tells"):
        assay.train(frame, label="y", app=app)
    made = assay.train(frame, label="y", day_first=False, app=app)
    assert made.card.data.reading.format["times"] == {"day": "month_first"}


@pytest.mark.parametrize(
    ("wishes", "said"),
    [
        ({"label": 1.5}, "label cannot be of the type float"),
        ({"label": True}, "label cannot be of the type bool"),
        ({"label": ["x", None]}, "label cannot be of the type NoneType"),
        ({"label": []}, "not named"),
        ({"label": "y", "positive": [1]}, "positive cannot be of the type list"),
        ({"label": "y", "positive": 2}, "positive 2: no row has this label"),
        ({"label": "y", "entity": 0}, "entity 0: the file has no such column"),
        ({"label": "y", "separator": 3}, "separator cannot be of the type int"),
        ({"label": "y", "name": 3}, "name cannot be of the type int"),
        ({"label": "y", "day_first": "yes"}, "day_first cannot be of the type str"),
    ],
)
def test_a_wish_that_says_nothing_is_refused(app: App, wishes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as caught:
        assay.train(table(), **wishes, app=app)
    assert caught.value.remedy


def test_data_that_was_trained_stays_beside_its_spec(app: App) -> None:
    first, other = (assay.train(table(z=z), label="y", app=app) for z in (range(300), range(300, 0, -1)))
    assert (first.name, other.name) == ("y@1", "y@2")
    for made in (first, other):
        again = assay.train(made.spec, app=app)
        assert (again.known, again.name) == (True, made.name)


def test_an_edited_spec_is_not_drafted_over(app: App) -> None:
    made = assay.train(table(), label="y", app=app)
    edited = made.spec.read_text() + "# mine\n"
    made.spec.write_text(edited)
    again = assay.train(table(), label="y", app=app)
    assert (again.known, again.spec.name, made.spec.read_text()) == (True, "classifier-2.yaml", edited)
    assert len([*made.spec.parent.glob("*.parquet")]) == 1


def test_another_table_is_no_version_of_a_classifier_unless_its_name_is_given(app: App) -> None:
    assay.train(table(), label="y", app=app)
    strangers = table(z=1.0), table().assign(y=["no", "yes", "perhaps"] * 100)
    for stranger in strangers:
        with pytest.raises(ConfigurationError, match="a classifier y already, of other columns or classes") as caught:
            assay.train(stranger, label="y", app=app)
        assert 'name="y"' in caught.value.remedy
    assert len(app.registry.versions("y")) == 1
    assert assay.train(strangers[1], label="y", name="y", app=app).name == "y@2"


def test_a_frame_that_cannot_be_drafted_leaves_nothing(app: App) -> None:
    with pytest.raises(ConfigurationError):
        assay.train(table(), label="y", positive="often", app=app)
    assert [*(app.home / "frames").iterdir()] == []


def test_a_training_that_fails_tells_where_its_spec_is(app: App) -> None:
    frame = table()
    with pytest.raises(DataError) as caught:
        assay.train(frame.assign(code=frame["y"] * 7), label="y", app=app)
    assert caught.value.__notes__ == [f"the spec is {app.home / 'frames' / 'y' / 'classifier.yaml'}"]


def test_columns_of_one_name_are_refused(app: App) -> None:
    frame = table().set_axis(["1", 1], axis=1)
    arrow = pl.from_pandas(table()).to_arrow().rename_columns(["1", "1"])
    for twice in (frame, arrow):
        with pytest.raises(DataError, match="2 columns of the DataFrame have the name 1"):
            assay.train(twice, label="1", app=app)


def test_the_wishes_of_a_frame_are_refused_with_a_spec(app: App) -> None:
    with pytest.raises(ConfigurationError, match="a spec names its positive and name itself"):
        assay.train("classifier.yaml", positive=1, name="x", app=app)


def test_the_public_names_are_these() -> None:
    assert assay.__all__ == ["AssayError", "Classifier", "Explanation", "load", "train"]
    assert dir(assay) == assay.__all__
    assert all(getattr(assay, name) for name in assay.__all__)
    with pytest.raises(AttributeError, match="fit"):
        _ = assay.fit
