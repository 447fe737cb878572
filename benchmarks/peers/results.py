"""What came out, as a table for the terminal, a page and a picture."""

from __future__ import annotations

import math
import os
import platform
import re
import statistics
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version as installed
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table as Grid
from wrk import CONNECTIONS, Measured

from assay.report import svg

FOLDER = Path(__file__).resolve().parents[1] / "results"
COLUMNS = ("server", "version", "model", "req/s", "spread", "Assay is", "p50 ms", "p99 ms", "CPU us/request", "checked")
#: Room in the picture for the names, for a bar's figures, and a bar's height with its gap, in pixels.
_NAMES, _WIDTH, _FIGURES, _STEP, _BAR = 270, 760, 120, 24, 15
_STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#57606a}.own{fill:#1f77b4}.compiled{fill:#7a8794}.pipeline{fill:#b07d2b}"
    ".grid{stroke:#8886;stroke-width:1}"
    "@media(prefers-color-scheme:dark){text{fill:#b6bec8}.own{fill:#4aa3e0}.compiled{fill:#8b98a5}.pipeline{fill:#d2a14b}}"
)


class Line(NamedTuple):
    """One server's figures; `times` is how many times its requests a second Assay answered beside it."""

    server: str
    version: str
    model: str
    requests_a_second: float
    spread: float
    times: float
    p50_ms: float
    p99_ms: float
    processor_us: float
    checked: int

    @property
    def cells(self) -> tuple[str, ...]:
        """The line as the tables show it."""
        return (
            self.server,
            self.version,
            self.model,
            f"{self.requests_a_second:,.0f}",
            f"{self.spread:.0%}",
            f"{self.times:.2f} x" if self.times < 10 else f"{self.times:.0f} x",
            f"{self.p50_ms:.2f}",
            f"{self.p99_ms:.2f}",
            f"{self.processor_us:,.0f}",
            f"{self.checked}" if self.checked else "",
        )


def line(server: str, version: str, model: str, rounds: Sequence[Measured], times: float, checked: int) -> Line:
    """Medians of rounds; the spread is that between the least and the most requests a second, of their median."""
    rates = [one.requests_a_second for one in rounds]
    middle = Measured(*map(statistics.median, zip(*rounds, strict=True)))
    spread = (max(rates) - min(rates)) / middle.requests_a_second
    return Line(
        server,
        version,
        model,
        middle.requests_a_second,
        spread,
        times,
        middle.p50_ms,
        middle.p99_ms,
        middle.processor_us,
        checked,
    )


def own_lines(bare: Sequence[Measured], own: Sequence[Measured], checked: int) -> list[Line]:
    """The bare echo and Assay, from rounds that took turns."""
    of_echo = [ours.requests_a_second / theirs.requests_a_second for theirs, ours in zip(bare, own, strict=True)]
    return [
        line("bare echo (uvicorn, ASGI)", installed("uvicorn"), "none", bare, statistics.median(of_echo), 0),
        line("Assay", installed("assay-ml"), "compiled, everything on", own, 1.0, checked),
    ]


def version(python: Path, requirement: str) -> str:
    """The version of a peer in its environment."""
    name = re.split(r"[^\w-]", requirement)[0]
    code = f"from importlib.metadata import version; print(version({name!r}))"
    return subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def show(lines: Sequence[Line], failed: dict[str, str]) -> None:
    """The table on the terminal; behind it what could not be measured."""
    grid = Grid(title=f"the linear tabular classifier, {CONNECTIONS} connections, one core")
    for number, title in enumerate(COLUMNS):
        grid.add_column(title, justify="left" if number < 3 else "right")
    for one in lines:
        grid.add_row(*one.cells)
    console = Console(width=150)
    console.print(grid)
    for name, why in failed.items():
        console.print(f"{name} was not measured: {why}", markup=False)


def write(lines: Sequence[Line], failed: dict[str, str], how: str) -> None:
    """The page and the picture."""
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "peers.md").write_text(page(lines, failed, how, machine()))
    (FOLDER / "peers.svg").write_text(picture(lines))


def page(lines: Sequence[Line], failed: dict[str, str], how: str, where: str) -> str:
    """The page in Markdown."""
    rows = [COLUMNS, ("---", "---", "---", *["---:"] * 7), *(one.cells for one in lines)]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in rows)
    left_out = "".join(f"\n- {name} was not measured: {' '.join(why.split())}" for name, why in failed.items())
    return f"""# Assay beside other servers

`make peers && make bench-peers`: {where}; {how}; {CONNECTIONS} connections; all processes of a server on one core,
the load (wrk) on another. Ratios are the claim, absolute figures are context. What each server was given and set to
stands in [its table](../peers/README.md).

![Requests a second of each server](peers.svg)

{table}

*Model*: `compiled` is the release that Assay serves, called by the peer; `pipeline` the scikit-learn pipeline with the
same coefficients. Assay also validates, counts and logs each request; the peers do what their row of the table says.
*Assay is*: Assay's requests a second in the rounds before and after, over the server's. *Spread*: between the least
and the most requests a second of its rounds, of the median. *Checked*: rows whose label is the release's and whose
probability is within 1e-9 of it, before anything was timed.
{left_out}
""".rstrip() + "\n"  # fmt: skip


def picture(lines: Sequence[Line]) -> str:
    """Requests a second as bars on a logarithmic scale."""
    low = 10.0 ** math.floor(math.log10(0.8 * min(one.requests_a_second for one in lines)))
    high = max(one.requests_a_second for one in lines)
    scale = svg.Scale(low=math.log10(low), high=math.log10(high), begin=_NAMES, end=_WIDTH - _FIGURES)
    height = 30 + _STEP * len(lines)
    parts = [svg.element("style", {}, text=_STYLE)]
    for power in range(round(math.log10(low)), math.floor(math.log10(high)) + 1):
        x = scale(power)
        parts += [svg.line((x, 22), (x, height), "grid"), svg.label((x, 14), svg.number(10.0**power), anchor="middle")]
    for number, one in enumerate(lines):
        top = 28 + _STEP * number
        end, style = scale(math.log10(one.requests_a_second)), one.model.partition(",")[0]
        parts += [
            svg.label((_NAMES - 8, top + 12), f"{one.server}: {one.model}", anchor="end"),
            svg.box((_NAMES, top), (end - _NAMES, _BAR), "own" if one.server == "Assay" else style),
            svg.label((end + 6, top + 12), f"{one.requests_a_second:,.0f}  ({one.cells[5]})"),
        ]
    described = "Horizontal bars on a logarithmic scale; in brackets how many times as many Assay answered beside it."
    drawn = svg.picture("Requests a second of each server", described, (_WIDTH, height), parts)
    return drawn.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1) + "\n"


def machine() -> str:
    """Where and when it was measured."""
    told = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    model = next((row.partition(":")[2].strip() for row in told.splitlines() if row.startswith("model name")), "")
    day = datetime.now(UTC).date().isoformat()
    return f"{model or platform.machine()}, {os.cpu_count()} cores, Python {sys.version.split()[0]}, {day}"
