"""What is served: the linear classifier of the request path's benchmark, as a release and as a scikit-learn pipeline.

The pipeline is the usual one (standardised numbers, one-hot categories, logistic regression); its coefficients are
those of the release, so that both say the same of every row and each answer can be held against the other.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import joblib
import numpy as np
import pandas as pd
from releases import publish_tabular
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from assay.app import App
from assay.registry.releases import open_release, read_release, resolve
from assay.release.core import Release

NAME = "linear_tabular"
#: Rows that are sent, in turn.
SENT = 64
CLOSE = 1e-9

#: The body of an answer -> label, probability of `yes`.
Read = Callable[[Any], tuple[str, float]]


class Subject(NamedTuple):
    """The rows that are sent, and what must be answered to each: label, probability of `yes`."""

    rows: tuple[dict[str, Any], ...]
    expected: tuple[tuple[str, float], ...]
    pipeline: Pipeline

    def check(self, number: int, body: bytes, read: Read) -> None:
        """Compare the answer to one row. Raises RuntimeError when it differs."""
        label, probability = read(json.loads(body))
        wanted, exact = self.expected[number]
        if label != wanted or not abs(probability - exact) <= CLOSE:
            raise RuntimeError(f"row {number}: {label} {probability!r}, not {wanted} {exact!r}")


def write_subject(app: App, folder: Path) -> Subject:
    """Publish the release in `app` and write what peers load into `folder`."""
    published = publish_tabular(app)
    version = resolve(NAME, app.registry)
    release = open_release(version, app.blobs)
    for name, content in read_release(version, app.blobs).items():
        (folder / "release").mkdir(exist_ok=True)
        (folder / "release" / name).write_bytes(content)
    frame = pd.DataFrame(published.table.columns)
    pipeline = _pipeline(release, frame, published.labels, published.table)
    joblib.dump(pipeline, folder / "pipeline.joblib")
    rows = tuple(json.loads(frame.head(SENT).to_json(orient="records")))
    decided = [release.answer(release.decode_mapping(row)) for row in rows]
    return Subject(rows, tuple((str(each.label), float(each.probabilities[1])) for each in decided), pipeline)


def _pipeline(release: Release, frame: pd.DataFrame, labels: Any, table: Any) -> Pipeline:
    numbers = [column.name for column in release.contract.columns if column.type == "number"]
    categories = [column.name for column in release.contract.columns if column.type == "category"]
    pipeline = make_pipeline(
        make_column_transformer(
            (StandardScaler(), numbers), (OneHotEncoder(handle_unknown="ignore"), categories), sparse_threshold=0.0
        ),
        LogisticRegression(max_iter=500),
    ).fit(frame, labels)
    seen = np.column_stack([pipeline[0].transform(frame), np.ones(len(frame))])
    scores = release.model.frame(release.features_frame(table))[:, 0]
    weights = np.linalg.lstsq(seen, scores)[0]
    pipeline[-1].coef_, pipeline[-1].intercept_ = weights[None, :-1], weights[-1:]
    difference = np.abs(pipeline.predict_proba(frame) - release.probabilities(table)).max()
    if not difference <= CLOSE:
        raise RuntimeError(f"the pipeline's probabilities are up to {difference:.1e} from the release's")
    return pipeline
