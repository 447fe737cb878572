"""Curves for the card and the report: reliability, and what every threshold would do."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from assay.measures.intervals import wilson
from assay.measures.metrics import Flags, Floats, equal_mass_groups
from assay.values import Interval


class ReliabilityBin(msgspec.Struct, frozen=True):
    """One group of rows: the mean probability said, the share of positives seen with its interval, and how many."""

    said: float
    seen: float
    low: float
    high: float
    rows: int


class ThresholdRow(msgspec.Struct, frozen=True):
    """What deciding at this threshold does; `precision` is None where nothing is flagged, `cost` is a row's mean."""

    threshold: float
    precision: float | None
    recall: float
    f1: float
    flagged: float
    cost: float | None = None


class RecallPoint(msgspec.Struct, frozen=True):
    """What deciding at this threshold finds, and how much of what it flags is right."""

    threshold: float
    recall: float
    precision: float


class CoveragePoint(msgspec.Struct, frozen=True):
    """Deciding only the surest rows: their share, the least confidence among them, and how many of them are right."""

    coverage: float
    confidence: float
    accuracy: Interval


def precision_recall(probabilities: Floats, truth: Flags, most: int = 100) -> list[RecallPoint]:
    """The precision-recall curve (rows,) of one class, thinned to `most` points evenly spread over recall."""
    order = np.argsort(-probabilities, kind="stable")
    said, hits = probabilities[order], np.cumsum(truth[order])
    ends = np.flatnonzero(np.append(said[1:] != said[:-1], True)) if len(said) else np.array([], dtype=np.intp)
    if not len(ends) or hits[-1] == 0:
        return []
    recall, precision = hits[ends] / hits[-1], hits[ends] / (ends + 1)
    kept = np.unique(np.searchsorted(recall, np.linspace(recall[0], 1.0, most), side="left"))
    return [RecallPoint(float(said[ends[at]]), float(recall[at]), float(precision[at])) for at in kept.tolist()]


def coverage(confidence: Floats, right: Flags, steps: int = 20) -> list[CoveragePoint]:
    """The risk-coverage curve (El-Yaniv & Wiener 2010) at `steps` shares of the rows, the surest first."""
    order = np.argsort(-confidence, kind="stable")
    hits = np.cumsum(right[order])
    points = []
    for share in np.linspace(1.0 / steps, 1.0, steps).tolist() if len(order) else ():
        rows = max(1, round(share * len(order)))
        sure = wilson(float(hits[rows - 1]), float(rows))
        points.append(CoveragePoint(rows / len(order), float(confidence[order[rows - 1]]), sure))
    return points


def reliability(probabilities: Floats, truth: Flags, bins: int = 10) -> list[ReliabilityBin]:
    """The reliability diagram (DeGroot & Fienberg 1983) of one probability a row, in groups of equal mass."""
    group = equal_mass_groups(probabilities, bins)
    found: list[ReliabilityBin] = []
    for number in np.unique(group).tolist():
        rows = group == number
        seen = wilson(float(truth[rows].sum()), float(rows.sum()))
        found.append(
            ReliabilityBin(float(probabilities[rows].mean()), seen.value, seen.low, seen.high, int(rows.sum()))
        )
    return found


def threshold_table(
    probabilities: Floats, truth: Flags, costs: Sequence[Sequence[float]] = (), steps: int = 101
) -> list[ThresholdRow]:
    """Precision, recall, F1, the share flagged and the cost at `steps` thresholds from 0 to 1.

    `costs` is the binary matrix (actual x predicted), negative class first.
    """
    order = np.sort(probabilities)
    positives = np.sort(probabilities[truth])
    rows, total = len(order), len(positives)
    if rows == 0:
        return []
    table: list[ThresholdRow] = []
    for threshold in np.linspace(0.0, 1.0, steps).tolist():
        flagged = rows - int(np.searchsorted(order, threshold, side="left"))
        hits = total - int(np.searchsorted(positives, threshold, side="left"))
        cost = None
        if costs:
            missed, alarms = total - hits, flagged - hits
            right = hits * costs[1][1] + (rows - total - alarms) * costs[0][0]
            cost = (missed * costs[1][0] + alarms * costs[0][1] + right) / rows
        table.append(
            ThresholdRow(
                threshold=threshold,
                precision=hits / flagged if flagged else None,
                recall=hits / total if total else 0.0,
                f1=2.0 * hits / (flagged + total) if flagged + total else 0.0,
                flagged=flagged / rows,
                cost=cost,
            )
        )
    return table
