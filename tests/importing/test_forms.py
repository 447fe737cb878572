"""A model file is what its content says, and its name must agree."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import numpy as np
import polars as pl
import pytest

from assay.contract.table import Table
from assay.errors import DataError, NotSupportedError
from assay.importing.foreign import Foreign, Linear
from assay.importing.forms import Form, recognise
from assay.importing.native import Native
from assay.importing.opened import Trust, open_model

CONTENTS = {
    "model.txt": (b"tree\nversion=v4\n", "LightGBM text"),
    "model.json": (b'{"learner": {}, "version": [3]}', "XGBoost JSON"),
    "other.json": (b'{"features_info": {}, "oblivious_trees": []}', "CatBoost JSON"),
    "model.ubj": (b"{L\x00\x00\x00\x00\x00\x00\x00\x07learner", "XGBoost UBJ"),
    "model.cbm": (b"CBM1....", "CatBoost binary"),
    "model.onnx": (b"\x08\x08\x12\x08", "ONNX"),
    "model.joblib": (b"\x80\x05", "pickle"),
}


@pytest.mark.parametrize("name", CONTENTS)
def test_each_form_is_known_by_its_content(tmp_path: Path, name: str) -> None:
    content, form = CONTENTS[name]
    (tmp_path / name).write_bytes(content)
    assert recognise(tmp_path / name) == form


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("churn.json", b"tree\nversion=v4\n", "churn.json is not an XGBoost or CatBoost model: it looks like LightGBM"),
        ("churn.json", b"{broken", "looks like nothing that can be imported"),
        ("churn.json", b'{"a": 1}', "looks like nothing that can be imported"),
        ("churn.cbm", b"\x80\x05", "churn.cbm is not a CatBoost model: it looks like pickle"),
        ("churn.h5", b"", "no suffix of a model file"),
    ],
)
def test_a_file_that_is_not_what_its_suffix_says_is_refused(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=said):
        recognise(tmp_path / name)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read: No such file"):
        recognise(tmp_path / "model.txt")


def test_the_json_of_lightgbm_is_refused_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_bytes(b'{"name": "tree", "tree_info": []}')
    with pytest.raises(NotSupportedError) as caught:
        recognise(tmp_path / "model.json")
    assert "save_model" in caught.value.remedy


@pytest.mark.parametrize(
    ("form", "library"), [("LightGBM text", "lightgbm"), ("XGBoost JSON", "xgboost"), ("ONNX", "onnx")]
)
def test_a_damaged_file_is_one_calm_message(tmp_path: Path, form: Form, library: str) -> None:
    pytest.importorskip(library, reason=f"{library} is not installed")
    path = tmp_path / "model"
    path.write_bytes(b"tree\nversion=v4\nnonsense")
    with pytest.raises(DataError, match=rf"^model is no sound {form} model: .") as caught:
        open_model(path, form, pl.DataFrame({"a": ["1"]}), (), Trust())
    assert "save it again" in caught.value.remedy
    assert "\n" not in caught.value.message


def test_a_library_that_cannot_answer_is_told_with_the_file_and_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(columns: object, rounds: int = 0) -> NoReturn:
        raise RuntimeError("no such leaf\nstack of the library")

    names = ("a",)
    foreign = Foreign(
        kind="linear", framework="any", inputs=(), arrays=Linear(np.zeros((1, 1)), np.zeros(1)), classes=("no", "yes")
    )
    native = Native(names=names, build=lambda _: foreign, ask=fail, rounds=2, ask_first=fail)
    monkeypatch.setattr("assay.importing.opened.READERS", {"ONNX": lambda _: native})
    opened = open_model(Path("churn.onnx"), "ONNX", pl.DataFrame({"a": ["1"]}), (), Trust())
    table = Table(rows=1, columns={"a": np.ones(1)})
    assert opened.first is not None
    for ask in (lambda: opened.ask(table), lambda: opened.first(table, 1)):  # type: ignore[misc] - seen above
        with pytest.raises(DataError, match=r"^churn\.onnx \(ONNX\) cannot answer .*: no such leaf\n") as caught:
            ask()
        assert "rows like it" in caught.value.remedy
