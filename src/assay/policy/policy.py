"""The decision policy as data, an artefact of its own with its own digest."""

from __future__ import annotations

from typing import Literal

import msgspec

from assay.values import Cell, Task


class _Node(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    pass


class Calibration(_Node, frozen=True):
    """How raw scores become probabilities.

    `none`: logistic / softmax. `sigmoid`: logistic(slope * score + intercept), Platt 1999. `temperature`:
    softmax(score / temperature), Guo et al. 2017; in the binary task logistic(score / temperature). `isotonic`: linear
    interpolation of (x, y) over the score, held at its ends, Zadrozny & Elkan 2002. Multi-class `sigmoid` and
    `isotonic` treat each class against the rest, on the log-odds of its softmax probability, and are renormalised
    (Zadrozny & Elkan 2002). Multi-label treats each label as a binary task of its own; the temperature is shared. Lists
    have one entry an output (binary: one).
    """

    method: Literal["none", "sigmoid", "temperature", "isotonic"] = "none"
    slope: tuple[float, ...] = ()
    intercept: tuple[float, ...] = ()
    temperature: float = 1.0
    x: tuple[tuple[float, ...], ...] = ()
    y: tuple[tuple[float, ...], ...] = ()


class Rule(_Node, frozen=True):
    """`feature op value`, over a dense feature in its own units. Data, never an expression."""

    feature: str
    op: Literal[">", ">=", "<", "<=", "==", "!="]
    value: Cell
    reason: str = ""
    label: str | None = None


class Policy(_Node, frozen=True):
    """How probabilities become a decision.

    Binary: positive at or above `thresholds[0]`. Multi-class: the class of least expected cost under `costs`
    (actual x predicted) where given, else the most probable. A decision whose distance to the threshold (binary) or to
    the most probable other class (multi-class), in probability, is below `review_within` is `review`. Multi-label: each
    label at or above its own threshold; the whole is `review` where any label is that near to its threshold.
    `chosen_by` and `note` tell the story on the card.
    """

    task: Task
    classes: tuple[str, ...]
    positive_index: int = 1
    calibration: Calibration = Calibration()
    thresholds: tuple[float, ...] = ()
    costs: tuple[tuple[float, ...], ...] = ()
    review_within: float = 0.0
    reasons: tuple[Rule, ...] = ()
    chosen_by: str = ""
    note: str = ""
