"""What each stage of a request costs, measured in this process: the calls of a request in their order, with a look at
the clock between them.
"""

from __future__ import annotations

import gc
import os
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter, perf_counter_ns
from types import FrameType
from typing import Any

import msgspec

from assay.api.wire import PredictBody, read_body
from assay.records.ids import id_source
from assay.records.log import PredictionLog, Record
from assay.serving.answer import Thought
from assay.serving.predictor import Predictor
from assay.serving.served import Served

_LOOPS = "assay._native"
_LEAST_ROUNDS = 20
#: An answer has two parts that no two answers share: its id before the first mark, its time from the second on.
_MODEL, _LATENCY = b'"model":', b',"latency_ms":'


class Stage(msgspec.Struct, frozen=True):
    """One stage: microseconds of a request, what it does, and whether compiled loops or their twins in Python do it."""

    name: str
    us: float
    does: str
    by: str = ""


_DOES = {
    "decode": "the body, then the example by its contract",
    "features": "the numbers that the model reads",
    "model": "raw scores",
    "policy": "calibration, threshold, review",
    "record": "id, digest of the input, the record and the answer",
    "log": "the record into the spool",
    "metrics": "counters",
    "encode": "the answer as JSON",
}


class InProcess:
    """A release as a worker of a server has it, without the server. Nothing else may write to `log` meanwhile."""

    def __init__(self, served: Served, log: PredictionLog) -> None:
        self._served = served
        self._log = _Watched(log)
        self._predictor = Predictor(self._log, id_source(os.urandom(10)), time.time)
        self._decoder = msgspec.json.Decoder(PredictBody)
        self._encode = msgspec.json.Encoder().encode

    def expected(self, body: bytes) -> bytes:
        """What every answer to a body of /v1/predict must hold: all but its id and its time. Raises AssayError."""
        envelope = read_body(self._decoder, body)
        thought = self._predictor.think(self._served, bytes(envelope.features), envelope)
        told: bytes = self._encode(self._predictor.commit(self._served, thought, 0.1, envelope))
        return told[told.index(_MODEL) : told.rindex(_LATENCY)]

    def time(self, bodies: Sequence[bytes], seconds: float) -> tuple[Stage, ...]:
        """The stages of a request, in order: of each body the median of all rounds, of the bodies the mean."""
        samples: list[list[tuple[int, ...]]] = [[] for _ in bodies]
        with _undisturbed():
            until, rounds = perf_counter() + seconds, 0
            while rounds < _LEAST_ROUNDS or perf_counter() < until:
                for body, kept in zip(bodies, samples, strict=True):
                    kept.append(self._laps(body))
                rounds += 1
            look = statistics.median(-(perf_counter_ns() - perf_counter_ns()) for _ in range(1000))
        laps = [
            statistics.fmean(statistics.median(lap[at] for lap in kept) for kept in samples) for at in range(len(_DOES))
        ]
        by = self._by(bodies)
        return tuple(
            Stage(name, max(0.0, lap - look) / 1e3, does, by.get(name, ""))
            for (name, does), lap in zip(_DOES.items(), laps, strict=True)
        )

    def _laps(self, body: bytes) -> tuple[int, ...]:
        """Nanoseconds of each stage."""
        served, clock = self._served, perf_counter_ns
        release = served.release
        begin = clock()
        envelope = read_body(self._decoder, body)
        raw = bytes(envelope.features)
        row, cut = release.decode(raw), release.truncated(raw)
        decoded = clock()
        features = release.features(row)
        known = clock()
        scores = release.scores(features)
        scored = clock()
        decision = release.decide(scores)
        decided = clock()
        degraded = tuple([f"{name} was truncated" for name in cut])
        answer = self._predictor.commit(served, Thought(row, features, scores, decision, degraded), 0.1, envelope)
        committed = clock()
        self._encode(answer)
        encoded = clock()
        served.counters.count(
            decision.label_index,
            decision.confidence,
            0.0001,
            review=decision.decision != decision.label,
            explained=False,
        )
        metrics, log = clock() - encoded, self._log.spent_ns
        # Recording is what a commit does beside what is looked at by itself.
        record = committed - decided - metrics - log
        return (
            decoded - begin, known - decoded, scored - known, decided - scored, record, log, metrics,
            encoded - committed,
        )  # fmt: skip

    def _by(self, bodies: Sequence[bytes]) -> dict[str, str]:
        """Who computes features and scores; some texts only the twins read, so every body is tried."""
        release = self._served.release
        rows = [release.decode(bytes(read_body(self._decoder, body).features)) for body in bodies]
        features = [release.features(row) for row in rows]
        return {
            "features": "compiled" if any(_calls_loops(release.features, row) for row in rows) else "Python",
            "model": "compiled" if any(_calls_loops(release.scores, one) for one in features) else "Python",
        }


class _Watched:
    """A log that says how long the last record took."""

    def __init__(self, log: PredictionLog) -> None:
        self._log = log
        self.spent_ns = 0

    def append(self, record: Record) -> bool:
        begin = perf_counter_ns()
        taken = self._log.append(record)
        self.spent_ns = perf_counter_ns() - begin
        return taken

    def append_many(self, records: Sequence[Record]) -> bool:
        return self._log.append_many(records)

    def close(self) -> None:
        self._log.close()


@contextmanager
def _undisturbed() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _calls_loops(call: Any, argument: Any) -> bool:
    """Whether a call comes to a compiled loop."""
    met: list[bool] = []

    def watch(_frame: FrameType, event: str, called: Any) -> None:
        if event == "c_call":
            owner = getattr(called, "__self__", None)
            met.append(_LOOPS in (getattr(owner, "__name__", ""), type(owner).__module__))

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        call(argument)
    finally:
        sys.setprofile(before)
    return any(met)
