"""The process beside a server that ships the log of all its workers; it is led through its stdin."""

from __future__ import annotations

import os
import signal
import sys
from io import FileIO
from pathlib import Path

import msgspec

from assay.api.logs import configure_logging
from assay.app import App
from assay.records.child import ShipperProcess, obey
from assay.records.shipper import Shipper
from assay.settings import Settings

# Enough to leave answers their core, and not so much that on a machine with one core the spool fills while it is busy.
_NICENESS = 5


class _Plan(msgspec.Struct):
    home: str
    settings: msgspec.Raw


def start_shipping(app: App) -> ShipperProcess:
    """Start the process; whoever started it closes it."""
    settings = msgspec.Raw(app.settings.model_dump_json().encode())
    plan = msgspec.json.encode(_Plan(str(app.home), settings))
    return ShipperProcess(app.spools, [sys.executable, "-P", "-m", "assay.api.shipping"], plan)


def main() -> None:
    """Ship for the parent. Answers come first: the processor is left to them.

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
    plan = msgspec.json.decode(line, type=_Plan)
    app = App(Settings.model_validate_json(bytes(plan.settings)), Path(plan.home))
    configure_logging(app.settings)
    if not obey(Shipper(app.spools, lambda: app.sink), commands):
        sys.exit(1)


if __name__ == "__main__":
    main()
