"""What is measured of a classifier's answers, by task."""

from __future__ import annotations

import numpy as np

from assay.contract.columns import Contract
from assay.measures.evaluate import Answers, Measure, evaluate, prepare_measure
from assay.measures.labels import LabelRow, evaluate_labels, prepare_labels
from assay.measures.metrics import Floats, Integers
from assay.policy.apply import Decisions
from assay.policy.choose import decision_costs
from assay.spec import Spec
from assay.training.judged import Judged
from assay.values import Interval


def figures_with_intervals(
    spec: Spec, contract: Contract, rows: Judged, answers: Answers
) -> tuple[dict[str, Interval], tuple[LabelRow, ...]]:
    """Every figure, and in a multilabel task a table of the labels."""
    costs, seed = decision_costs(spec, contract), spec.data.split.seed
    if contract.task == "multilabel":
        return evaluate_labels(rows.labels, *answers, contract.classes, costs=costs, seed=seed, clusters=rows.clusters)
    positive = contract.positive_index if contract.task == "binary" else None
    return evaluate(rows.labels, answers, positive=positive, costs=costs, seed=seed, clusters=rows.clusters), ()


def measure_of(spec: Spec, contract: Contract, labels: Integers, answers: Answers) -> Measure:
    """The same figures, ready for any weights of the rows whose true classes or flags are `labels`."""
    costs = decision_costs(spec, contract)
    if contract.task == "multilabel":
        return prepare_labels(labels, answers, costs=costs)
    positive = contract.positive_index if contract.task == "binary" else None
    return prepare_measure(labels, answers, positive=positive, costs=costs)


def majority_answers(contract: Contract, learned: Integers, rows: int) -> Answers:
    """What a baseline says that knows the shares of the classes among `learned` labels only: the most frequent one, or
    of several labels those whose saying of every row has the best micro-averaged F1.
    """
    if contract.task == "multilabel":
        shares = (learned.sum(axis=0) + 1.0) / (len(learned) + 2.0)
        return Answers(np.tile(shares, (rows, 1)), np.tile(_worth_saying(shares), (rows, 1)))
    counts = np.bincount(learned, minlength=len(contract.classes)) + 1.0
    probabilities = np.tile(counts / counts.sum(), (rows, 1))
    return Answers(probabilities, np.full(rows, counts.argmax(), dtype=np.int64))


def _worth_saying(shares: Floats) -> Integers:
    """Flags of the labels, by the shares of the rows that have each, to be said of every row for the best micro F1."""
    order = np.argsort(-shares, kind="stable")
    f1 = 2.0 * shares[order].cumsum() / (np.arange(1, len(shares) + 1) + shares.sum())
    said = np.zeros(len(shares), dtype=np.int64)
    said[order[: f1.argmax() + 1]] = 1
    return said


def answers_of(said: Decisions) -> Answers:
    """What is measured of decisions."""
    return Answers(said.probabilities, said.label_index)
