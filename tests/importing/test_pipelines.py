"""scikit-learn pipelines, converted, against themselves: scaling, imputing, encoding, counting terms; and refusals."""

from __future__ import annotations

import warnings
from typing import Any

import lightgbm
import numpy as np
import polars as pl
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    AdaBoostClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
)
from sklearn.tree import DecisionTreeClassifier

from assay.errors import NotSupportedError
from assay.importing.estimators import read_estimator
from assay.importing.inputs import Input, Value
from assay.importing.transformers import Notes, walk
from tests.importing.material import Converted, convert, frame, labels

NUMBERS, CATEGORIES = ["amount", "visits"], ["plan"]
NAN_TREES = {"max_depth": 6, "random_state": 0}


def cells(rows: pl.DataFrame) -> Any:
    """Numbers and category side by side, NaN where missing, as pandas would hand them over."""
    matrix = np.empty((rows.height, 3), dtype=object)
    for at, name in enumerate(NUMBERS):
        matrix[:, at] = rows[name].cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy()
    matrix[:, 2] = [np.nan if plan == "" else plan for plan in rows["plan"]]
    return matrix


def table_pipeline(numbers: Any, categories: Any, estimator: Any) -> Any:
    parts = ColumnTransformer([("numbers", numbers, [0, 1]), ("categories", categories, [2])])
    return Pipeline([("prepare", parts), ("classify", estimator)])


def read(pipeline: Any, start: list[str], rows: pl.DataFrame, given: Any, classes: int) -> tuple[Converted, Any]:
    """The converted pipeline, and what its classifier itself says of the rows."""
    notes = Notes()
    inputs = walk(pipeline[:-1], [Input(Value(name)) for name in start], notes)
    foreign, ask = read_estimator(pipeline[-1], inputs, notes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # LightGBM was fitted with names and is asked without
        return convert(foreign, rows, classes), ask(pipeline[:-1].transform(given))


def check_table(pipeline: Any, tolerance: float, classes: int = 2, *, missing: bool = True) -> None:
    rows = frame(missing=missing)
    pipeline.fit(cells(rows), labels(rows, classes))
    for some in (rows, frame(250, seed=4, missing=missing)):
        converted, theirs = read(pipeline, [*NUMBERS, *CATEGORIES], some, cells(some), classes)
        assert np.abs(converted.scores() - theirs).max() <= tolerance


IMPUTE = SimpleImputer(strategy="median")
FILL = SimpleImputer(strategy="most_frequent")
SCALERS = {
    "standard": make_pipeline(IMPUTE, StandardScaler()),
    "centred only": make_pipeline(IMPUTE, StandardScaler(with_std=False)),
    "range": make_pipeline(IMPUTE, MinMaxScaler((-1, 2))),
    "largest": make_pipeline(IMPUTE, MaxAbsScaler()),
    "robust": make_pipeline(IMPUTE, RobustScaler()),
    "with an indicator": SimpleImputer(add_indicator=True),
}
ENCODERS = {
    "flags": OneHotEncoder(handle_unknown="ignore"),
    "flags but one": make_pipeline(FILL, OneHotEncoder(drop="first", handle_unknown="ignore")),
    "rare ones together": OneHotEncoder(min_frequency=0.34, handle_unknown="infrequent_if_exist"),
    "codes": make_pipeline(FILL, OrdinalEncoder()),
    "codes with unknown": OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2
    ),
}


@pytest.mark.parametrize("scaler", SCALERS)
def test_scalers_before_a_linear_model(scaler: str) -> None:
    check_table(table_pipeline(SCALERS[scaler], ENCODERS["flags"], LogisticRegression(max_iter=1000)), 1e-9)


@pytest.mark.parametrize("scaler", SCALERS)
def test_scalers_before_trees(scaler: str) -> None:
    check_table(table_pipeline(SCALERS[scaler], ENCODERS["flags"], DecisionTreeClassifier(max_depth=6)), 0.0)


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("estimator", [LogisticRegression(max_iter=1000), ExtraTreesClassifier(9, random_state=0)])
def test_encoders(encoder: str, estimator: Any) -> None:
    check_table(table_pipeline(SCALERS["standard"], ENCODERS[encoder], estimator), 1e-9)


@pytest.mark.parametrize(
    ("estimator", "tolerance"),
    [
        (LogisticRegression(max_iter=1000), 1e-9),
        (RandomForestClassifier(12, random_state=0), 1e-12),
        (GradientBoostingClassifier(n_estimators=15, random_state=0), 1e-9),
        (HistGradientBoostingClassifier(max_iter=15, random_state=0), 1e-9),
        (lightgbm.LGBMClassifier(n_estimators=15, verbose=-1, n_jobs=1), 0.0),
    ],
)
@pytest.mark.parametrize("classes", [2, 3])
def test_classifiers(estimator: Any, tolerance: float, classes: int) -> None:
    numbers = SCALERS["standard"]
    check_table(
        table_pipeline(numbers, OneHotEncoder(sparse_output=False), estimator), tolerance, classes, missing=False
    )


def test_a_logistic_regression_by_gradient_descent() -> None:
    check_table(table_pipeline(SCALERS["standard"], ENCODERS["flags"], SGDClassifier(loss="log_loss")), 1e-9)


def test_xgboost_in_a_pipeline() -> None:
    xgboost = pytest.importorskip("xgboost", reason="XGBoost is not installed")
    estimator = xgboost.XGBClassifier(n_estimators=15, n_jobs=1)
    check_table(table_pipeline("passthrough", OneHotEncoder(sparse_output=False), estimator), 2e-5)


def test_trees_send_missing_numbers_where_the_original_does() -> None:
    numbers = Pipeline([("as they are", "passthrough")])
    encoder = OneHotEncoder(sparse_output=False)
    check_table(table_pipeline(numbers, encoder, HistGradientBoostingClassifier(max_iter=15)), 1e-9)
    check_table(table_pipeline(numbers, encoder, RandomForestClassifier(9, **NAN_TREES)), 1e-12)


TEXTS = {
    "tf-idf": TfidfVectorizer(),
    "pairs without stop words": TfidfVectorizer(ngram_range=(1, 2), stop_words=["please", "now"], sublinear_tf=True),
    "characters": TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4)),
    "short words too": TfidfVectorizer(token_pattern=r"(?u)\b\w+\b", use_idf=False, norm=None),
    "counts": CountVectorizer(),
    "presence": CountVectorizer(binary=True),
    "two steps": make_pipeline(CountVectorizer(), TfidfTransformer()),
    "words and characters": FeatureUnion(
        [("words", TfidfVectorizer()), ("parts", CountVectorizer(analyzer="char_wb", ngram_range=(3, 3)))]
    ),
    "chosen": make_pipeline(TfidfVectorizer(), SelectKBest(k=5)),
}


@pytest.mark.parametrize("vectorizer", TEXTS)
@pytest.mark.parametrize("estimator", [LogisticRegression(max_iter=1000), RandomForestClassifier(9, random_state=0)])
def test_texts(vectorizer: str, estimator: Any) -> None:
    rows = frame()
    pipeline = Pipeline([("count", TEXTS[vectorizer]), ("classify", estimator)]).fit(
        rows["text"].to_list(), labels(rows)
    )
    converted, theirs = read(pipeline, ["text"], rows, rows["text"].to_list(), 2)
    assert np.abs(converted.scores() - theirs).max() <= 1e-9


def test_naive_bayes_is_linear() -> None:
    rows = frame()
    pipeline = make_pipeline(CountVectorizer(), MultinomialNB()).fit(rows["text"].to_list(), labels(rows, 3))
    converted, theirs = read(pipeline, ["text"], rows, rows["text"].to_list(), 3)
    assert np.abs(converted.scores() - theirs).max() <= 1e-9


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        (make_pipeline(IMPUTE, PolynomialFeatures()), "the step PolynomialFeatures"),
        (make_pipeline(IMPUTE, FunctionTransformer(np.abs)), "its function is code"),
        (make_pipeline(StandardScaler(), IMPUTE), "a SimpleImputer of anything but columns"),
        (SimpleImputer(missing_values=0), "takes 0 for missing"),
    ],
)
def test_steps_that_are_not_known_exactly_are_refused_by_name(numbers: Any, said: str) -> None:
    rows = frame(missing=False)
    pipeline = table_pipeline(numbers, ENCODERS["flags"], LogisticRegression(max_iter=5000))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipeline.fit(cells(rows), labels(rows))
    with pytest.raises(NotSupportedError, match=said):
        read(pipeline, [*NUMBERS, *CATEGORIES], rows, cells(rows), 2)


@pytest.mark.parametrize(
    ("vectorizer", "said"),
    [
        (TfidfVectorizer(analyzer="char"), "the analyzer 'char'"),
        (TfidfVectorizer(lowercase=False), "keeps capitals"),
        (TfidfVectorizer(token_pattern=r"\S+"), "token pattern"),
        (TfidfVectorizer(strip_accents="unicode"), "strip_accents"),
        (TfidfVectorizer(norm="l1"), "norm l1"),
        (TfidfVectorizer(analyzer="char_wb", ngram_range=(4, 5)), "characters from 4 on"),
    ],
)
def test_texts_that_are_taken_apart_otherwise_are_refused(vectorizer: Any, said: str) -> None:
    rows = frame()
    pipeline = make_pipeline(vectorizer, LogisticRegression()).fit(rows["text"].to_list(), labels(rows))
    with pytest.raises(NotSupportedError, match=said):
        read(pipeline, ["text"], rows, rows["text"].to_list(), 2)


@pytest.mark.parametrize(
    ("estimator", "classes", "said"),
    [
        (AdaBoostClassifier(), 2, "the classifier AdaBoostClassifier"),
        (SGDClassifier(loss="log_loss"), 3, "one class against the rest"),
        (SGDClassifier(), 2, "the loss hinge"),
    ],
)
def test_classifiers_that_cannot_be_said_exactly_are_refused(estimator: Any, classes: int, said: str) -> None:
    with pytest.raises(NotSupportedError, match=said):
        check_table(table_pipeline(SCALERS["standard"], ENCODERS["flags"], estimator), 0.0, classes)
