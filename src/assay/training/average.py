"""An average of candidates as one model: their weights are chosen on the scores of the asked rows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from assay.features.fit import Family
from assay.features.plan import FeatureFrame, FeaturePlan
from assay.models.blend import BlendModel
from assay.models.linear import LinearModel
from assay.models.trees import TreeModel
from assay.policy.solve import fit_temperature
from assay.training.lesson import Fitted, Learned, Learner, Lesson, Settings, Trial, fit_on_all
from assay.training.losses import row_losses

#: How often a candidate is taken: a weight is a multiple of one tenth.
_PICKS = 10
_WEIGHT = ".weight"


class Average:
    """The weighted sum of raw scores, each first divided by its best temperature.

    The weights are those of ensemble selection (Caruana et al. 2004, section 2): ten times the candidate is taken that
    makes the log loss of the average least; the same one may be taken again.
    """

    name = "average"
    family: Family = "blend"

    def __init__(self, learners: Mapping[str, Learner]) -> None:
        self._learners = learners

    def of(self, lesson: Lesson, trials: Mapping[str, Trial]) -> Trial | None:
        """The best average of these trials; None where one candidate alone does best."""
        members = [name for name in self._learners if name in trials]
        targets = lesson.targets[lesson.asked]
        positive = 1 if lesson.outputs == 1 or targets.ndim == 2 else None
        heats = {name: fit_temperature(trials[name].scores, targets, positive) for name in members}
        tempered = {name: trials[name].scores / heats[name] for name in members}
        picks = _pick(tempered, targets)
        taken = [name for name in members if name in picks]
        if len(taken) < 2:
            return None
        settings: dict[str, float | int] = {}
        for name in taken:
            settings[name + _WEIGHT] = picks.count(name) / _PICKS / heats[name]
            settings |= {f"{name}.{key}": value for key, value in trials[name].settings.items()}
        return self.weighted({name: trials[name] for name in taken}, settings)

    def weighted(self, trials: Mapping[str, Trial], settings: Settings) -> Trial:
        """The average of members' trials with the weights of the settings."""
        scores = [settings[name + _WEIGHT] * trial.scores for name, trial in trials.items()]
        usual = {key: value for key, value in settings.items() if not key.endswith(_WEIGHT)}
        return Trial(np.asarray(sum(scores[1:], scores[0])), settings, usual)

    def members(self, settings: Settings) -> list[str]:
        """The candidates that have a weight."""
        return [name for name in self._learners if name + _WEIGHT in settings]

    def of_member(self, name: str, settings: Settings) -> Settings:
        """The settings of one member."""
        start = f"{name}."
        return {
            key.removeprefix(start): value
            for key, value in settings.items()
            if key.startswith(start) and key != name + _WEIGHT
        }

    def fit(self, lesson: Lesson, settings: Settings) -> Fitted:
        """Fit every member on all rows, on the features of one plan."""
        return fit_on_all(lesson, self, settings)

    def learn(self, lesson: Lesson, plan: FeaturePlan, features: FeatureFrame, settings: Settings) -> Learned:
        """Fit every member."""
        names = self.members(settings)
        weights = [float(settings[name + _WEIGHT]) for name in names]
        members = [self._learners[name].learn(lesson, plan, features, self.of_member(name, settings)) for name in names]

        def library(asked: FeatureFrame) -> NDArray[np.float64]:
            scores = [weight * member.library(asked) for weight, member in zip(weights, members, strict=True)]
            return np.asarray(sum(scores[1:], scores[0]))

        parts = [member.model for member in members if isinstance(member.model, LinearModel | TreeModel)]
        return Learned(BlendModel(parts, weights), library)


def _pick(scores: Mapping[str, NDArray[np.float64]], targets: NDArray[np.int64]) -> list[str]:
    """The names taken, one after the other."""
    total = np.zeros_like(next(iter(scores.values())))
    picks: list[str] = []
    for count in range(1, _PICKS + 1):
        losses = {name: row_losses((total + each) / count, targets).mean() for name, each in scores.items()}
        picks.append(min(losses, key=losses.__getitem__))
        total += scores[picks[-1]]
    return picks
