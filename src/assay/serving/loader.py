"""Keeps the releases that serve now warm: follows the deployments, swaps a whole release at once or keeps the old one.

Order of a swap: load, verify, replay the parity examples, prepare, route. Requests in flight finish on what they began.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from assay.errors import AssayError, NotFoundError
from assay.registry.assign import assign
from assay.registry.store import RegistryStore, Version
from assay.release.core import Release
from assay.serving.metrics import Slab
from assay.serving.served import Served, prepare_served
from assay.values import Deployment

_log = logging.getLogger(__name__)
_FIRST_DELAY_S = 1.0
_LONGEST_DELAY_S = 60.0

#: Loads and verifies a registered version, its parity examples replayed.
OpenRelease = Callable[[Version], Release]


class Target(NamedTuple):
    """A classifier to serve: its champion, or one version of it."""

    classifier: str
    version: int | None = None


class Failure(NamedTuple):
    """A deployment that could not be loaded, and when to try again."""

    deployment: Deployment
    error: AssayError
    delay_s: float
    again_at: float


class Loader:
    """`served` is replaced as a whole, never changed; read it once a request.

    Without `targets` every deployed classifier is served, later ones too. `monotonic` is seconds from any start.
    """

    def __init__(
        self,
        registry: RegistryStore,
        open_release: OpenRelease,
        slab: Slab,
        targets: Sequence[Target],
        monotonic: Callable[[], float],
    ) -> None:
        self.served: Mapping[str, Served] = {}
        self.database_connected = False
        self._registry = registry
        self._open_release = open_release
        self._slab = slab
        self._targets = tuple(targets)
        self._monotonic = monotonic
        self._failures: dict[str, Failure] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def ready(self) -> bool:
        """Whether everything that was asked for can be answered."""
        served = self.served
        return bool(served) and all(target.classifier in served for target in self._targets)

    @property
    def reasons(self) -> tuple[str, ...]:
        """What is wrong now, in words for an operator."""
        served = self.served
        missing = [target.classifier for target in self._targets if target.classifier not in served]
        reasons = [f"{name} is not loaded" for name in missing if name not in self._failures]
        reasons += [
            f"{name}@{failure.deployment.version} could not be loaded: {failure.error.message}"
            for name, failure in sorted(self._failures.items())
        ]
        reasons += [concern for _, one in sorted(served.items()) if (concern := one.vitals.concern) is not None]
        if not served and not reasons:
            reasons.append("no classifier is deployed")
        if not self.database_connected:
            reasons.append("the database cannot be read; deployments are not followed")
        return tuple(reasons)

    def load(self) -> None:
        """The first pass. Of several deployed classifiers one that cannot be loaded leaves the others serving.

        Raises:
            NotFoundError: nothing is deployed, or something that was named does not exist or is not deployed.
            AssayError: what was named, or all there is, cannot be loaded.
        """
        self.refresh()
        for name, _ in self._targets:
            if name in self._failures:
                raise self._failures[name].error
            if name not in self.served:
                self._registry.versions(name)
                raise NotFoundError(
                    f"{name} is not deployed",
                    remedy=f"assay promote {name}@VERSION production, or name the version to serve",
                )
        if not self.served:
            for failure in self._failures.values():
                raise failure.error
            raise NotFoundError(
                "no classifier is deployed",
                remedy="train a classifier that passes its gates, or name a version: assay serve NAME@VERSION",
            )

    def refresh(self) -> None:
        """One pass over the deployments: load what is new and route to it. Raises what the registry raises."""
        try:
            wanted = self._wanted()
        except Exception:
            self.database_connected = False
            raise
        self.database_connected = True
        for name, deployment in wanted.items():
            held = self.served.get(name)
            if held is None or deployment.generation > held.generation:
                self._swap(name, deployment)
            else:
                self._failures.pop(name, None)

    def start(self, interval_s: float) -> None:
        """Follow the deployments from a thread until `stop`."""
        self._thread = threading.Thread(target=self._follow, args=(interval_s,), name="loader", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop following; what is loaded stays."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _follow(self, interval_s: float) -> None:
        while not self._stop.wait(interval_s):
            try:
                self.refresh()
            except Exception as error:  # noqa: BLE001 - edge of the thread: serving goes on with what is loaded
                _log.warning("deployments could not be read", extra={"error": type(error).__name__})

    def _wanted(self) -> dict[str, Deployment]:
        deployed = {one.classifier: one for one in self._registry.deployments()}
        if not self._targets:
            return deployed
        wanted = {}
        for name, version in self._targets:
            if version is not None:
                wanted[name] = Deployment(name, 0, 0, version, 0.0, "", reason="named")
            elif name in deployed:
                wanted[name] = deployed[name]
        return wanted

    def _swap(self, name: str, deployment: Deployment) -> None:
        failure = self._failures.get(name)
        known = failure is not None and failure.deployment == deployment
        if failure is not None and known and self._monotonic() < failure.again_at:
            return
        try:
            release = self._open_release(self._registry.version(name, assign(deployment)))
            served = prepare_served(release, deployment if deployment.generation else None, self._slab)
        except AssayError as error:
            delay_s = min(failure.delay_s * 2, _LONGEST_DELAY_S) if failure is not None and known else _FIRST_DELAY_S
            self._failures[name] = Failure(deployment, error, delay_s, self._monotonic() + delay_s)
            _log.error(
                "release refused", extra={"classifier": name, "version": deployment.version, "reason": error.message}
            )
            return
        self.served = {**self.served, name: served}
        self._failures.pop(name, None)
        _log.info("release loaded", extra={"classifier": name, "version": deployment.version})
