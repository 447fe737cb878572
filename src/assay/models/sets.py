"""Sets of category numbers, as flags: what a split on a category asks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: A set holds numbers from 0 to below this.
SET_SIZE = 256


def places_in_sets(values: NDArray[np.floating[Any]]) -> NDArray[np.intp]:
    """The place of each value among a set's flags; `SET_SIZE` for what is no number that a set can hold."""
    numbers = values.clip(0, SET_SIZE - 1).astype(np.intp)
    return np.where(numbers == values, numbers, SET_SIZE)
