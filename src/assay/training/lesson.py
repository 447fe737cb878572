"""What candidates learn from, and the seam between them and the training path.

A candidate is tried on parts: each part says which rows teach and which rows it is then asked about. Out of fold there
is one part a fold; with held-out validation rows there is one part.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from assay.contract.columns import Contract
from assay.contract.table import Table
from assay.data.dataset import count_labels
from assay.errors import DataError, Problem
from assay.features.fit import Family, fit_plan
from assay.features.frame import evaluate_frame
from assay.features.plan import FeatureFrame, FeaturePlan
from assay.features.tokens import Tokens
from assay.models.model import Model
from assay.spec.tree import Features

Settings = Mapping[str, float | int]
Tick = Callable[[], None]

T = TypeVar("T")


class Part(NamedTuple):
    """Row numbers into the lesson's table: `teach` are learned from, `ask` are scored."""

    teach: NDArray[np.intp]
    ask: NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """Everything a candidate may see: all rows but the gate's.

    `labels` are class numbers, in a multilabel task flags (rows, labels). `clusters` (rows,) number the groups that the
    split keeps whole, None where it divides single rows. `workers` parts are learned side by side, each with one
    thread, so results do not depend on it.
    """

    contract: Contract
    table: Table
    labels: NDArray[np.int64]
    features: Features
    tokens: Mapping[str, Tokens]
    parts: tuple[Part, ...]
    seed: int
    workers: int = 1
    clusters: NDArray[np.int64] | None = None

    @property
    def asked(self) -> NDArray[np.intp]:
        """The rows that choices are made on, in the order of a trial's scores."""
        return np.concatenate([part.ask for part in self.parts])

    def clusters_of(self, rows: NDArray[np.intp]) -> NDArray[np.int64] | None:
        """The groups of these rows."""
        return None if self.clusters is None else self.clusters[rows]

    @property
    def outputs(self) -> int:
        """Raw scores a row: one for a binary task, otherwise one a class."""
        return 1 if self.contract.task == "binary" else len(self.contract.classes)

    @property
    def targets(self) -> NDArray[np.int64]:
        """What models fit: 1 for the positive class of a binary task, otherwise the labels as they are."""
        if self.contract.task == "binary":
            return np.asarray(self.labels == self.contract.positive_index, dtype=np.int64)
        return self.labels

    def over_parts(self, work: Callable[[Part], T]) -> list[T]:
        """Do the same for every part, `workers` at a time; results in the order of the parts."""
        with ThreadPoolExecutor(self.workers) as pool:
            return list(pool.map(work, self.parts))

    def encode(self, family: Family, rows: NDArray[np.intp]) -> tuple[FeaturePlan, dict[str, NDArray[Any]]]:
        """A feature plan learned from `rows` alone."""
        return fit_plan(self.contract, self.table, self.labels, self.features, family, rows=rows, tokens=self.tokens)

    def evaluate(self, plan: FeaturePlan, arrays: Mapping[str, NDArray[Any]], rows: NDArray[np.intp]) -> FeatureFrame:
        """The features of `rows` under a plan."""
        return evaluate_frame(plan, arrays, self.table, rows=rows, tokens=self.tokens or None)

    def check(self) -> None:
        """See to it that every part can teach every class, and of several labels also where each does not apply.

        Raises:
            DataError: a class has no row among those that some part learns from; names the classes.
        """
        classes = self.contract.classes
        absent: set[str] = set()
        for part in self.parts:
            counts = count_labels(self.labels[part.teach], len(classes))
            one_sided = (counts == 0) | ((counts == part.teach.size) & (self.labels.ndim == 2))
            absent |= {classes[index] for index in np.flatnonzero(one_sided)}
        if absent:
            counts = count_labels(self.labels, len(classes))
            problems = [
                Problem(name, f"{rows} row{'' if rows == 1 else 's'} outside of the gate's rows")
                for name, rows in zip(classes, counts.tolist(), strict=True)
                if name in absent
            ]
            have = "1 class has" if len(absent) == 1 else f"{len(absent)} classes have"
            raise DataError(
                f"{have} too few rows, or only such rows, to learn from and to choose by",
                problems=problems,
                remedy="add rows of these classes, merge them into others, or split in another way (data.split)",
            )


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of trying a candidate: raw scores (rows asked, outputs) and the settings that were best. `usual` are
    those that would have been taken whatever the labels; of an average, those of its members.
    """

    scores: NDArray[np.float64]
    settings: Settings
    usual: Settings = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fitted:
    """A candidate fitted for good. `library` gives the raw scores of the library that fitted it, to compare with."""

    plan: FeaturePlan
    plan_arrays: Mapping[str, NDArray[Any]]
    model: Model
    library: Callable[[FeatureFrame], NDArray[np.float64]]
    settings: Settings


class Range(NamedTuple):
    """From where to where a search looks for a setting; on a logarithmic scale, by whole numbers."""

    low: float
    high: float
    log: bool = False
    whole: bool = False


class Learned(NamedTuple):
    """A model of given features, and the raw scores of the library that fitted it, to compare with."""

    model: Model
    library: Callable[[FeatureFrame], NDArray[np.float64]]


class Learner(Protocol):
    """What fits a model to features of a plan of its family, or of the family `blend`."""

    family: Family

    def learn(self, lesson: Lesson, plan: FeaturePlan, features: FeatureFrame, settings: Settings) -> Learned:
        """Fit on the features of all rows."""


def fit_on_all(lesson: Lesson, learner: Learner, settings: Settings) -> Fitted:
    """Fit once more, on all rows of the lesson."""
    rows = np.arange(lesson.table.rows)
    plan, arrays = lesson.encode(learner.family, rows)
    learned = learner.learn(lesson, plan, lesson.evaluate(plan, arrays, rows), settings)
    return Fitted(plan, arrays, learned.model, learned.library, settings)


class Candidate(Protocol):
    """One kind of model that can be tried and fitted. `framework` names what fits it."""

    name: str
    framework: str

    def unsuited(self, lesson: Lesson) -> str | None:
        """Why this candidate is not tried on data of this shape; None where it is."""

    def try_out(self, lesson: Lesson, tick: Tick) -> Trial:
        """Score the asked rows of every part by models that did not see them; choose settings by these scores. Calls
        `tick` once a part.
        """

    def fit(self, lesson: Lesson, settings: Settings) -> Fitted:
        """Fit once more, on all rows."""


class Tunable(Protocol):
    """A candidate whose settings can be searched for: where in `space`, and what is `usual` without a search."""

    space: Mapping[str, Range]

    def usual(self, lesson: Lesson) -> Settings:
        """The settings of `space` that are taken without a search."""

    def try_out(self, lesson: Lesson, tick: Tick, settings: Settings | None = None) -> Trial:
        """Try the candidate with these settings."""


def joined(scores: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """The scores of the parts, one below the other."""
    return np.concatenate([part.reshape(len(part), -1) for part in scores])
