"""Which class of the data each output of a foreign model speaks for."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from assay.contract.columns import Contract
from assay.errors import DataError, Problem
from assay.importing.foreign import Foreign, Linear, Trees


class Outputs(NamedTuple):
    """A model whose outputs are those of the contract, how its scores come of the original's (`order`, or turned round:
    `flipped`), and what should be told of it.
    """

    foreign: Foreign
    order: NDArray[np.intp]
    flipped: bool
    notices: tuple[str, ...]

    def scores(self, original: NDArray[np.float64]) -> NDArray[np.float64]:
        """The original's raw scores in the order of the contract."""
        if self.order.size == 1 and original.shape[1] == 2:
            original = original[:, 1:] - original[:, :1]
        return -original if self.flipped else original[:, self.order]


def match_classes(foreign: Foreign, contract: Contract) -> Outputs:
    """Bring the outputs into the order of the contract's classes.

    A model that does not name its classes, or numbers them from 0, has them in the order of the alphabet or of the
    numbers; of two, 1 is the positive one.

    Raises:
        DataError: the model has other classes than the data.
    """
    binary = contract.task == "binary"
    count = 2 if foreign.outputs == 1 else foreign.outputs
    if count != len(contract.classes):
        raise DataError(
            f"the model tells {count} classes apart, the data has {len(contract.classes)}",
            problems=[Problem("classes", ", ".join(contract.classes[:12]))],
            remedy="name the label column that the model was fitted on, with rows of every class",
        )
    by_order, notices = _by_order(contract), []
    named = foreign.classes
    if named is None or set(named) != set(contract.classes):
        numbers = tuple(map(str, range(count)))
        if named is not None and tuple(named) != numbers:
            raise DataError(
                f"the model's classes are {', '.join(named[:12])}; the data has {', '.join(contract.classes[:12])}",
                remedy="give data whose label column has the classes that the model was fitted on",
            )
        pairs = ", ".join(f"{at} is {name}" for at, name in enumerate(by_order[:12]))
        notices.append(f"the model numbers its classes: {pairs}")
        named = by_order
    if binary:
        if foreign.outputs == 2:
            foreign = _difference(foreign)
        flipped = named[1] != contract.positive
        return Outputs(_flip(foreign) if flipped else foreign, np.zeros(1, dtype=np.intp), flipped, tuple(notices))
    order = np.array([named.index(name) for name in contract.classes], dtype=np.intp)
    return Outputs(_reorder(foreign, order), order, flipped=False, notices=tuple(notices))


def _by_order(contract: Contract) -> tuple[str, ...]:
    if contract.positive is None:
        return contract.classes
    other = next(name for name in contract.classes if name != contract.positive)
    return other, contract.positive


def _replaced(foreign: Foreign, arrays: Trees | Linear) -> Foreign:
    return replace(foreign, arrays=arrays)


def _difference(foreign: Foreign) -> Foreign:
    """Of two outputs the second less the first: the log-odds of the second class."""
    arrays = foreign.arrays
    if isinstance(arrays, Linear):
        return _replaced(foreign, Linear(np.diff(arrays.coefficients, axis=0), np.diff(arrays.intercept)))
    sizes = np.diff([*arrays.root.tolist(), arrays.feature.size])
    sign = np.repeat(np.where(arrays.output == 1, 1.0, -1.0), sizes)
    merged = arrays._replace(value=arrays.value * sign, output=np.zeros_like(arrays.output), base=np.diff(arrays.base))
    return _replaced(foreign, merged)


def _flip(foreign: Foreign) -> Foreign:
    arrays = foreign.arrays
    if isinstance(arrays, Linear):
        return _replaced(foreign, Linear(-arrays.coefficients, -arrays.intercept))
    if foreign.kind == "forest":
        leaf = arrays.feature < 0
        return _replaced(foreign, arrays._replace(value=np.where(leaf, 1.0 - arrays.value, 0.0)))
    return _replaced(foreign, arrays._replace(value=-arrays.value, base=-arrays.base))


def _reorder(foreign: Foreign, order: NDArray[np.intp]) -> Foreign:
    arrays = foreign.arrays
    if isinstance(arrays, Linear):
        return _replaced(foreign, Linear(arrays.coefficients[order], arrays.intercept[order]))
    place = np.argsort(order).astype(np.int32)
    return _replaced(foreign, arrays._replace(output=place[arrays.output], base=arrays.base[order]))
