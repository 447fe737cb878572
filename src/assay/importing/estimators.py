"""scikit-learn's fitted classifiers as foreign models, and how each is asked for its raw scores."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import sklearn
from numpy.typing import NDArray
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV, SGDClassifier
from sklearn.naive_bayes import MultinomialNB
from sklearn.tree import DecisionTreeClassifier

from assay.importing.foreign import LEFT, RIGHT, Foreign, Linear, Tree, Trees, in_order, plant
from assay.importing.inputs import SINGLE
from assay.importing.native import Native, raw_scores, refuse
from assay.importing.transformers import Inputs, Notes, sources_of
from assay.models.forest import log_scores

Floats = NDArray[np.float64]


class Asked(NamedTuple):
    """A classifier read, and its own raw scores of the matrix that its pipeline hands it."""

    foreign: Foreign
    ask: Callable[[Any], Floats]


def read_estimator(estimator: Any, inputs: Inputs, notes: Notes) -> Asked:
    """Read a fitted classifier.

    Raises:
        NotSupportedError: it, or a way it is set, cannot be imported exactly.
    """
    for kind, read in _ESTIMATORS:
        if type(estimator) is kind:
            return read(estimator, inputs, notes)
    for name, read in _BOOSTERS.items():
        if type(estimator).__name__ == name:
            return read(estimator, inputs, notes)
    known = [kind.__name__ for kind, _ in _ESTIMATORS] + list(_BOOSTERS)
    raise refuse(f"the classifier {type(estimator).__name__}", f"known classifiers are {', '.join(sorted(known))}")


def _foreign(estimator: Any, inputs: Inputs, notes: Notes, arrays: Trees | Linear, **more: Any) -> Foreign:
    return Foreign(
        kind=more.pop("kind", "linear" if isinstance(arrays, Linear) else "trees"),
        framework=f"scikit-learn {sklearn.__version__} {type(estimator).__name__}",
        inputs=tuple(inputs),
        arrays=arrays,
        classes=tuple(_name(name) for name in estimator.classes_.tolist()),
        vocabularies=tuple(notes.vocabularies),
        closed=notes.closed,
        **more,
    )


def _name(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _linear(estimator: Any, inputs: Inputs, notes: Notes) -> Asked:
    several = len(estimator.classes_) > 2
    ovr = isinstance(estimator, SGDClassifier) or getattr(estimator, "multi_class", "auto") == "ovr"
    if several and (ovr or getattr(estimator, "solver", "") == "liblinear"):
        raise refuse(
            f"a {type(estimator).__name__} of one class against the rest, for {len(estimator.classes_)} classes,",
            "fit a multinomial LogisticRegression",
        )
    if isinstance(estimator, SGDClassifier) and estimator.loss != "log_loss":
        raise refuse(f"an SGDClassifier with the loss {estimator.loss}", "fit it with loss='log_loss'")
    intercept = np.broadcast_to(np.asarray(estimator.intercept_, dtype=np.float64), len(estimator.coef_))
    arrays = Linear(np.array(estimator.coef_, dtype=np.float64), intercept.copy())
    return Asked(
        _foreign(estimator, inputs, notes, arrays), lambda matrix: raw_scores(estimator.decision_function(matrix))
    )


def _naive_bayes(estimator: Any, inputs: Inputs, notes: Notes) -> Asked:
    """Its joint log-likelihood is linear in the counts."""
    arrays = Linear(
        np.array(estimator.feature_log_prob_, dtype=np.float64), np.array(estimator.class_log_prior_, dtype=np.float64)
    )

    def ask(matrix: Any) -> Floats:
        return raw_scores(estimator.predict_joint_log_proba(matrix))

    return Asked(_foreign(estimator, inputs, notes, arrays), ask)


def _single(inputs: Inputs) -> Inputs:
    return [each.then(SINGLE) for each in inputs]


def _tree(tree: Any, value: Floats) -> Tree:
    leaf = tree.children_left < 0
    lefts = getattr(tree, "missing_go_to_left", np.zeros(tree.node_count))
    return in_order(
        Tree(
            feature=np.where(leaf, -1, tree.feature).astype(np.int32),
            threshold=np.where(leaf, 0.0, tree.threshold),
            left=tree.children_left.astype(np.int32),
            right=tree.children_right.astype(np.int32),
            missing=np.where(np.asarray(lefts, dtype=np.bool_), LEFT, RIGHT).astype(np.int8),
            value=np.where(leaf, value, 0.0),
            cover=tree.weighted_n_node_samples.astype(np.float64),
        )
    )


def _forest(estimator: Any, inputs: Inputs, notes: Notes) -> Asked:
    """Of two classes the second is enough, the first is what is left."""
    members = getattr(estimator, "estimators_", [estimator])
    classes = len(estimator.classes_)
    wanted = [1] if classes == 2 else list(range(classes))
    trees = [_tree(each.tree_, each.tree_.value[:, 0, output]) for each in members for output in wanted]
    arrays = plant(trees, [at % len(wanted) for at in range(len(trees))], [0.0] * len(wanted))
    estimator.n_jobs = 1
    foreign = _foreign(estimator, _single(inputs), notes, arrays, kind="forest", takes_missing=_learnt_missing(members))

    def ask(matrix: Any) -> Floats:
        probabilities = estimator.predict_proba(matrix)
        return log_scores(probabilities[:, 1:] if classes == 2 else probabilities)

    return Asked(foreign, ask)


def _learnt_missing(members: Any) -> bool:
    """Whether trees say where missing numbers go; scikit-learn takes them only if they were there when fitting."""
    return any(bool(np.asarray(getattr(each.tree_, "missing_go_to_left", ())).any()) for each in members)


def _gradient_boosting(estimator: Any, inputs: Inputs, notes: Notes) -> Asked:
    if not (estimator.init_ == "zero" or type(estimator.init_) is DummyClassifier):
        raise refuse("a GradientBoostingClassifier that begins with another model", "fit it without init")
    if estimator.loss != "log_loss":
        raise refuse(f"a GradientBoostingClassifier with the loss {estimator.loss}", "fit it with loss='log_loss'")
    grown, outputs = estimator.estimators_, estimator.estimators_.shape[1]
    rate = estimator.learning_rate
    trees = [_tree(each.tree_, rate * each.tree_.value[:, 0, 0]) for stage in grown for each in stage]
    start = estimator._raw_predict_init(np.zeros((1, estimator.n_features_in_), dtype=np.float32))  # noqa: SLF001 - no other way
    arrays = plant(trees, [at % outputs for at in range(len(trees))], np.asarray(start)[0].tolist())
    return Asked(
        _foreign(estimator, _single(inputs), notes, arrays),
        lambda matrix: raw_scores(estimator.decision_function(matrix)),
    )


def _histogram_boosting(estimator: Any, inputs: Inputs, notes: Notes) -> Asked:
    if getattr(estimator, "is_categorical_", None) is not None:
        raise refuse(
            "a HistGradientBoostingClassifier with categorical splits",
            "put a OneHotEncoder or OrdinalEncoder before it",
        )
    rounds = estimator._predictors  # noqa: SLF001 - no other way to the trees
    outputs = len(rounds[0])
    trees = [_histogram_tree(each.nodes) for round_ in rounds for each in round_]
    start = np.asarray(estimator._baseline_prediction, dtype=np.float64).ravel()  # noqa: SLF001 - no other way
    arrays = plant(trees, [at % outputs for at in range(len(trees))], np.broadcast_to(start, outputs).tolist())
    return Asked(
        _foreign(estimator, inputs, notes, arrays, takes_missing=True),
        lambda matrix: raw_scores(estimator.decision_function(matrix)),
    )


def _histogram_tree(nodes: Any) -> Tree:
    leaf = nodes["is_leaf"].astype(np.bool_)
    return in_order(
        Tree(
            feature=np.where(leaf, -1, nodes["feature_idx"]).astype(np.int32),
            threshold=np.where(leaf, 0.0, nodes["num_threshold"]),
            left=nodes["left"].astype(np.int32),
            right=nodes["right"].astype(np.int32),
            missing=np.where(nodes["missing_go_to_left"], LEFT, RIGHT).astype(np.int8),
            value=np.where(leaf, nodes["value"], 0.0),
            cover=nodes["count"].astype(np.float64),
        )
    )


def _booster(library: str, opened: Callable[[Any], Native]) -> Callable[[Any, Inputs, Notes], Asked]:
    """The rule of a classifier that wraps another library's booster."""

    def read(estimator: Any, inputs: Inputs, notes: Notes) -> Asked:
        native = opened(estimator)
        built = native.build(sources_of(inputs))
        behind = built.inputs[len(inputs) :]
        ahead = [each.then(*own.steps) for each, own in zip(inputs, built.inputs, strict=False)]
        foreign = _foreign(
            estimator,
            [*ahead, *behind],
            notes,
            built.arrays,
            takes_missing=True,
            single=built.single,
        )

        def ask(matrix: Any) -> Floats:
            if library == "XGBoost":
                _refuse_sparse(matrix)
            dense = matrix.toarray() if hasattr(matrix, "toarray") else np.asarray(matrix, dtype=np.float64)
            return native.ask(list(dense.T))

        return Asked(foreign, ask)

    return read


def _refuse_sparse(matrix: Any) -> None:
    if hasattr(matrix, "toarray"):
        raise refuse(
            "XGBoost behind a sparse matrix, in which it takes zeros for missing,",
            "have the encoder make dense columns (sparse_output=False, sparse_threshold=0)",
        )


def _lightgbm(estimator: Any) -> Native:
    from assay.importing.lightgbm_model import native_of_booster

    return native_of_booster(estimator.booster_)


def _xgboost(estimator: Any) -> Native:
    from assay.importing.xgboost_model import native_of_booster

    return native_of_booster(estimator.get_booster())


def _catboost(estimator: Any) -> Native:
    from assay.importing.catboost_model import native_of_model

    return native_of_model(estimator)


_ESTIMATORS: tuple[tuple[type, Callable[[Any, Inputs, Notes], Asked]], ...] = (
    (LogisticRegression, _linear),
    (LogisticRegressionCV, _linear),
    (SGDClassifier, _linear),
    (MultinomialNB, _naive_bayes),
    (DecisionTreeClassifier, _forest),
    (RandomForestClassifier, _forest),
    (ExtraTreesClassifier, _forest),
    (GradientBoostingClassifier, _gradient_boosting),
    (HistGradientBoostingClassifier, _histogram_boosting),
)
_BOOSTERS: dict[str, Callable[[Any, Inputs, Notes], Asked]] = {
    "LGBMClassifier": _booster("LightGBM", _lightgbm),
    "XGBClassifier": _booster("XGBoost", _xgboost),
    "CatBoostClassifier": _booster("CatBoost", _catboost),
}
