"""`assay train`, through the front door."""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

import assay.training
from assay.cli.main import app as command
from assay.cli.main import exit_code
from assay.cli.train import Bars
from assay.errors import AssayError, MissingDependencyError

SPEC = """\
name: orders
data: {source: orders.csv, label: returned}
columns:
  amount: {type: number}
model: {candidates: [logistic_regression]}
gates: {GATE}
"""
BEATABLE, UNBEATABLE = "log_loss: {max: majority}", "accuracy: {min: 0.9999}"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(4)
    rows = [f"{random.normal(2.0 * (number % 2)):.3f},{'yes' if number % 2 else 'no'}" for number in range(300)]
    (tmp_path / "orders.csv").write_text("\n".join(["amount,returned", *rows]) + "\n")
    (tmp_path / "classifier.yaml").write_text(SPEC.replace("GATE", BEATABLE))
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, ["train", *arguments])


def test_it_tells_what_was_tried_measured_judged_and_registered(folder: Path) -> None:
    result = run()
    assert result.exit_code == 0
    for said in ("300 rows of orders.csv", "logistic_regression", "roc auc", "log loss at most", "orders@1"):
        assert said in result.stdout
    assert "assay serve" in result.stdout
    assert str(folder / ".assay").replace("\n", "") in result.stderr.replace("\n", "")


def test_the_second_time_it_knows_the_release(folder: Path) -> None:
    first, second = (json.loads(run("--json").stdout) for _ in range(2))
    assert (first["known"], first["deployed"], first["serving"]) == (False, True, 1)
    assert (second["known"], second["deployed"], second["serving"]) == (True, False, 1)
    assert first["digest"] == second["digest"]
    assert "it serves already" in run().stdout


def test_a_later_release_names_the_command_that_puts_it_to_work(folder: Path) -> None:
    run()
    (folder / "classifier.yaml").write_text(SPEC.replace("GATE", "brier: {max: 0.4}"))
    assert "assay promote orders@2 production" in run().stdout


def test_without_deploy_nothing_serves(folder: Path) -> None:
    assert json.loads(run("--no-deploy", "--json").stdout)["serving"] is None


def test_gates_that_say_no_end_with_1_after_telling_why(folder: Path) -> None:
    (folder / "classifier.yaml").write_text(SPEC.replace("GATE", UNBEATABLE))
    result = run()
    assert result.exit_code == 1
    assert "cannot be promoted" in result.stdout
    assert "fail" in result.stdout
    assert json.loads(run("--json").stdout)["passed"] is False


@pytest.mark.parametrize(
    ("file", "content"),
    [("classifier.yaml", SPEC.replace("GATE", "acuracy: {min: 0.5}")), ("orders.csv", "amount,returned\n1,yes\n")],
    ids=["a typo in the spec", "one class"],
)
def test_wrong_input_ends_with_2_and_registers_nothing(folder: Path, file: str, content: str) -> None:
    (folder / file).write_text(content)
    result = run()
    assert isinstance(result.exception, AssayError)
    assert exit_code(result.exception) == 2
    assert result.exception.remedy
    assert json.loads(CliRunner().invoke(command, ["releases", "--json"]).stdout) == []


def test_without_the_extra_the_remedy_installs_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assay, "training", assay.training)  # as it was, when this test is over
    for name in [name for name in sys.modules if name.startswith("assay.training")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    result = run()
    assert isinstance(result.exception, MissingDependencyError)
    assert "assay-ml[train]" in result.exception.remedy


def test_a_step_that_fails_leaves_no_bar_that_looks_as_if_it_went_on(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = StringIO()
    monkeypatch.setattr("assay.cli.train.console", Console(file=screen, width=80))
    bars = Bars()
    bars.begin("Reading")
    bars.begin("Auditing")
    with pytest.raises(ZeroDivisionError), bars:
        raise ZeroDivisionError
    assert "Reading" in screen.getvalue()
    assert "Auditing" not in screen.getvalue()


def test_ctrl_c_ends_it_there_and_then_with_one_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    codes: list[int] = []

    def leave(code: int) -> None:
        codes.append(code)
        raise SystemExit(code)

    def interrupted(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(os, "_exit", leave)
    monkeypatch.setattr(importlib.import_module("assay.training.train"), "train", interrupted)
    before = signal.getsignal(signal.SIGINT)
    result = run()
    assert codes == [130]
    assert result.exit_code == 130
    assert result.stderr.count("stopped") == 1
    assert signal.getsignal(signal.SIGINT) == before
