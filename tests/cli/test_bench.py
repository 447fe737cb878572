"""`assay bench`, through the front door."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner, Result

from assay.app import App
from assay.bench.load import Load
from assay.bench.machine import Cores
from assay.bench.run import Processor, Report
from assay.bench.sizing import Wish, size
from assay.bench.stages import Stage
from assay.cli.bench import _money, _story
from assay.cli.main import app as command
from assay.cli.main import exit_code
from assay.errors import AssayError
from tests.cli.screen import drawn

LOAD = Load(
    connections=8, rate=None, seconds=1.0, requests=900, answers=1000, faults={}, requests_per_second=900.0,
    p50_ms=0.8, p90_ms=0.9, p99_ms=1.5, p999_ms=2.0, max_ms=3.0,
)  # fmt: skip
REPORT = Report(
    classifier="spam",
    version=3,
    release_digest="ab12cd34ef",
    assay="0",
    machine="a machine",
    measured_at=0.0,
    cores=Cores(0, 1),
    log="process",
    examples=64,
    body_bytes=200,
    levels=(LOAD,),
    stages=(Stage("decode", 1.5, "reads"), Stage("model", 0.5, "scores", "compiled")),
    processor=Processor(20.0, 9.0),
    rest_us=18.0,
    at_fixed_rates=(msgspec.structs.replace(LOAD, rate=225.0, late_p99_ms=0.01),),
    sizing=size(900.0, Wish(rate=1000.0, price=0.36)),
)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, ["bench", *arguments])


@pytest.mark.integration
def test_a_release_is_measured_and_its_log_stays_empty(serving: App, tmp_path: Path) -> None:
    kept = tmp_path / "bench.json"
    result = run("spam", "--connections", "2", "--seconds", "0.1", "--output", str(kept), "--json")
    assert result.exception is None, result.exception
    told = json.loads(result.stdout)
    assert told == json.loads(kept.read_text())
    assert (told["classifier"], told["version"], told["levels"][0]["faults"]) == ("spam", 1, {})
    assert told["stages"][0]["name"] == "decode"
    assert CliRunner().invoke(command, ["log", "tail", "--json"]).stdout.strip() == "[]"


@pytest.mark.parametrize(
    "arguments",
    [
        ("spam", "--connections", "1,many"),
        ("spam", "--connections", "0"),
        ("spam", "--connections", "5000"),
        ("spam", "--output", "no/such/folder/bench.json"),
        ("spma",),
        ("spam@7",),
        ("spam", "--data", "none.csv"),
    ],
)
def test_what_cannot_be_measured_is_refused_at_once(serving: App, arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert isinstance(result.exception, AssayError)
    assert exit_code(result.exception) == 2
    assert result.exception.remedy
    assert result.stdout == ""


@pytest.mark.parametrize("width", [80, 120])
def test_it_reads_on_any_terminal(width: int) -> None:
    lines = drawn(_story(REPORT, None), width)
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    assert "spam@3, digest ab12cd34" in text
    assert "64 examples of the release" in text
    assert "3 workers, one core each" in text
    assert "assay serve spam --workers 3" in text
    assert "compiled" in text


def _told(report: Report) -> str:
    return "\n".join(drawn(_story(report, Path("rows.csv")), 200))


def test_it_says_what_was_held_to_which_core() -> None:
    assert "on core 0, the load on core 1" in _told(REPORT)
    assert "held to none" in _told(msgspec.structs.replace(REPORT, cores=Cores()))


def test_errors_are_named_by_their_kind() -> None:
    broken = msgspec.structs.replace(LOAD, faults={"refused": 3, "closed": 1})
    report = msgspec.structs.replace(REPORT, levels=(broken,))
    assert report.errors == 4
    assert "1 closed, 3 refused" in _told(report)


def test_a_load_that_was_late_is_said() -> None:
    late = msgspec.structs.replace(LOAD, rate=225.0, late_p99_ms=4.0)
    assert "could not keep its times" not in _told(REPORT)
    assert "could not keep its times" in _told(msgspec.structs.replace(REPORT, at_fixed_rates=(late,)))


def test_without_processor_times_there_is_no_rest() -> None:
    assert "rest" not in _told(msgspec.structs.replace(REPORT, processor=None, rest_us=None)).split()


@pytest.mark.parametrize(("amount", "said"), [(0.0, "0.00"), (1.5, "1.50"), (0.0000123, "0.0000123"), (0.02, "0.0200")])
def test_money_has_no_exponent(amount: float, said: str) -> None:
    assert _money(amount) == said
