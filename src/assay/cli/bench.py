"""`assay bench`: what a release can do on this machine."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import Group, RenderableType
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from assay.cli.terminal import JsonOption, Listing, columns, console, count, emit, facts, heading, notice
from assay.errors import ConfigurationError, StorageError

if TYPE_CHECKING:
    from assay.bench.load import Load
    from assay.bench.run import Report
    from assay.bench.sizing import Sizing

_MOST_CONNECTIONS = 1000
#: From here on figures say more of the load than of the server.
_LATE_MS = 1.0
_LATENCIES = {"p50 ms": "p50_ms", "p90 ms": "p90_ms", "p99 ms": "p99_ms", "p99.9 ms": "p999_ms", "worst ms": "max_ms"}


def bench(
    name: Annotated[str, typer.Argument(metavar="NAME[@VERSION]", help="Classifier or version: spam, spam@3.")],
    connections: Annotated[str, typer.Option(metavar="N,...", help="Connections that send at once.")] = "1,8,32",
    seconds: Annotated[float, typer.Option(min=0.1, max=600.0, help="How long each run lasts.")] = 3.0,
    open_loop: Annotated[
        bool, typer.Option("--open-loop", help="Also send at fixed times, at 25, 50 and 75 % of the most.")
    ] = False,
    data: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Send rows of this file; without it the release's own examples.")
    ] = None,
    rate: Annotated[float | None, typer.Option(min=0.001, help="Requests a second that you need.")] = None,
    utilisation: Annotated[
        float, typer.Option(min=0.01, max=0.95, help="Share of a worker's most that may be used.")
    ] = 0.5,
    price: Annotated[float | None, typer.Option(min=0.0, help="Price of one core for an hour, any currency.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE.json", help="Write the result to this file too.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure what a release can do on this machine: requests, latency, the cost of each stage, advice on size.

    A server and a load of its own, on this machine alone; nothing of it comes into your log. Exit code 1: a request
    went wrong.
    """
    from assay.app import open_app
    from assay.bench.run import Order
    from assay.bench.run import bench as measure
    from assay.bench.sizing import Wish
    from assay.registry.releases import resolve

    order = Order(
        connections=_parse(connections),
        seconds=seconds,
        at_fixed_rates=open_loop,
        data=data,
        wish=Wish(rate=rate, utilisation=utilisation, price=price),
    )
    if output is not None and not output.parent.is_dir():
        raise ConfigurationError(f"{output.parent} is no directory", remedy="name a file in a directory that exists")
    app = open_app()
    version = resolve(name, app.registry)
    with Progress(TextColumn("{task.description}"), BarColumn(bar_width=24), console=console, transient=True) as bar:
        task = bar.add_task("")
        report = measure(
            app,
            version,
            order,
            lambda what, step, steps: bar.update(task, description=what, completed=step, total=steps),
        )
    if output is not None:
        _write(report, output)
    emit(report, _story(report, data), as_json=as_json)
    if report.errors:
        notice(f"{count(report.errors, 'request')} went wrong; the figures are not those of a sound server", "yellow")
        raise typer.Exit(1)


def _parse(connections: str) -> tuple[int, ...]:
    parts = [part.strip() for part in connections.split(",")]
    numbers = tuple(int(part) for part in parts if part.isascii() and part.isdigit() and len(part) < 6)
    if len(numbers) != len(parts) or not all(0 < number <= _MOST_CONNECTIONS for number in numbers):
        raise ConfigurationError(
            f"--connections {connections!r} is no list of numbers from 1 to {_MOST_CONNECTIONS}",
            remedy="write --connections 1,8,32",
        )
    return numbers


def _write(report: Report, path: Path) -> None:
    try:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    except OSError as error:
        raise StorageError(
            f"{path} cannot be written: {error.strerror}", remedy="name a file that you can write to"
        ) from error
    notice(f"wrote {path}")


def _story(report: Report, data: Path | None) -> RenderableType:
    of = "of the release" if data is None else f"of {data}"
    cores = report.cores
    held = f"the server and the shipping of its log on core {cores.server}, the load on core {cores.load}"
    parts: list[RenderableType] = [
        facts(
            [
                ("release", f"{report.classifier}@{report.version}, digest {report.release_digest[:8]}"),
                ("machine", report.machine),
                ("cores", held if cores.load is not None else "server and load share the cores: held to none"),
                ("sent", f"{count(report.examples, 'example')} {of} in turn, {report.body_bytes} bytes on average"),
                ("answers", "each compared with what the release answers in process"),
                ("log", f"durability {report.log}, thrown away"),
            ]
        ),
        heading("one worker, each connection sends when its answer has come"),
        _loads(report.levels),
        heading("one request by stage"),
        _stages(report),
    ]
    if report.at_fixed_rates:
        parts += [heading("sent at fixed times, counted from then on"), _loads(report.at_fixed_rates)]
        if max(load.late_p99_ms for load in report.at_fixed_rates) > _LATE_MS:
            parts.append(Text("the load could not keep its times: other work uses its core", "yellow"))
    if report.sizing is not None:
        parts += [heading("size"), _advice(report.sizing, report.classifier)]
    return Group(*parts)


def _loads(loads: tuple[Load, ...]) -> RenderableType:
    cells: dict[str, list[str | Text]] = {"connections": [f"{load.connections}" for load in loads]}
    if fixed := any(load.rate is not None for load in loads):
        cells["sent/s"] = [f"{load.rate or 0.0:,.0f}" for load in loads]
    cells["requests/s"] = [f"{load.requests_per_second:,.0f}" for load in loads]
    for name, field in _LATENCIES.items():
        cells[name] = [f"{getattr(load, field):.3f}" for load in loads]
    if fixed:
        cells["late p99 ms"] = [f"{load.late_p99_ms:.3f}" for load in loads]
    cells["errors"] = [Text(_faults(load), "red" if load.errors else "") for load in loads]
    return Listing(cells, numbers=frozenset(cells), spare=("p90 ms", "p99.9 ms", "worst ms", "connections"))


def _faults(load: Load) -> str:
    return ", ".join(f"{number:,} {fault}" for fault, number in sorted(load.faults.items())) or "0"


def _stages(report: Report) -> RenderableType:
    table = columns("stage", "us", "by", "what", numbers={"us"})
    for stage in report.stages:
        table.add_row(stage.name, f"{stage.us:.1f}", Text(stage.by), Text(stage.does, "dim"))
    if report.processor is not None and report.rest_us is not None:
        table.add_row("rest", f"{report.rest_us:.1f}", "", Text("the server: socket, HTTP, routes", "dim"))
        table.add_row(
            Text("answer", "bold"), Text(f"{report.processor.server_us:.1f}", "bold"), "",
            Text("processor time of the server a request", "dim"),
        )  # fmt: skip
        table.add_row(
            "shipping", f"{report.processor.shipping_us:.1f}", "", Text("the log to the database, beside it", "dim")
        )
    return table


def _advice(sizing: Sizing, name: str) -> RenderableType:
    planned = (
        f"{sizing.planned_per_second:,.0f} requests/s at {sizing.utilisation:.0%} of {sizing.most_per_second:,.0f}"
    )
    told = [("one worker", planned)]
    if sizing.workers is not None:
        said = f"{count(sizing.workers, 'worker')}, one core each, {sizing.busy or 0.0:.0%} busy"
        told.append((f"{sizing.rate:,.0f} requests/s", said))
        told.append(("", f"assay serve {name} --workers {sizing.workers}"))
    if sizing.cost_per_1000 is not None:
        told.append(("1000 predictions", f"{_money(sizing.cost_per_1000)} at {sizing.price:g} an hour of one core"))
    return facts(told)


def _money(amount: float) -> str:
    """Three digits that count, without an exponent."""
    places = 2 if amount <= 0.0 else max(2, 2 - math.floor(math.log10(amount)))
    return f"{amount:.{places}f}"
