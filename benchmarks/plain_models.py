"""What Assay's models are compared with: the two models a practitioner writes in ten lines, with library defaults.

A logistic regression over TF-IDF of words and word pairs (texts), standardised numbers and one-hot categories; and
LightGBM over the same terms, numbers as they are and categories as its own categorical features. Of several labels each
has a model of its own (one against the rest).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from assay.data.dataset import Dataset

Rows = NDArray[np.intp]
#: Above this, default LightGBM over terms takes hours (classes x rounds trees) and is not what anybody would wait for.
MOST_BOOSTED_CLASSES = 30


def plain_probabilities(dataset: Dataset, fit: Rows, gate: Rows) -> dict[str, NDArray[np.float64]]:
    """Probabilities (gate rows, classes) of each plain model fitted on the rows `fit`."""
    found = {"plain logistic regression": _logistic(dataset, fit, gate)}
    if len(dataset.contract.classes) <= MOST_BOOSTED_CLASSES:
        found["default LightGBM"] = _boosting(dataset, fit, gate)
    return found


def _logistic(dataset: Dataset, fit: Rows, gate: Rows) -> NDArray[np.float64]:
    blocks = _terms(dataset, fit, gate)
    numbers, categories = _numbers(dataset), _categories(dataset)
    if numbers.shape[1]:
        scale = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
        blocks.append((scale.fit_transform(numbers[fit]), scale.transform(numbers[gate])))
    if categories.shape[1]:
        one_hot = OneHotEncoder(handle_unknown="ignore")
        blocks.append((one_hot.fit_transform(categories[fit]), one_hot.transform(categories[gate])))
    teach, ask = (
        sparse.hstack([sparse.csr_matrix(each) for each in side], format="csr") for side in zip(*blocks, strict=True)
    )
    return _of_each(lambda labels: LogisticRegression(max_iter=1000).fit(teach, labels), dataset.labels[fit], ask)


def _boosting(dataset: Dataset, fit: Rows, gate: Rows) -> NDArray[np.float64]:
    terms, numbers, categories = _terms(dataset, fit, gate), _numbers(dataset), _categories(dataset)
    teach, ask = numbers[fit], numbers[gate]
    if categories.shape[1]:
        codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
        teach = np.hstack([codes.fit_transform(categories[fit]), teach])
        ask = np.hstack([codes.transform(categories[gate]), ask])
    if terms:
        teach, ask = (
            sparse.hstack([dense, *blocks], format="csr")
            for dense, blocks in zip((teach, ask), zip(*terms, strict=True), strict=True)
        )
    known = list(range(categories.shape[1]))

    def boost(labels: NDArray[np.int64]) -> Any:
        return lightgbm.LGBMClassifier(n_jobs=1, verbose=-1).fit(teach, labels, categorical_feature=known)

    return _of_each(boost, dataset.labels[fit], ask)


def _of_each(learn: Callable[[NDArray[np.int64]], Any], labels: NDArray[np.int64], ask: Any) -> NDArray[np.float64]:
    """Probabilities of one model of all classes, or of one model a label."""
    if labels.ndim == 1:
        return np.asarray(learn(labels).predict_proba(ask))
    return np.column_stack([learn(flags).predict_proba(ask)[:, 1] for flags in labels.T])


def _terms(dataset: Dataset, fit: Rows, gate: Rows) -> list[tuple[Any, Any]]:
    blocks = []
    for name in _named(dataset, "text"):
        texts = np.array([cell or "" for cell in dataset.table.columns[name]], dtype=object)
        vectoriser = TfidfVectorizer(ngram_range=(1, 2))
        blocks.append((vectoriser.fit_transform(texts[fit]), vectoriser.transform(texts[gate])))
    return blocks


def _numbers(dataset: Dataset) -> NDArray[np.float64]:
    columns = [dataset.table.columns[name] for name in _named(dataset, "number", "boolean", "timestamp")]
    return np.stack(columns, axis=1) if columns else np.empty((dataset.rows, 0))


def _categories(dataset: Dataset) -> NDArray[np.object_]:
    columns = [
        np.array(["missing" if cell is None else cell for cell in dataset.table.columns[name]], dtype=object)
        for name in _named(dataset, "category")
    ]
    return np.stack(columns, axis=1) if columns else np.empty((dataset.rows, 0), dtype=object)


def _named(dataset: Dataset, *types: str) -> list[str]:
    return [column.name for column in dataset.contract.columns if column.type in types]
