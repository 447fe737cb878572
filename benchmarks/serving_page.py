"""What `serving.py` measured, beside what was aimed at: on the terminal, as a page and as a chart."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from measured import CONNECTIONS, ECHO, HALF, LOGS, SIZES, Measured
from pages import table, taken, write_page
from rich.console import Console
from rich.table import Table as Grid
from targets import Target, judge, spread

from assay.bench.run import SHARES
from assay.report.svg import Scale, box, element, label, line, number, picture

LIBRARIES = ("fastapi", "uvicorn", "uvloop", "httptools", "msgspec", "numpy", "lightgbm", "onnxruntime")
#: Floor and aim of the full path, as shares of the echo's requests a second.
OF_THE_ECHO = {"linear_tabular": (0.6, 1.4), "linear_text": (0.6, 1.0), "lightgbm_200x31": (0.4, 0.85)}
STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#333}.axis,.tick{fill:#666}.grid{stroke:#ddd}"
    ".c0{fill:#2b6cb0}.c1{fill:#6b9fd4}.c2{fill:#a8c5e4}.c3{fill:#cfe0f1}.floor{stroke:#b45309;stroke-width:2}"
    ".aim{stroke:#15803d;stroke-width:2}"
)

Cells = Sequence[str]


class Table(NamedTuple):
    """A table to print or to write."""

    title: str
    heads: Cells
    rows: list[Cells]


def show(measured: Measured) -> None:
    """Print every table."""
    console = Console(width=130, highlight=False)
    for one in tables(measured):
        grid = Grid(title=one.title, title_justify="left")
        for at, head in enumerate(one.heads):
            grid.add_column(head, justify="right" if at else "left")
        for row in one.rows:
            grid.add_row(*row)
        console.print(grid)


def write(measured: Measured, folder: Path) -> None:
    """Write serving.md and serving.svg."""
    rounds, seconds, starts = SIZES[measured.size]
    parts = [
        "# What the request path costs",
        taken(LIBRARIES),
        f"Measured by `benchmarks/serving.py {measured.size}`: one worker with the process that ships its log on one "
        f"core, the load over {CONNECTIONS} connections on another; {rounds} rounds of {seconds:g} s in which servers "
        f"take turns, each alone, {starts} starts. Every answer was compared with what the release answers in process. "
        "Figures are medians, with the least and the greatest of the rounds in brackets; us are processor time of what "
        "answers.",
        f"One `fdatasync` of a record takes this disk {statistics.median(measured.syncs_ms):.2f} ms, "
        f"p99 {statistics.quantiles(measured.syncs_ms, n=100)[-1]:.2f} ms: no answer in mode `power` can be sooner, "
        "and those that wait together share one. In memory a sync costs nothing: what `power` costs there is ours.",
        "![requests a second as shares of the echo's](serving.svg)",
    ]
    for one in tables(measured):
        parts += [f"## {one.title}", table(one.heads, one.rows)]
    write_page(folder / "serving.md", *parts)
    (folder / "serving.svg").write_text(chart(measured) + "\n", encoding="utf-8")


def tables(measured: Measured) -> list[Table]:
    """All tables in order."""
    targets = Table("Floor, aim and what was measured", Target._fields, [*judged(measured)])
    return [targets, _rounds(measured), _fixed(measured), _stages(measured), _starts(measured)]


def judged(measured: Measured) -> list[Target]:
    """The lines of the targets."""
    targets = [
        judge(f"full path of the echo, {name}", _shares(measured, name, LOGS[0]), floor=floor, aim=aim, more=True)
        for name, (floor, aim) in OF_THE_ECHO.items()
    ]
    for log in (log for log in LOGS if log.startswith("power") and _has(measured, log)):
        for name in measured.rounds:
            powers, added = _power(measured, name, log), _added(measured, name, log)
            targets.append(judge(f"log {log} of process, {name}", powers, floor=0.5, aim=0.8, more=True))
            targets.append(judge(f"p99 that {log} adds at a quarter, ms, {name}", added, aim=1))
    for name, rounds in measured.rounds.items():
        full = [one.load.p99_ms for one in rounds[LOGS[0]]]
        half, bare = ([load.p99_ms for load in measured.fixed[name, key, HALF]] for key in (LOGS[0], ECHO))
        targets.append(judge(f"p99 at full load, ms, {name}", full, floor=5, aim=3))
        targets.append(judge(f"p99 at half load, ms, {name}", half, floor=2, aim=1))
        targets.append(judge(f"the echo's p99 at that rate, ms, {name}", bare))
    pairs = [*zip(measured.starts["assay"], measured.starts["hello-world"], strict=True)]
    beside = {
        "start to first answer, of a hello-world": [a.seconds / b.seconds for a, b in pairs],
        "memory with shipping, of it": [a.all_mb / b.all_mb for a, b in pairs],
        "memory of the worker, of it": [a.worker_mb / b.worker_mb for a, b in pairs],
    }
    return [*targets, *(judge(what, ratios, floor=1.5, aim=1.2) for what, ratios in beside.items())]


def _rounds(measured: Measured) -> Table:
    heads = (
        "classifier",
        "server",
        "requests/s",
        "of the echo",
        "us",
        "times the echo",
        "p50 ms",
        "p99 ms",
    )
    rows: list[Cells] = []
    for name, rounds in measured.rounds.items():
        for key in (ECHO, *(log for log in LOGS if log in rounds)):
            times = [one.processor_us / bare.processor_us for one, bare in zip(rounds[key], rounds[ECHO], strict=True)]
            row = (
                name,
                key if key == ECHO else f"log {key}",
                f"{statistics.median(one.load.requests_per_second for one in rounds[key]):,.0f}",
                spread(_shares(measured, name, key)),
                f"{statistics.median(one.processor_us for one in rounds[key]):.1f}",
                spread(times),
                f"{statistics.median(one.load.p50_ms for one in rounds[key]):.2f}",
                spread([one.load.p99_ms for one in rounds[key]]),
            )
            rows.append(row)
    return Table("Each connection sends when its answer has come", heads, rows)


def _fixed(measured: Measured) -> Table:
    heads = (
        "classifier",
        "server",
        "share of the most",
        "requests/s",
        "p50 ms",
        "p99 ms",
        "p99.9 ms",
        "sent late, p99 ms",
    )
    rows: list[Cells] = []
    for (name, key, share), loads in measured.fixed.items():
        p50, p999, late = (
            statistics.median(getattr(load, figure) for load in loads)
            for figure in ("p50_ms", "p999_ms", "late_p99_ms")
        )
        p99 = spread([load.p99_ms for load in loads])
        rate = f"{loads[0].rate or 0.0:,.0f}"
        server = key if key == ECHO else f"log {key}"
        rows.append((name, server, f"{share:.0%}", rate, f"{p50:.2f}", p99, f"{p999:.2f}", f"{late:.2f}"))
    return Table("Sent at fixed times, latency from then on", heads, rows)


def _stages(measured: Measured) -> Table:
    names = [*measured.stages]
    rows: list[Cells] = []
    for at, stage in enumerate(measured.stages[names[0]]):
        row = [stage.name]
        for name in names:
            one = measured.stages[name][at]
            row.append(f"{one.us:.1f} {one.by}".strip())
        rows.append(row)
    whole = {name: _processor_us(measured, name) for name in names}
    spent = {name: sum(stage.us for stage in measured.stages[name]) for name in names}
    rows.append(["rest: socket, HTTP, routes", *(f"{whole[name] - spent[name]:.1f}" for name in names)])
    rows.append(["answer", *(f"{whole[name]:.1f}" for name in names)])
    return Table("Microseconds of one request by stage", ("stage", *names), rows)


def _starts(measured: Measured) -> Table:
    heads = ("server", "start to first answer s", "worker MB", "with its children MB")
    rows: list[Cells] = []
    for name, starts in measured.starts.items():
        seconds = spread([one.seconds for one in starts])
        worker, everything = ([getattr(one, field) for one in starts] for field in ("worker_mb", "all_mb"))
        rows.append((name, seconds, spread(worker, ".0f"), spread(everything, ".0f")))
    return Table("Starting and memory, beside FastAPI with onnxruntime", heads, rows)


def chart(measured: Measured) -> str:
    """Requests a second as shares of the echo's: a bar a durability, a line each for floor and aim."""
    width, row, left, top = 640.0, 22.0, 130.0, 34.0
    logs = [log for log in LOGS if _has(measured, log)]
    group = row * len(logs) + 16
    height = top + group * len(measured.rounds) + 30
    most = max(1.5, *(max(_shares(measured, name, log)) for name in measured.rounds for log in logs))
    across = Scale(low=0.0, high=most, begin=left, end=width - 20)
    parts = [element("style", {}, text=STYLE)]
    for value in across.ticks(6):
        parts.append(line((across(value), top), (across(value), height - 26), "grid"))
        parts.append(label((across(value), height - 10), number(value), "tick", "middle"))
    for at, log in enumerate(logs):
        parts.append(box((left + at * 110, 10), (10, 10), f"c{at}"))
        parts.append(label((left + 15 + at * 110, 19), f"log {log}"))
    for at, name in enumerate(measured.rounds):
        begin = top + 8 + at * group
        parts.append(label((left - 8, begin + row * len(logs) / 2 + 4), name, "", "end"))
        for below, log in enumerate(logs):
            share = statistics.median(_shares(measured, name, log))
            size = (across(share) - across(0.0), row - 4)
            parts.append(box((left, begin + below * row), size, f"c{below}", hint=f"{name}, log {log}: {share:.2f}"))
        for bound, style in zip(OF_THE_ECHO[name], ("floor", "aim"), strict=True):
            parts.append(line((across(bound), begin - 3), (across(bound), begin + row * len(logs) - 1), style))
    title = "Requests a second as shares of a bare ASGI echo's"
    drawn = picture(title, "The first upright line of each is the floor, the second the aim.", (width, height), parts)
    return drawn.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)


def _shares(measured: Measured, name: str, key: str) -> list[float]:
    rounds = measured.rounds[name]
    return [
        one.load.requests_per_second / bare.load.requests_per_second
        for one, bare in zip(rounds[key], rounds[ECHO], strict=True)
    ]


def _power(measured: Measured, name: str, log: str) -> list[float]:
    rounds = measured.rounds[name]
    pairs = zip(rounds[log], rounds["process"], strict=True)
    return [one.load.requests_per_second / other.load.requests_per_second for one, other in pairs]


def _added(measured: Measured, name: str, log: str) -> list[float]:
    pairs = zip(*(measured.fixed[name, one, SHARES[0]] for one in (log, LOGS[0])), strict=True)
    return [one.p99_ms - other.p99_ms for one, other in pairs]


def _processor_us(measured: Measured, name: str) -> float:
    return statistics.median(one.processor_us for one in measured.rounds[name][LOGS[0]])


def _has(measured: Measured, log: str) -> bool:
    return all(log in rounds for rounds in measured.rounds.values())
