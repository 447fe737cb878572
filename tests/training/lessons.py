"""Small lessons for the training tests: a mixed table whose label follows from it but for some noise."""

from __future__ import annotations

import dataclasses

import msgspec
import numpy as np

from assay.contract.columns import Column, Contract
from assay.contract.table import Table
from assay.features.fit import tokenise_table
from assay.spec.tree import Features
from assay.training.lesson import Lesson, Part
from assay.values import Row

_WORDS = {0: "order late refund please", 1: "prize winner claim now", 2: "match goal team score"}
_COMMON = ["the", "a", "and", "to", "of", "in", "is", "you", "me", "call", "today"]
_CLASSES = {2: ("ham", "spam"), 3: ("art", "money", "sport")}


def lesson(*, classes: int = 2, text: bool = True, rows: int = 240, folds: int = 3, workers: int = 1) -> Lesson:
    """Numbers, a category and, if wanted, a text, of `rows` examples dealt into `folds`."""
    random = np.random.default_rng(5)
    labels = np.arange(rows, dtype=np.int64) % classes
    columns = [
        Column(name="amount", type="number", missing="median"),
        Column(name="plan", type="category", missing="most_frequent"),
    ]
    cells: list[list[float | str | None]] = [
        [None if row % 11 == 0 else round(float(random.normal(labels[row], 1.0)), 3) for row in range(rows)],
        [("free", "pro", "team")[int(random.integers(3))] for _ in range(rows)],
    ]
    if text:
        columns.append(Column(name="text", type="text"))
        cells.append([_text(int(label), random) for label in labels])
    contract = Contract(
        task="binary" if classes == 2 else "multiclass",
        classes=_CLASSES[classes],
        columns=tuple(columns),
        positive="spam" if classes == 2 else None,
    )
    examples: list[Row] = list(zip(*cells, strict=True))
    table = Table.from_rows(contract, examples)
    fold = np.arange(rows) // classes % folds
    return Lesson(
        contract=contract,
        table=table,
        labels=labels,
        features=Features(),
        tokens=tokenise_table(contract, table, Features()),
        parts=tuple(Part(np.flatnonzero(fold != one), np.flatnonzero(fold == one)) for one in range(folds)),
        seed=7,
        workers=workers,
    )


def label_lesson(*, text: bool = True, rows: int = 240, workers: int = 1) -> Lesson:
    """The lesson of three classes with several labels a row: two of the classes, `rich` where the amount is above 1,
    and in every tenth row `rare`.
    """
    given = lesson(classes=3, text=text, rows=rows, workers=workers)
    amount = np.nan_to_num(given.table.columns["amount"])
    flags = np.column_stack([given.labels == 0, given.labels == 1, amount > 1.0, np.arange(rows) % 10 == 0])
    contract = msgspec.structs.replace(given.contract, task="multilabel", classes=("art", "money", "rich", "rare"))
    return dataclasses.replace(given, contract=contract, labels=flags.astype(np.int64))


def _text(label: int, random: np.random.Generator) -> str:
    telling = _WORDS[label if random.random() < 0.8 else int(random.integers(3))].split()
    words = [*random.choice(_COMMON, 6), *random.choice(telling, 2)]
    return " ".join(random.permutation(words).tolist())
