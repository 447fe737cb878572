"""The reference profile of a release: what rows, features, probabilities and decisions looked like when it was made.

Later windows are compared with it. It holds shares and quantiles, never rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from assay.contract.columns import Column, Contract
from assay.contract.table import Table
from assay.measures.sketch import CategorySketch, Sketch, sketch_categories, sketch_numbers
from assay.policy.apply import Decisions

_SIGNIFICANT = 9


def make_profile(
    contract: Contract,
    table: Table,
    features: NDArray[np.float64],
    names: Sequence[str],
    decisions: Decisions,
) -> dict[str, Any]:
    """The profile as plain JSON values.

    `table` are the rows learned from, `features` their dense features (rows, features) named `names`; `decisions` are
    those on validation rows, which the deciding model had not seen.
    """
    sketches: dict[str, dict[str, Sketch]] = {
        "columns": {
            column.name: _sketch(column, table.columns[column.name])
            for column in contract.columns
            if column.type != "id"
        },
        "features": {name: sketch_numbers(features[:, at]) for at, name in enumerate(names)},
        "probabilities": {
            name: sketch_numbers(decisions.probabilities[:, at]) for at, name in enumerate(contract.classes)
        },
        "answers": {
            "confidence": sketch_numbers(decisions.confidence),
            "decision": _sketch_decisions(contract, decisions),
        },
    }
    profile: dict[str, Any] = {"rows": table.rows, **msgspec.json.decode(msgspec.json.encode(sketches))}
    rounded: dict[str, Any] = _rounded(profile)
    return rounded


def _sketch(column: Column, values: NDArray[Any]) -> Sketch:
    """Categories by their shares, numbers by quantiles, texts by the quantiles of their length in characters."""
    if column.type == "category":
        return sketch_categories(values.tolist())
    if column.type == "text":
        return sketch_numbers(np.array([np.nan if text is None else len(text) for text in values], dtype=np.float64))
    return sketch_numbers(values)


def _sketch_decisions(contract: Contract, decisions: Decisions) -> CategorySketch:
    """How often each decision was made; of several labels, in what share of the rows each of them was."""
    if contract.task != "multilabel":
        return sketch_categories(decisions.decision.tolist(), least=1)
    rows = len(decisions.decision)
    said = Counter(label for labels in decisions.decision for label in labels)
    shares = {label: count / rows for label, count in sorted(said.items(), key=lambda pair: (-pair[1], pair[0]))}
    return CategorySketch(rows, 0.0, shares, 0.0, len(said))


def _rounded(value: Any) -> Any:
    """The same with numbers short enough to read; a reference needs no more digits."""
    if isinstance(value, float):
        return float(f"{value:.{_SIGNIFICANT}g}")
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return value
