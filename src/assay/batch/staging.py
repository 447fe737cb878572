"""Where unfinished work is kept: beside the output, for one process at a time, for one job."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version as installed
from pathlib import Path

import msgspec

from assay.batch.order import Order
from assay.batch.worker import Task, place
from assay.errors import ConfigurationError, ConflictError, StorageError


class _Key(msgspec.Struct, frozen=True, kw_only=True):
    """What must be the same for kept work to be of use."""

    job: str
    source: str
    columns: tuple[str, ...]
    form: str
    assay: str
    libraries: tuple[str, ...]


@contextmanager
def staging_of(order: Order) -> Iterator[Path]:
    """The directory of unfinished work, for this process alone."""
    try:
        order.staging.mkdir(parents=True, exist_ok=True)
        lock = os.open(order.staging / "lock", os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StorageError(
            f"{order.output} cannot be written: {error.strerror}", remedy="choose another place"
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield order.staging
    except BlockingIOError:
        raise ConflictError(f"another process is writing {order.output}", remedy="wait for it to end") from None
    finally:
        os.close(lock)


def take_up(order: Order, task: Task) -> None:
    """Go on with the work of an earlier run of the same job; what is of another one goes.

    Raises:
        ConfigurationError: the output is there already.
    """
    key = msgspec.json.encode(
        _Key(
            job=str(task.job),
            source=f"{task.source.kind} {task.source.dialect} {task.source.marks} {task.source.times}",
            columns=task.keep,
            form=order.output.suffix,
            assay=installed("assay-ml"),
            libraries=(installed("polars"), installed("pyarrow")),
        )
    )
    kept = order.staging / "job"
    if kept.exists() and kept.read_bytes() == key:
        return
    there = next((path for path in (order.output, order.manifest, order.errors) if path.exists()), None)
    if there is not None and not order.force:
        shutil.rmtree(order.staging)
        raise ConfigurationError(f"{there} exists already", remedy="--force replaces it, another name keeps it")
    for path in order.staging.iterdir():
        if path.name not in ("lock", "plain"):
            path.unlink()
    made = order.staging / "job.new"
    made.write_bytes(key)
    place(made, kept)
