"""Figures of merit where a row has any number of labels: averaged over labels, over rows, and label by label.

`truth` and `said` are flags (rows, labels), `probabilities` has the same shape. What is empty counts as 0 (a row for
which nothing was said has no precision), as in scikit-learn.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import msgspec
import numpy as np

from assay.measures.evaluate import Answers, Measure, reverse
from assay.measures.intervals import percentile, resamples, wilson
from assay.measures.metrics import CalibrationBins, Flags, Floats, Integers, ratio
from assay.measures.rankings import Rankings
from assay.values import Interval

_LEAST = 1e-15
_AVERAGED = ("precision", "recall", "f1")


class LabelRow(msgspec.Struct, frozen=True, kw_only=True):
    """How one label does: in how many rows it applies, and its figures; None where the rows cannot say."""

    label: str
    rows: int
    precision: Interval
    recall: Interval
    f1: Interval
    roc_auc: Interval | None
    pr_auc: Interval | None


def evaluate_labels(
    truth: Integers,
    probabilities: Floats,
    said: Integers,
    names: Sequence[str],
    *,
    costs: Sequence[Sequence[float]] = (),
    seed: int = 0,
    clusters: Integers | None = None,
) -> tuple[dict[str, Interval], tuple[LabelRow, ...]]:
    """Every figure by name with its 95 % interval, and a table of the labels.

    `costs` are those of each label (actual x predicted, not applying first). micro counts all decisions alike, macro is
    the mean over the labels that apply to some row, samples the mean over the rows. The AUCs are macro; log_loss and
    brier are means over rows and labels, ece is over all probabilities of all labels. subset_accuracy has a Wilson
    interval, the other figures those of one seeded bootstrap of whole rows, or of whole groups of rows where `clusters`
    numbers them; then subset_accuracy has that too.
    """
    rows, labels = truth.shape
    if rows == 0:
        return {}, ()
    measure = _prepare(truth, Answers(probabilities, said), costs)
    ones = np.ones(rows)
    figures, table = measure(ones)
    drawn = [measure(weights) for weights in resamples(rows, seed, labels, clusters)]
    found = {name: percentile(value, np.array([draw[name] for draw, _ in drawn])) for name, value in figures.items()}
    if clusters is None:
        found["subset_accuracy"] = wilson(float((truth == said).all(axis=1).sum()), rows)
    found["ece"] = reverse(found["ece"], _calibration(truth, probabilities).ece_debiased(np.ones(rows * labels)))
    known = {name: found[name] for name in sorted(found) if math.isfinite(found[name].value)}
    return known, _table(_Counts(truth == 1, said == 1), names, table, np.array([each for _, each in drawn]))


def prepare_labels(truth: Integers, answers: Answers, *, costs: Sequence[Sequence[float]] = ()) -> Measure:
    """The figures of `evaluate_labels`, ready for any weights of the rows."""
    rows, labels = truth.shape
    if rows == 0:
        return Measure(0, 1, lambda _: {}, math.nan)
    measure = _prepare(truth, answers, costs)
    ece = _calibration(truth, answers.probabilities).ece_debiased(np.ones(rows * labels))
    return Measure(rows, labels, lambda weights: measure(weights)[0], ece)


def _prepare(
    truth: Integers, answers: Answers, costs: Sequence[Sequence[float]]
) -> Callable[[Floats], tuple[dict[str, float], Floats]]:
    probabilities, said = answers
    counted = _Counts(truth == 1, said == 1)
    losses = _row_losses(truth, probabilities, said, costs)
    rankings = Rankings(probabilities, truth == 1)
    bins = _calibration(truth, probabilities)
    names_of_losses = tuple(losses)
    each_row = np.column_stack([losses[name] for name in names_of_losses])
    labels = truth.shape[1]

    def measure(weights: Floats) -> tuple[dict[str, float], Floats]:
        """The figures under some weights of the rows, and F1, ROC-AUC and PR-AUC of every label."""
        by_label = counted.by_label(weights)
        roc, pr = rankings.aucs(weights)
        means = (weights @ each_row / weights.sum()).tolist()
        figures = dict(zip(names_of_losses, means, strict=True)) | counted.micro(weights)
        figures |= {f"{name}_macro": _mean(by_label[name]) for name in _AVERAGED}
        figures |= {"roc_auc": _mean(roc), "pr_auc": _mean(pr), "ece": bins.ece(np.repeat(weights, labels))}
        return figures, np.array([by_label["f1"], roc, pr])

    return measure


def _calibration(truth: Integers, probabilities: Floats) -> CalibrationBins:
    return CalibrationBins(probabilities.ravel(), truth.ravel() == 1)


def label_log_losses(probabilities: Floats, truth: Integers) -> Floats:
    """The mean log loss over the labels, a row each; probabilities are held 1e-15 off 0 and 1."""
    given = np.where(truth == 1, probabilities, 1.0 - probabilities)
    return np.asarray(-np.log(np.maximum(given, _LEAST)).mean(axis=1), dtype=np.float64)


def ranking_losses(probabilities: Floats, truth: Integers) -> Floats:
    """The share of pairs of a label that applies and one that does not in which the latter is at least as likely, a row
    each (Tsoumakas, Katakis & Vlahavas 2010); 0 where there is no such pair.
    """
    order = np.lexsort((truth, -probabilities), axis=1)
    ordered = np.take_along_axis(truth, order, axis=1) == 1
    above = np.cumsum(~ordered, axis=1)
    wrong = np.where(ordered, above, 0).sum(axis=1)
    pairs = ordered.sum(axis=1) * (~ordered).sum(axis=1)
    return np.asarray(wrong / np.maximum(pairs, 1), dtype=np.float64)


class _Counts:
    """Hits, labels said and labels true, for any weights of the rows."""

    def __init__(self, truth: Flags, said: Flags) -> None:
        self.truth, self.said = truth.astype(np.float64), said.astype(np.float64)
        self.hits = self.truth * self.said
        self._of_rows = np.column_stack([part.sum(axis=1) for part in (self.hits, self.said, self.truth)])

    def micro(self, weights: Floats) -> dict[str, float]:
        hits, said, truth = (weights @ self._of_rows).tolist()
        values = (ratio(hits, said), ratio(hits, truth), ratio(2.0 * hits, said + truth))
        return {f"{name}_micro": _held(value) for name, value in zip(_AVERAGED, values, strict=True)}

    def by_label(self, weights: Floats) -> dict[str, Floats]:
        """Precision, recall and F1 of every label; nan for a label that applies to no row."""
        hits, said, truth = weights @ self.hits, weights @ self.said, weights @ self.truth
        absent = np.where(truth > 0, 0.0, np.nan)
        return {
            "precision": hits / np.maximum(said, _LEAST) + absent,
            "recall": hits / np.maximum(truth, _LEAST) + absent,
            "f1": 2.0 * hits / np.maximum(said + truth, _LEAST) + absent,
        }

    def by_row(self) -> dict[str, Floats]:
        """Precision, recall and F1 of every row."""
        hits, said, truth = self._of_rows.T
        return {
            "precision": hits / np.maximum(said, 1.0),
            "recall": hits / np.maximum(truth, 1.0),
            "f1": 2.0 * hits / np.maximum(said + truth, 1.0),
        }


def _row_losses(
    truth: Integers, probabilities: Floats, said: Integers, costs: Sequence[Sequence[float]]
) -> dict[str, Floats]:
    """What is a mean over the rows, by name."""
    losses = {f"{name}_samples": values for name, values in _Counts(truth == 1, said == 1).by_row().items()}
    losses |= {
        "subset_accuracy": (truth == said).all(axis=1).astype(np.float64),
        "hamming_loss": (truth != said).mean(axis=1),
        "ranking_loss": ranking_losses(probabilities, truth),
        "log_loss": label_log_losses(probabilities, truth),
        "brier": ((probabilities - truth) ** 2).mean(axis=1),
    }
    if costs:
        losses["cost"] = np.asarray(costs, dtype=np.float64)[truth, said].sum(axis=1)
    return losses


def _table(counted: _Counts, names: Sequence[str], values: Floats, drawn: Floats) -> tuple[LabelRow, ...]:
    """`values` (figures, labels) are F1, ROC-AUC and PR-AUC, `drawn` the same for every resample."""
    hits, said, truth = (part.sum(axis=0).tolist() for part in (counted.hits, counted.said, counted.truth))
    rows: list[LabelRow] = []
    for at, name in enumerate(names):
        f1, roc, pr = (_interval(values[figure, at], drawn[:, figure, at]) for figure in range(3))
        rows.append(
            LabelRow(
                label=name,
                rows=int(truth[at]),
                precision=_known(wilson(hits[at], said[at])),
                recall=_known(wilson(hits[at], truth[at])),
                f1=f1 or Interval(0.0, 0.0, 1.0),
                roc_auc=roc,
                pr_auc=pr,
            )
        )
    return tuple(rows)


def _interval(value: float, draws: Floats) -> Interval | None:
    return percentile(float(value), draws) if math.isfinite(value) else None


def _known(interval: Interval) -> Interval:
    return interval if math.isfinite(interval.value) else Interval(0.0, 0.0, 1.0)


def _held(value: float) -> float:
    return 0.0 if math.isnan(value) else value


def _mean(values: Floats) -> float:
    kept = values[np.isfinite(values)]
    return float(kept.mean()) if kept.size else math.nan
