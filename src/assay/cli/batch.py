"""`assay batch`: a whole file, larger than memory if need be."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import typer
from rich.console import Group, RenderableType
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from assay.cli.terminal import JsonOption, columns, console, count, emit, facts, notice
from assay.errors import DataError, MissingDependencyError

if TYPE_CHECKING:
    from assay.batch.order import Manifest

_LIBRARIES = frozenset({"polars", "pyarrow"})


def _reading(help_text: str, *names: str, **more: Any) -> Any:
    """An option that says how the input is written."""
    return typer.Option(*names, help=help_text, rich_help_panel="How the input is written", **more)


def batch(
    name: Annotated[str, typer.Argument(metavar="NAME[@VERSION]", help="Classifier or version: spam, spam@3.")],
    source: Annotated[Path, typer.Option("--input", metavar="FILE", help="CSV, Parquet or JSON lines; also .gz.")],
    output: Annotated[Path, typer.Option(metavar="FILE", help="Answers: .parquet, .csv or .jsonl.")],
    keep: Annotated[
        list[str] | None, typer.Option(metavar="COL,...|all", help="Columns of the input to carry over; repeatable.")
    ] = None,
    on_error: Annotated[
        Literal["file", "fail"], typer.Option(help="A row that breaks the contract: into the errors file, or the end.")
    ] = "file",
    workers: Annotated[int, typer.Option(min=0, max=256, help="Processes that score; 0 takes one a core.")] = 0,
    delimiter: Annotated[str, _reading("Delimiter of a CSV file.")] = "auto",
    encoding: Annotated[str, _reading("Encoding of a text file, like latin-1.")] = "auto",
    header: Annotated[
        bool | None, _reading("Whether the first line names the columns or is a row.", "--header/--no-header")
    ] = None,
    quote: Annotated[str, _reading("Character that fields are put in, or none.")] = "auto",
    escape: Annotated[str, _reading("What stands before a quote that is meant as one, or none.")] = "auto",
    comment: Annotated[str, _reading("What lines begin with that are comments, or none.")] = "auto",
    skip: Annotated[str, _reading("How many lines stand above the table.")] = "auto",
    decimal: Annotated[str, _reading("Decimal mark of numbers: . or ,")] = "auto",
    thousands: Annotated[str, _reading("Mark between thousands, or none.")] = "auto",
    times: Annotated[
        list[str] | None,
        _reading(
            "How a column spells times, like day_first or epoch_s; repeatable.", "--times", metavar="COL=SPELLING"
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing output.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Classify every row of a file. Killed and run again, it goes on where it stopped and writes the same bytes.

    The file is read as the one that the classifier learned from, or as options say. Exit code 2: no row was answered.
    """
    from assay.batch.crew import begin_crew, crew_size

    size = crew_size(workers, source.stat().st_size) if source.is_file() else 1
    try:
        if size > 1:
            begin_crew(size)
        from assay.batch.job import run
        from assay.batch.order import Order
        from assay.batch.reading import recorded_reading
    except ModuleNotFoundError as error:
        if error.name not in _LIBRARIES:
            raise
        raise MissingDependencyError(
            f"batches need {error.name}, which is not installed", remedy='pip install "assay-ml[train]"'
        ) from None
    from assay.app import open_app
    from assay.registry.releases import open_release, read_release, resolve
    from assay.spec.said import said_format

    app = open_app()
    version = resolve(name, app.registry)
    order = Order(
        input=source,
        output=output,
        form=said_format(
            delimiter=delimiter,
            encoding=encoding,
            header="auto" if header is None else header,
            quote=quote,
            escape=escape,
            comment=comment,
            skip=skip,
            decimal=decimal,
            thousands=thousands,
            times=times or (),
        ),
        reading=recorded_reading(version, app.blobs),
        keep=tuple(column for said in keep or () for column in said.split(",")),
        on_error=on_error,
        workers=workers,
        force=force,
    )
    release = open_release(version, app.blobs)
    with _Bar() as bar:
        manifest = run(order, release, read_release(version, app.blobs), bar)
    emit(manifest, _story(manifest, order.manifest), as_json=as_json)
    if not manifest.output.rows:
        raise DataError(
            f"{source}: not one of its {count(manifest.input.rows, 'row')} could be answered",
            remedy=f"{order.errors} says why for each; does the file hold what the classifier learned from, and is it "
            "read rightly (--delimiter, --decimal, --no-header)?",
        )


class _Bar:
    """How far it is, how fast, and how long it will take."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("scoring"),
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            TextColumn("{task.fields[rows]:,} rows, {task.fields[rate]:,.0f} rows/s"),
            TimeRemainingColumn(),
            console=console,
        )
        self._task: TaskID | None = None
        self._rows = 0
        self._scored = 0

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._progress.stop()
        if kind is KeyboardInterrupt:
            notice("stopped; the same command goes on from here")

    def begin(self, total: int) -> None:
        """The bar appears."""
        self._task = self._progress.add_task("", total=total, rows=0, rate=0.0)

    def advance(self, size: int, rows: int, *, resumed: bool) -> None:
        """The bar grows; what an earlier run scored says nothing of how fast this one is."""
        if self._task is None:
            return
        self._rows += rows
        self._scored += 0 if resumed else rows
        elapsed = self._progress.tasks[self._task].elapsed or 0.0
        rate = self._scored / elapsed if elapsed else 0.0
        self._progress.update(self._task, advance=size, rows=self._rows, rate=rate)


def _story(manifest: Manifest, path: Path) -> RenderableType:
    errors = manifest.errors
    told = facts(
        [
            ("release", f"{manifest.classifier}@{manifest.version}, digest {manifest.release_digest[:8]}"),
            ("input", f"{manifest.input.path}, {count(manifest.input.rows, 'row')}"),
            ("answers", f"{manifest.output.path}, {count(manifest.output.rows, 'row')}"),
            ("errors", Text(f"{errors.path}, {count(errors.rows, 'row')}", "yellow") if errors else "none"),
            ("manifest", str(path)),
            ("rate", f"{manifest.rows_per_second:,.0f} rows a second, {manifest.seconds:.1f} s"),
            ("resumed", f"{count(manifest.resumed_rows, 'row')} from before" if manifest.resumed_rows else ""),
        ]
    )
    decisions = columns("decision", "rows", numbers={"rows"})
    for decision, rows in manifest.decisions.items():
        decisions.add_row(Text(decision, "bold"), f"{rows:,}")
    return Group(told, Text(), decisions)
