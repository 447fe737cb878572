"""`assay import`, through the front door."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import joblib
import lightgbm
import numpy as np
import polars as pl
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from typer.testing import CliRunner, Result

import assay
from assay.app import open_app
from assay.cli.main import app as command
from assay.errors import AssayError
from tests.importing.material import frame, labels, write_csv
from tests.importing.test_boosters import NAMES, matrix

ROWS = frame(600)
TRUTH = labels(ROWS)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with labelled rows and a LightGBM model of them."""
    monkeypatch.chdir(tmp_path)
    write_csv(tmp_path / "orders.csv", ROWS, ["kept" if each else "returned" for each in TRUTH])
    parameters = {"objective": "binary", "num_threads": 1, "verbose": -1, "min_data_in_leaf": 5}
    data = lightgbm.Dataset(matrix(ROWS), TRUTH, feature_name=NAMES)
    lightgbm.train(parameters, data, 20).save_model(tmp_path / "model.txt")
    return tmp_path


def run(model: str, *arguments: str) -> Result:
    return CliRunner().invoke(
        command, ["import", model, "--data", "orders.csv", "--label", "answer", "--positive", "kept", *arguments]
    )


def refused(model: str, *arguments: str) -> AssayError:
    error = run(model, *arguments).exception
    assert isinstance(error, AssayError)
    return error


def test_a_model_becomes_a_release_that_serves(folder: Path) -> None:
    result = run("model.txt", "--json")
    told = json.loads(result.stdout)
    card = told["card"]
    assert (result.exit_code, told["passed"], told["deployed"], told["difference"]) == (0, True, True, 0.0)
    assert card["parity"]["rows"] == card["data"]["rows"] == 600
    assert (card["model"]["chosen"], card["model"]["imported"]["format"]) == ("imported", "LightGBM text")
    assert list(card["features"]["columns"]) == ["amount", "visits", "plan"]
    classifier = assay.load("orders", app=open_app(folder))
    answer = classifier.predict({"amount": None, "visits": 3, "plan": "gold"}, explain=True)
    classifier.close()
    assert answer.label in ("kept", "returned")
    assert answer.explanation is not None
    assert answer.explanation.kind == "exact"


def test_the_story_says_what_was_assumed_and_that_it_is_the_same(folder: Path) -> None:
    told = " ".join(run("model.txt").stdout.split())
    for said in (
        "answers like the original on all 600 rows",
        "the model numbers its classes: 0 is returned, 1 is kept",
        "rows that the model was fitted on flatter it",
    ):
        assert said in told


def test_the_report_and_the_card_say_where_it_comes_from(folder: Path) -> None:
    run("model.txt")
    shown = CliRunner().invoke(command, ["show", "orders@1", "--report", "report.html"])
    assert "model.txt (LightGBM text), SHA-256" in shown.stdout
    assert "480 to calibrate with, 120 judge" in shown.stdout
    report = (folder / "report.html").read_text()
    assert "480 rows to calibrate with, 120 judge" in report
    assert "flatter it" in report
    assert "rows learned from" not in report


def test_a_second_import_is_compared_with_the_release_that_serves(folder: Path) -> None:
    run("model.txt")
    booster = lightgbm.Booster(model_file=folder / "model.txt")
    booster.save_model(folder / "shorter.txt", num_iteration=10)
    champion = json.loads(run("shorter.txt", "--json").stdout)["card"]["champion"]
    assert (champion["version"], champion["note"]) == (1, "")
    assert champion["differences"]["log_loss"]["low"] > 0.0


def test_numbers_are_read_in_the_spelling_of_the_file(folder: Path) -> None:
    answers = ["kept" if each else "returned" for each in TRUTH]
    commas = ROWS.with_columns(pl.col("amount").str.replace(".", ",", literal=True), answer=pl.Series(answers))
    expected = json.loads(run("model.txt", "--json").stdout)
    commas.write_csv(folder / "orders.csv", separator=";")
    told = json.loads(run("model.txt", "--json").stdout)
    assert told["difference"] == 0.0
    assert told["card"]["metrics"]["log_loss"] == expected["card"]["metrics"]["log_loss"]


def test_a_number_may_say_the_order_of_the_rows(folder: Path) -> None:
    counted = pl.read_csv(folder / "orders.csv", infer_schema=False).with_row_index("week", offset=7)
    counted.write_csv(folder / "orders.csv")
    card = json.loads(run("model.txt", "--time", "week", "--json").stdout)["card"]
    assert card["data"]["split"] == "time"
    assert list(card["features"]["columns"]) == ["amount", "visits", "plan", "week"]


def test_whole_groups_judge_where_rows_belong_to_somebody(folder: Path) -> None:
    owned = pl.read_csv(folder / "orders.csv", infer_schema=False).with_columns(
        owner=pl.Series([f"owner {row % 90}" for row in range(600)])
    )
    owned.write_csv(folder / "orders.csv")
    card = json.loads(run("model.txt", "--entity", "owner", "--json").stdout)["card"]
    assert card["data"]["split"] == "group"
    assert card["data"]["gate_groups"] == 18


def test_a_model_of_the_other_class_is_noticed(folder: Path) -> None:
    error = refused("model.txt", "--positive", "returned")
    assert "higher where the class is kept than where it is returned" in error.message


def test_data_without_the_models_columns_names_each(folder: Path) -> None:
    pl.read_csv(folder / "orders.csv").drop("visits").write_csv(folder / "orders.csv")
    error = refused("model.txt")
    assert [problem.path for problem in error.problems] == ["input visits"]


def test_data_with_other_classes_is_refused(folder: Path) -> None:
    write_csv(folder / "orders.csv", ROWS, np.arange(600) % 3)
    result = CliRunner().invoke(command, ["import", "model.txt", "--data", "orders.csv", "--label", "answer"])
    assert isinstance(result.exception, AssayError)
    assert "tells 2 classes apart, the data has 3" in result.exception.message


def test_several_labels_are_refused(folder: Path) -> None:
    flags = {"late": ["1", "0"] * 300, "damaged": ["0", "0", "1"] * 200}
    ROWS.with_columns(**{name: pl.Series(cells) for name, cells in flags.items()}).write_csv(folder / "orders.csv")
    result = CliRunner().invoke(command, ["import", "model.txt", "--data", "orders.csv", "--label", "late,damaged"])
    assert isinstance(result.exception, AssayError)
    assert "several labels (late, damaged)" in result.exception.message


class TestPickles:
    """They are opened by a process of its own, and only where the caller says so."""

    @pytest.fixture
    def pipeline(self, folder: Path) -> Any:
        pandas = pytest.importorskip("pandas", reason="pandas is not installed")
        table = pandas.DataFrame(
            {
                "amount": ROWS["amount"].cast(pl.Float64, strict=False).to_numpy(),
                "visits": ROWS["visits"].cast(pl.Int64).to_numpy(),
                "plan": np.array([plan or np.nan for plan in ROWS["plan"]], dtype=object),
            }
        )
        prepare = ColumnTransformer(
            [("n", SimpleImputer(), ["amount", "visits"]), ("c", OneHotEncoder(handle_unknown="ignore"), ["plan"])]
        )
        fitted = make_pipeline(prepare, LogisticRegression(max_iter=1000)).fit(
            table, np.where(TRUTH, "kept", "returned")
        )
        joblib.dump(fitted, folder / "model.joblib")
        return fitted

    @pytest.mark.integration
    def test_a_pipeline_becomes_a_release(self, pipeline: Any) -> None:
        told = json.loads(run("model.joblib", "--trust-pickle", "--json").stdout)
        assert told["passed"]
        assert told["difference"] <= 1e-12
        assert told["card"]["model"]["framework"].endswith("LogisticRegression")

    def test_without_trust_it_is_not_opened(self, pipeline: Any) -> None:
        error = refused("model.joblib")
        assert "runs whatever code is in it" in error.message
        assert "--trust-pickle" in error.remedy

    @pytest.mark.integration
    @pytest.mark.parametrize(
        ("content", "said"),
        [
            ({"a": 1}, "holds a dict, not a fitted classifier"),
            (OneHotEncoder(), "holds a OneHotEncoder, not a fitted classifier"),
        ],
    )
    def test_what_is_no_classifier_is_told(self, folder: Path, content: Any, said: str) -> None:
        joblib.dump(content, folder / "model.joblib")
        assert said in refused("model.joblib", "--trust-pickle").message

    @pytest.mark.integration
    def test_the_process_does_not_reach_out(self, folder: Path) -> None:
        (folder / "model.pkl").write_bytes(b"\x80\x04cos\nsystem\n\x8c\x04true\x85R.")
        assert "an import does not do that: os.system" in refused("model.pkl", "--trust-pickle").message

    @pytest.mark.integration
    def test_a_pickle_that_never_ends_is_stopped(self, folder: Path) -> None:
        (folder / "model.pkl").write_bytes(b"\x80\x04ctime\nsleep\nM\x10\x0e\x85R.")
        assert "within 1 s" in refused("model.pkl", "--trust-pickle", "--timeout", "1").message
