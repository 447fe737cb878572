"""`assay doctor`: what it finds, and that it says so with its exit code."""

from __future__ import annotations

import json
import os
from collections import namedtuple
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from assay import native
from assay.app import App
from assay.cli import doctor as looking
from assay.cli.main import app as command
from tests.cli.screen import drawn
from tests.records.material import prediction, spool_in


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, ["doctor", *arguments])


def findings(code: int = 0) -> dict[str, Any]:
    result = run("--json")
    assert result.exit_code == code, result.output
    return {finding["what"]: finding for finding in json.loads(result.stdout)}


def states(code: int = 0) -> dict[str, str]:
    return {what: finding["state"] for what, finding in findings(code).items()}


def test_a_good_home_is_good(serving: App) -> None:
    found = findings()
    assert {finding["state"] for what, finding in found.items() if what != "loops"} == {"ok"}
    assert found.keys() == {"assay", "loops", "training", "settings", "state", "database", "spam", "log"}
    assert "version 1 serves" in found["spam"]["detail"]


@pytest.mark.parametrize(("loops", "state"), [(None, "note"), (native, "ok")])
def test_loops_that_were_not_compiled_are_noted(
    serving: App, monkeypatch: pytest.MonkeyPatch, loops: ModuleType | None, state: str
) -> None:
    assert findings()["loops"]["state"] == ("ok" if native.LOOPS is not None else "note")
    monkeypatch.setattr(native, "LOOPS", loops)
    assert looking._loops().state == state


def test_it_speaks_to_people(serving: App) -> None:
    shown = run().stdout
    assert f"ok  state     {serving.home}" in shown


def test_a_home_that_does_not_exist_is_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    found = findings()
    assert (found["state"]["state"], found["state"]["remedy"]) == ("note", "assay train makes it")
    assert not (tmp_path / "home").exists()


def test_a_home_without_a_release_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path))
    assert states()["releases"] == "note"
    assert "try: assay train makes one" in run().stdout


def test_a_home_that_cannot_be_written_is_wrong(serving: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert states(code=1)["state"] == "wrong"


def test_a_full_disk_is_wrong(serving: App, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")(10, 10, 0)
    monkeypatch.setattr(looking.shutil, "disk_usage", lambda path: usage)
    assert findings(code=1)["state"]["remedy"] == "make room"


def test_a_home_that_is_a_file_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home").write_text("")
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    assert "wrong" in states(code=1).values()


def test_a_damaged_release_is_wrong(serving: App) -> None:
    largest = max((path for path in (serving.home / "blobs").rglob("*") if path.is_file()), key=os.path.getsize)
    largest.chmod(0o600)
    content = bytearray(largest.read_bytes())
    content[-1] ^= 1
    largest.write_bytes(content)
    found = findings(code=1)["spam"]
    assert found["state"] == "wrong"
    assert found["remedy"]


def test_a_classifier_that_does_not_serve_is_noted(serving: App) -> None:
    from assay.registry.releases import Registration, publish
    from tests.release.material import trees_bundle

    registration = Registration(passed=True, framework="by hand", metrics={}, created_at=0.0, created_by="ann")
    publish(trees_bundle(), {}, registration, registry=serving.registry, blobs=serving.blobs)
    assert findings()["topic"]["remedy"] == "assay promote topic@VERSION production"


def test_settings_are_told_and_unknown_ones_noted(serving: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_ELSEWHERE", "1")
    told = [finding for finding in json.loads(run("--json").stdout) if finding["what"] == "settings"]
    assert [finding["state"] for finding in told] == ["ok", "note"]
    assert told[0]["detail"] == "ASSAY_HOME"
    assert "ASSAY_ELSEWHERE" in told[1]["detail"]


def test_a_misspelt_setting_is_wrong(serving: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_HOEM", "elsewhere")
    found = findings(code=1)["settings"]
    assert found["state"] == "wrong"
    assert "ASSAY_HOEM: is no setting; did you mean ASSAY_HOME?" in found["detail"]


def test_a_wrong_setting_is_wrong(serving: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_LOG_CAP_MB", "much")
    found = findings(code=1)["settings"]
    assert found["state"] == "wrong"
    assert "ASSAY_LOG_CAP_MB" in found["detail"]


def test_a_missing_extra_is_noted(serving: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "_TRAINING", ("polars", "no-such-distribution"))
    found = findings()["training"]
    assert (found["state"], found["detail"]) == ("note", "not installed: no-such-distribution")


def test_records_that_are_missing_are_wrong(serving: App) -> None:
    with spool_in(serving.spools) as spool:
        spool.append_many([prediction(1)])
        spool.slot.counters.cells[0] += 3
    found = findings(code=1)["log"]
    assert found["state"] == "wrong"
    assert "assay log stats" in found["remedy"]


def test_its_table_fits_a_terminal() -> None:
    finding = looking.Finding("a_classifier", "wrong", "word " * 40, "mend it")
    lines = drawn(looking._table([finding]), 80)
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith("wrong  a_classifier  word")
    assert lines[-1] == " " * 21 + "try: mend it"
