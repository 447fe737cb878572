"""`assay doctor`: what is installed, reachable and wrong."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Literal

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from assay.cli.terminal import JsonOption, columns, emit
from assay.errors import AssayError

if TYPE_CHECKING:
    from assay.app import App

_TRAINING = ("polars", "scikit-learn", "lightgbm")
_LEAST_FREE_BYTES = 1 << 30
_MARKS = {"ok": "green", "note": "yellow", "wrong": "bold red"}


class Finding(msgspec.Struct, frozen=True):
    """One thing looked at, and what to do where it is wrong."""

    what: str
    state: Literal["ok", "note", "wrong"]
    detail: str
    remedy: str = ""


def doctor(as_json: JsonOption = False) -> None:
    """Look at the installation, the settings and the state, and say what is wrong."""
    from assay.app import open_app

    findings = [_interpreter(), _loops(), _training()]
    try:
        app = open_app()
        checks: tuple[Callable[[App], Iterator[Finding]], ...] = (_settings, _home, _database, _releases, _log)
        for check in checks:
            findings += _guarded(check, app)
    except AssayError as error:
        findings.append(_failed("settings", error))
    emit(findings, _table(findings), as_json=as_json)
    if any(finding.state == "wrong" for finding in findings):
        raise typer.Exit(1)


def _guarded(check: Callable[[App], Iterator[Finding]], app: App) -> list[Finding]:
    try:
        return list(check(app))
    except AssayError as error:
        return [_failed(check.__name__.strip("_"), error)]


def _failed(what: str, error: AssayError) -> Finding:
    detail = "; ".join([error.message, *map(str, error.problems)])
    return Finding(what, "wrong", detail, error.remedy)


def _interpreter() -> Finding:
    return Finding("assay", "ok", f"{version('assay-ml')} on Python {platform.python_version()}, {sys.platform}")


def _loops() -> Finding:
    from assay import native

    if native.LOOPS is None:
        return Finding(
            "loops", "note", "run in Python, more slowly", "install a C compiler and Python's headers, then Assay anew"
        )
    return Finding("loops", "ok", "compiled")


def _training() -> Finding:
    found, absent = [], []
    for name in _TRAINING:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            absent.append(name)
    if absent:
        return Finding("training", "note", f"not installed: {', '.join(absent)}", "pip install 'assay-ml[train]'")
    return Finding("training", "ok", ", ".join(found))


def _settings(app: App) -> Iterator[Finding]:
    given = sorted(name for name in os.environ if name.startswith("ASSAY_"))
    known = {f"ASSAY_{name.upper()}" for name in type(app.settings).model_fields}
    yield Finding("settings", "ok", ", ".join(name for name in given if name in known) or "all at their defaults")
    for name in given:
        if name not in known:
            yield Finding("settings", "note", f"{name} is set, but no setting has that name")


def _home(app: App) -> Iterator[Finding]:
    if not app.home.exists():
        yield Finding("state", "note", f"{app.home} does not exist yet", "assay train makes it")
        return
    if not os.access(app.home, os.W_OK):
        yield Finding("state", "wrong", f"{app.home} cannot be written", "set ASSAY_HOME to a directory of yours")
        return
    free = shutil.disk_usage(app.home).free
    state: Literal["ok", "wrong"] = "ok" if free >= _LEAST_FREE_BYTES else "wrong"
    yield Finding("state", state, f"{app.home}, {free / 2**30:.1f} GiB free", "" if state == "ok" else "make room")


def _database(app: App) -> Iterator[Finding]:
    if app.home.exists():
        yield Finding("database", "ok", f"{app.engine.url.render_as_string(hide_password=True)} is reachable")


def _releases(app: App) -> Iterator[Finding]:
    """Every release that serves is loaded as a server would load it."""
    from assay.registry.releases import open_release
    from assay.serving.served import compare_cost

    if not app.home.exists():
        return
    names = app.registry.classifiers()
    if not names:
        yield Finding("releases", "note", "none is registered", "assay train makes one")
    for name in names:
        deployment = app.registry.deployment(name)
        if deployment is None:
            yield Finding(name, "note", "no version is deployed", f"assay promote {name}@VERSION production")
            continue
        try:
            release = open_release(app.registry.version(name, deployment.version), app.blobs)
            yield Finding(name, "ok", f"version {release.version} serves and reproduces its parity examples")
            if release.cache is not None and (costs := compare_cost(release)):
                yield Finding(f"{name} cache", "note", costs, "leave serving.cache out of the spec")
        except AssayError as error:
            yield _failed(name, error)


def _log(app: App) -> Iterator[Finding]:
    from assay.records.stats import read_stats

    stats = read_stats(app.spools)
    detail = f"{stats.served} served, {stats.shipped} shipped, {stats.spooled} spooled"
    if stats.dead_lettered or stats.dropped:
        detail += f", {stats.dead_lettered} dead-lettered, {stats.dropped} dropped"
    remedy = "" if stats.balanced else "assay log stats shows which spool does not add up"
    yield Finding("log", "ok" if stats.balanced else "wrong", detail, remedy)


def _table(findings: list[Finding]) -> Table:
    table = columns("", "", "")
    for finding in findings:
        remedy = f"\ntry: {finding.remedy}" if finding.remedy else ""
        detail = Text.assemble(finding.detail, (remedy, "dim"))
        table.add_row(Text(finding.state, _MARKS[finding.state]), Text(finding.what), detail)
    return table
