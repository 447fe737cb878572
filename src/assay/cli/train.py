"""`assay train`: draws the path from data to a registered release. It decides nothing."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Annotated, Any, Self

import msgspec
import typer
from rich.console import Group, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from assay.cli.card import (
    attention,
    candidates,
    champion_title,
    differences,
    figures,
    figures_title,
    finding_line,
    gates,
    policy_line,
)
from assay.cli.terminal import INTERRUPTED, JsonOption, console, count, emit, heading, notice
from assay.errors import MissingDependencyError

if TYPE_CHECKING:
    from assay.registry.store import Version
    from assay.training.card import Card
    from assay.training.train import Trained

LIBRARIES = frozenset({"jinja2", "lightgbm", "optuna", "polars", "scipy", "sklearn", "threadpoolctl"})
_WORN = 3
_FINDINGS = {"warn": "yellow", "note": "dim"}


def train(
    spec: Annotated[Path, typer.Argument(help="The spec.")] = Path("classifier.yaml"),
    deploy: Annotated[bool, typer.Option(help="Deploy the classifier's first release that passes its gates.")] = True,
    as_json: JsonOption = False,
) -> None:
    """From data to a gated, registered release. Exit code 1: registered, but its gates said no."""
    from assay.app import open_app, who
    from assay.spec import read_spec

    try:
        from assay.training.train import Destination
        from assay.training.train import train as run
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in LIBRARIES:
            raise
        raise MissingDependencyError(
            f"training needs {error.name}, which is not installed", remedy='pip install "assay-ml[train]"'
        ) from None
    wanted = read_spec(spec)
    app = open_app(spec.resolve().parent)
    destination = Destination(
        registry=app.registry, blobs=app.blobs, by=who(), deploy=deploy, studies=app.home / "studies"
    )
    with Bars() as bars, at_once(bars):
        trained = run(wanted, spec.resolve().parent, destination, bars)
    emit(summary(trained), story(trained), as_json=as_json)
    notice(f"state in {app.home}", "dim")
    if not trained.version.passed:
        raise typer.Exit(1)


@contextmanager
def at_once(bars: Bars) -> Iterator[None]:
    """Ctrl-C ends the process there and then: libraries in other threads would hold it for as long as they learn. What
    is registered is whole or not there at all, however a process ends.
    """

    def stop(_number: int, _frame: FrameType | None) -> None:
        bars.stop()
        notice("stopped; nothing is left to clean up")
        os._exit(INTERRUPTED)

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class Bars:
    """One line a step; finished ones stay, so that the time each took can be read. One that fails is taken away."""

    def __init__(self) -> None:
        self._progress = Progress(
            SpinnerColumn(finished_text="[green]·[/green]"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is None:
            self._finish()
        self.stop()

    def stop(self) -> None:
        """Nothing is drawn any more, and no step looks as if it went on."""
        if self._task is not None and not self._progress.tasks[self._task].finished:
            self._progress.remove_task(self._task)
            self._task = None
        self._progress.stop()

    def begin(self, step: str, total: int = 1) -> None:
        """A new line."""
        self._finish()
        self._task = self._progress.add_task(step, total=total)

    def advance(self) -> None:
        """The line's bar grows."""
        if self._task is not None:
            self._progress.advance(self._task)

    def _finish(self) -> None:
        if self._task is not None:
            total = self._progress.tasks[self._task].total
            self._progress.update(self._task, completed=total)


def summary(trained: Trained) -> dict[str, Any]:
    """What a script wants to know of a training or an import."""
    version = trained.version
    return {
        "classifier": version.classifier,
        "version": version.version,
        "digest": version.release_digest,
        "known": trained.known,
        "passed": version.passed,
        "deployed": trained.deployed,
        "serving": trained.serving.version if trained.serving else None,
        "card": trained.card,
    }


def story(trained: Trained) -> RenderableType:
    """The same, told to a person."""
    card: dict[str, Any] = msgspec.to_builtins(trained.card)
    parts: list[RenderableType] = [Text(), Text(_rows(trained.card))]
    parts += [_finding(finding) for finding in card["data"]["findings"]]
    parts += [Text(), heading("candidates, log loss on validation rows"), candidates(card["model"]["candidates"])]
    parts += [Text(), heading(figures_title(card)), figures(card, ("majority",))]
    parts += [Text(note, style="yellow") for note in card["notes"]]
    parts.append(Text(f"policy: {policy_line(card['policy'])}"))
    if card["champion"] and card["champion"]["release_digest"] != card["release_digest"]:
        parts += [Text(), heading(champion_title(card["champion"])), differences(card["champion"]), Text()]
    judged = gates(card["gates"]) if card["gates"] else Text("the spec names none", style="dim")
    parts += [Text(), heading("gates"), judged, *_worn(trained.version), Text()]
    parts += [*attention(card["policy"]), _verdict(trained)]
    return Group(*parts)


def _rows(card: Card) -> str:
    data = card.data
    if card.model.imported is not None:
        return (
            f"{count(data.rows, 'row')} of {data.source}\n"
            f"{data.validation_rows:,} calibrated the model and chose its policy; "
            f"{count(data.gate_rows, 'gate row')} judge"
        )
    choosing = "out of fold" if data.out_of_fold else f"on {data.validation_rows:,} of them"
    return (
        f"{count(data.rows, 'row')} of {data.source}\n"
        f"{data.learned_rows:,} to learn from, choices made {choosing}; {count(data.gate_rows, 'gate row')} judge"
    )


def _finding(finding: dict[str, Any]) -> Text:
    style = _FINDINGS.get(finding["severity"], "")
    return Text(f"{finding['severity']}: {finding_line(finding)}", style=style)


def _worn(version: Version) -> Iterator[Text]:
    """A warning from the third release that the same rows judge."""
    if version.gate_uses >= _WORN:
        told = f"these gate rows have judged {version.gate_uses} releases: whoever picks among them needs fresh rows"
        yield Text(told, style="yellow")


def _verdict(trained: Trained) -> Text:
    version = trained.version
    name = f"{version.classifier}@{version.version}"
    known = "is this very release already" if trained.known else "is registered"
    serves = trained.serving is not None and trained.serving.version == version.version
    deployed = " and deployed" if trained.deployed or serves else ""
    told = Text.assemble((name, "bold"), f" {known}{deployed}, digest {version.release_digest[:8]}\n")
    if trained.otherwise:
        told.append(f"today's measurement would judge otherwise: {', '.join(trained.otherwise)}; ", "yellow")
        told.append("the verdict on record stands\n", "yellow")
    if not version.passed:
        return told.append("its gates said no, so it cannot be promoted", "red")
    if trained.deployed:
        return told.append("assay serve", "bold").append(" answers with it")
    if serves:
        return told.append("it serves already")
    return told.append(f"assay promote {name} production", "bold").append(" puts it to work")
