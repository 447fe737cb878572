"""The look: it fits the terminal, and what is piped is whole."""

from __future__ import annotations

import getpass
import json
import os

import pytest
from rich.text import Text

from assay.app import who
from assay.cli.terminal import Listing, columns, count, emit, facts, heading, minute, notice, report
from assay.errors import DataError, Problem
from tests.cli.screen import drawn

LISTING = Listing(
    {"release": ["spam@1", Text("a_long_name@12")], "roc auc": ["0.9", "0.95"], "digest": ["12345678", "abcdefgh"]},
    numbers=frozenset({"roc auc"}),
    spare=("digest", "roc auc"),
)


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        (
            33,
            [
                "release         roc auc  digest",
                "spam@1              0.9  12345678",
                "a_long_name@12     0.95  abcdefgh",
            ],
        ),
        (32, ["release         roc auc", "spam@1              0.9", "a_long_name@12     0.95"]),
        (22, ["release", "spam@1", "a_long_name@12"]),
    ],
)
def test_columns_that_do_not_fit_go_as_a_whole(width: int, lines: list[str]) -> None:
    assert drawn(LISTING, width) == lines


def test_what_cannot_go_is_folded_and_not_cut() -> None:
    assert "".join(drawn(LISTING, 8)[2:]) == "a_long_name@12"


def test_a_heading_is_never_wider_than_a_page() -> None:
    assert [len(line) for width in (40, 200) for line in drawn(heading("gates"), width)] == [40, 80]


def test_facts_leave_out_what_has_no_value() -> None:
    shown = drawn(facts([("model", "trees"), ("note", ""), ("owner", Text("ann"))]), 40)
    assert shown == ["model  trees", "owner  ann"]


def test_piped_lines_are_whole_and_without_blanks_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    table = columns("what", "detail")
    table.add_row("a", "word " * 60)
    table.add_row("b", "")
    emit({}, table, as_json=False)
    assert capsys.readouterr().out.splitlines() == ["what  detail", "a     " + "word " * 59 + "word", "b"]


def test_json_is_all_there_is_on_stdout(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    emit({"a": [1, None]}, "for people", as_json=True)
    assert json.loads(capfdbinary.readouterr().out) == {"a": [1, None]}


def test_notices_go_to_stderr_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    notice(f"state in /srv/[red]/{'x' * 100}", "dim")
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", f"state in /srv/[red]/{'x' * 100}\n")


def test_an_error_names_its_problems_and_the_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    problems = [Problem("column age", "is [empty]"), Problem("", "and more")]
    report(DataError("rows.csv breaks its contract", problems=problems, remedy="mend the rows"))
    assert capsys.readouterr().err.splitlines() == [
        "error: rows.csv breaks its contract",
        "  column age: is [empty]",
        "  and more",
        "try: mend the rows",
    ]


def test_an_error_says_its_only_problem_once(capsys: pytest.CaptureFixture[str]) -> None:
    report(DataError("wrong: name: is missing", problems=[Problem("name", "is missing (line 3)")]))
    assert capsys.readouterr().err == "error: wrong: name: is missing\n"


def test_of_many_problems_the_first_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    report(DataError("wrong", problems=[Problem(f"row {number}", "is short") for number in range(50)]))
    lines = capsys.readouterr().err.splitlines()
    assert (len(lines), lines[-1]) == (22, "  and 30 more")


def test_numbers_and_times_read_well() -> None:
    assert (count(1, "row"), count(5574, "row")) == ("1 row", "5,574 rows")
    assert minute("2026-11-21T06:49:40+00:00") == "2026-11-21 06:49"


def test_a_user_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> str:
        raise KeyError("getpwuid(): uid not found: 4711")

    assert who() == getpass.getuser()
    monkeypatch.setattr(getpass, "getuser", unknown)
    assert who() == f"uid {os.getuid()}"
