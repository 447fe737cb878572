"""Log loss of raw scores, row by row: what settings and candidates are compared by."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from assay.policy.solve import fit_temperature


def row_losses(scores: NDArray[np.float64], targets: NDArray[np.int64]) -> NDArray[np.float64]:
    """The negative log likelihood of each row, in nats.

    `scores` are raw, shape (rows, outputs): one log-odds of target 1, or one score a class under softmax. Of several
    labels (`targets` of the same shape) each score is the log-odds of its own, and the loss is the labels' mean.
    """
    if targets.ndim == 2:
        return np.asarray(np.logaddexp(0.0, np.where(targets == 1, -scores, scores)).mean(axis=1))
    if scores.shape[1] == 1:
        return np.logaddexp(0.0, np.where(targets == 1, -scores[:, 0], scores[:, 0]))
    highest = scores.max(axis=1)
    total = highest + np.log(np.exp(scores - highest[:, None]).sum(axis=1))
    losses: NDArray[np.float64] = total - scores[np.arange(len(scores)), targets]
    return losses


def tempered_losses(scores: NDArray[np.float64], targets: NDArray[np.int64]) -> NDArray[np.float64]:
    """The log loss of each row at the one temperature that suits all of them best.

    A release is calibrated, so that a model is too sure or not sure enough must not decide against it.
    """
    temperature = fit_temperature(scores, targets, 1 if scores.shape[1] == 1 or targets.ndim == 2 else None)
    return row_losses(scores / temperature, targets)
