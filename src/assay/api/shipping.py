"""The process beside a server that ships the log of all its workers; it is led through its stdin.

What it needs for that it loads when it is told to begin: until then the processor is for the server that starts.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from assay.app import App
    from assay.records.child import ShipperProcess

# Enough to leave answers their core, and not so much that on a machine with one core the spool fills while it is busy.
_NICENESS = 5


class _Plan(msgspec.Struct):
    home: str
    settings: msgspec.Raw


def start_shipping(app: App) -> ShipperProcess:
    """Start the process; whoever started it has it begin, and closes it."""
    from assay.records.child import ShipperProcess

    settings = msgspec.Raw(app.settings.model_dump_json().encode())
    plan = msgspec.json.encode(_Plan(str(app.home), settings))
    return ShipperProcess(app.spools, [sys.executable, "-P", "-m", "assay.api.shipping"], plan)


def main() -> None:
    """Ship for the parent. Answers come first: the processor is left to them, until many records wait.

    Signals to a whole group of processes are for the parent, which says when to end.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    os.nice(_NICENESS)
    if sys.platform == "linux":  # no interruption of an answer when it wakes up
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    commands = FileIO(0)
    line = commands.readline()
    if not line:
        return
    from assay.api.logs import configure_logging
    from assay.app import App
    from assay.errors import StorageError
    from assay.records.child import obey
    from assay.records.shipper import Shipper
    from assay.settings import Settings

    plan = msgspec.json.decode(line, type=_Plan)
    app = App(Settings.model_validate_json(bytes(plan.settings)), Path(plan.home))
    configure_logging(app.settings)
    with suppress(StorageError):  # asked for again when there is something to ship
        _ = app.sink  # loaded here: on a busy machine the thread that ships would take minutes to
    shipper = Shipper(app.spools, lambda: app.sink, cap_bytes=app.settings.log_cap_mb << 20)
    if not obey(shipper, commands, lower=_yield_to_answers, heed=lambda: os.write(1, b"draining\n")):
        sys.exit(1)


def _yield_to_answers() -> None:
    """Have the calling thread run on what is left of a processor, and give it back at once."""
    if sys.platform == "linux":
        with suppress(OSError):  # a sandbox may not allow it
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


if __name__ == "__main__":
    main()
