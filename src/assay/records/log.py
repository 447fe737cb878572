"""The seams of the log: `PredictionLog` is what the predictor writes to, `Sink` is where records end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from assay.values import Outcome, Prediction

Record = Prediction | Outcome


def go_on() -> None:
    """Nothing to wait for."""


class PredictionLog(Protocol):
    """Append-only. When `append` returns, the record survives what the durability mode promises.

    Both ways of writing return False when the log is full and `answer_unlogged` lets the record go: it is counted as
    dropped, and the answer should say so (`degraded`). Otherwise they return True.
    """

    def append(self, record: Record) -> bool:
        """Write one record.

        Raises:
            UnavailableError: the log is full, or its disk fails, and the policy is `reject`; or it is closed.
            ContractError: the record holds something that cannot be written (a lone surrogate, an integer of 65 bits).
        """

    def append_many(self, records: Sequence[Record]) -> bool:
        """Write several records in one write; all or none of them are acknowledged. Raises like `append`."""

    def close(self) -> None:
        """Flush, fsync, ship what can be shipped, and close."""


class Sink(Protocol):
    """Where records end. Writing the same record twice changes nothing (idempotent by id)."""

    def write(self, records: Sequence[Record], breathe: Callable[[], None] = go_on) -> None:
        """Commit all or raise StorageError (not possible now) or ContractError (a record that can never land).

        `breathe` is called every few records. What it raises is let through, and nothing is committed.
        """
