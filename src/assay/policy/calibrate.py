"""Fits the calibration of raw scores on rows the model was not fitted on. Sums run without BLAS, in a fixed order,
since what is fitted here is part of the release's digest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from assay.measures.labels import label_log_losses
from assay.measures.metrics import log_losses
from assay.policy.apply import log_odds, probabilities_frame
from assay.policy.policy import Calibration, Policy
from assay.policy.solve import fit_isotonic, fit_platt, fit_temperature

Method = Literal["none", "temperature", "sigmoid", "isotonic"]
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

#: From simple to rich; a richer method must gain beyond noise.
_METHODS: tuple[Method, ...] = get_args(Method)
_FOLDS = 5
_NOISE = 1.645
_ENOUGH_FOR_ISOTONIC = 200
_MOST_CURVES = 20


def fit_calibration(
    policy: Policy, raw: Floats, labels: Integers, method: Method | Literal["auto"] = "auto", seed: int = 0
) -> Calibration:
    """The calibration of `raw` scores (rows, outputs) for true classes `labels` (rows,), or flags (rows, labels).

    `policy` names the task, the classes and the positive one; its own calibration is not looked at.
    `auto` compares the methods by cross-validated log loss in 5 stratified folds, from simple to rich: a richer one is
    taken when its mean gain a row is more than 1.645 standard errors above 0.
    """
    if method != "auto":
        return _fit(policy, raw, labels, method)
    if _rarest(policy, labels) < 2 * _FOLDS:
        return Calibration()
    folds = _folds(labels, seed)
    best: Method = "none"
    losses = _cross_validate(policy, raw, labels, folds, best)
    for candidate in _candidates(policy, labels):
        other = _cross_validate(policy, raw, labels, folds, candidate)
        gain = losses - other
        if gain.mean() > _NOISE * gain.std(ddof=1) / np.sqrt(len(gain)):
            best, losses = candidate, other
    return _fit(policy, raw, labels, best)


def _candidates(policy: Policy, labels: Integers) -> Sequence[Method]:
    if len(policy.classes) > _MOST_CURVES and policy.task != "multilabel":
        return ("temperature",)
    if _rarest(policy, labels) < _ENOUGH_FOR_ISOTONIC:
        return ("temperature", "sigmoid")
    return _METHODS[1:]


def _rarest(policy: Policy, labels: Integers) -> int:
    """The rows of the rarest class, or of the rarest label (or of those without it)."""
    if labels.ndim == 1:
        return int(np.bincount(labels, minlength=len(policy.classes)).min())
    applies = labels.sum(axis=0)
    return int(np.minimum(applies, len(labels) - applies).min())


def _cross_validate(policy: Policy, raw: Floats, labels: Integers, folds: Integers, method: Method) -> Floats:
    """The log loss of every row under the calibration fitted on the other folds."""
    losses = np.empty(len(labels))
    for fold in range(_FOLDS):
        held = folds == fold
        calibration = _fit(policy, raw[~held], labels[~held], method)
        fitted = Policy(
            task=policy.task, classes=policy.classes, positive_index=policy.positive_index, calibration=calibration
        )
        loss = log_losses if labels.ndim == 1 else label_log_losses
        losses[held] = loss(probabilities_frame(fitted, raw[held]), labels[held])
    return losses


def _folds(labels: Integers, seed: int) -> Integers:
    """A fold for every row, the classes spread evenly; of several labels the rarest one of a row counts."""
    if labels.ndim == 2:
        rarity = np.where(labels == 1, labels.sum(axis=0), len(labels) + 1)
        labels = np.where(labels.any(axis=1), rarity.argmin(axis=1), labels.shape[1])
    folds = np.empty(len(labels), dtype=np.int64)
    generator = np.random.default_rng(seed)
    for label in np.unique(labels):
        rows = generator.permutation(np.flatnonzero(labels == label))
        folds[rows] = np.arange(len(rows)) % _FOLDS
    return folds


def _fit(policy: Policy, raw: Floats, labels: Integers, method: Method) -> Calibration:
    if method == "none":
        return Calibration()
    if method == "temperature":
        positive = {"binary": policy.positive_index, "multilabel": 1, "multiclass": None}[policy.task]
        return Calibration(method="temperature", temperature=fit_temperature(raw, labels, positive))
    if policy.task == "binary":
        pairs = [(raw[:, 0], labels == policy.positive_index)]
    elif policy.task == "multilabel":
        pairs = [(raw[:, index], labels[:, index] == 1) for index in range(len(policy.classes))]
    else:
        odds = _class_odds(policy, raw)
        pairs = [(odds[:, index], labels == index) for index in range(len(policy.classes))]
    if method == "sigmoid":
        lines = [fit_platt(scores, truth) for scores, truth in pairs]
        return Calibration(
            method="sigmoid", slope=tuple(slope for slope, _ in lines), intercept=tuple(start for _, start in lines)
        )
    curves = [fit_isotonic(scores, truth) for scores, truth in pairs]
    return Calibration(method="isotonic", x=tuple(x for x, _ in curves), y=tuple(y for _, y in curves))


def _class_odds(policy: Policy, raw: Floats) -> Floats:
    """Each class against the rest: the log-odds of its softmax probability, as they are computed for one row."""
    plain = Policy(task=policy.task, classes=policy.classes)
    probabilities = probabilities_frame(plain, raw)
    return np.array([[log_odds(value) for value in row] for row in probabilities.tolist()]).reshape(raw.shape)
