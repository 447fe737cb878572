"""The proof that what will serve is what was trained: both paths and the library agree on every sampled row."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import msgspec
import numpy as np
from numpy.typing import NDArray

from assay.contract.table import Table
from assay.errors import ReleaseError
from assay.features.plan import FeatureFrame, FeatureRow
from assay.policy.apply import Decisions, decide_frame, probabilities_frame
from assay.release.core import Release
from assay.values import Interval

Library = Callable[[FeatureFrame], NDArray[np.float64]]

#: How far the probabilities may be from those of the library that fitted the model, by kind of model.
TOLERANCE = {"linear": 1e-9, "trees": 1e-6, "forest": 1e-6, "blend": 1e-6}
_MOST_ROWS = 2000
_CALLS, _ROUNDS = 1000, 5
_Z = 1.96


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What was compared: so many rows, and how far the library's probabilities were away at most."""

    rows: int
    features: int
    library_difference: float
    tolerance: float


def sample(rows: int) -> NDArray[np.intp]:
    """Up to 2000 row numbers, evenly spread."""
    return np.unique(np.linspace(0, rows - 1, min(rows, _MOST_ROWS)).round().astype(np.intp))


def prove(release: Release, table: Table, library: Library, tolerance: float | None = None) -> Proof:
    """Compare on every row: features, raw scores and decisions to the bit between the row path and the columnar path,
    and probabilities and decisions with the library's raw scores. `tolerance` takes the place of the model kind's.

    Raises:
        ReleaseError: something differs; names the row and the first feature, score or decision that does.
    """
    frame = release.features_frame(table)
    scores = release.model.frame(frame)
    decisions = decide_frame(release.policy, probabilities_frame(release.policy, scores))
    for row in range(table.rows):
        features = release.features(table.row(row, release.contract.names))
        _compare_features(release, frame, row, features)
        raw = release.scores(features)
        if raw != scores[row].tolist():
            raise _differs(release, row, f"raw scores {raw} and {scores[row].tolist()}")
        decision = release.decide(raw)
        if (decision.decision, decision.confidence) != (decisions.decision[row], decisions.confidence[row]):
            raise _differs(release, row, f"decisions {decision.decision} and {decisions.decision[row]}")
    allowed = TOLERANCE[release.model.kind] if tolerance is None else tolerance
    difference = _compare_library(release, decisions, library(frame), allowed)
    return Proof(
        rows=table.rows,
        features=frame.dense.shape[1],
        library_difference=difference,
        tolerance=allowed,
    )


def measure_latency(release: Release, clock: Callable[[], float] = time.thread_time) -> Interval:
    """99th percentile, in ms, of answering one request body in this process, with its interval by order statistics.

    `clock` counts the processor's seconds, not those of the wall: answering waits for nothing, so what else the machine
    does is no property of the release. Of several rounds the fastest counts, since disturbance only ever adds.
    """
    bodies = [msgspec.json.encode(example) for example in release.examples]
    decode, answer = release.decode, release.answer
    for body in bodies:
        answer(decode(body))

    def one_round() -> list[float]:
        taken: list[float] = []
        while len(taken) < _CALLS:
            for body in bodies:
                began = clock()
                answer(decode(body))
                taken.append(1000.0 * (clock() - began))
        return sorted(taken)

    taken = min((one_round() for _ in range(_ROUNDS)), key=lambda taken: taken[int(0.99 * len(taken))])
    at, spread = 0.99 * len(taken), _Z * math.sqrt(0.99 * 0.01 * len(taken))
    last = len(taken) - 1
    return Interval(*(taken[min(last, int(place))] for place in (at, at - spread, at + spread)))


def _compare_features(release: Release, frame: FeatureFrame, row: int, features: FeatureRow) -> None:
    dense = frame.dense[row].tolist()
    if list(features.dense) != dense:
        for name, one, many in zip(release.plan.names, features.dense, dense, strict=True):
            if one != many:
                raise _differs(release, row, f"the feature {name} {one} and {many}")
    begin, end = frame.indptr[row], frame.indptr[row + 1]
    same = np.array_equal(frame.indices[begin:end], features.indices)
    if not same or not np.array_equal(frame.values[begin:end], features.values):
        raise _differs(release, row, "other terms of the text")


def _compare_library(release: Release, decisions: Decisions, raw: NDArray[np.float64], tolerance: float) -> float:
    """The largest difference of a probability."""
    fitted = probabilities_frame(release.policy, raw)
    differences = np.abs(fitted - decisions.probabilities).max(axis=1)
    worst = int(differences.argmax())
    if not differences[worst] <= tolerance:
        raise ReleaseError(
            f"row {worst} of the parity sample: a probability of {release.classifier} is {differences[worst]:.3g} away "
            f"from that of the library that fitted its model; {tolerance:g} is allowed"
        )
    differs = decide_frame(release.policy, fitted).label_index != decisions.label_index
    other = np.flatnonzero(differs.reshape(len(differs), -1).any(axis=1))
    if other.size:
        raise ReleaseError(
            f"row {other[0]} of the parity sample: the release of {release.classifier} decides otherwise than the "
            "library that fitted its model"
        )
    return float(differences[worst])


def _differs(release: Release, row: int, what: str) -> ReleaseError:
    return ReleaseError(
        f"row {row} of the parity sample: the row path and the columnar path of {release.classifier} give {what}"
    )
