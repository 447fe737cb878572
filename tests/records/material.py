"""Records, spools and sinks for tests of the log."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from assay.errors import ContractError, StorageError
from assay.records.log import Record, go_on
from assay.records.reader import read_batch
from assay.records.shipper import Shipper
from assay.records.slot import claim
from assay.records.spool import Spool
from assay.values import Outcome, Prediction

CAP = 1 << 24
PATIENCE_S = 30.0


def prediction(number: int, **changed: Any) -> Prediction:
    fields: dict[str, Any] = {
        "prediction_id": f"00000000-0000-8000-8000-{number:012x}",
        "classifier": "spam",
        "model_version": 3,
        "release_digest": "a" * 64,
        "policy_digest": "b" * 64,
        "predicted_at": 1000.0 + number,
        "latency_ms": 0.4,
        "input_hash": "c" * 64,
        "label": "spam",
        "label_index": 1,
        "decision": "spam",
        "confidence": 0.9,
        "prediction": 0.9,
        "probabilities": (0.1, 0.9),
        "features": {"text": f"message {number}", "amount": float(number), "limit": None},
    }
    return Prediction(**(fields | changed))


def identity(record: Record | bytes) -> str:
    if isinstance(record, bytes):
        raise TypeError("undecoded")
    return record.outcome_id if isinstance(record, Outcome) else record.prediction_id


def ids(records: Sequence[Record | bytes]) -> list[str]:
    return [identity(record) for record in records]


class MemorySink:
    """A sink in memory: once for each id, and with faults to order."""

    def __init__(self) -> None:
        self.kept: dict[str, Record] = {}
        self.writes = 0
        self.away = False
        self.refuse: Callable[[Record], bool] = lambda _: False
        self.after_commit: Callable[[], None] = lambda: None

    def write(self, records: Sequence[Record], breathe: Callable[[], None] = go_on) -> None:
        self.writes += 1
        if self.away:
            raise StorageError("the database is away")
        if any(self.refuse(record) for record in records):
            raise ContractError("a record is refused")
        self.kept.update((identity(record), record) for record in records)
        self.after_commit()


@contextmanager
def spool_in(root: Path, **options: Any) -> Iterator[Spool]:
    """A spool whose thread flushes only at its end, unless told otherwise; the slot is released."""
    slot = claim(root)
    spool = Spool(slot, **({"cap_bytes": CAP, "flush_interval_s": 3600.0} | options))
    try:
        yield spool
    finally:
        spool.close()
        slot.release()


def read_all(spool: Spool) -> list[Record | bytes]:
    """The records of a spool's first segment, left where they are."""
    return [entry.record for entry in read_batch(spool.slot.directory, 1 << 30, spool.sequence).entries]


def ship_out(shipper: Shipper) -> None:
    """Ship until nothing is left that may be shipped."""
    while shipper.ship():
        pass


def wait_until(condition: Callable[[], bool]) -> None:
    """Look until it holds; fail when it does not in good time."""
    pause = threading.Event()
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "did not happen in good time"
        pause.wait(0.005)
