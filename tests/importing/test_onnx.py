"""ONNX graphs, as skl2onnx writes them, against onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, PolynomialFeatures, StandardScaler

from assay.errors import NotSupportedError
from assay.importing.bind import bind
from assay.importing.onnx_model import open_onnx
from assay.spec.tree import MISSING_TOKENS
from tests.importing.material import ask, convert, frame, labels

pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
skl2onnx = pytest.importorskip("skl2onnx", reason="skl2onnx is not installed")

ROWS = frame(missing=False)


def save(path: Path, pipeline: Any, classes: int) -> Path:
    values = ROWS.select("amount", "visits").cast(pl.Float64).to_numpy().astype(np.float32)
    pipeline.fit(values, labels(ROWS, classes))
    graph = skl2onnx.to_onnx(pipeline, values[:1], target_opset=17)
    (path / "model.onnx").write_bytes(graph.SerializeToString())
    return path / "model.onnx"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize(
    "pipeline",
    [
        make_pipeline(StandardScaler(), LogisticRegression()),
        make_pipeline(MinMaxScaler(), RandomForestClassifier(9, random_state=0)),
        make_pipeline(StandardScaler(), GradientBoostingClassifier(n_estimators=9, random_state=0)),
    ],
)
def test_graphs_within_float32(tmp_path: Path, pipeline: Any, classes: int) -> None:
    native = open_onnx(save(tmp_path, pipeline, classes))
    rows = ROWS.select("amount", "visits")
    sources, _ = bind(native.names, native.categories, rows, MISSING_TOKENS)
    converted = convert(native.build(sources), rows, classes)
    ours, theirs = converted.scores(), ask(native, sources, converted.table)
    # Forests speak in logarithms of probabilities, which float32 blurs where they are tiny.
    likely = theirs > np.log(0.001)
    assert np.abs(ours - theirs)[likely].max() <= 1e-4


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_operation_that_is_not_known_is_refused_by_name(tmp_path: Path) -> None:
    native = open_onnx(save(tmp_path, make_pipeline(PolynomialFeatures(), LogisticRegression(max_iter=5000)), 2))
    sources, _ = bind(native.names, native.categories, ROWS.select("amount", "visits"), MISSING_TOKENS)
    with pytest.raises(NotSupportedError, match="an ONNX graph with"):
        native.build(sources)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_graph_of_texts_is_refused_by_name_whatever_languages_the_machine_knows(tmp_path: Path) -> None:
    texts = ["free entry now", "see you at noon"] * 4
    pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, [1, 0] * 4)
    kind = skl2onnx.common.data_types.StringTensorType([None, 1])
    graph = skl2onnx.to_onnx(pipeline, initial_types=[("t", kind)], target_opset=17)
    (tmp_path / "text.onnx").write_bytes(graph.SerializeToString())
    rows = pl.DataFrame({"t": texts})
    native = open_onnx(tmp_path / "text.onnx")
    sources, _ = bind(native.names, native.categories, rows, MISSING_TOKENS)
    with pytest.raises(NotSupportedError, match="an ONNX graph with the operation") as caught:
        native.build(sources)
    assert "the scikit-learn pipeline" in (caught.value.remedy or "")
