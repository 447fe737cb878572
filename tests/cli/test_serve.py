"""`assay serve`: what it refuses before it listens."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import assay.rpc
from assay.cli.main import app
from assay.errors import ConfigurationError, MissingDependencyError

command: typer.Typer = app


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path))


@pytest.mark.parametrize("library", ["grpc", "google.protobuf"])
def test_without_the_extra_the_remedy_installs_it(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assay, "rpc", assay.rpc)  # as it was, when this test is over
    for name in [name for name in sys.modules if name.startswith(("assay.rpc", f"{library}."))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)
    result = CliRunner().invoke(command, ["serve", "--grpc-port", "0"])
    assert isinstance(result.exception, MissingDependencyError)
    assert "assay-ml[grpc]" in result.exception.remedy


def test_a_taken_grpc_port_is_one_clear_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        result = CliRunner().invoke(command, ["serve", "--grpc-port", str(port)])
    assert isinstance(result.exception, ConfigurationError)
    assert "--grpc-port" in result.exception.remedy
