"""`assay batch`, through the front door."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from assay.app import App
from assay.batch import job
from assay.cli.main import app as command
from assay.errors import ConfigurationError, DataError, NotFoundError

ROWS = "text,amount\nWIN a free order,3\nthe order is late,900.5\n,1\n"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(command, ["batch", *map(str, arguments)])


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.csv"
    path.write_text(ROWS)
    return path


def test_a_file_is_classified_and_the_record_printed(serving: App, source: Path) -> None:
    output = source.with_name("out.jsonl")
    result = run("spam", "--input", source, "--output", output, "--keep", "text,amount", "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert (told["input"]["rows"], told["output"]["rows"], told["errors"]["rows"]) == (3, 2, 1)
    assert [json.loads(line)["amount"] for line in output.read_text().splitlines()] == ["3", "900.5"]
    assert told == json.loads(source.with_name("out.manifest.json").read_text())


def test_people_are_told_where_everything_is(serving: App, source: Path) -> None:
    result = run("spam@1", "--input", source, "--output", source.with_name("out.csv"))
    for said in (
        "spam@1",
        "3 rows",
        "out.csv, 2 rows",
        "out.errors.jsonl, 1 row",
        "out.manifest.json",
        "rows a second",
    ):
        assert said in result.stdout


def test_a_file_of_which_no_row_is_answered_is_an_error(serving: App, tmp_path: Path) -> None:
    source, output = tmp_path / "in.csv", tmp_path / "out.jsonl"
    source.write_text("text,amount\nWIN a free order,many\nthe order is late,few\n")
    result = run("spam", "--input", source, "--output", output, "--json")
    assert isinstance(result.exception, DataError)
    assert "not one of its 2 rows could be answered" in result.exception.message
    assert "out.errors.jsonl" in result.exception.remedy
    assert json.loads(result.stdout)["errors"]["rows"] == 2
    assert len((tmp_path / "out.errors.jsonl").read_text().splitlines()) == 2


def test_the_reading_options_are_heard(serving: App, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_bytes("text;amount\ncall caf\xe9;3\n".encode("latin-1"))
    result = run(
        "spam", "--input", tmp_path / "in.txt", "--output", tmp_path / "out.jsonl",
        "--delimiter", ";", "--encoding", "latin-1", "--keep", "text",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "out.jsonl").read_text())["text"] == "call café"


def test_what_does_not_exist_is_named(serving: App, source: Path) -> None:
    output = source.with_name("out.csv")
    assert isinstance(run("ham", "--input", source, "--output", output).exception, NotFoundError)
    assert isinstance(run("spam", "--input", source, "--output", output, "--keep", "x").exception, ConfigurationError)


def test_ctrl_c_says_that_it_can_go_on(
    serving: App, source: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(job, "_score_all", interrupted)
    result = run("spam", "--input", source, "--output", source.with_name("out.csv"))
    assert result.exit_code == 130
    assert "the same command goes on from here" in result.stderr + capfd.readouterr().err
