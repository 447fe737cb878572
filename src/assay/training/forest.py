"""Random forests, grown by scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import sklearn
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier

from assay.features.fit import Family
from assay.features.plan import FeatureFrame, FeaturePlan
from assay.models.trees import TreeArrays, TreeModel
from assay.training.convert import floor_float32
from assay.training.lesson import Fitted, Learned, Lesson, Part, Range, Settings, Tick, Trial, fit_on_all, joined
from assay.training.matrices import tree_columns, tree_matrix

_TREES = 200
#: Keeps a release of so many trees within some megabytes.
_MOST_LEAVES = 512
#: The share of the features that each split chooses among; over terms most of them are 0 in any row.
_FEATURES, _FEATURES_WITH_TERMS = 0.3, 0.05
#: Rows of the classes' usual shares that each leaf gets besides its own, so that no leaf is quite sure.
_PRIOR_ROWS = 1.0


class Forest:
    """A raw score is the mean over the trees of the leaf's log-odds (of a leaf's log-shares for more classes). Settings
    have scikit-learn's names.
    """

    name = "random_forest"
    framework = f"scikit-learn {sklearn.__version__}"
    family: Family = "trees"
    space: Mapping[str, Range] = {
        "min_samples_leaf": Range(1, 100, log=True, whole=True),
        "max_features": Range(0.02, 1.0, log=True),
    }

    def unsuited(self, lesson: Lesson) -> None:
        """Tried on any data."""

    def usual(self, lesson: Lesson) -> Settings:
        """What does well on most data."""
        return {"min_samples_leaf": 10, "max_features": _FEATURES_WITH_TERMS if lesson.tokens else _FEATURES}

    def try_out(self, lesson: Lesson, tick: Tick, settings: Settings | None = None) -> Trial:
        """Grow a forest on each part and score the asked rows."""
        usual = self.usual(lesson)
        wanted = {**usual, **(settings or {})}

        def grow(part: Part) -> NDArray[np.float64]:
            plan, arrays = lesson.encode("trees", part.teach)
            features = lesson.evaluate(plan, arrays, part.teach)
            columns = tree_columns(plan, features, lesson.labels[part.teach])
            forest = _grow(lesson, wanted, tree_matrix(plan, features, columns), lesson.targets[part.teach])
            asked = tree_matrix(plan, lesson.evaluate(plan, arrays, part.ask), columns)
            tick()
            return _scores(forest, asked, lesson.outputs)

        return Trial(joined(lesson.over_parts(grow)), wanted, usual)

    def fit(self, lesson: Lesson, settings: Settings) -> Fitted:
        """Grow on all rows."""
        return fit_on_all(lesson, self, settings)

    def learn(self, lesson: Lesson, plan: FeaturePlan, features: FeatureFrame, settings: Settings) -> Learned:
        """Grow on the features of all rows."""
        columns = tree_columns(plan, features, lesson.labels)
        forest = _grow(lesson, settings, tree_matrix(plan, features, columns), lesson.targets)

        def library(asked: FeatureFrame) -> NDArray[np.float64]:
            return _scores(forest, tree_matrix(plan, asked, columns), lesson.outputs)

        return Learned(_convert(forest, columns, plan, lesson.outputs), library)


def _grow(lesson: Lesson, settings: Settings, matrix: Any, targets: NDArray[np.int64]) -> Any:
    forest = RandomForestClassifier(
        n_estimators=_TREES,
        min_samples_leaf=int(settings["min_samples_leaf"]),
        max_features=float(settings["max_features"]),
        max_leaf_nodes=_MOST_LEAVES,
        random_state=lesson.seed % 2**32,
        n_jobs=1,
    )
    return forest.fit(matrix, targets)


def _leaf_values(tree: Any, outputs: int) -> NDArray[np.float64]:
    """What each node would add to the scores, shape (nodes, outputs)."""
    rows = tree.weighted_n_node_samples[:, None, None]
    shares = tree.value
    logs: NDArray[np.float64] = np.log((shares * rows + _PRIOR_ROWS * shares[:1].clip(1e-9)) / (rows + _PRIOR_ROWS))
    # One output a class, or one of two classes for each label.
    return logs[:, 0, :] if shares.shape[1] == 1 < outputs else logs[:, :, 1] - logs[:, :, 0]


def _scores(forest: Any, matrix: Any, outputs: int) -> NDArray[np.float64]:
    """Raw scores (rows, outputs), each row led to its leaves by the library."""
    leaves = forest.apply(matrix)
    trees = [estimator.tree_ for estimator in forest.estimators_]
    total = np.zeros((leaves.shape[0], outputs))
    for at, tree in enumerate(trees):
        total += _leaf_values(tree, outputs)[leaves[:, at]] / len(trees)
    return total


def _convert(forest: Any, columns: NDArray[np.intp], plan: FeaturePlan, outputs: int) -> TreeModel:
    """The forest as arrays. A leaf has one value, so a tree stands there once for each output."""
    trees = [estimator.tree_ for estimator in forest.estimators_]
    values = [_leaf_values(tree, outputs) / len(trees) for tree in trees]
    copies = [
        (tree, value[:, output], output) for tree, value in zip(trees, values, strict=True) for output in range(outputs)
    ]
    sizes = [tree.node_count for tree, _, _ in copies]
    root = np.cumsum([0, *sizes[:-1]], dtype=np.int32)
    shift = np.repeat(root, sizes)
    place = np.append(columns, -1)

    def all_of(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(tree, name) for tree, _, _ in copies])

    leaf = all_of("children_left") < 0
    return TreeModel(
        TreeArrays(
            feature=place[np.where(leaf, -1, all_of("feature"))].astype(np.int32),
            threshold=np.where(leaf, np.float32(0.0), floor_float32(all_of("threshold"))),
            left=np.where(leaf, 0, all_of("children_left") + shift).astype(np.int32),
            right=np.where(leaf, 0, all_of("children_right") + shift).astype(np.int32),
            value=np.where(leaf, np.concatenate([value for _, value, _ in copies]), 0.0),
            cover=all_of("weighted_n_node_samples").astype(np.float64),
            root=root,
            output=np.array([output for _, _, output in copies], dtype=np.int32),
            base=np.zeros(outputs),
            dense=np.array([len(plan.names)]),
        )
    )
