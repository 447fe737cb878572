"""What a fault test counted, for the table in docs/reliability.md."""

from __future__ import annotations

from typing import Protocol


class Figure(Protocol):
    """Keep the counts of one test: how often the fault happened first, then what came of it."""

    def __call__(self, **counts: int) -> None: ...
