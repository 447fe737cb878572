"""`assay init`, `assay check` and `assay split`, through the front door."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from assay.cli.main import app as command
from assay.cli.main import exit_code
from assay.errors import AssayError, ConfigurationError, DataError, SpecError, StorageError

WORDS = (
    "meet",
    "lunch",
    "tomorrow",
    "price",
    "cheap",
    "offer",
    "buy",
    "later",
    "home",
    "train",
    "call",
    "list",
    "green",
)


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(command, list(arguments))
    if isinstance(result.exception, AssayError):
        raise result.exception
    return result


def refused(*arguments: str) -> DataError:
    """The error of a command that must refuse its input with exit code 2."""
    with pytest.raises(DataError) as caught:
        run(*arguments)
    assert exit_code(caught.value) == 2
    assert caught.value.remedy
    return caught.value


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with rows.csv: 5 000 rows of amount, plan, message and label."""
    monkeypatch.chdir(tmp_path)
    save(rows())
    return tmp_path


def rows() -> list[list[str]]:
    draw = np.random.default_rng(5)
    amounts, plans, labels = draw.random(5000) * 100, draw.integers(0, 2, 5000), draw.random(5000)
    return [
        [f"{amount:.2f}", ("free", "pro")[plan], " ".join(draw.choice(WORDS, 8)), "spam" if label < 0.25 else "ham"]
        for amount, plan, label in zip(amounts, plans, labels, strict=True)
    ]


def save(cells: list[list[str]], header: str = "amount,plan,message,label") -> None:
    Path("rows.csv").write_text("\n".join([header, *(",".join(row) for row in cells)]) + "\n")


def test_init_writes_a_spec_that_check_accepts(folder: Path) -> None:
    told = json.loads(run("init", "rows.csv", "--label", "label", "--positive", "spam", "--json").stdout)
    assert told["spec"] == "classifier.yaml"
    assert told["columns"] == {"amount": "number", "plan": "category", "message": "text"}
    assert told["positive"] == "spam"
    report = json.loads(run("check", "--json").stdout)
    assert report["passed"]
    assert report["rows"] == 5000
    assert report["split"]["folds"] == 5
    assert {finding["severity"] for finding in report["findings"]} <= {"note"}


def test_init_and_check_speak_to_people(folder: Path) -> None:
    assert "wrote classifier.yaml" in run("init", "rows.csv", "--label", "label").stdout
    said = run("check").stdout
    assert "5,000 rows, 3 columns" in said
    assert "4,000 rows to learn from, choices made out of fold; 1,000 gate rows judge" in said
    assert "ready to train" in said


@pytest.mark.parametrize(
    ("key", "place"),
    [
        ("{feature: amonut, op: '>', value: 3, label: spam}", "model.fallback.rule"),
        ("{feature: amount, op: '>', value: 3, label: spma}", "model.fallback.rule.label"),
    ],
)
def test_check_refuses_what_training_would(folder: Path, key: str, place: str) -> None:
    run("init", "rows.csv", "--label", "label")
    spec = Path("classifier.yaml")
    spec.write_text(spec.read_text().replace("\nmodel:\n", f"\nmodel:\n  fallback: {{rule: {key}}}\n"))
    for asked in ("check", "train"):
        with pytest.raises(SpecError, match=place) as caught:
            run(asked)
        assert exit_code(caught.value) == 2


def test_init_keeps_a_spec_that_is_there(folder: Path) -> None:
    Path("classifier.yaml").write_text("mine")
    with pytest.raises(ConfigurationError, match="exists already"):
        run("init", "rows.csv", "--label", "label")
    assert Path("classifier.yaml").read_text() == "mine"
    run("init", "rows.csv", "--label", "label", "--force")
    assert "columns:" in Path("classifier.yaml").read_text()


def test_init_says_what_it_left_out(folder: Path) -> None:
    save([[*row, ""] for row in rows()], "amount,plan,message,label,nothing")
    assert "column nothing has no values" in run("init", "rows.csv", "--label", "label").stderr


def test_init_where_nothing_can_be_written_leaves_nothing(folder: Path) -> None:
    Path("file").write_text("")
    with pytest.raises(StorageError, match="cannot be written") as caught:
        run("init", "rows.csv", "--label", "label", "--output", "file/classifier.yaml")
    assert exit_code(caught.value) == 1


def test_split_writes_the_same_parts_every_time(folder: Path) -> None:
    run("init", "rows.csv", "--label", "label")
    told = json.loads(run("split", "--output", "once", "--json").stdout)
    assert told["rows"] == {"train": 3200, "validation": 800, "gate": 1000}
    assert "gate.csv" in run("split", "classifier.yaml", "--output", "again").stdout
    for name in ("train", "validation", "gate"):
        assert Path("once", f"{name}.csv").read_bytes() == Path("again", f"{name}.csv").read_bytes()


def spoil(cells: list[list[str]], header: str = "amount,plan,message,label") -> DataError:
    """Write a spec for the good rows, then check it against these."""
    run("init", "rows.csv", "--label", "label", "--positive", "spam")
    save(cells, header)
    return refused("check")


def test_a_missing_column_is_named(folder: Path) -> None:
    error = spoil([[row[0], *row[2:]] for row in rows()], "amount,message,label")
    assert [problem.path for problem in error.problems] == ["column plan"]


def test_a_wrong_type_names_the_row_and_the_value(folder: Path) -> None:
    cells = rows()
    cells[4710][0] = "abc"
    (problem,) = spoil(cells).problems
    assert problem.path == "column amount"
    assert "4711" in problem.message
    assert "'abc'" in problem.message


def test_an_unknown_label_is_named_with_its_row(folder: Path) -> None:
    cells = rows()
    cells[99][3] = "spma"
    (problem,) = spoil(cells).problems
    assert "'spma'" in problem.message
    assert "row 100" in problem.message


def test_a_row_without_a_label_is_named(folder: Path) -> None:
    cells = rows()
    cells[99][3] = ""
    assert "row 100" in spoil(cells).message


def test_an_empty_file_is_refused_by_both(folder: Path) -> None:
    run("init", "rows.csv", "--label", "label")
    Path("rows.csv").write_text("")
    assert "is empty" in refused("check").message
    assert "is empty" in refused("init", "rows.csv", "--label", "label", "--force").message


def test_a_file_of_one_class_is_refused_by_both(folder: Path) -> None:
    assert "every row is 'ham'" in spoil([[*row[:3], "ham"] for row in rows()]).message
    assert "every row is 'ham'" in refused("init", "rows.csv", "--label", "label", "--force").message


def test_a_column_of_all_missing_values_is_refused(folder: Path) -> None:
    (problem,) = spoil([["", *row[1:]] for row in rows()]).problems
    assert problem.path == "column amount"


def test_an_imputed_column_of_all_missing_values_is_refused(folder: Path) -> None:
    run("init", "rows.csv", "--label", "label")
    spec = Path("classifier.yaml")
    spec.write_text(spec.read_text().replace("{type: number}", "{type: number, missing: median}"))
    save([["", *row[1:]] for row in rows()])
    (problem,) = refused("check").problems
    assert (problem.path, "no value in any row" in problem.message) == ("column amount", True)


def test_ten_thousand_categories_are_refused(folder: Path) -> None:
    cells = [[row[0], f"plan {number % 10_000}", *row[2:]] for number, row in enumerate(rows() * 3)]
    (problem,) = [problem for problem in spoil(cells).problems if problem.path == "column plan"]
    assert "10000 different values" in problem.message


def test_a_duplicate_header_is_refused(folder: Path) -> None:
    assert "'amount' names columns 1 and 3" in spoil(rows(), "amount,plan,amount,label").message


def test_text_that_sanitises_to_nothing_is_named(folder: Path) -> None:
    cells = rows()
    cells[6][2], cells[8][2] = "&nbsp;&#8203;", "   "
    problems = spoil(cells).problems
    assert {problem.path for problem in problems} == {"column message"}
    assert "row 7" in " ".join(problem.message for problem in problems)


def test_a_leak_is_reported_and_refused(folder: Path) -> None:
    run("init", "rows.csv", "--label", "label")
    save([[f"{(row[3] == 'spam') + float(row[0]) / 1000:.4f}", *row[1:]] for row in rows()])
    result = CliRunner().invoke(command, ["check", "--json"])
    assert isinstance(result.exception, DataError)
    told = json.loads(result.stdout)
    assert not told["passed"]
    assert told["findings"][0]["code"] == "label_proxy"
