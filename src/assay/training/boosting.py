"""Gradient boosted trees, fitted by LightGBM, which is slow to import and so only is where it fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version as installed
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.features.fit import Family
from assay.features.plan import FeatureFrame, FeaturePlan
from assay.training.convert import trees_from_booster
from assay.training.lesson import Fitted, Learned, Lesson, Part, Range, Settings, Tick, Trial, fit_on_all, joined
from assay.training.matrices import category_columns, tree_columns, tree_matrix

_MOST_ROUNDS = 1000
#: A round grows one tree a class: with many classes there are fewer rounds, ...
_MOST_TREES = 10_000
#: ... and over terms, where a tree is dear and a linear model hard to beat, none at all.
_MOST_CLASSES_WITH_TERMS = 20
#: Many terms each say little: larger steps cost nothing there and take half the time.
_STEP, _STEP_WITH_TERMS = 0.05, 0.1
_PATIENCE = 30
_LEAF_ROWS = (5, 50)


class Boosting:
    """Trees of up to 31 leaves; their number is the mean over the parts of the round of least log loss.

    A leaf holds at least 1 % of the rows, within 5 and 50. Each of several labels has trees and rounds of its own.
    Settings have LightGBM's names.
    """

    name = "lightgbm"
    framework = f"LightGBM {installed('lightgbm')}"
    family: Family = "trees"
    space: Mapping[str, Range] = {
        "learning_rate": Range(0.02, 0.2, log=True),
        "num_leaves": Range(4, 127, log=True, whole=True),
        "min_data_in_leaf": Range(3, 200, log=True, whole=True),
        "feature_fraction": Range(0.2, 1.0),
        "lambda_l2": Range(0.1, 50.0, log=True),
        "bagging_fraction": Range(0.5, 1.0),
    }

    def unsuited(self, lesson: Lesson) -> str | None:
        """Text of many classes is left to linear models."""
        if not lesson.tokens or lesson.outputs <= _MOST_CLASSES_WITH_TERMS:
            return None
        return f"{lesson.outputs} classes over the terms of a text; tried up to {_MOST_CLASSES_WITH_TERMS}"

    def usual(self, lesson: Lesson) -> Settings:
        """What does well on most data of this shape."""
        least, most = _LEAF_ROWS
        return {
            "learning_rate": _STEP_WITH_TERMS if lesson.tokens else _STEP,
            "num_leaves": 31,
            "min_data_in_leaf": min(most, max(least, lesson.table.rows // 100)),
            "feature_fraction": 0.5,
            "lambda_l2": 5.0,
            "bagging_fraction": 1.0,
        }

    def try_out(self, lesson: Lesson, tick: Tick, settings: Settings | None = None) -> Trial:
        """Boost on each part until its asked rows gain no more; score them after the mean number of rounds."""
        usual = self.usual(lesson)
        wanted = {**usual, **(settings or {})}
        parameters = _parameters(lesson, wanted)

        def boost(part: Part) -> tuple[list[Any], Any]:
            grown = _boost_until_enough(lesson, part, parameters)
            tick()
            return grown

        grown = lesson.over_parts(boost)
        best = np.array([[booster.best_iteration for booster in boosters] for boosters, _ in grown])
        rounds = [max(1, round(mean)) for mean in best.mean(axis=0).tolist()]
        scores = [_raw_scores(boosters, matrix, rounds) for boosters, matrix in grown]
        return Trial(joined(scores), {**dict(zip(_names(lesson), rounds, strict=True)), **wanted}, usual)

    def fit(self, lesson: Lesson, settings: Settings) -> Fitted:
        """Boost that many rounds on all rows."""
        return fit_on_all(lesson, self, settings)

    def learn(self, lesson: Lesson, plan: FeaturePlan, features: FeatureFrame, settings: Settings) -> Learned:
        """Boost on the features of all rows."""
        import lightgbm

        columns = tree_columns(plan, features, lesson.labels)
        rounds = [int(settings[name]) for name in _names(lesson)]
        teach = _dataset(plan, columns, tree_matrix(plan, features, columns))
        boosters = [
            lightgbm.train(_parameters(lesson, settings), teach.set_label(targets), most)
            for targets, most in zip(_columns(lesson.targets), rounds, strict=True)
        ]

        def library(asked: FeatureFrame) -> NDArray[np.float64]:
            return _raw_scores(boosters, tree_matrix(plan, asked, columns), rounds)

        return Learned(trees_from_booster(boosters[0], plan, *boosters[1:], columns=columns), library)


def _names(lesson: Lesson) -> list[str]:
    """What the number of rounds of each booster is called."""
    if lesson.contract.task != "multilabel":
        return ["rounds"]
    return [f"rounds of {name}" for name in lesson.contract.classes]


def _columns(targets: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """The targets of each booster."""
    return [targets] if targets.ndim == 1 else list(np.ascontiguousarray(targets.T))


def _boost_until_enough(lesson: Lesson, part: Part, parameters: Mapping[str, Any]) -> tuple[list[Any], Any]:
    """The boosters of a part, one for all classes or one a label, and its asked rows as the library takes them."""
    import lightgbm

    plan, arrays = lesson.encode("trees", part.teach)
    features = lesson.evaluate(plan, arrays, part.teach)
    columns = tree_columns(plan, features, lesson.labels[part.teach])
    # The rows are put into bins once for all boosters.
    teach = _dataset(plan, columns, tree_matrix(plan, features, columns))
    matrix = tree_matrix(plan, lesson.evaluate(plan, arrays, part.ask), columns)
    ask = lightgbm.Dataset(matrix, reference=teach, free_raw_data=False)
    boosters = [
        lightgbm.train(
            dict(parameters),
            teach.set_label(taught),
            min(_MOST_ROUNDS, _MOST_TREES // lesson.outputs),
            valid_sets=[ask.set_label(asked)],
            callbacks=[lightgbm.early_stopping(_PATIENCE, verbose=False)],
        )
        for taught, asked in zip(_columns(lesson.targets[part.teach]), _columns(lesson.targets[part.ask]), strict=True)
    ]
    return boosters, matrix


def _dataset(plan: FeaturePlan, columns: NDArray[np.intp], matrix: Any) -> Any:
    """The rows, with what is a category's number said to be one: splits then choose sets of categories."""
    import lightgbm

    return lightgbm.Dataset(matrix, categorical_feature=category_columns(plan, columns), free_raw_data=False)


def _parameters(lesson: Lesson, settings: Settings) -> dict[str, Any]:
    """One thread a booster: parts are learned side by side, and threads that wait for each other gain nothing."""
    task = (
        {"objective": "binary", "metric": "binary_logloss"}
        if lesson.outputs == 1 or lesson.contract.task == "multilabel"
        else {"objective": "multiclass", "metric": "multi_logloss", "num_class": lesson.outputs}
    )
    fixed = {
        "max_bin": 63,
        "bagging_freq": 1,
        "seed": lesson.seed % 2**31,
        "deterministic": True,
        "force_col_wise": True,
        "num_threads": 1,
        "verbose": -1,
    }
    return task | fixed | {name: value for name, value in settings.items() if name in Boosting.space}


def _raw_scores(boosters: Sequence[Any], matrix: Any, rounds: Sequence[int]) -> NDArray[np.float64]:
    """Raw scores (rows, outputs) after so many rounds of each booster."""
    scores = [
        np.asarray(booster.predict(matrix, raw_score=True, num_iteration=most, num_threads=1), dtype=np.float64)
        for booster, most in zip(boosters, rounds, strict=True)
    ]
    return np.concatenate([each.reshape(len(each), -1) for each in scores], axis=1)
