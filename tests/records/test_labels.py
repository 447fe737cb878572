"""Labels as one text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.records.labels import decision_text, label_text, readable, same_labels

labels = st.lists(st.text(max_size=5), max_size=4, unique=True)


@given(labels, st.randoms(use_true_random=False))
def test_the_same_labels_are_the_same_text_in_any_order(some: list[str], random: object) -> None:
    assert label_text(some) == label_text(tuple(reversed(some)))
    assert same_labels(label_text(some), label_text(sorted(some)))


@given(labels, labels)
def test_other_labels_are_another_text(some: list[str], others: list[str]) -> None:
    assert (label_text(some) == label_text(others)) == (set(some) == set(others))


@pytest.mark.parametrize(
    ("decision", "text", "read"),
    [
        ("spam", "spam", "spam"),
        ("review", "review", "review"),
        (("review",), "review", "review"),
        (("b", "a"), '["a","b"]', "a, b"),
        ((), "[]", "no label"),
        ("[odd", "[odd", "[odd"),
    ],
)
def test_a_decision_reads_as_what_it_is(decision: str | tuple[str, ...], text: str, read: str) -> None:
    assert decision_text(decision) == text
    assert readable(text) == read


def test_one_label_alone_may_be_the_only_one_of_several() -> None:
    assert same_labels("art", '["art"]')
    assert not same_labels("art", '["art","money"]')
