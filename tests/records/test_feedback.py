"""The rules of feedback."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.errors import ContractError
from assay.records.feedback import effective, make_outcome

ID = "00000000-0000-8000-8000-000000000001"


@pytest.mark.parametrize(
    ("path", "changed"),
    [
        ("prediction_id", {"prediction_id": None}),
        ("prediction_id", {"entity": ("h", 1.0)}),
        ("prediction_id", {"prediction_id": "users; DROP TABLE users--"}),
        ("prediction_id", {"prediction_id": ID.upper().replace("-", "")}),
        ("time", {"prediction_id": None, "entity": ("h", float("nan"))}),
        ("label", {"label": ""}),
        ("label", {"label": "spma", "classes": ("ham", "spam")}),
        ("label", {"label": "\ud800"}),
        ("score", {"score": float("inf")}),
        ("source", {"source": "s" * 101}),
        ("comment", {"comment": "c" * 1001}),
        ("comment", {"comment": "\udfff"}),
    ],
)
def test_what_is_wrong_is_named(path: str, changed: dict[str, Any]) -> None:
    fields: dict[str, Any] = {"label": "spam", "received_at": 1.0, "prediction_id": ID} | changed
    with pytest.raises(ContractError) as raised:
        make_outcome(fields.pop("label"), fields.pop("received_at"), **fields)
    assert [problem.path for problem in raised.value.problems] == [path]


def test_a_misspelt_label_gets_a_suggestion() -> None:
    with pytest.raises(ContractError) as raised:
        make_outcome("spma", 1.0, prediction_id=ID, classes=("ham", "spam"))
    assert "did you mean 'spam'" in raised.value.problems[0].message


def test_the_same_feedback_is_the_same_outcome_whenever_it_comes() -> None:
    first = make_outcome("spam", 1.0, prediction_id=ID, score=0.5, comment="sure")
    again = make_outcome("spam", 9.0, prediction_id=ID, score=0.5, comment="sure")
    assert first.outcome_id == again.outcome_id


def test_other_feedback_is_another_outcome() -> None:
    made = [
        make_outcome("spam", 1.0, prediction_id=ID),
        make_outcome("ham", 1.0, prediction_id=ID),
        make_outcome("spam", 1.0, prediction_id=ID, score=0.0),
        make_outcome("spam", 1.0, prediction_id=ID, comment=""),
        make_outcome("spam", 1.0, prediction_id=ID, source="file"),
        make_outcome("spam", 1.0, entity=("h", 2.0)),
    ]
    assert len({outcome.outcome_id for outcome in made}) == len(made)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3)), min_size=1), st.randoms(use_true_random=False))
def test_the_outcome_that_counts_does_not_depend_on_the_order(
    given_: list[tuple[str, int]], shuffler: random.Random
) -> None:
    outcomes = [make_outcome(label, float(at), prediction_id=ID) for label, at in given_]
    shuffled = list(outcomes)
    shuffler.shuffle(shuffled)
    counted = effective(shuffled)
    assert counted == effective(outcomes)
    assert counted is not None
    assert counted.received_at == max(at for _, at in given_)


def test_without_outcomes_none_counts() -> None:
    assert effective([]) is None
