"""The frame that trained predicts as it is, whatever types its columns have in a notebook."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import assay
from assay.app import open_app
from assay.data.dataset import load_dataset
from assay.errors import ContractError, DataError
from assay.local import Classifier, TrainedRelease
from assay.registry.releases import open_release
from assay.settings import Settings
from assay.spec import read_spec

ROWS = 240
LABELS = np.tile(["no", "yes"], ROWS // 2)


def holey(values: Any, hole: Any = None) -> list[Any]:
    """The values with two holes."""
    return [hole if at in (3, 10) else value for at, value in enumerate(values)]


def notebook() -> pd.DataFrame:
    draw = np.random.default_rng(5)
    amount = draw.normal(size=ROWS) + 1.5 * (LABELS == "yes")
    codes, flags = draw.integers(0, 5, ROWS), draw.integers(0, 2, ROWS).astype(bool)
    letters = np.array(["a", "b", "c", "d", "e"])[codes]
    moments = pd.Timestamp("2023-01-01") + pd.to_timedelta(draw.integers(0, 86_400 * 800, ROWS), unit="s")
    words = ["free", "win &amp;lt;", "lunch", "noon", "call", "me", "now"]
    columns = {
        "float": amount,
        "float_32": amount.astype(np.float32),
        "float_with_nan": holey(amount, np.nan),
        "float_with_na": pd.array(holey(amount), dtype="Float64"),
        "integer": codes * 7,
        "integer_8": codes.astype(np.int8),
        "integer_with_na": pd.array(holey(codes * 3), dtype="Int64"),
        "flag": flags,
        "flag_with_na": pd.array(holey(flags), dtype="boolean"),
        "flag_as_object": pd.Series(holey(flags.tolist()), dtype=object),
        "flag_as_text": np.where(flags, "True", "False"),
        "category": pd.Categorical(letters),
        "category_with_na": pd.Categorical(holey(letters)),
        "category_of_integers": pd.Categorical(codes),
        "object": pd.Series(holey(letters, np.nan), dtype=object),
        "string": pd.array(holey(letters), dtype="string"),
        "number_as_text": [f"{value:.3f}" for value in amount],
        "number_with_marks": [f"{value:,.2f}" for value in amount * 9000],
        "moment": moments,
        "moment_with_nat": pd.Series(holey(moments, pd.NaT)),
        "moment_in_utc": moments.tz_localize("UTC"),
        "moment_in_paris": moments.tz_localize("UTC").tz_convert("Europe/Paris"),
        "moment_in_ns": moments.astype("datetime64[ns]"),
        "moment_as_text": moments.strftime("%Y-%m-%d %H:%M:%S"),
        "day": [moment.date() for moment in moments],
        "day_first": moments.strftime("%d/%m/%Y"),
        "duration": pd.to_timedelta(codes * 61, unit="s"),
        "decimal": [Decimal(f"{value:.2f}") for value in amount],
        "text": [" ".join(draw.choice(words, 6)) for _ in range(ROWS)],
        "label": LABELS,
    }
    return pd.DataFrame(columns)


PANDAS = notebook()
FRAMES = {"pandas": PANDAS, "polars": pl.from_pandas(PANDAS), "arrow": pl.from_pandas(PANDAS).to_arrow()}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> TrainedRelease:
    app = open_app(settings=Settings(home=tmp_path_factory.mktemp("frames") / "home"))
    return assay.train(PANDAS, label="label", name="notebook", app=app)


@pytest.fixture(scope="module")
def classifier(trained: TrainedRelease) -> Iterator[Classifier]:
    loaded = trained.load()
    yield loaded
    loaded.close()


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_the_frame_that_trained_predicts_like_the_rows_of_its_file(
    trained: TrainedRelease, classifier: Classifier, frame: Any
) -> None:
    rows = load_dataset(read_spec(trained.spec), trained.spec.parent).table
    release = open_release(trained.version, trained.app.blobs)
    assert np.array_equal(classifier.predict_proba(frame), release.probabilities(rows))


def test_a_column_that_is_not_in_the_frame_is_named(classifier: Classifier) -> None:
    with pytest.raises(ContractError) as caught:
        classifier.predict(PANDAS.drop(columns=["decimal", "text"]))
    assert [problem.path for problem in caught.value.problems] == ["column decimal", "column text"]


def test_the_rows_of_a_frame_that_break_the_contract_are_named(classifier: Classifier) -> None:
    wrong = PANDAS.assign(number_as_text=["much", *PANDAS["number_as_text"][1:]], flag=[None, *PANDAS["flag"][1:]])
    with pytest.raises(ContractError) as caught:
        classifier.predict(wrong)
    assert [str(problem) for problem in caught.value.problems] == [
        "column flag: is missing, and the spec does not say what that means (missing: ...) (row 1)",
        "column number_as_text: must be a number, got 'much' (row 1)",
    ]


def test_a_column_of_several_types_is_refused_in_training_and_predicting(
    trained: TrainedRelease, classifier: Classifier
) -> None:
    mixed = PANDAS.assign(object=pd.Series(["a", 1] * (ROWS // 2), dtype=object))
    for use in (lambda: classifier.predict(mixed), lambda: assay.train(mixed, label="label", app=trained.app)):
        with pytest.raises(DataError, match=r"column object (.|\n)*astype"):
            use()


def test_rows_take_the_values_of_a_frame_one_by_one(classifier: Classifier) -> None:
    row = {name: value for name, value in PANDAS.iloc[3].items() if name != "label"}
    plain = {
        "flag_as_text": row["flag_as_text"] == "True",
        "number_as_text": float(row["number_as_text"]),
        "number_with_marks": float(row["number_with_marks"].replace(",", "")),
        "day_first": row["moment"].date(),
        "duration": row["duration"].total_seconds(),
    }
    by_row = classifier.predict({**row, **plain})
    assert by_row.probabilities == classifier.predict(PANDAS[3:4])[0].probabilities
