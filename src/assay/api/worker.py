"""One worker process: its log, its counters, its loader and predictor put together behind the door."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from multiprocessing import parent_process
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import msgspec

from assay.api.hot import Asgi
from assay.api.logs import configure_logging
from assay.api.server import create_api
from assay.api.services import Beside, Evidence, Services
from assay.app import App
from assay.records.ids import id_source
from assay.records.open import OpenLog
from assay.records.turn import is_present
from assay.registry.releases import open_release, read_contract, read_evidence
from assay.registry.store import Version
from assay.release.core import Release
from assay.serving.loader import Loader, Target
from assay.serving.metrics import Slab
from assay.serving.predictor import Predictor
from assay.settings import Settings

_ALMOST_FULL = 0.8
_SWITCH_INTERVAL_S = 0.0005


@dataclass(frozen=True)
class WorkerPlan:
    """What a worker is made from, in this process or in a child of it: it can be pickled.

    `slabs` is the directory of all workers' counters; `hosts` the names in the Host header that are answered; `beside`
    the worker's other doors.
    """

    settings: Settings
    home: Path
    targets: tuple[Target, ...]
    slabs: Path
    hosts: frozenset[bytes]
    beside: tuple[Beside, ...] = ()

    def __call__(self) -> Asgi:
        """The application of one child process."""
        configure_logging(self.settings)
        parent = parent_process()
        if parent is not None:
            threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
        worker = Worker(self)
        worker.loader.refresh()
        return worker.api


class Worker:
    """The parts of one worker. Nothing runs before `start`, which the application calls when it is begun."""

    def __init__(self, plan: WorkerPlan) -> None:
        self._plan = plan
        self._app = App(plan.settings, plan.home)
        self.slab = Slab(plan.slabs, f"worker-{os.getpid()}")
        self.loader = Loader(self._app.registry, self._open_release, self.slab, plan.targets, time.monotonic)

    @cached_property
    def log(self) -> OpenLog:
        """The prediction log of this worker; opened once, and shipped by the process beside the server."""
        return self._app.open_log(shipped_here=False)

    @cached_property
    def api(self) -> Asgi:
        """The ASGI application."""
        services = Services(
            settings=self._plan.settings,
            registry=self._app.registry,
            loader=self.loader,
            predictor=Predictor(self.log, id_source(os.urandom(10)), time.time),
            log=self.log,
            slab=self.slab,
            clock=time.time,
            read_evidence=self._read_evidence,
            log_counts=self._log_counts,
            concerns=self._concerns,
            sync=self.log.sync,
            start=self.start,
            stop=self.stop,
        )
        return create_api(services, self._plan.hosts, self._plan.beside)

    def start(self) -> None:
        """Begin to follow the deployments.

        What is loaded by now stays: no collection need look at it again. And the threads beside the event loop
        (loader, explanations) give the interpreter back after half a millisecond, for whoever waits for an answer.
        """
        gc.freeze()
        sys.setswitchinterval(_SWITCH_INTERVAL_S)
        self.loader.start(self._plan.settings.follow_interval_s)

    def stop(self) -> None:
        """Stop following and make the log durable; whoever started the workers has the rest of it shipped."""
        self.loader.stop()
        self.log.close()

    def _open_release(self, version: Version) -> Release:
        return open_release(version, self._app.blobs)

    def _read_evidence(self, version: Version) -> Evidence:
        blobs = self._app.blobs
        card = msgspec.json.decode(read_evidence(version, blobs, "card.json"), type=dict[str, Any])
        return Evidence(read_contract(version, blobs), card)

    def _log_counts(self) -> Mapping[str, float]:
        return {"fill": self.log.fill(), "waiting": float(self.log.waiting())}

    def _concerns(self) -> tuple[str, ...]:
        concerns = []
        fill = self.log.fill()
        if fill >= _ALMOST_FULL:
            concerns.append(f"the spool of the log is {fill:.0%} full")
        if not is_present(self._app.spools):
            concerns.append("the process that ships the log is gone; it is started again")
        return tuple(concerns)


def _end_with(parent: BaseProcess) -> None:
    """A worker whose supervisor was killed stops: nobody would replace it, ship its log, or tell it to end."""
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
