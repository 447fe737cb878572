"""All figures of a classifier on judged rows, each with its 95 % interval."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from assay.measures.intervals import percentile, resamples, wilson
from assay.measures.metrics import (
    CalibrationBins,
    Floats,
    Integers,
    Ranking,
    brier_losses,
    cost_losses,
    f1,
    log_losses,
    precision,
    recall,
)
from assay.measures.rankings import Rankings
from assay.values import Interval

Statistic = Callable[[Floats], float]


class Answers(NamedTuple):
    """What a classifier says of judged rows: `probabilities` (rows, classes), and the decided classes `said` (rows,);
    of several labels their flags (rows, labels).
    """

    probabilities: Floats
    said: Integers


class Measure(NamedTuple):
    """Figures of a classifier on its `rows`, each row `width` numbers: `under` some weights of the rows, by name. There
    `ece` has the bias that chance adds; `ece` of all rows, alike weighted, is debiased.
    """

    rows: int
    width: int
    under: Callable[[Floats], dict[str, float]]
    ece: float

    def values(self) -> dict[str, float]:
        """The figures of all rows; one that they cannot say is left out."""
        figures = self.under(np.ones(self.rows)) | {"ece": self.ece} if self.rows else {}
        return {name: figures[name] for name in sorted(figures) if math.isfinite(figures[name])}

    def draw(self, seed: int, clusters: Integers | None = None) -> dict[str, Interval]:
        """The figures with their intervals by one seeded bootstrap, of whole groups where `clusters` numbers them. The
        interval of `ece` is the reversed percentile one, since resampling adds bias once more.
        """
        if not self.rows:
            return {}
        drawn = [self.under(weights) for weights in resamples(self.rows, seed, self.width, clusters)]
        plain = self.under(np.ones(self.rows))
        found = {name: percentile(value, np.array([draw[name] for draw in drawn])) for name, value in plain.items()}
        found["ece"] = reverse(found["ece"], self.ece)
        return {name: found[name] for name in sorted(found) if math.isfinite(found[name].value)}


def prepare_measure(
    labels: Integers, answers: Answers, *, positive: int | None, costs: Sequence[Sequence[float]] = ()
) -> Measure:
    """What `evaluate` measures, ready for any weights of the rows."""
    probabilities, said = answers
    if not len(labels):
        return Measure(0, 1, lambda _: {}, math.nan)
    statistics = _statistics(labels, probabilities, said, positive)
    if costs:
        statistics["cost"] = _mean(cost_losses(said, labels, np.asarray(costs, dtype=np.float64)))
    averages = _averages(labels, probabilities, said) if positive is None else _no_averages

    def under(weights: Floats) -> dict[str, float]:
        return {name: statistic(weights) for name, statistic in statistics.items()} | averages(weights)

    ece = _calibration(labels, probabilities, positive).ece_debiased(np.ones(len(labels)))
    return Measure(len(labels), 1 if positive is not None else probabilities.shape[1], under, ece)


def evaluate(
    labels: Integers,
    answers: Answers,
    *,
    positive: int | None,
    costs: Sequence[Sequence[float]] = (),
    seed: int = 0,
    clusters: Integers | None = None,
) -> dict[str, Interval]:
    """Every figure by name.

    `labels` are the true classes (indices, shape (rows,)); `positive` is the positive class of a binary task and None
    otherwise. Proportions have Wilson intervals, the other figures those of one seeded bootstrap; where `clusters`
    numbers the groups of rows, all have those of a bootstrap of whole groups. Multi-class precision, recall, F1 and the
    AUCs are means over the classes that occur (macro, one against the rest); ece is over the probability of the most
    likely class. A figure that the rows cannot say (the AUC of one class) is left out. `ece` is debiased.
    """
    figures = prepare_measure(labels, answers, positive=positive, costs=costs).draw(seed, clusters)
    if clusters is None and figures:
        known = _proportions(labels, answers.said, positive)
        figures |= {name: interval for name, interval in known.items() if name in figures}
    return figures


def compare(
    challenger: Measure, champion: Measure, *, seed: int = 0, clusters: Integers | None = None
) -> dict[str, Interval]:
    """Each figure of the challenger less that of the champion on the same rows, with the interval of a paired
    bootstrap: both are measured on the same resamples. Without ece, whose bias differs between the two.
    """
    if not challenger.rows:
        return {}

    def apart(weights: Floats) -> dict[str, float]:
        ours, theirs = challenger.under(weights), champion.under(weights)
        return {name: ours[name] - theirs[name] for name in sorted(ours.keys() & theirs.keys()) if name != "ece"}

    width = challenger.width + champion.width
    drawn = [apart(weights) for weights in resamples(challenger.rows, seed, width, clusters)]
    values = apart(np.ones(challenger.rows))
    return {
        name: percentile(value, np.array([draw[name] for draw in drawn]))
        for name, value in values.items()
        if math.isfinite(value)
    }


def _proportions(labels: Integers, said: Integers, positive: int | None) -> dict[str, Interval]:
    rows = len(labels)
    figures = {"accuracy": wilson(float((labels == said).sum()), rows)}
    if positive is not None:
        truth, flagged = labels == positive, said == positive
        hits = float((truth & flagged).sum())
        figures["precision"] = wilson(hits, float(flagged.sum()))
        figures["recall"] = wilson(hits, float(truth.sum()))
        figures["positive_rate"] = wilson(float(flagged.sum()), rows)
    return figures


def _statistics(labels: Integers, probabilities: Floats, said: Integers, positive: int | None) -> dict[str, Statistic]:
    statistics: dict[str, Statistic] = {
        "accuracy": _mean((labels == said).astype(np.float64)),
        "log_loss": _mean(log_losses(probabilities, labels)),
        "brier": _mean(brier_losses(probabilities, labels)),
        "ece": _calibration(labels, probabilities, positive).ece,
    }
    if positive is not None:
        truth, flagged = labels == positive, said == positive
        ranking = Ranking(probabilities[:, positive], truth)
        statistics |= {
            "positive_rate": _mean(flagged.astype(np.float64)),
            "precision": lambda weights: precision(flagged, truth, weights),
            "recall": lambda weights: recall(flagged, truth, weights),
            "f1": lambda weights: f1(flagged, truth, weights),
            "roc_auc": ranking.roc_auc,
            "pr_auc": ranking.pr_auc,
        }
    return statistics


def _averages(labels: Integers, probabilities: Floats, said: Integers) -> Callable[[Floats], dict[str, float]]:
    """The means over the classes that occur. A class that is never said has no precision, which counts as 0."""
    present = np.unique(labels)
    classes = probabilities.shape[1]
    rankings = Rankings(probabilities[:, present], labels[:, None] == present)
    right = np.flatnonzero(labels == said)

    def averages(weights: Floats) -> dict[str, float]:
        hits = np.bincount(labels[right], weights[right], classes)[present]
        flagged = np.bincount(said, weights, classes)[present]
        truth = np.bincount(labels, weights, classes)[present]
        roc, pr = rankings.aucs(weights)
        with np.errstate(divide="ignore", invalid="ignore"):
            return {
                "precision": _mean_of(np.where(flagged > 0, hits / flagged, 0.0)),
                "recall": _mean_of(hits / truth),
                "f1": _mean_of(2.0 * hits / (flagged + truth)),
                "roc_auc": _mean_of(roc),
                "pr_auc": _mean_of(pr),
            }

    return averages


def _no_averages(weights: Floats) -> dict[str, float]:
    """A binary task has its figures for the positive class alone."""
    del weights
    return {}


def _mean_of(values: Floats) -> float:
    """The mean over the classes that can say."""
    kept = values[np.isfinite(values)]
    return float(kept.mean()) if kept.size else math.nan


def _calibration(labels: Integers, probabilities: Floats, positive: int | None) -> CalibrationBins:
    if positive is not None:
        return CalibrationBins(probabilities[:, positive], labels == positive)
    likely = probabilities.argmax(axis=1)
    return CalibrationBins(probabilities[np.arange(len(labels)), likely], likely == labels)


def _mean(losses: Floats) -> Statistic:
    return lambda weights: float(weights @ losses / weights.sum())


def reverse(plain: Interval, value: float) -> Interval:
    """The reversed percentile interval (Efron & Tibshirani 1993, section 13.4) around a debiased value."""
    low, high = 2.0 * plain.value - plain.high, 2.0 * plain.value - plain.low
    return Interval(value, min(value, max(0.0, low)), max(value, min(1.0, high)))
