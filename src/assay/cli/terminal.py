"""What every command shares: results to stdout, everything else to stderr, one look at any width."""

from __future__ import annotations

import sys
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Annotated, Any

import msgspec
import typer
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, JustifyMethod, RenderableType, RenderResult
from rich.constrain import Constrain
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from assay.errors import AssayError, Problem

#: For progress, notices and errors.
console = Console(stderr=True, highlight=False, emoji=False)

JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]

#: The exit code after Ctrl-C, as shells have it.
INTERRUPTED = 130

_MOST_PROBLEMS = 20
_RULE_WIDTH = 80
_GAP = 2
#: What is piped or written to a file is not broken into lines that nobody can search.
_UNBROKEN = 10_000


def emit(value: Any, renderable: RenderableType, *, as_json: bool) -> None:
    """Print a result: `value` as JSON for machines, or `renderable` for people."""
    if as_json:
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")
        sys.stdout.buffer.flush()
        return
    output = Console(highlight=False, emoji=False)
    if output.is_terminal:
        output.print(renderable)
    else:
        sys.stdout.write(_unbroken(renderable))


def notice(text: str, style: str = "") -> None:
    """Say something beside the result."""
    _say(Text(text, style))


def report(error: AssayError) -> None:
    """Show an error: what, where (each single problem) and what to do about it."""
    _say(Text.assemble(("error: ", "bold red"), error.message))
    # A message that already says its only problem is not followed by it once more.
    problems = (
        () if len(error.problems) == 1 and _place_and_text(error.problems[0]) in error.message else error.problems
    )
    for problem in problems[:_MOST_PROBLEMS]:
        _say(Text.assemble("  ", (problem.path, "bold"), ": " if problem.path else "", problem.message))
    if len(error.problems) > _MOST_PROBLEMS:
        _say(Text(f"  and {len(error.problems) - _MOST_PROBLEMS} more"))
    if error.remedy:
        _say(Text.assemble(("try: ", "bold green"), error.remedy))


def heading(title: str) -> RenderableType:
    """What stands above a part of a result."""
    return Constrain(Rule(title, style="dim", align="left"), _RULE_WIDTH)


def facts(pairs: Iterable[tuple[str, str | Text]]) -> Table:
    """Names and values, one below the other; without those that have no value."""
    table = Table.grid(padding=(0, _GAP))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in pairs:
        if value:
            table.add_row(name, value if isinstance(value, Text) else Text(value))
    return table


def columns(*headings: str, numbers: Container[str] = ()) -> Table:
    """An empty table of the one look; those named in `numbers` are aligned to the right."""
    table = Table(box=None, pad_edge=False, header_style="dim", show_header=any(headings))
    for name in headings:
        side: JustifyMethod = "right" if name in numbers else "left"
        table.add_column(name, justify=side, overflow="fold")
    return table


@dataclass(frozen=True, slots=True)
class Listing:
    """Cells by heading. Where they do not fit, whole columns go, the first of `spare` first: no cell is cut short."""

    cells: Mapping[str, Sequence[str | Text]]
    numbers: frozenset[str] = frozenset()
    spare: Sequence[str] = ()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        shown = dict(self.cells)
        for name in self.spare:
            if _width(shown) > options.max_width:
                shown.pop(name, None)
        table = columns(*shown, numbers=self.numbers)
        for row in zip(*shown.values(), strict=True):
            table.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in row))
        yield table


def count(number: int, noun: str) -> str:
    """`1 row`, `5,574 rows`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def minute(moment: str) -> str:
    """An ISO time in UTC, to the minute, as people read it."""
    return moment[:16].replace("T", " ")


def _unbroken(renderable: RenderableType) -> str:
    """Plain lines without blanks at their ends."""
    drawn = Console(file=StringIO(), width=_UNBROKEN, highlight=False, emoji=False, force_terminal=False)
    with drawn.capture() as captured:
        drawn.print(renderable)
    return "".join(f"{line.rstrip()}\n" for line in captured.get().splitlines())


def _say(text: Text) -> None:
    console.print(text, soft_wrap=not console.is_terminal)


def _place_and_text(problem: Problem) -> str:
    """A problem without the line in brackets that a message puts first."""
    return str(problem).rpartition(" (")[0] or str(problem)


def _width(shown: Mapping[str, Sequence[str | Text]]) -> int:
    widths = (max(cell_len(str(cell)) for cell in (name, *cells)) for name, cells in shown.items())
    return sum(widths) + _GAP * (len(shown) - 1)
