"""Bad input through the command line: one clear message that names the place and the remedy, the right exit code, no
traceback, and nothing half-written.
"""

from __future__ import annotations

import json
import random
import resource
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from assay.cli.main import main
from tests.flow.material import Trained, assay, environment, said
from tests.flow.serving import served

COMMAND = Path(sys.executable).with_name("assay")
HEADER = ["amount", "plan", "note", "outcome"]
SPEC = """\
name: orders
data: {source: data.csv, label: outcome, positive: yes, split: {method: stratified}}
columns:
  amount: {type: number}
  plan: {type: category}
  note: {type: text}
model: {candidates: [logistic_regression]}
policy:
  maximise: f1
"""

Table = list[list[str]]


class Outcome(NamedTuple):
    """What a command ended with."""

    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a sound spec and sound data, and a home of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    write(tmp_path, rows(400))
    (tmp_path / "classifier.yaml").write_text(SPEC)
    return tmp_path


@pytest.fixture
def run(here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command line in this process."""

    def run_here(*arguments: str) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["assay", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        code = ended.value.code
        return Outcome(code if isinstance(code, int) else int(code is not None), printed.out, printed.err)

    return run_here


def rows(count: int) -> Table:
    draw = random.Random(5)  # noqa: S311 - a data set, not a secret
    made = []
    for number in range(count):
        amount = round(draw.gauss(0, 2), 3)
        note = f"{draw.choice(['hello there', 'win a prize', 'see you', 'free money'])} {number}"
        made.append([str(amount), draw.choice(["free", "pro"]), note, "yes" if amount + draw.gauss(0, 1) > 0 else "no"])
    return made


def write(directory: Path, table: Table, header: list[str] | None = None) -> None:
    lines = [",".join(cells) for cells in [HEADER if header is None else header, *table]]
    (directory / "data.csv").write_text("\n".join(lines) + "\n")


def assert_clear(ended: Outcome, code: int, *fragments: str) -> None:
    """One message with its place and its remedy, and no noise around it."""
    assert ended.code == code, ended
    missing = [fragment for fragment in fragments if fragment not in ended.err]
    assert missing == [], f"{missing} not in:\n{ended.err}"
    assert ended.err.count("error: ") == 1, ended.err
    assert "try: " in ended.err, ended.err
    assert "Traceback" not in ended.err


def assert_nothing_is_left(home: Path) -> None:
    """No release, no blob, no staging directory."""
    blobs = home / "blobs"
    left = [path for path in blobs.rglob("*") if path.name != "lock"] if blobs.exists() else []
    assert left == []
    assert said(assay("releases", "--json", home=home)) == []


def spoilt_cell(table: Table) -> list[str]:
    table[4710][0] = "abc"
    return HEADER


def unknown_label(table: Table) -> list[str]:
    table[99][3] = "maybe"
    return HEADER


def without_amount(table: Table) -> list[str]:
    for cells in table:
        del cells[0]
    return HEADER[1:]


def one_class(table: Table) -> list[str]:
    for cells in table:
        cells[3] = "yes"
    return HEADER


def all_missing(table: Table) -> list[str]:
    for cells in table:
        cells[0] = ""
    return HEADER


def ten_thousand_categories(table: Table) -> list[str]:
    for number, cells in enumerate(table):
        cells[1] = f"plan-{number % 10_000}"
    return HEADER


def header_twice(_table: Table) -> list[str]:
    return ["amount", "plan", "amount", "outcome"]


def ragged(table: Table) -> list[str]:
    table[41].append("more")
    return HEADER


BAD_DATA = {
    "a missing column": (400, without_amount, ("column amount", "is not in the data", "plan, note, outcome")),
    "a wrong type": (5000, spoilt_cell, ("column amount", "must be a number", "'abc'", "row 4711", "line 4712")),
    "an unknown label": (400, unknown_label, ("column outcome", "'maybe'", "row 100", "task: multiclass")),
    "one class": (400, one_class, ("column outcome", "'yes'", "two classes")),
    "nothing but missing": (400, all_missing, ("column amount", "no value in any of the 400 rows", "columns")),
    "10 000 categories": (11_000, ten_thousand_categories, ("column plan", "10000 different values", "type id")),
    "a header twice": (400, header_twice, ("data.csv", "'amount'", "columns 1 and 3")),
    "a ragged row": (400, ragged, ("data.csv", "row 42", "line 43", "5 fields, not 4")),
}


@pytest.mark.parametrize("command", ["check", "train"])
@pytest.mark.parametrize("what", BAD_DATA)
def test_bad_data_is_refused(here: Path, run: Run, what: str, command: str) -> None:
    count, spoil, fragments = BAD_DATA[what]
    table = rows(count)
    write(here, table, spoil(table))
    assert_clear(run(command), 2, *fragments)
    if command == "train":
        assert_nothing_is_left(here / "home")


@pytest.mark.parametrize("command", ["check", "train", "init"])
@pytest.mark.parametrize(("content", "words"), [("", "is empty"), ("amount,outcome\n", "a header but no rows")])
def test_a_file_without_rows_is_refused(here: Path, run: Run, command: str, content: str, words: str) -> None:
    (here / "data.csv").write_text(content)
    arguments = [command] if command != "init" else ["init", "data.csv", "--label", "outcome", "--output", "new.yaml"]
    assert_clear(run(*arguments), 2, "data.csv", words)
    assert not (here / "new.yaml").exists()
    assert_nothing_is_left(here / "home")


@pytest.mark.parametrize(
    ("typo", "fragments"),
    [
        (("maximise", "maximize"), ("classifier.yaml:9", "policy.maximize", "did you mean maximise?")),
        (("type: number", "type: numbr"), ("classifier.yaml:4", "columns.amount.type", "number")),
        (("label: outcome", "lable: outcome"), ("classifier.yaml:2", "data.lable", "did you mean label?")),
        (("method: stratified", "method: stratifed"), ("classifier.yaml:2", "data.split.method", "stratified")),
        (("{type: text}", "{type: text"), ("classifier.yaml:7", "brackets")),
        (("label: outcome", "label: outcom"), ("'outcom'", "data.label", "outcome")),
        (("source: data.csv", "source: dta.csv"), ("dta.csv", "does not exist", "data.source")),
        (("logistic_regression", "transformer"), ("model.candidates", "not yet supported")),
        (("positive: yes", "positive: yse"), ("data.positive", "yse", "did you mean yes?")),
    ],
    ids=lambda value: value[1] if isinstance(value, tuple) and len(value) == 2 else "",
)
def test_a_typo_in_the_spec_is_named(here: Path, run: Run, typo: tuple[str, str], fragments: tuple[str, ...]) -> None:
    (here / "classifier.yaml").write_text(SPEC.replace(*typo))
    assert_clear(run("train"), 2, *fragments)
    assert_nothing_is_left(here / "home")


def test_a_spec_that_is_not_there_is_named(here: Path, run: Run) -> None:
    assert_clear(run("train", "other.yaml"), 2, "other.yaml", "assay init")


@pytest.mark.parametrize(
    ("rows_given", "fragments"),
    [
        ('{"note": "   ", "amount": 1, "plan": "pro"}', ("features.note", "must hold some text", "white space")),
        (
            '{"note": "&nbsp;&#8203;", "amount": 1, "plan": "pro"}',
            ("features.note", "must hold some text", "white space"),
        ),
        ('{"note": "<p> <br/></p>", "amount": 1, "plan": "pro"}', ("features.note", "must hold some text")),
        ('{"note": "x", "amount": NaN, "plan": "pro"}', ("JSON",)),
        ('{"note": "x", "amount": 1e999, "plan": "pro"}', ("JSON", "out of range")),
        ('{"note": "x", "amount": "1", "plan": "pro"}', ("features.amount", "must be a number", "a string")),
        ('{"note": "x", "amount": 1, "plan": "pro", "amout": 2}', ("features.amout", "did you mean amount?")),
        ('{"note": "x"', ("JSON",)),
        ('[{"note": "x", "amount": 1, "plan": "pro"}, {"note": "x"}]', ("row 2", "amount", "required")),
    ],
)
def test_a_bad_example_is_refused(run: Run, rows_given: str, fragments: tuple[str, ...]) -> None:
    assert run("train").code == 0
    assert_clear(run("predict", "orders", rows_given), 2, *fragments)
    assert json.loads(run("log", "stats", "--json").out)["log"]["served"] == 0


def test_a_name_that_does_not_exist_is_refused_with_close_ones(run: Run) -> None:
    assert run("train").code == 0
    assert_clear(run("predict", "order", "{}"), 2, "order", "orders")
    assert_clear(run("show", "orders@7"), 2, "orders", "7")
    assert_clear(run("promote", "orders", "staging"), 2, "orders@VERSION")


@pytest.fixture
def release(copied: Callable[[str], Trained]) -> Trained:
    return copied("mixed")


@pytest.mark.slow
@pytest.mark.integration
def test_a_release_with_a_flipped_byte_is_refused_everywhere(
    release: Trained, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    largest = max((path for path in (release.home / "blobs").glob("??/*")), key=lambda path: path.stat().st_size)
    content = bytearray(largest.read_bytes())
    content[len(content) // 2] ^= 1
    largest.chmod(0o644)
    largest.write_bytes(content)
    monkeypatch.setenv("ASSAY_HOME", str(release.home))
    for arguments in (["predict", "mixed", "{}"], ["serve", "--port", "0"], ["serve", "mixed@1", "--port", "0"]):
        assert_clear(run(*arguments), 1, "mixed@1", "was changed")
    assert said(assay("log", "stats", "--json", home=release.home))["log"]["served"] == 0


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.parametrize("database", [False, True], ids=["from the start", "once there is a database"])
def test_a_full_disk_leaves_no_half_written_release(here: Path, database: bool) -> None:
    room = 3000
    if database:
        assay("releases", home=here / "home")
    before = {path.name for path in here.iterdir()}
    process = subprocess.run(
        [COMMAND, "train"],
        cwd=here,
        env=environment(here / "home"),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)),
    )
    assert_clear(Outcome(process.returncode, process.stdout, process.stderr), 1)
    assert ("did not take a release" if database else "database") in process.stderr
    assert {path.name for path in here.iterdir()} - before <= {"home"}
    assert_nothing_is_left(here / "home")
    assert said(assay("train", "--json", home=here / "home", cwd=here))["version"] == 1


@pytest.mark.slow
@pytest.mark.integration
def test_a_taken_port_is_said_and_the_server_that_has_it_goes_on(release: Trained) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = assay("serve", "--port", str(port), home=release.home, fails=2)
    assert_clear(Outcome(2, process.stdout, process.stderr), 2, f"port {port}", "--port")


@pytest.fixture
def answers(release: Trained) -> Iterator[Callable[[str], tuple[int, str]]]:
    """Post a body to a real server: the status and the problem."""
    with served([COMMAND, "serve", "--port", "0"], release.home) as client:

        def post(body: str) -> tuple[int, str]:
            answer = client.post("/v1/predict", content=body, headers={"content-type": "application/json"})
            assert answer.headers["content-type"].startswith("application/problem+json")
            problem = answer.json()
            assert {"type", "title", "status", "detail", "request_id"} <= problem.keys()
            assert problem["status"] == answer.status_code
            return answer.status_code, json.dumps(problem)

        yield post


@pytest.mark.slow
@pytest.mark.integration
def test_bad_requests_get_the_status_of_the_table(answers: Callable[[str], tuple[int, str]]) -> None:
    for body, statuses, fragment in (
        ('{"model": "mixed", "features": {"visits": NaN}}', {400}, ""),
        ('{"model": "mixed", "features": {"visits": 1e999}}', {400, 422}, ""),
        ('{"model": "mixed", "features": {"visits": "many"}}', {422}, "features.visits"),
        ('{"model": "mixed", "features": {"vists": 1}}', {422}, "did you mean visits?"),
        ('{"model": "mixed", "features": {"joined": "yesterday"}}', {422}, "features.joined"),
        ('{"model": "mixd", "features": {}}', {404}, "mixd"),
        ('{"model": "mixed", "features": ', {400}, ""),
        ("", {400}, ""),
        ("[1]", {400, 422}, ""),
    ):
        status, problem = answers(body)
        assert status in statuses, f"{body}: {status} {problem}"
        assert fragment in problem
