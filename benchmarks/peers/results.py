"""What came out, as a table for the terminal, a page and a picture."""

from __future__ import annotations

import math
import re
import statistics
import subprocess
from collections.abc import Sequence
from importlib.metadata import version as installed
from pathlib import Path
from typing import NamedTuple

from pages import table, taken, write_page
from rich.console import Console
from rich.table import Table as Grid
from targets import Target, judge
from wrk import CONNECTIONS, Measured

from assay.report import svg

ROOT = Path(__file__).resolve().parents[2]

COLUMNS = ("server", "version", "model", "req/s", "spread", "Assay is", "p50 ms", "p99 ms", "CPU us/request", "checked")
#: Which model, of which server (all of them where none is named), with what is asked for at least and aimed at.
BOUNDS = (
    ("pipeline", "", 10.0, 30.0),
    ("compiled", "", 3.0, None),
    ("compiled", "FastAPI", None, 7.0),
    ("compiled", "Triton", None, 20.0),
    ("compiled", "LitServe", None, 40.0),
    ("compiled", "BentoML", None, 60.0),
)
#: Room in the picture for the names, for a bar's figures, and a bar's height with its gap, in pixels.
_NAMES, _WIDTH, _FIGURES, _STEP, _BAR = 270, 760, 120, 24, 15
_STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#57606a}.own{fill:#1f77b4}.compiled{fill:#7a8794}.pipeline{fill:#b07d2b}"
    ".grid{stroke:#8886;stroke-width:1}"
    "@media(prefers-color-scheme:dark){text{fill:#b6bec8}.own{fill:#4aa3e0}.compiled{fill:#8b98a5}.pipeline{fill:#d2a14b}}"
)


_READING = """\
*Model*: `compiled` is the release that Assay serves, called by the peer; `pipeline` the scikit-learn pipeline with the
same coefficients. Assay also validates, counts and logs each request; the peers do what their row of the table says.
*Assay is*: Assay's requests a second in the rounds before and after, over the server's. *Spread*: between the least
and the most requests a second of its rounds, of the median. *Checked*: rows whose label is the release's and whose
probability is within 1e-9 of it, before anything was timed."""


class Line(NamedTuple):
    """One server's figures; `ratios` are how many times its requests a second Assay answered beside it, by round."""

    server: str
    version: str
    model: str
    requests_a_second: float
    spread: float
    ratios: tuple[float, ...]
    p50_ms: float
    p99_ms: float
    processor_us: float
    checked: int

    @property
    def times(self) -> float:
        """The median of the ratios."""
        return statistics.median(self.ratios)

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


def line(
    server: str, version: str, model: str, rounds: Sequence[Measured], ratios: Sequence[float], checked: int
) -> Line:
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
        tuple(ratios),
        middle.p50_ms,
        middle.p99_ms,
        middle.processor_us,
        checked,
    )


def own_lines(bare: Sequence[Measured], own: Sequence[Measured], checked: int) -> list[Line]:
    """The bare echo and Assay, from rounds that took turns."""
    of_echo = [ours.requests_a_second / theirs.requests_a_second for theirs, ours in zip(bare, own, strict=True)]
    return [
        line("bare echo (uvicorn, ASGI)", installed("uvicorn"), "none", bare, of_echo, 0),
        line("Assay", installed("assay-ml"), "compiled, everything on", own, [1.0], checked),
    ]


def judged(peers: Sequence[Line]) -> list[Target]:
    """The lines of the targets; of several ways to serve, the one that comes nearest to Assay."""
    targets = []
    for model, server, floor, aim in BOUNDS:
        chosen = [one for one in peers if one.model.startswith(model) and one.server.startswith(server)]
        if chosen:
            nearest = min(chosen, key=lambda one: one.times)
            of_whom = f"{server or 'the best'}, {model}"
            what = f"times {of_whom} ({nearest.server}{nearest.model.removeprefix(model)})"
            targets.append(judge(what, nearest.ratios, floor=floor, aim=aim, more=True))
    return targets


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


def write(folder: Path, own: Sequence[Line], peers: Sequence[Line], failed: dict[str, str], how: str) -> None:
    """The page and the picture."""
    write_page(folder / "peers.md", *page(own, peers, failed, how))
    (folder / "peers.svg").write_text(picture([*own, *peers]))


def page(own: Sequence[Line], peers: Sequence[Line], failed: dict[str, str], how: str) -> tuple[str, ...]:
    """The parts of the page."""
    return (
        "# Assay beside other servers",
        taken(("uvicorn", "uvloop")),
        f"`make bench-peers`: {how}; {CONNECTIONS} connections; all processes of a server on one core, the load (wrk) "
        "on another. Ratios are the claim, absolute figures are context. What each server was given and set to stands "
        "in [its table](../peers/README.md).",
        "![Requests a second of each server](peers.svg)",
        table(Target._fields, judged(peers)),
        table(COLUMNS, [one.cells for one in (*own, *peers)]),
        _READING,
        "\n".join(f"- {name} was not measured: {_of_anywhere(why)}" for name, why in failed.items()),
    )


def _of_anywhere(why: str) -> str:
    """A reason in one line, without where this repository happens to stand."""
    return " ".join(why.replace(f"{ROOT}/", "").split())


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
