"""The reference profile of a release."""

from __future__ import annotations

import msgspec
import numpy as np

from assay.contract.columns import Column, Contract
from assay.contract.table import Table
from assay.monitoring.profile import make_profile
from assay.policy.apply import decide_frame
from assay.policy.policy import Policy

CONTRACT = Contract(
    task="binary",
    classes=("no", "yes"),
    positive="yes",
    columns=(
        Column(name="user", type="id"),
        Column(name="age", type="number"),
        Column(name="plan", type="category"),
        Column(name="text", type="text"),
    ),
)
TABLE = Table.from_rows(
    CONTRACT,
    [
        (f"user-{row}", None if row == 0 else row / 3, "rare" if row == 1 else "free", "x" * row or None)
        for row in range(10)
    ],
)
FEATURES = np.arange(20, dtype=np.float64).reshape(10, 2)
DECISIONS = decide_frame(
    Policy(task="binary", classes=CONTRACT.classes, review_within=0.2), np.array([[0.9, 0.1], [0.4, 0.6], [0.1, 0.9]])
)


def profile() -> dict[str, dict[str, dict[str, object]]]:
    return make_profile(CONTRACT, TABLE, FEATURES, ("age", "length"), DECISIONS)


def test_it_sketches_columns_features_probabilities_and_decisions() -> None:
    made = profile()
    assert made["rows"] == 10
    assert made["columns"]["age"]["missing"] == 0.1
    assert made["columns"]["text"]["quantiles"][-1] == 9.0
    assert set(made["features"]) == {"age", "length"}
    assert made["probabilities"]["yes"]["mean"] == 0.533333333
    assert made["answers"]["decision"]["shares"] == {"no": 0.333333333, "review": 0.333333333, "yes": 0.333333333}


def test_it_names_nobody() -> None:
    text = msgspec.json.encode(profile()).decode()
    assert "user" not in text
    assert "rare" not in text


def test_it_reads_back_as_it_was_written() -> None:
    assert msgspec.json.decode(msgspec.json.encode(profile())) == profile()
