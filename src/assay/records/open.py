"""Opens the log of one process: a slot, the spool in it, and the shipper behind it unless another process ships it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from assay.errors import NotSupportedError
from assay.records.deferred import DeferredLog
from assay.records.log import PredictionLog, Sink
from assay.records.reader import cursor_of
from assay.records.shipper import Shipper
from assay.records.slot import claim
from assay.records.spool import Spool, WhenFull
from assay.records.synced import SyncedLog
from assay.settings import Durability


class OpenLog:
    """A `PredictionLog`. `append` and `append_many` are those of the writer, with nothing between.

    `sync`, where there is one, has to be called before an answer leaves: it makes durable whatever was appended before.
    """

    def __init__(
        self, writer: PredictionLog, spool: Spool, shipper: Shipper | None, sync: Callable[[], None] | None = None
    ) -> None:
        self.append = writer.append
        self.append_many = writer.append_many
        self.sync = sync
        self.spool = spool
        self._shipper = shipper
        self._writer = writer

    def fill(self) -> float:
        """How full the spool is, as a share of its cap."""
        return self.spool.held_bytes() / self.spool.cap_bytes

    def waiting(self) -> int:
        """How many records are not shipped yet."""
        return max(0, self.spool.sequence - cursor_of(self.spool.slot.directory).sequence)

    def close(self, timeout_s: float = 5.0) -> None:
        """Take no more records, make those taken durable, and ship for at most `timeout_s` if that is done here.

        What is left is shipped later. Calling it again does nothing.
        """
        if self.spool.closed:
            return
        self._writer.close()
        self.spool.close()
        self.spool.slot.release()
        if self._shipper is not None and self._shipper.stop(timeout_s):
            self._shipper.drain(timeout_s)


def open_log(
    root: Path,
    sink: Callable[[], Sink] | None,
    *,
    durability: Durability = "process",
    grouped: bool = False,
    cap_bytes: int = 1 << 30,
    when_full: WhenFull = "reject",
    clock: Callable[[], float] = time.time,
) -> OpenLog:
    """Open the log of this process under `root` and resume what a dead worker left there.

    With a `sink` a thread of this process ships it; without one, that is for another process. In mode `power` every
    append syncs, unless `grouped` leaves that to who calls `sync` once for several.

    Raises:
        NotSupportedError: `durability` is a mode that comes later.
        StorageError: the spool cannot be written.
    """
    if durability == "replicated":
        raise NotSupportedError(
            f"ASSAY_LOG_DURABILITY={durability} is not yet supported", remedy="use process (the default), power or off"
        )
    slot = claim(root)
    try:
        spool = Spool(slot, cap_bytes=cap_bytes, when_full=when_full)
    except BaseException:
        slot.release()
        raise
    shipper = Shipper(root, sink, own=slot.directory, clock=clock) if sink is not None else None
    if shipper is not None:
        shipper.start()
    if durability == "power" and grouped:
        return OpenLog(spool, spool, shipper, spool.sync)
    return OpenLog(_WRITERS[durability](spool), spool, shipper)


_WRITERS: dict[Durability, Callable[[Spool], PredictionLog]] = {
    "process": lambda spool: spool,
    "power": SyncedLog,
    "off": DeferredLog,
}
