"""Whether a converted model answers like its original, on every row; and if not, where the difference begins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.contract.columns import Contract
from assay.contract.table import Table
from assay.errors import ReleaseError
from assay.features.frame import prepare_frame
from assay.importing.compose import Composed
from assay.importing.foreign import Foreign
from assay.importing.inputs import Term
from assay.importing.native import numbers_of
from assay.models.trees import TreeArrays, TreeModel
from assay.policy.apply import probabilities_frame
from assay.policy.policy import Policy
from assay.training.proof import TOLERANCE

Floats = NDArray[np.float64]

#: Sums in float32 are that far from ours.
_SINGLE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """An original and its conversion, ready to be compared on a table.

    `original` are the original's raw scores (rows, outputs) in the order of the contract; `given`, where it is known,
    gives what the original's classifier got for a row; `first` the original's scores of a row after n rounds.
    """

    foreign: Foreign
    composed: Composed
    contract: Contract
    original: Floats
    rounds: int = 0
    given: Callable[[int], Floats] | None = None
    first: Callable[[int, int], Floats] | None = None

    def check(self, table: Table, place: Callable[[int], str]) -> float:
        """The largest difference of a probability before calibration.

        Raises:
            ReleaseError: it is too large; names the first such row, both answers, and where they part.
        """
        frame = prepare_frame(self.composed.plan, self.composed.plan_arrays)(table)
        plain = Policy(
            task=self.contract.task, classes=self.contract.classes, positive_index=self.contract.positive_index
        )
        ours = probabilities_frame(plain, self.composed.model.frame(frame))
        theirs = probabilities_frame(plain, self.original)
        difference = np.abs(ours - theirs).max(axis=1)
        tolerance = self._tolerance()
        wrong = np.flatnonzero(~(difference <= tolerance))
        if wrong.size:
            row = int(wrong[0])
            raise ReleaseError(
                f"the import does not reproduce the original in {wrong.size} of {table.rows} rows; the first is "
                f"{place(row)}: the original says {self._said(theirs[row])}, the release would say "
                f"{self._said(ours[row])}; {self._where(table, row)}",
                remedy="nothing was registered; report this message with the kind of model, or train one here",
            )
        return float(difference.max(initial=0.0))

    def _tolerance(self) -> float:
        return _SINGLE if self.foreign.single else TOLERANCE[self.composed.model.kind]

    def _said(self, probabilities: Floats) -> str:
        positive = self.contract.positive
        pairs = zip(self.contract.classes, probabilities.tolist(), strict=True)
        return ", ".join(f"{name} {value:.9g}" for name, value in pairs if positive in (None, name))

    def _where(self, table: Table, row: int) -> str:
        """The first input that differs, else the first round, else the score."""
        one = table.take(np.array([row]))
        if self.given is not None and (told := self._input(one, self.given(row))):
            return told
        if self.first is not None:
            return self._round(one, row, self.first)
        return "the difference begins at the raw score"

    def _input(self, one: Table, given: Floats) -> str:
        frame = prepare_frame(self.composed.plan, self.composed.plan_arrays)(one)
        weights = dict(zip(frame.indices.tolist(), frame.values.tolist(), strict=True))
        for at, (each, theirs) in enumerate(zip(self.foreign.inputs, given.tolist(), strict=False)):
            if isinstance(each.source, Term):
                vocabulary = self.foreign.vocabularies[each.source.vocabulary]
                name, ours = f"the term {vocabulary.terms[each.source.at]!r}", weights.get(self.composed.terms[at], 0.0)
            else:
                name, ours = f"the input made of column {each.source.column}", float(numbers_of(each, one)[0])
            same = abs(ours - theirs) <= _SINGLE * max(1.0, abs(theirs)) or (np.isnan(ours) and np.isnan(theirs))
            if not same:
                return f"the difference begins at {name}, {theirs:.9g} there and {ours:.9g} here"
        return ""

    def _round(self, one: Table, row: int, first: Callable[[int, int], Floats]) -> str:
        """Halve the rounds until the one is found after which the scores differ."""
        frame = prepare_frame(self.composed.plan, self.composed.plan_arrays)(one)
        trees = TreeArrays(**self.composed.model.arrays())
        each = trees.root.size // self.rounds
        low, high = 0, self.rounds
        while high - low > 1:
            middle = (low + high) // 2
            ours = TreeModel(trees._replace(root=trees.root[: middle * each], output=trees.output[: middle * each]))
            apart = float(np.abs(first(row, middle) - ours.frame(frame)[0]).max())
            low, high = (low, middle) if apart > _SINGLE else (middle, high)
        return f"the difference begins in round {high} of {self.rounds}"
