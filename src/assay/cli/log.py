"""`assay log` and `assay feedback`."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group
from rich.progress import track
from rich.text import Text

from assay.cli.terminal import JsonOption, Listing, console, count, emit, minute, notice
from assay.errors import StorageError
from assay.records.labels import readable

if TYPE_CHECKING:
    from assay.adapters.sql.log_view import ClassifierCounts
    from assay.app import App
    from assay.contract.columns import Contract
    from assay.records.stats import LogStats

log = typer.Typer(no_args_is_help=True, add_completion=False, help="The prediction log: tail, stats, export.")

NameArgument = Annotated[str | None, typer.Argument(help="Only this classifier's predictions.")]

_FEEDBACK_A_WRITE = 1000
_SHIP_FOR_S = 30.0


@log.command()
def tail(
    name: NameArgument = None,
    last: Annotated[int, typer.Option("--last", "-n", min=1, help="How many predictions.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Show the newest predictions, the newest of them last."""
    from assay.adapters.sql.log_view import last_predictions

    app = _open()
    rows = last_predictions(app.engine, last, name)
    if rows or as_json:
        emit(rows, _newest(rows), as_json=as_json)
    else:
        notice(f"no prediction is on record in {app.home}")


@log.command()
def stats(as_json: JsonOption = False) -> None:
    """Check that every record is somewhere: served = shipped + spooled + dead-lettered + dropped."""
    from assay.adapters.sql.log_view import count_by_classifier, count_outcomes
    from assay.records.stats import read_stats

    app = _open()
    found = read_stats(app.spools)
    counts = count_by_classifier(app.engine)
    value = {"log": found, "classifiers": counts, "outcomes": count_outcomes(app.engine)}
    emit(value, Group(_equation(found), *([_counts(counts)] if counts else [])), as_json=as_json)
    if not found.balanced:
        raise StorageError("the log does not add up: records are missing or counted twice")


@log.command()
def export(
    output: Annotated[Path, typer.Option("--output", "-o", help="A .csv or .jsonl file.")],
    name: NameArgument = None,
    as_json: JsonOption = False,
) -> None:
    """Write all predictions to a file, in the order of their times."""
    from assay.adapters.sql.log_view import COLUMNS, all_predictions, count_predictions
    from assay.records.export import export as write

    app = _open()
    rows = _progress(all_predictions(app.engine, name), count_predictions(app.engine, name))
    written = write(rows, COLUMNS, output)
    text = Text(f"{count(written, 'prediction')} written to {output}")
    emit({"output": str(output), "rows": written}, text, as_json=as_json)


def feedback(
    file: Annotated[
        Path, typer.Argument(help="A .csv or .jsonl file: label with prediction_id, or with entity and time.")
    ],
    model: Annotated[str | None, typer.Option(help="The classifier of rows that do not name one.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Record true labels; of several for one prediction the one received last counts."""
    from assay.records.feedback_file import read_feedback
    from assay.records.open import open_log

    app = _open()
    contracts = _contracts(app)
    outcomes = read_feedback(
        file,
        time.time(),
        model=model,
        classes={name: contract.classes for name, contract in contracts.items()},
        several=[name for name, contract in contracts.items() if contract.task == "multilabel"],
    )
    notice(f"state in {app.home}", "dim")
    settings = app.settings
    records = open_log(
        app.spools, lambda: app.sink, cap_bytes=settings.log_cap_mb << 20, when_full="reject", clock=time.time
    )
    try:
        for start in range(0, len(outcomes), _FEEDBACK_A_WRITE):
            records.append_many(outcomes[start : start + _FEEDBACK_A_WRITE])
    finally:
        records.close(_SHIP_FOR_S)
    waiting = records.waiting()
    text = f"{count(len(outcomes), 'label')} recorded" + (
        f", {waiting} of them wait for the database" if waiting else ""
    )
    emit({"recorded": len(outcomes), "waiting": waiting}, Text(text), as_json=as_json)


def _open() -> App:
    """The application, after what workers left behind was shipped."""
    from assay.app import open_app
    from assay.records.shipper import Shipper

    app = open_app()
    try:
        shipped = Shipper(app.spools, lambda: app.sink).adopt()
    except StorageError as error:
        notice(f"records that a stopped server left behind are not shipped yet: {error}", "yellow")
    else:
        if shipped:
            notice(f"shipped to {app.home} what a stopped server left behind: {count(shipped, 'record')}", "dim")
    return app


def _contracts(app: App) -> Mapping[str, Contract]:
    """The contract of every deployed classifier."""
    from assay.registry.releases import open_release

    return {
        deployed.classifier: open_release(
            app.registry.version(deployed.classifier, deployed.version), app.blobs
        ).contract
        for deployed in app.registry.deployments()
    }


def _progress(rows: Iterable[Mapping[str, Any]], total: int) -> Iterable[Mapping[str, Any]]:
    return track(rows, "exporting", total=total, console=console, transient=True)


def _newest(rows: Sequence[Mapping[str, Any]]) -> Listing:
    """Ids come first and are never cut short: people paste them into feedback."""
    classifiers = [f"{row['classifier']}@{row['model_version']}" for row in rows]
    cells: dict[str, list[str | Text]] = {
        "prediction id": [row["prediction_id"] for row in rows],
        "at (UTC)": [minute(row["predicted_at"]) for row in rows],
        "classifier": [*classifiers],
        "decision": [_decided(row) for row in rows],
        "confidence": ["" if row["error"] is not None else f"{row['confidence_score']:.4f}" for row in rows],
        "correct": [{None: "", True: "yes", False: "no"}[row["is_correct"]] for row in rows],
        "ms": [f"{row['prediction_time']:.2f}" for row in rows],
    }
    if not any(cells["correct"]):
        del cells["correct"]
    alike = ["classifier"] if len(set(classifiers)) == 1 else []
    spare = ["ms", *alike, "confidence", "at (UTC)", "correct", "classifier"]
    return Listing(cells, numbers=frozenset({"confidence", "ms"}), spare=spare)


def _decided(row: Mapping[str, Any]) -> Text:
    return Text(readable(row["decision"])) if row["error"] is None else Text(f"failed: {row['error']}", "red")


def _counts(counts: Sequence[ClassifierCounts]) -> Listing:
    cells: dict[str, list[str | Text]] = {"classifier": [one.classifier for one in counts]}
    numbers = ("predictions", "failed", "review", "labelled", "correct")
    cells |= {name: [f"{getattr(one, name):,}" for one in counts] for name in numbers}
    return Listing(cells, numbers=frozenset(numbers))


def _equation(found: LogStats) -> Text:
    verdict = "adds up" if found.balanced else "DOES NOT ADD UP"
    live = sum(spool.live for spool in found.spools)
    return Text(
        f"served {found.served} = shipped {found.shipped} + spooled {found.spooled}"
        f" + dead-lettered {found.dead_lettered} + dropped {found.dropped}: {verdict}"
        f"\n{count(len(found.spools), 'spool')}, {live} in use"
    )
