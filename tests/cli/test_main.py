"""The command line as a whole: help, usage, exit codes, one calm message."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner

from assay import errors
from assay.cli.main import COMMANDS, EXIT_CODES, app, exit_code, main
from assay.errors import AssayError
from assay.settings import read_settings

#: The table of the documentation: 2 is wrong usage or input, 1 is that the gates said no or the work failed.
WRONG_INPUT = {
    *("ConfigurationError", "SpecError", "SettingsError", "NotSupportedError", "MissingDependencyError"),
    *("DataError", "ContractError", "MalformedError", "NotFoundError"),
}
FAILED = {"AssayError", "ReleaseError", "GateError", "ConflictError", "StorageError", "UnavailableError"} | {
    "OverloadedError"
}


def _kinds(root: type[AssayError] = AssayError) -> Iterator[type[AssayError]]:
    yield root
    for kind in root.__subclasses__():
        yield from _kinds(kind)


def _main(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["assay", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.mark.parametrize("command", [*COMMANDS, "log tail", "log stats", "log export"])
def test_every_command_has_help(command: str) -> None:
    result = CliRunner().invoke(app, [*command.split(), "--help"])
    assert result.exit_code == 0
    assert "Usage" in result.stdout


def test_help_lists_every_command_with_what_it_does() -> None:
    shown = CliRunner().invoke(app, ["-h"]).stdout
    assert [name for name, (_, told) in COMMANDS.items() if name not in shown or told not in shown] == []


def test_without_a_command_help_is_shown() -> None:
    assert "Commands" in CliRunner().invoke(app, []).output


def test_the_version_is_that_of_the_package() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.stdout) == (0, f"assay {version('assay-ml')}\n")


@pytest.mark.parametrize("arguments", [["trian"], ["train", "--fast"], ["predict"], ["serve", "--port", "http"]])
def test_wrong_usage_is_2(arguments: list[str]) -> None:
    assert CliRunner().invoke(app, arguments).exit_code == 2


@pytest.mark.parametrize("kind", [*_kinds()], ids=lambda kind: kind.__name__)
def test_every_error_has_its_exit_code(kind: type[AssayError]) -> None:
    assert exit_code(kind("nothing")) == (2 if kind.__name__ in WRONG_INPUT else 1)


def test_the_table_of_exit_codes_knows_the_whole_tree() -> None:
    told = {kind.__name__ for kind in _kinds() if kind.__module__ == errors.__name__}
    assert told == WRONG_INPUT | FAILED
    assert EXIT_CODES[-1] == (AssayError, 1)


def test_an_error_is_one_message_and_an_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path))
    assert _main(monkeypatch, "show", "nobody@1") == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines()[0] == "error: there is no classifier named nobody"
    assert said.err.splitlines()[1].startswith("try: ")


def test_a_wrong_setting_is_wrong_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("ASSAY_LOG_CAP_MB", "much")
    assert _main(monkeypatch, "releases") == 2
    assert "ASSAY_LOG_CAP_MB" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "said"),
    [("LOG_DURABILTY", "did you mean ASSAY_LOG_DURABILITY?"), ("BLOBS_URL", "ASSAY_BLOBS_URL: is not yet supported")],
)
def test_a_setting_that_would_be_ignored_is_wrong_input(
    name: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(f"ASSAY_{name}", "off")
    assert _main(monkeypatch, "releases") == 2
    assert said in " ".join(capsys.readouterr().err.split())


def test_an_empty_setting_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_HOME", "")
    assert read_settings().home is None


def test_an_interrupt_ends_quietly(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("assay.cli.main.app", interrupted)
    assert _main(monkeypatch) == 130
    assert capsys.readouterr().err == ""


def test_a_reader_that_goes_away_is_no_traceback(tmp_path: Path) -> None:
    program = "from assay.cli.main import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", program, "doctor", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(60) == 1
