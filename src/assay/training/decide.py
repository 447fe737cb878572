"""Chooses calibration and decision policy on the validation scores of the chosen candidate."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from assay.contract.columns import Contract
from assay.policy.apply import probabilities_frame
from assay.policy.calibrate import fit_calibration
from assay.policy.choose import begin_policy, choose, circumstances
from assay.policy.policy import Policy
from assay.spec import Spec

_DAY_S = 86400.0


def choose_policy(
    spec: Spec,
    contract: Contract,
    scores: NDArray[np.float64],
    labels: NDArray[np.int64],
    moments: NDArray[np.float64] | None,
    clusters: NDArray[np.int64] | None = None,
) -> Policy:
    """The policy for raw validation `scores` (rows, outputs) whose true classes are `labels`; `clusters` (rows,)
    numbers the groups that the split keeps whole.

    `moments` are the times of all rows, where they have one: they say how many rows come in a day.
    """
    policy = begin_policy(spec, contract)
    calibration = fit_calibration(policy, scores, labels, spec.model.calibration, spec.data.split.seed)
    policy = msgspec.structs.replace(policy, calibration=calibration)
    around = circumstances(spec, contract, _rows_per_day(moments))
    return choose(policy, probabilities_frame(policy, scores), labels, spec.policy, around, clusters)


def _rows_per_day(moments: NDArray[np.float64] | None) -> float | None:
    """None where the rows say nothing about days."""
    known = moments[np.isfinite(moments)] if moments is not None else np.empty(0)
    span = float(np.ptp(known)) if known.size else 0.0
    return known.size / (span / _DAY_S) if span > 0.0 else None
