"""Ids of many rows at once are those of the standard library."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.batch.ids import prediction_ids


@given(job=st.uuids(), first=st.integers(1, 10**15), rows=st.integers(0, 40))
def test_an_id_is_the_uuid5_of_the_job_and_the_row(job: uuid.UUID, first: int, rows: int) -> None:
    texts = [bytes(text).decode() for text in prediction_ids(job, first, rows)]
    assert texts == [str(uuid.uuid5(job, str(row))) for row in range(first, first + rows)]


@pytest.mark.parametrize("first", [1, 95, 8_000, 99_990])
def test_numbers_may_grow_by_a_digit_or_a_block(first: int) -> None:
    job = uuid.UUID(int=5)
    texts = [bytes(text).decode() for text in prediction_ids(job, first, 10_000)]
    assert texts == [str(uuid.uuid5(job, str(row))) for row in range(first, first + 10_000)]
