"""What `serving.py` measures, how much of it, and what comes of it."""

from __future__ import annotations

from typing import NamedTuple

from assay.bench.load import Load
from assay.bench.stages import Stage

CONNECTIONS = 32
#: Every durability of the log that is measured, the default first; in memory a sync costs nothing.
LOGS = ("process", "off", "power", "power in memory")
IN_MEMORY = " in memory"
ECHO = "echo"
#: The share of the most at which the p99 has a target.
HALF = 0.5


class Size(NamedTuple):
    """How much is measured."""

    rounds: int
    seconds: float
    starts: int


SIZES = {"short": Size(3, 1.5, 3), "full": Size(7, 3.0, 9)}


class Round(NamedTuple):
    """One run against one server; microseconds of processor time a request are those of the process that answers."""

    load: Load
    processor_us: float


class Start(NamedTuple):
    """One start: seconds to the first answer, MB of the process that answers, MB with its children."""

    seconds: float
    worker_mb: float
    all_mb: float


class Measured(NamedTuple):
    """All of it. `rounds` by classifier and server (the echo or a durability), `fixed` by classifier, server and
    share of the most; `syncs_ms`: how long the disk takes to make a record durable.
    """

    size: str
    syncs_ms: list[float]
    rounds: dict[str, dict[str, list[Round]]]
    stages: dict[str, tuple[Stage, ...]]
    fixed: dict[tuple[str, str, float], list[Load]]
    starts: dict[str, list[Start]]
