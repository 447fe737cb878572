"""`assay releases`, `show` and `promote` as they are called."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from assay.app import open_app
from assay.cli.card import render_card
from assay.cli.main import app, exit_code
from assay.cli.releases import write_report
from assay.errors import AssayError, StorageError
from assay.registry.releases import Registration, publish
from tests.cli.screen import drawn
from tests.release.material import linear_bundle, trees_bundle

CARD: dict[str, Any] = {
    "created_at": "2026-01-31T12:00:00+00:00",
    "owner": {"team": "trust", "on_call": None},
    "decision": {"objective": "keep [spam] out"},
    "metrics": {"f1": {"value": 0.5, "low": 0.25, "high": 0.75}, "roc_auc": {"value": None, "low": None, "high": None}},
    "validation": {"f1": 0.625},
    "majority": {"f1": 0.125},
    "gates": [
        {"metric": "f1", "bound": "min", "limit": 0.125, "verdict": "pass", "reason": "passes", "relative": "majority"}
    ],
    "model": {
        "chosen": "lightgbm",
        "candidates": [{"name": "lightgbm", "log_loss": 0.5, "why": "best", "chosen": True}],
    },
    "policy": {
        "chosen_by": "maximise f1",
        "thresholds": {"spam": 0.6},
        "review_within": 0.05,
        "calibration": "sigmoid",
    },
    "data": {"source": "messages.csv", "rows": 10, "split": "time", "learned_rows": 8, "gate_rows": 2},
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def published(home: Path) -> Path:
    """spam@1 passed its gates, topic@1 did not."""
    opened = open_app()
    evidence = {"card.json": json.dumps(CARD).encode()}
    for bundle, passed in ((linear_bundle(), True), (trees_bundle(), False)):
        registration = Registration(
            passed=passed, framework="light[gbm]", metrics={"f1": 0.5}, created_at=0.0, created_by="ann"
        )
        publish(bundle, evidence, registration, registry=opened.registry, blobs=opened.blobs)
    opened.engine.dispose()
    return home


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def _json(*arguments: str) -> Any:
    result = _run(*arguments, "--json")
    assert result.exception is None, result.exception
    return json.loads(result.stdout)


def test_releases_are_listed(published: Path) -> None:
    listed = _json("releases")
    assert [(one["classifier"], one["version"], one["gates"]) for one in listed] == [
        ("spam", 1, "passed"),
        ("topic", 1, "failed"),
    ]
    assert {"version", "digest", "stage", "gates", "metrics"} <= set(listed[0])
    assert len(_json("releases", "topic")) == 1
    shown = _run("releases").stdout
    assert "spam@1" in shown
    assert "0.5000" in shown


def test_without_releases_it_says_so(home: Path) -> None:
    assert _json("releases") == []
    assert "assay train" in _run("releases").stderr


def test_a_card_is_shown(published: Path) -> None:
    shown = _run("show", "spam@1").stdout
    for part in (
        "spam@1",
        "keep [spam] out",
        "0.5000  0.2500  0.7500",
        "at least 0.1250",
        "majority",
        "trust",
        "10: 8 to",
    ):
        assert part in shown
    assert _json("show", "spam@1")["card"] == CARD


def test_production_serves(published: Path) -> None:
    promoted = _json("promote", "spam@1", "production", "--by", "bo")
    assert (promoted["stage"], promoted["approved_by"], promoted["deployed"]) == ("production", "bo", True)
    assert promoted["deployment"]["generation"] == 1
    assert _json("show", "spam@champion")["deployed"] is True
    again = _run("promote", "spam@1", "production")
    assert "serves all traffic" in again.stdout
    assert str(published) in again.stderr.replace("\n", "")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("promote", "topic@1", "production"), 1),
        (("promote", "topic@1", "staging"), 1),
        (("promote", "spam", "production"), 2),
        (("promote", "spam@2", "staging"), 2),
        (("show", "spam"), 2),
        (("show", "spma@1"), 2),
        (("releases", "spma"), 2),
    ],
)
def test_what_cannot_be_done_has_its_exit_code(published: Path, arguments: tuple[str, ...], code: int) -> None:
    error = _run(*arguments).exception
    assert isinstance(error, AssayError)
    assert exit_code(error) == code
    assert error.remedy


def test_a_stage_that_does_not_exist_is_wrong_usage(published: Path) -> None:
    assert _run("promote", "spam@1", "live").exit_code == 2


def test_deprecating_what_serves_warns_that_it_goes_on_serving(published: Path) -> None:
    _run("promote", "spam@1", "production")
    assert "spam@1 still serves" in " ".join(_run("promote", "spam@1", "deprecated").stderr.split())


def test_a_floor_out_of_reach_stands_first_on_the_card() -> None:
    policy = {"chosen_by": "best f1, for want of precision >= 0.99", "note": "precision >= 0.99 cannot be reached"}
    summary = {
        "classifier": "spam", "version": 1, "stage": "staging", "gates": "passed", "deployed": False, "digest": "d",
        "framework": "linear", "gate_uses": 1, "created_at": "2026-01-05T10:00:00Z", "created_by": "ann",
        "approved_by": None,
    }  # fmt: skip
    shown = drawn(render_card(summary, {"policy": policy}), 100)
    assert shown[1].strip() == "attention: precision >= 0.99 cannot be reached"


def test_show_writes_the_report(published: Path, tmp_path: Path) -> None:
    opened = open_app()
    registration = Registration(passed=True, framework="x", metrics={}, created_at=0.0, created_by="ann")
    evidence = {"card.json": json.dumps(CARD).encode(), "report.html": b"<!doctype html>"}
    bundle = linear_bundle(seed=2)
    publish(bundle, evidence, registration, registry=opened.registry, blobs=opened.blobs)
    opened.engine.dispose()
    target = tmp_path / "report.html"
    assert _run("show", "spam@2", "--report", str(target)).exit_code == 0
    assert target.read_bytes() == b"<!doctype html>"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".report")] == []


def test_a_report_that_does_not_exist_or_cannot_be_written_is_named(published: Path, tmp_path: Path) -> None:
    missing = _run("show", "spam@1", "--report", str(tmp_path / "a.html")).exception
    assert isinstance(missing, AssayError)
    assert "has no report.html" in missing.message
    with pytest.raises(StorageError, match="cannot be written"):
        write_report(tmp_path / "nowhere" / "a.html", b"page")
