"""Logistic regression over scaled features and n-grams, fitted by scikit-learn, or by our solver where it is large."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import sklearn
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from assay.features.fit import Family
from assay.features.plan import FeatureFrame, FeaturePlan
from assay.training.convert import linear_from_sklearn, spread_out
from assay.training.labelwise import LabelwiseLogistic
from assay.training.lesson import Fitted, Learned, Lesson, Part, Settings, Tick, Trial, fit_on_all, joined
from assay.training.losses import tempered_losses
from assay.training.matrices import Scaling, fit_scaling, linear_columns, linear_matrix
from assay.training.softmax import SoftmaxRegression

#: Inverse strengths of the L2 penalty, from strong to weak: each fit starts where the one before ended.
_STRENGTHS = (0.01, 0.1, 1.0, 10.0)
_STRENGTHS_WITH_TERMS = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
_MOST_STEPS = 500
#: Where there is more to do than so many stored values times outputs, only the first part follows the whole path, and
#: the solver works in float32; of several classes it is our own, which takes a third of the time and of the memory.
_MOST_ON_EVERY_PATH = 50_000_000
#: There a fit also needs some hundred bytes a coefficient, so no more than these run side by side.
_MOST_LARGE_FITS = 2


class Logistic:
    """Multinomial for more than two classes, a regression of its own for each of several labels. The penalty is chosen
    by the tempered log loss of the asked rows: how sure it makes a model does not count, since calibration corrects
    that.
    """

    name = "logistic_regression"
    framework = f"scikit-learn {sklearn.__version__}"
    family: Family = "linear"

    def unsuited(self, lesson: Lesson) -> None:
        """Tried on any data."""

    def try_out(self, lesson: Lesson, tick: Tick, settings: Settings | None = None) -> Trial:
        """Score the asked rows at every strength that was worth it, and take the one of least log loss; or at the one
        strength of the settings.
        """

        def follow(part: Part) -> list[NDArray[np.float64]]:
            path = _follow_path(lesson, part, strengths)
            tick()
            return path

        strengths = (settings["C"],) if settings else _strengths(lesson)
        with _quiet():
            if _is_large(lesson):
                lesson = replace(lesson, workers=min(lesson.workers, _MOST_LARGE_FITS))
                first = follow(lesson.parts[0])
                best = _best(first, lesson.targets[lesson.parts[0].ask])
                strengths = strengths[best : best + 1]
                others = replace(lesson, parts=lesson.parts[1:])
                paths = [[first[best]], *others.over_parts(follow)]
            else:
                paths = lesson.over_parts(follow)
        reached = min(len(path) for path in paths)
        scores = [joined([path[at] for path in paths]) for at in range(reached)]
        best = _best(scores, lesson.targets[lesson.asked])
        return Trial(scores[best], {"C": strengths[best]})

    def fit(self, lesson: Lesson, settings: Settings) -> Fitted:
        """Fit on all rows; the scale of the features is folded into the coefficients."""
        return fit_on_all(lesson, self, settings)

    def learn(self, lesson: Lesson, plan: FeaturePlan, features: FeatureFrame, settings: Settings) -> Learned:
        """Fit on the features of all rows."""
        scaling = fit_scaling(plan, features, lesson.targets)
        estimator = _estimator(lesson).set_params(C=settings["C"])
        with _quiet():
            estimator.fit(_matrix(lesson, plan, features, scaling), lesson.targets)

        def library(asked: FeatureFrame) -> NDArray[np.float64]:
            return _decide(estimator, linear_matrix(plan, asked, scaling))

        model = linear_from_sklearn(estimator, scaling.mean, scaling.spread, scaling.weights)
        return Learned(spread_out(model, linear_columns(plan), len(plan.names)), library)


def _best(scores: Sequence[NDArray[np.float64]], targets: NDArray[np.int64]) -> int:
    return int(np.argmin([tempered_losses(each, targets).mean() for each in scores]))


def _matrix(lesson: Lesson, plan: FeaturePlan, features: FeatureFrame, scaling: Scaling) -> Any:
    """What is fitted to. In float32 the solver takes half the time and memory, and ends at the same tolerance."""
    matrix = linear_matrix(plan, features, scaling)
    return matrix.astype(np.float32) if _is_large(lesson) else matrix


def _is_large(lesson: Lesson) -> bool:
    stored = sum(tokens.found.ids.size for tokens in lesson.tokens.values())
    return stored * lesson.outputs > _MOST_ON_EVERY_PATH


def _follow_path(lesson: Lesson, part: Part, strengths: Sequence[float]) -> list[NDArray[np.float64]]:
    """Scores of the part's asked rows by strength; ends once the log loss has risen."""
    plan, arrays = lesson.encode("linear", part.teach)
    frame = lesson.evaluate(plan, arrays, part.teach)
    targets = lesson.targets[part.teach]
    scaling = fit_scaling(plan, frame, targets)
    teach = _matrix(lesson, plan, frame, scaling)
    ask = linear_matrix(plan, lesson.evaluate(plan, arrays, part.ask), scaling)
    truth = lesson.targets[part.ask]
    estimator = _estimator(lesson)
    scores: list[NDArray[np.float64]] = []
    losses: list[float] = []
    for strength in strengths:
        estimator.set_params(C=strength).fit(teach, targets)
        scores.append(_decide(estimator, ask))
        losses.append(float(tempered_losses(scores[-1], truth).mean()))
        if losses[-1] > min(losses):
            break
    return scores


def _strengths(lesson: Lesson) -> tuple[float, ...]:
    return _STRENGTHS_WITH_TERMS if lesson.tokens else _STRENGTHS


def _estimator(lesson: Lesson) -> Any:
    if lesson.contract.task == "multilabel":
        return LabelwiseLogistic(_MOST_STEPS)
    if _is_large(lesson) and lesson.outputs > 1:
        return SoftmaxRegression(lesson.outputs, _MOST_STEPS)
    return LogisticRegression(solver="lbfgs", max_iter=_MOST_STEPS, warm_start=True)


def _decide(estimator: Any, matrix: Any) -> NDArray[np.float64]:
    """Raw scores (rows, outputs)."""
    scores = np.asarray(estimator.decision_function(matrix), dtype=np.float64)
    return scores.reshape(len(scores), -1)


@contextmanager
def _quiet() -> Iterator[None]:
    """A weak penalty may end at the limit of steps; its log loss says whether that mattered."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield
