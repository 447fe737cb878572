"""The contract as data: the columns of an example and the classes it can have."""

from __future__ import annotations

from typing import Literal

import msgspec

from assay.values import Task

ColumnType = Literal["text", "number", "category", "boolean", "timestamp", "id"]
Missing = Literal["reject", "median", "mean", "most_frequent", "constant", "keep", "model"]
Outliers = Literal["keep", "clip", "reject"]


class Column(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One column of an example.

    `missing` says what a missing value means: `reject` it, or impute the training rows' median, mean or most frequent
    value, or `constant`; or that an imported `model` itself says what becomes of it. A missing time is `constant` or
    stays missing (`keep`), and with it what is derived from it. `outliers` says what becomes of a number outside
    `minimum`..`maximum` (`clip` without bounds learns the 0.1 % and 99.9 % quantiles). `unknown` says what becomes of a
    category outside `values`.
    """

    name: str
    type: ColumnType
    missing: Missing = "reject"
    constant: float | str | None = None
    minimum: float | None = None
    maximum: float | None = None
    outliers: Outliers = "keep"
    values: tuple[str, ...] | None = None
    unknown: Literal["other", "reject"] = "other"
    pattern: str | None = None
    min_length: int = 1
    max_length: int = 10_000
    truncate: bool = False
    sanitise: bool = True
    personal: bool = False

    @property
    def required(self) -> bool:
        """Whether an example without this column is refused."""
        return self.missing == "reject" and self.type != "id"


class Contract(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What one example is, and what can be said of it. The order of `columns` is the order of the wire.

    Only columns that are known when the prediction is made are here; the label is not. `missing_values` are the
    spellings that mean a missing value in every column but text.
    """

    task: Task
    classes: tuple[str, ...]
    columns: tuple[Column, ...]
    positive: str | None = None
    entity: str | None = None
    time: str | None = None
    missing_values: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def positive_index(self) -> int:
        """The index of the positive class of a binary task."""
        return self.classes.index(self.positive) if self.positive is not None else len(self.classes) - 1
