"""The composition root: settings -> App. The only place that picks adapters."""

from __future__ import annotations

import getpass
import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from assay.errors import StorageError
from assay.settings import Settings, read_settings

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from assay.records.log import Sink
    from assay.records.open import OpenLog
    from assay.registry.store import BlobStore, RegistryStore


class App:
    """Everything a door needs, each part made when first asked for."""

    def __init__(self, settings: Settings, home: Path) -> None:
        self.settings = settings
        self.home = home

    @cached_property
    def engine(self) -> Engine:
        """The database, migrated to the newest schema."""
        from assay.adapters.sql.engine import open_database

        self._make_home()
        return open_database(self.settings.database_url or f"sqlite:///{self.home / 'assay.db'}")

    @cached_property
    def registry(self) -> RegistryStore:
        from assay.adapters.sql.registry import SqlRegistry

        return SqlRegistry(self.engine)

    @cached_property
    def blobs(self) -> BlobStore:
        from assay.adapters.blobs import DirectoryBlobs

        self._make_home()
        return DirectoryBlobs(self.home / "blobs")

    @cached_property
    def sink(self) -> Sink:
        """Where the log ends."""
        from assay.adapters.sql.log import SqlSink

        return SqlSink(self.engine)

    def open_log(self, *, shipped_here: bool = True) -> OpenLog:
        """Open the prediction log of this process; whoever opens it closes it.

        It is shipped by a thread, and at its end; or, where `shipped_here` is false, by another process: then it is a
        server's, whose answers share one sync in mode `power`.
        """
        from assay.records.open import open_log

        self._make_home()
        return open_log(
            self.spools,
            (lambda: self.sink) if shipped_here else None,
            durability=self.settings.log_durability,
            grouped=not shipped_here,
            cap_bytes=self.settings.log_cap_mb << 20,
            when_full=self.settings.log_full,
        )

    @property
    def spools(self) -> Path:
        """The directory of all workers' spools."""
        return self.home / "spool"

    def _make_home(self) -> None:
        try:
            self.home.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(
                f"{self.home} cannot be made: {error.strerror}", remedy="set ASSAY_HOME to a directory you can write to"
            ) from error


def open_app(beside: Path | None = None, settings: Settings | None = None) -> App:
    """Make the application from the environment's settings.

    State lives in `ASSAY_HOME`; without it in `.assay` in the directory `beside` (that of the spec), else in the
    working directory.
    """
    settings = settings or read_settings()
    home = settings.home or (beside or Path.cwd()) / ".assay"
    return App(settings, home.resolve())


def who() -> str:
    """The user of this process, for the record; the number where the machine knows no name for it."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
