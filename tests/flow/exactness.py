"""The subjects of the exactness tests: a data set, its release, and both kinds of model fitted by the training room."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from assay.contract.table import Table
from assay.data.dataset import Dataset, load_dataset, read_labelled
from assay.data.read import Raw
from assay.data.split import split
from assay.features.frame import evaluate_frame
from assay.features.plan import FeatureFrame, FeatureRow
from assay.features.row import prepare_row
from assay.models.model import Model
from assay.models.trees import TreeArrays, TreeModel
from assay.policy.apply import Decisions
from assay.registry.releases import open_release
from assay.release.core import Release
from assay.spec import Spec, read_spec
from assay.training.candidates import CANDIDATES
from assay.training.lesson import Fitted, Lesson
from assay.training.train import prepare_lesson
from assay.values import Decision, Row
from tests.flow.material import Trained

#: Candidates whose fitted libraries the core is held against, with settings for those that training did not choose.
FITTED = {"logistic_regression": {"C": 1.0}, "lightgbm": {"rounds": 25}}


@dataclass
class Subject:
    """One data set, every row of it."""

    trained: Trained
    spec: Spec
    dataset: Dataset
    release: Release

    @cached_property
    def raw(self) -> Raw:
        return read_labelled(self.spec, self.trained.directory)[0]

    @cached_property
    def rows(self) -> list[Row]:
        """All rows as the row path sees them."""
        names = self.dataset.contract.names
        return list(zip(*(_cells(self.dataset.table, name) for name in names), strict=True))

    @cached_property
    def lesson(self) -> Lesson:
        return prepare_lesson(self.spec, self.dataset, split(self.dataset, self.spec))

    def fitted(self, candidate: str) -> Fitted:
        model = self.trained.said["card"]["model"]
        settings = model["settings"] if model["chosen"] == candidate else self._given(candidate)
        with threadpool_limits(limits=1):  # as training does, so that sums have the same order
            return CANDIDATES[candidate].fit(self.lesson, settings)

    def _given(self, candidate: str) -> dict[str, Any]:
        """Settings of a model that training did not choose. Boosting has its rounds label by label."""
        given = FITTED[candidate]
        if "rounds" not in given or self.release.contract.task != "multilabel":
            return given
        return {f"rounds of {label}": given["rounds"] for label in self.release.contract.classes}


def open_subject(trained: Trained) -> Subject:
    spec = read_spec(trained.spec)
    app = trained.open()
    release = open_release(app.registry.version(trained.name, 1), app.blobs)
    app.engine.dispose()
    return Subject(trained, spec, load_dataset(spec, trained.directory), release)


def trees_of(model: Model) -> list[TreeArrays]:
    """The trees of a model, one entry an ensemble; none where it has no trees."""
    if isinstance(model, TreeModel):
        return [TreeArrays(**model.arrays())]
    arrays, mark = model.arrays(), f".{TreeModel.kind}."
    starts = sorted({name.partition(mark)[0] + mark for name in arrays if mark in name})
    mine = ({name.removeprefix(start): arrays[name] for name in arrays if name.startswith(start)} for start in starts)
    return [TreeArrays(**found) for found in mine]


def thresholds_of(trees: TreeArrays) -> NDArray[np.float64]:
    """Pairs of a feature and a threshold that some node compares it with, each once, shape (pairs, 2)."""
    asks = trees.feature >= 0
    if trees.choice.size:
        asks &= trees.choice < 0
    return np.unique(np.stack([trees.feature[asks], trees.threshold[asks]], axis=1).astype(np.float64), axis=0)


def numbers_in_sets(trees: TreeArrays) -> set[tuple[int, int]]:
    """Pairs of a feature and a number of a category that is in some set of a node."""
    chosen = np.flatnonzero(trees.choice >= 0).tolist()
    return {(int(trees.feature[node]), number) for node in chosen for number in trees.members(node) or ()}


def frame_of(fitted: Fitted, table: Table) -> FeatureFrame:
    return evaluate_frame(fitted.plan, fitted.plan_arrays, table)


def row_path(fitted: Fitted) -> Callable[[Row], FeatureRow]:
    return prepare_row(fitted.plan, fitted.plan_arrays)


def first_difference(rows: Sequence[FeatureRow], frame: FeatureFrame, names: Sequence[str]) -> str:
    """The first feature whose bits differ between the two evaluators; empty where none does."""
    dense = np.array([row.dense for row in rows], dtype=np.float64).reshape(frame.dense.shape)
    differs = _bits(dense) != _bits(frame.dense)
    if differs.any():
        row, column = (int(at[0]) for at in np.nonzero(differs))
        return f"row {row}, feature {names[column]}: {dense[row, column]!r} and {frame.dense[row, column]!r}"
    lengths = np.array([len(row.indices) for row in rows])
    if not np.array_equal(lengths, np.diff(frame.indptr)):
        return f"row {int(np.flatnonzero(lengths != np.diff(frame.indptr))[0])}: another number of terms"
    if not np.array_equal(np.concatenate([row.indices for row in rows]), frame.indices):
        return "other terms"
    differs = _bits(np.concatenate([row.values for row in rows])) != _bits(frame.values)
    return f"weight {int(np.flatnonzero(differs)[0])} of a term" if differs.any() else ""


def same_bits(one: Any, many: NDArray[np.float64]) -> bool:
    """Whether both hold the same numbers to the last bit."""
    first = np.asarray(one, dtype=np.float64)
    return first.shape == many.shape and bool((_bits(first) == _bits(many)).all())


def columns_of(decisions: Sequence[Decision], classes: int) -> Decisions:
    """Decisions one by one as the columns that many at once come in."""
    probabilities = np.array([one.probabilities for one in decisions], dtype=np.float64)
    if decisions and isinstance(decisions[0].label, tuple):
        return _label_columns(decisions, probabilities)
    return Decisions(
        label_index=np.array([one.label_index for one in decisions], dtype=np.int64),
        label=np.array([one.label for one in decisions], dtype=object),
        decision=np.array([one.decision for one in decisions], dtype=object),
        confidence=np.array([one.confidence for one in decisions], dtype=np.float64),
        prediction=np.array([one.prediction for one in decisions], dtype=np.float64),
        probabilities=probabilities.reshape(len(decisions), classes),
    )


def _label_columns(decisions: Sequence[Decision], probabilities: NDArray[np.float64]) -> Decisions:
    """The same of decisions that are several labels each."""
    flags = np.zeros(probabilities.shape, dtype=np.int64)
    words = np.empty((2, len(decisions)), dtype=object)
    for row, one in enumerate(decisions):
        flags[row, list(one.label_index)] = 1
        words[0, row], words[1, row] = one.label, one.decision
    return Decisions(
        label_index=flags,
        label=words[0],
        decision=words[1],
        confidence=np.array([one.confidence for one in decisions], dtype=np.float64),
        prediction=np.array([list(one.prediction.values()) for one in decisions], dtype=np.float64),
        probabilities=probabilities,
    )


def same_decisions(one: Decisions, other: Decisions) -> bool:
    """Whether labels, decisions and every bit of the numbers are the same."""
    words = all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in ("label_index", "label", "decision")
    )
    return words and all(same_bits(getattr(one, name), getattr(other, name)) for name in Decisions._fields[3:])


def rows_from(frame: FeatureFrame) -> list[FeatureRow]:
    """A frame's rows one by one."""
    dense = frame.dense.tolist()
    parts = [slice(*pair) for pair in zip(frame.indptr[:-1].tolist(), frame.indptr[1:].tolist(), strict=True)]
    return [
        FeatureRow(values, frame.indices[part], frame.values[part]) for values, part in zip(dense, parts, strict=True)
    ]


def beside(threshold: float) -> tuple[float, float, float]:
    """A threshold and its neighbours among the float32."""
    at = np.float32(threshold)
    below, above = np.nextafter(at, np.float32(-math.inf)), np.nextafter(at, np.float32(math.inf))
    return float(below), float(at), float(above)


def _cells(table: Table, name: str) -> list[float | str | None]:
    cells = table.columns[name]
    if cells.dtype == object:
        return list(cells)
    return [None if cell != cell else cell for cell in cells.tolist()]  # noqa: PLR0124 - NaN


def _bits(values: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.ascontiguousarray(values, dtype=np.float64).view(np.int64)
