"""Ids of many rows at once are those of the standard library."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay import native
from assay.batch.ids import prediction_ids
from tests.loops import loops

__all__ = ["loops"]


@given(job=st.uuids(), first=st.integers(1, 10**18), rows=st.integers(0, 40))
def test_an_id_is_the_uuid5_of_the_job_and_the_row(job: uuid.UUID, first: int, rows: int) -> None:
    texts = [bytes(text).decode() for text in prediction_ids(job, first, rows)]
    assert texts == [str(uuid.uuid5(job, str(row))) for row in range(first, first + rows)]


@pytest.mark.parametrize("first", [1, 95, 8_000, 99_990])
def test_numbers_may_grow_by_a_digit_or_a_block(first: int) -> None:
    job = uuid.UUID(int=5)
    texts = [bytes(text).decode() for text in prediction_ids(job, first, 10_000)]
    assert texts == [str(uuid.uuid5(job, str(row))) for row in range(first, first + 10_000)]


def test_what_is_no_job_or_no_row_is_refused() -> None:
    if native.LOOPS is None:
        pytest.skip("the compiled loops are left out here")
    for job, first, rows in ((b"short", 1, 1), (bytes(16), -1, 1), (bytes(16), 1, -1), (bytes(16), 2**63 - 1, 2)):
        with pytest.raises(ValueError, match="row_ids takes 16 bytes"):
            native.LOOPS.row_ids(job, first, rows)
