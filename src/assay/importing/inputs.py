"""What a foreign model is given: each of its inputs as a cell of a row, and the arithmetic done to it.

The arithmetic never falls where its input rises. So "input <= threshold" is "cell <= another threshold", which is found
to the last bit, and a tree over prepared inputs becomes a tree over the cells themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from assay.errors import NotSupportedError
from assay.features.row import LIMIT

Floats = NDArray[np.float64]


class _Node(msgspec.Struct, frozen=True, tag_field="kind"):
    pass


class Value(_Node, frozen=True, tag="value"):
    """A number; `impute` stands for a missing one. Encoders of categories begin with it too, hence the strings."""

    column: str
    impute: float | str | None = None


class Code(_Node, frozen=True, tag="code"):
    """The number of a category, `other` for those not among `values`. Without `missing` a missing one is refused."""

    column: str
    values: tuple[str, ...]
    numbers: tuple[float, ...]
    other: float = 0.0
    missing: float | None = None


class Gap(_Node, frozen=True, tag="gap"):
    """1 where the number is missing."""

    column: str


class Term(_Node, frozen=True, tag="term"):
    """The weight of the term at `at` of a vocabulary."""

    vocabulary: int
    at: int


Source = Value | Code | Gap | Term


Operation = Literal["add", "subtract", "multiply", "divide", "single", "flush", "at_least", "at_most"]


class Step(msgspec.Struct, frozen=True):
    """One operation in IEEE arithmetic: float64, but for `single`, which rounds to float32. `flush` takes numbers up to
    `by` for 0.
    """

    op: Operation
    by: float = 0.0


class Input(msgspec.Struct, frozen=True):
    """One number that the model takes."""

    source: Source
    steps: tuple[Step, ...] = ()

    def then(self, *steps: Step) -> Input:
        """The same with more steps."""
        return Input(self.source, (*self.steps, *steps))


class Vocabulary(msgspec.Struct, frozen=True, kw_only=True):
    """How terms of a text column are counted and weighed; `idf` has a number for each term."""

    column: str
    words: tuple[int, int] | None = None
    characters: tuple[int, int] | None = None
    counting: Literal["log", "count", "presence"] = "count"
    norm: Literal["l2", "none"] = "none"
    shortest_word: int = 1
    stop_words: tuple[str, ...] = ()
    terms: tuple[str, ...] = ()
    idf: tuple[float, ...] = ()


SINGLE = Step("single")


def apply_steps(steps: Sequence[Step], numbers: Floats) -> Floats:
    """The numbers after the steps."""
    with np.errstate(over="ignore"):
        for step in steps:
            numbers = _OPERATIONS[step.op](numbers, step.by)
    return numbers


_OPERATIONS: dict[str, Callable[[Floats, float], Floats]] = {
    "add": lambda numbers, by: numbers + by,
    "subtract": lambda numbers, by: numbers - by,
    "multiply": lambda numbers, by: numbers * by,
    "divide": lambda numbers, by: numbers / by,
    "single": lambda numbers, _: numbers.astype(np.float32).astype(np.float64),
    "flush": lambda numbers, by: np.where(np.abs(numbers) <= by, 0.0, numbers),
    "at_least": np.maximum,
    "at_most": np.minimum,
}


def fold(steps: Sequence[Step]) -> tuple[float, float]:
    """The slope and the start of steps that make a line; rounding to float32 does not count.

    Raises:
        NotSupportedError: a step bends the line.
    """
    slope, start = 1.0, 0.0
    for step in steps:
        if step.op in ("multiply", "divide"):
            factor = step.by if step.op == "multiply" else 1.0 / step.by
            slope, start = slope * factor, start * factor
        elif step.op in ("add", "subtract"):
            start += step.by if step.op == "add" else -step.by
        elif step.op != "single":
            raise NotSupportedError(
                "a scaler that clips cannot stand before a linear model",
                remedy="fit the model again without clipping (clip=False)",
            )
    return slope, start


def pull_back(steps: Sequence[Step], thresholds: Floats) -> Floats:
    """For each threshold the largest float64 that the steps bring to it or below, searched within the numbers a plan
    yields (those of float32's range); twice below that range where there is none.

    Raises:
        NotSupportedError: a step turns numbers round.
    """
    if any(step.op in ("multiply", "divide") and not step.by > 0.0 for step in steps):
        raise NotSupportedError("a scaler that multiplies by zero or less cannot stand before trees")
    if not steps:
        return thresholds
    low = np.full(thresholds.shape, _rank(np.array([-LIMIT]))[0])
    high = np.full(thresholds.shape, _rank(np.array([LIMIT]))[0])
    reaches = apply_steps(steps, np.array([LIMIT]))[0] <= thresholds
    never = apply_steps(steps, np.array([-LIMIT]))[0] > thresholds
    # What low brings to the threshold or below, and high above it, closes in on two neighbours within 64 halvings.
    while ((high > low + 1) & ~reaches & ~never).any():
        middle = (low >> 1) + (high >> 1) + (low & high & 1)
        below = apply_steps(steps, _unrank(middle)) <= thresholds
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    found = np.where(reaches, LIMIT, _unrank(low))
    return np.where(never, -2.0 * LIMIT, found)


def _rank(numbers: Floats) -> NDArray[np.int64]:
    """Where numbers stand among all float64, so that neighbours differ by 1."""
    bits = numbers.view(np.int64)
    return np.where(bits < 0, -(bits & np.int64(2**63 - 1)), bits)


def _unrank(ranks: NDArray[np.int64]) -> Floats:
    sizes = np.abs(ranks).view(np.float64)
    return np.where(ranks < 0, -sizes, sizes)
