"""`assay predict`, through the front door."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from assay.app import App
from assay.cli.main import app as command
from assay.cli.main import exit_code
from assay.errors import AssayError, ContractError, MalformedError, NotFoundError

ROW = {"text": "WIN a free order at http://win.example now", "amount": 3, "plan": "free", "verified": True}
CALM = {"text": "the order is late", "amount": 900.5}


def run(*arguments: str, stdin: str | bytes | None = None) -> Result:
    return CliRunner().invoke(command, ["predict", *arguments], input=stdin)


def predicted(*arguments: str, stdin: str | None = None) -> Any:
    result = run(*arguments, "--json", stdin=stdin)
    assert result.exception is None, result.exception
    return json.loads(result.stdout)


def refused(*arguments: str, stdin: str | bytes | None = None) -> AssayError:
    """The error of rows or names that must be refused with exit code 2; nothing is printed then."""
    result = run(*arguments, stdin=stdin)
    assert isinstance(result.exception, AssayError)
    assert exit_code(result.exception) == 2
    assert result.exception.remedy
    assert result.stdout == ""
    return result.exception


def test_one_row_is_one_answer(serving: App) -> None:
    answer = predicted("spam", json.dumps(ROW))
    assert (answer["model"], answer["model_version"]) == ("spam", 1)
    assert set(answer["probabilities"]) == {"ham", "spam"}
    assert "explanation" not in answer


def test_many_rows_are_many_answers_in_order(serving: App) -> None:
    answers = predicted("spam@1", json.dumps([ROW, CALM]))
    alone = [predicted("spam", json.dumps(row)) for row in (ROW, CALM)]
    assert [answer["prediction"] for answer in answers] == [answer["prediction"] for answer in alone]


@pytest.mark.parametrize(
    "given",
    [
        json.dumps([ROW, CALM]),
        json.dumps([ROW, CALM], indent=2),
        f"{json.dumps(ROW)}\n\n{json.dumps(CALM)}\n",
        f"{json.dumps(ROW)}\r\n{json.dumps(CALM)}",
    ],
)
def test_rows_come_on_stdin_as_a_list_or_as_lines(serving: App, given: str) -> None:
    assert len(predicted("spam", "-", stdin=given)) == 2


def test_an_object_over_several_lines_is_one_row(serving: App) -> None:
    assert predicted("spam", "-", stdin=json.dumps(ROW, indent=2))["model"] == "spam"


def test_explanations_are_asked_for(serving: App) -> None:
    explanation = predicted("spam", json.dumps(ROW), "--explain")["explanation"]
    assert explanation["kind"] == "exact"
    assert explanation["reasons"] == ["contains a URL"]
    assert len(predicted("spam", json.dumps([ROW, CALM]), "--explain")[1]["explanation"]["factors"]) > 0


def test_one_answer_reads_as_a_list(serving: App) -> None:
    result = run("spam", json.dumps(CALM))
    told = dict(line.split(None, 1) for line in result.stdout.splitlines())
    assert told.keys() == {"decision", "confidence", "model", "prediction"}
    assert told["model"] == "spam@1"
    assert result.stderr == f"on record in {serving.home}\n"


def test_an_explained_answer_has_one_factor_a_line(serving: App) -> None:
    lines = run("spam", json.dumps(ROW), "--explain").stdout.splitlines()
    assert "because: contains a URL" in lines
    title = next(number for number, line in enumerate(lines) if line.startswith("log-odds for "))
    factors = [line.split() for line in lines[title + 1 :]]
    assert len(factors) > 3
    sizes = [abs(float(factor[0])) for factor in factors]
    assert sizes == sorted(sizes, reverse=True)


def test_many_answers_read_as_a_table_with_whole_ids(serving: App) -> None:
    heading, *lines = run("spam", json.dumps([ROW, CALM, ROW])).stdout.splitlines()
    assert heading.split(None, 3) == ["decision", "label", "confidence", "prediction id"]
    assert [len(line.split()[-1]) for line in lines] == [36, 36, 36]


def test_answers_are_on_record(serving: App) -> None:
    ids = {answer["prediction_id"] for answer in predicted("spam", json.dumps([ROW, CALM]))}
    logged = CliRunner().invoke(command, ["log", "tail", "--json"])
    assert {row["prediction_id"] for row in json.loads(logged.stdout)} == ids


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ('{"text": ', "the rows are not valid JSON"),
        ("free pizza", "the rows are not valid JSON"),
        ('{"text": "a", "amount": NaN}', "the rows are not valid JSON"),
        ("[" * 100_000, "the rows are not valid JSON"),
        ('{"text": "a"}\n{"text"}', "line 2 is not valid JSON"),
        ('{"text": "a"}\n["b"]', "row 2 is not a JSON object"),
        ("[1]", "row 1 is not a JSON object"),
        ('"text"', "row 1 is not a JSON object"),
        ("[]", "no row"),
        (" \n", "no row"),
    ],
)
def test_what_is_no_row_is_refused(serving: App, given: str, said: str) -> None:
    error = refused("spam", "-", stdin=given)
    assert isinstance(error, MalformedError)
    assert said in error.message


def test_bytes_that_are_no_text_are_refused(serving: App) -> None:
    assert isinstance(refused("spam", "-", stdin=b'{"text": "\xff"}'), MalformedError)
    assert isinstance(refused("spam", '{"text": "\udcff"}'), MalformedError)


def test_a_row_that_breaks_the_contract_names_its_columns(serving: App) -> None:
    error = refused("spam", json.dumps({"amount": "much", "plann": "free"}))
    assert isinstance(error, ContractError)
    assert [problem.path for problem in error.problems] == ["features.text", "features.amount", "features.plann"]


def test_of_many_rows_the_wrong_ones_are_named(serving: App) -> None:
    error = refused("spam", json.dumps([ROW, {}, CALM, {**ROW, "verified": 1}]))
    assert [problem.path for problem in error.problems] == ["row 2, features.text", "row 4, features.verified"]
    assert CliRunner().invoke(command, ["log", "tail", "--json"]).stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["spma", "spam@7"])
def test_an_unknown_classifier_or_version_is_refused(serving: App, name: str) -> None:
    assert isinstance(refused(name, json.dumps(ROW)), NotFoundError)


def test_without_a_deployment_a_version_must_be_named(serving: App) -> None:
    from assay.registry.releases import Registration, publish
    from tests.release.material import trees_bundle

    registration = Registration(passed=False, framework="by hand", metrics={}, created_at=0.0, created_by="ann")
    publish(trees_bundle(), {}, registration, registry=serving.registry, blobs=serving.blobs)
    error = refused("topic", "{}")
    assert "topic@1" in error.remedy
    assert predicted("topic@1", '{"price": 2, "page": "a"}')["model"] == "topic"


def test_a_file_of_json_is_read(serving: App, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(f"{json.dumps(ROW)}\n{json.dumps(CALM)}\n")
    assert len(predicted("spam", str(tmp_path / "rows.jsonl"))) == 2


def test_a_table_is_a_batch(serving: App, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("text,amount\nhi,1\n")
    error = refused("spam", str(tmp_path / "rows.csv"))
    assert error.remedy.startswith("assay batch spam --input")
    assert "does not exist" in str(refused("spam", str(tmp_path / "none.json")))
    assert "cannot be read" in str(refused("spam", f"{tmp_path}/{'x' * 300}.json"))
