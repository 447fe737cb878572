"""A small table of two numbers, a category and a text, and its way through an import."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assay.contract.check import check_frame
from assay.contract.columns import Contract
from assay.contract.table import Table
from assay.features.frame import prepare_frame
from assay.features.row import prepare_row
from assay.importing.bind import contract_columns
from assay.importing.compose import Composed, compose
from assay.importing.foreign import Foreign
from assay.importing.inputs import Source
from assay.importing.native import Native, cells_of
from assay.spec.tree import MISSING_TOKENS

COLUMNS = ("amount", "visits", "plan", "text")
PLANS = ("basic", "free trial", "gold")
_WORDS = ("please", "refund", "a", "order", "late", "thanks", "win", "prize", "now", "I", "the_end", "don't")


def frame(rows: int = 400, seed: int = 0, *, missing: bool = True) -> pl.DataFrame:
    """The table as it stands in a file: strings, some of them blank."""
    random = np.random.default_rng(seed)
    amount = [f"{value:.3f}" for value in random.normal(10.0, 5.0, rows)]
    plan = [PLANS[at] for at in random.integers(0, 3, rows)]
    if missing:
        amount = ["" if random.random() < 0.1 else value for value in amount]
        plan = ["" if random.random() < 0.05 else value for value in plan]
    return pl.DataFrame(
        {
            "amount": amount,
            "visits": [str(value) for value in random.integers(0, 9, rows)],
            "plan": plan,
            "text": [" ".join(random.choice(_WORDS, random.integers(1, 9))) for _ in range(rows)],
        }
    )


def labels(table: pl.DataFrame, classes: int = 2) -> NDArray[np.int64]:
    """Classes that follow from the columns, but for some noise."""
    amount = table["amount"].cast(pl.Float64, strict=False).fill_null(14.0).to_numpy()
    visits = table["visits"].cast(pl.Float64).to_numpy()
    plan = (table["plan"] == "gold").to_numpy() * 5.0
    prize = table["text"].str.contains("prize").to_numpy() * 4.0
    noise = np.random.default_rng(1).normal(0.0, 2.0, table.height)
    score = amount + visits + plan + prize + noise
    return np.digitize(score, np.quantile(score, np.arange(1, classes) / classes)).astype(np.int64)


def write_csv(path: Path, table: pl.DataFrame, answers: Sequence[Any]) -> Path:
    """The table with its labels as a file."""
    table.with_columns(answer=pl.Series([str(value) for value in answers])).write_csv(path)
    return path


class Converted(NamedTuple):
    """A foreign model as a release has it, with the checked rows it is asked about."""

    foreign: Foreign
    composed: Composed
    contract: Contract
    table: Table

    def scores(self) -> NDArray[np.float64]:
        """Raw scores by the columnar path, which the row path must give to the bit."""
        plan, arrays, model = self.composed.plan, self.composed.plan_arrays, self.composed.model
        scores = model.frame(prepare_frame(plan, arrays)(self.table))
        features = prepare_row(plan, arrays)
        for row in range(0, self.table.rows, 7):
            assert model.row(features(self.table.row(row, self.contract.names))) == scores[row].tolist()
        return scores


def convert(foreign: Foreign, rows: pl.DataFrame, classes: int = 2) -> Converted:
    """Contract, rows and release form of a foreign model, as an import makes them."""
    columns = contract_columns(foreign, rows, MISSING_TOKENS)
    names = tuple(str(number) for number in range(classes))
    contract = Contract(
        task="binary" if classes == 2 else "multiclass",
        classes=names,
        columns=columns,
        positive="1" if classes == 2 else None,
        missing_values=MISSING_TOKENS,
    )
    table, problems = check_frame(contract, rows)
    assert not problems
    return Converted(foreign, compose(foreign, contract), contract, table)


def ask(native: Native, sources: Sequence[Source], table: Table) -> NDArray[np.float64]:
    """The library's own scores of the rows."""
    nothing = np.zeros(table.rows)
    columns = [cells_of(each, table) if each.column in table.columns else nothing for each in sources]  # type: ignore[union-attr] - no terms
    return native.ask(columns)
