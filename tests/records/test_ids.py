"""Ids of records."""

from __future__ import annotations

from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.records.ids import content_id, entity_hash, id_source


@given(st.binary(min_size=10, max_size=10))
def test_ids_are_uuids_of_version_8(entropy: bytes) -> None:
    made = UUID(id_source(entropy)())
    assert (made.version, made.variant) == (8, RFC_4122)


def test_ids_of_one_worker_differ_and_sort_in_the_order_they_were_made() -> None:
    next_id = id_source(bytes(10))
    made = [next_id() for _ in range(1000)]
    assert made == sorted(set(made))


def test_workers_with_different_entropy_never_meet() -> None:
    one, other = id_source(b"\x01" * 10), id_source(b"\x02" * 10)
    assert {one() for _ in range(100)}.isdisjoint({other() for _ in range(100)})


def test_a_content_id_depends_on_where_parts_end() -> None:
    assert content_id("ab", "c") != content_id("a", "bc")
    assert content_id("ab", "c") == content_id("ab", "c")


@pytest.mark.parametrize("entity", ["u1", "", "\ud800", "ü" * 1000])
def test_one_entity_has_another_hash_for_each_classifier(entity: str) -> None:
    assert entity_hash("spam", entity) != entity_hash("churn", entity)
    assert len(entity_hash("spam", entity)) == 64
