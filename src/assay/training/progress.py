"""What training tells whoever watches it. The terminal draws bars of it; nobody has to watch."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Told what is going on, in order; `advance` may be called from several threads."""

    def begin(self, step: str, total: int = 1) -> None:
        """A step of `total` equal pieces begins; the one before it is done."""

    def advance(self) -> None:
        """One more piece of the step is done."""


class Silence:
    """Nobody watches."""

    def begin(self, step: str, total: int = 1) -> None:
        """Nobody is told."""

    def advance(self) -> None:
        """Nobody is told."""
