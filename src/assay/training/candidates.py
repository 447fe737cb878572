"""The table of candidates, from the simplest to the richest."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from assay.spec.tree import ModelChoice
from assay.training.average import Average
from assay.training.boosting import Boosting
from assay.training.forest import Forest
from assay.training.lesson import Candidate, Fitted, Lesson, Settings, Trial, Tunable
from assay.training.logistic import Logistic
from assay.training.majority import Majority
from assay.training.progress import Progress

_MAJORITY, _LOGISTIC, _FOREST, _BOOSTING = Majority(), Logistic(), Forest(), Boosting()

CANDIDATES: Mapping[str, Candidate] = {each.name: each for each in (_MAJORITY, _LOGISTIC, _FOREST, _BOOSTING)}
#: Those whose settings a search looks for; logistic regression follows the whole path of its one setting anyway.
TUNABLE: Mapping[str, Tunable] = {_FOREST.name: _FOREST, _BOOSTING.name: _BOOSTING}
#: These always run: a richer model has to beat them.
BASELINES = ("majority", "logistic_regression")
#: What is tried after all others, of what they said.
AVERAGE = Average({each.name: each for each in (_LOGISTIC, _FOREST, _BOOSTING)})


def try_candidates(
    lesson: Lesson, choice: ModelChoice, progress: Progress, found: Mapping[str, Settings] = MappingProxyType({})
) -> dict[str, Trial]:
    """Try the baselines, every candidate that the spec names, from the simplest to the richest, and their average.

    `found` are the settings that a search found best.
    """
    wanted = {*BASELINES, *choice.candidates} - unsuited(lesson, choice).keys()
    trials: dict[str, Trial] = {}
    for name, candidate in CANDIDATES.items():
        if name in wanted:
            progress.begin(f"Trying {name}", len(lesson.parts))
            tuned = found.get(name)
            trials[name] = (
                candidate.try_out(lesson, progress.advance)
                if tuned is None
                else TUNABLE[name].try_out(lesson, progress.advance, tuned)
            )
    averaged = AVERAGE.of(lesson, trials) if choice.average else None
    return trials if averaged is None else {**trials, AVERAGE.name: averaged}


def tunable(lesson: Lesson, choice: ModelChoice) -> dict[str, Tunable]:
    """The candidates of the spec whose settings can be searched for, but for those not tried at all."""
    unsuited_here = unsuited(lesson, choice)
    return {name: each for name, each in TUNABLE.items() if name in choice.candidates and name not in unsuited_here}


def unsuited(lesson: Lesson, choice: ModelChoice) -> dict[str, str]:
    """The candidates of the spec that are not tried on data of this shape, and why."""
    reasons = {name: CANDIDATES[name].unsuited(lesson) for name in CANDIDATES if name in choice.candidates}
    return {name: reason for name, reason in reasons.items() if reason is not None}


def try_again(name: str, settings: Settings, lesson: Lesson) -> Trial:
    """Try a candidate of the table, or their average, on a lesson with the settings that were best on another."""
    if name == AVERAGE.name:
        members = {
            each: try_again(each, AVERAGE.of_member(each, settings), lesson) for each in AVERAGE.members(settings)
        }
        return AVERAGE.weighted(members, settings)
    if name in TUNABLE:
        known = {key: value for key, value in settings.items() if key in TUNABLE[name].space}
        return TUNABLE[name].try_out(lesson, _nobody_counts, known)
    if name == _LOGISTIC.name:
        return _LOGISTIC.try_out(lesson, _nobody_counts, settings)
    return CANDIDATES[name].try_out(lesson, _nobody_counts)


def _nobody_counts() -> None:
    """Only the first attempts are counted."""


def fit_candidate(name: str, lesson: Lesson, settings: Settings) -> Fitted:
    """Fit a candidate of the table, or their average, on all rows."""
    return AVERAGE.fit(lesson, settings) if name == AVERAGE.name else CANDIDATES[name].fit(lesson, settings)


def frameworks(name: str, settings: Settings) -> str:
    """The libraries that fit a candidate with these settings."""
    if name != AVERAGE.name:
        return CANDIDATES[name].framework
    return ", ".join(CANDIDATES[member].framework for member in AVERAGE.members(settings))
