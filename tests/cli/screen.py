"""A terminal of any width, to look at."""

from __future__ import annotations

from io import StringIO

from rich.console import Console, RenderableType


def drawn(renderable: RenderableType, width: int) -> list[str]:
    """The lines that a terminal of this width shows."""
    screen = StringIO()
    Console(file=screen, width=width, force_terminal=True, color_system=None, highlight=False).print(renderable)
    return [line.rstrip() for line in screen.getvalue().splitlines()]
