"""The server's log: JSON for machines, plain lines for people, control characters escaped in both."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from io import StringIO

import pytest

from assay.api.logs import PlainFormatter, configure_logging
from assay.settings import Settings


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def root() -> Iterator[logging.Logger]:
    """The root logger, as it was afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield root
    root.handlers[:] = handlers
    root.setLevel(level)


def logged(stream: StringIO, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(sys, "stderr", stream)
    configure_logging(settings)
    logging.getLogger("assay.test").warning("shipped\nall", extra={"records": 3, "odd": "\x1b[31m"})
    return stream.getvalue()


def test_a_terminal_gets_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    line = logged(Terminal(), Settings(), monkeypatch)
    assert line[8:].rstrip("\n") == "  warning: shipped\\nall  records=3  odd=\\x1b[31m"


def test_anything_else_gets_json(monkeypatch: pytest.MonkeyPatch) -> None:
    told = json.loads(logged(StringIO(), Settings(), monkeypatch))
    assert (told["level"], told["message"], told["records"]) == ("warning", "shipped\nall", 3)


def test_the_setting_decides_if_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert logged(Terminal(), Settings(log_format="json"), monkeypatch).startswith("{")
    assert "warning: " in logged(StringIO(), Settings(log_format="plain"), monkeypatch)


def test_where_an_error_came_from_is_said_on_the_same_line() -> None:
    try:
        raise ZeroDivisionError
    except ZeroDivisionError:
        record = logging.LogRecord("x", logging.ERROR, "f", 1, "failed", (), sys.exc_info())
    line = PlainFormatter().format(record)
    assert "error=ZeroDivisionError" in line
    assert "\n" not in line
