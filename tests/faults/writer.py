"""A worker that writes to its log and prints the id of every record once it is acknowledged.

    python writer.py ROOT DURABILITY [FILE_SIZE_LIMIT]

With a limit on the size of files the kernel refuses what is larger: a disk that is full. A line on stdin lifts it.
"""

from __future__ import annotations

import os
import resource
import sys
import threading
from pathlib import Path

from assay.errors import StorageError, UnavailableError
from assay.records.ids import id_source
from assay.records.open import OpenLog, open_log
from assay.records.slot import claim
from assay.values import Prediction


class AwaySink:
    """A database that is down."""

    def write(self, records: object, breathe: object = None) -> None:
        raise StorageError("the database is away")


def record(prediction_id: str) -> Prediction:
    return Prediction(
        prediction_id=prediction_id, classifier="spam", model_version=1, release_digest="", policy_digest="",
        predicted_at=1.0, latency_ms=0.1, input_hash="", label="spam", features={"text": "x" * 200},
    )  # fmt: skip


def say(text: str) -> None:
    os.write(1, f"{text}\n".encode())


def write_on(log: OpenLog) -> None:
    next_id = id_source(os.urandom(10))
    rejected = 0
    while True:
        made = next_id()
        try:
            log.append(record(made))
        except UnavailableError:
            rejected += 1
            if rejected == 1:
                say("rejected")
            continue
        say(made)


def lift_limit() -> None:
    if sys.stdin.readline():
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        say("lifted")


def main() -> None:
    root, durability = Path(sys.argv[1]), sys.argv[2]
    if len(sys.argv) > 3:
        claim(root).release()
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
        threading.Thread(target=lift_limit, daemon=True).start()
    write_on(open_log(root, AwaySink, durability="off" if durability == "off" else "process"))


if __name__ == "__main__":
    main()
