"""The baseline below all others: how frequent the classes are, whatever the example says."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from assay.features.plan import FeatureFrame, Terms
from assay.models.linear import LinearModel
from assay.training.lesson import Fitted, Lesson, Settings, Tick, Trial, joined


class Majority:
    """Knows the classes' shares only, with one row added to each class."""

    name = "majority"
    framework = "none"

    def unsuited(self, lesson: Lesson) -> None:
        """Tried on any data."""

    def try_out(self, lesson: Lesson, tick: Tick) -> Trial:
        """Score the asked rows by the shares among the rows that teach."""
        scores = []
        for part in lesson.parts:
            scores.append(np.tile(_shares(lesson, lesson.targets[part.teach]), (part.ask.size, 1)))
            tick()
        return Trial(joined(scores), {})

    def fit(self, lesson: Lesson, settings: Settings) -> Fitted:
        """Count all rows."""
        intercept = _shares(lesson, lesson.targets)

        def library(features: FeatureFrame) -> NDArray[np.float64]:
            return np.tile(intercept, (len(features.dense), 1))

        # The dense features stay, since the policy's rules read them; they weigh nothing.
        plan, _ = lesson.encode("linear", np.arange(lesson.table.rows))
        plan = msgspec.structs.replace(
            plan, encoders=tuple(encoder for encoder in plan.encoders if not isinstance(encoder, Terms))
        )
        width = len(plan.names)
        model = LinearModel(np.zeros((lesson.outputs, width)), intercept, np.zeros(width))
        return Fitted(plan, {}, model, library, settings)


def _shares(lesson: Lesson, targets: NDArray[np.int64]) -> NDArray[np.float64]:
    """Raw scores that give every row the classes' shares; of several labels, each label its own."""
    if targets.ndim == 2:
        applies = targets.sum(axis=0) + 1.0
        return np.asarray(np.log(applies / (len(targets) + 2.0 - applies)))
    counts = np.bincount(targets, minlength=max(2, lesson.outputs)) + 1.0
    logs: NDArray[np.float64] = np.log(counts / counts.sum())
    return logs[1:] - logs[:1] if lesson.outputs == 1 else logs
