"""`assay log` and `assay feedback`, through the front door."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from assay.app import App, open_app
from assay.cli.main import app as command
from assay.errors import AssayError, DataError, StorageError
from tests.records.material import prediction, spool_in

RECORDS = [prediction(number) for number in range(1, 6)]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    """A home in which a dead worker left five predictions in its spool."""
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    app = open_app()
    with spool_in(app.spools) as spool:
        spool.append_many([*RECORDS[:4], prediction(5, label="ham", decision="review")])
    yield app
    app.engine.dispose()


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(command, list(arguments))
    if isinstance(result.exception, AssayError):
        raise result.exception
    return result


def run_json(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json").stdout)


def test_tail_shows_what_a_dead_worker_left(home: App) -> None:
    rows = run_json("log", "tail", "--last", "2")
    assert [row["prediction_id"] for row in rows] == [record.prediction_id for record in RECORDS[3:]]
    assert "review" in run("log", "tail").stdout


def test_stats_add_up(home: App) -> None:
    found = run_json("log", "stats")
    assert (found["log"]["served"], found["log"]["shipped"], found["log"]["balanced"]) == (5, 5, True)
    assert found["classifiers"][0]["classes"] == {"ham": 1, "spam": 4}
    assert "served 5 = shipped 5 + spooled 0 + dead-lettered 0 + dropped 0: adds up" in run("log", "stats").stdout


def test_stats_say_when_records_are_missing(home: App) -> None:
    with spool_in(home.spools) as spool:
        spool.slot.counters.cells[0] += 3
        with pytest.raises(StorageError, match="does not add up"):
            run("log", "stats")


def test_export_writes_a_file_that_begins_with_the_id(home: App, tmp_path: Path) -> None:
    assert run_json("log", "export", "--output", str(tmp_path / "log.csv"))["rows"] == 5
    lines = (tmp_path / "log.csv").read_text().splitlines()
    assert lines[0].startswith("prediction_id,")
    assert lines[1].startswith(RECORDS[0].prediction_id)
    assert run_json("log", "export", "churn", "--output", str(tmp_path / "log.jsonl"))["rows"] == 0


def test_feedback_is_recorded_and_judges(home: App, tmp_path: Path) -> None:
    file = tmp_path / "labels.csv"
    file.write_text(f"prediction_id,label\n{RECORDS[0].prediction_id},spam\n{RECORDS[4].prediction_id},spam\n")
    assert run_json("feedback", str(file)) == {"recorded": 2, "waiting": 0}
    assert [row["is_correct"] for row in run_json("log", "tail")] == [True, None, None, None, False]
    run("feedback", str(file))
    assert run_json("log", "stats")["outcomes"] == 2


def test_feedback_with_a_wrong_row_records_nothing(home: App, tmp_path: Path) -> None:
    file = tmp_path / "labels.csv"
    file.write_text(f"prediction_id,label\n{RECORDS[0].prediction_id},spam\nnobody,spam\n")
    with pytest.raises(DataError, match="nothing was recorded"):
        run("feedback", str(file))
    assert run_json("log", "stats")["outcomes"] == 0
