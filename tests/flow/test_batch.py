"""`assay batch` on real files: every sampled row has the answer that a request with it gets, to the bit."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import polars as pl
import pytest

from assay.contract.columns import Column
from assay.spec import read_spec
from assay.values import Cell
from tests.flow.exactness import open_subject
from tests.flow.material import Trained, assay, said

SAMPLED = 500


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.parametrize("name", ["mixed", "adult", "sms_spam"])
def test_a_batch_answers_as_online(trained: Callable[[str], Trained], tmp_path: Path, name: str) -> None:
    made = trained(name)
    source = made.directory / read_spec(made.spec).data.source
    output = tmp_path / "answers.parquet"
    manifest = said(
        assay("batch", name, "--input", source, "--output", output, "--workers", "2", "--json", home=made.home)
    )
    answers = pl.read_parquet(output)
    rows = manifest["input"]["rows"]
    assert (answers.height, manifest["errors"]) == (rows, None)
    assert answers["row"].to_list() == list(range(1, rows + 1))
    subject = open_subject(made)
    release, columns = subject.release, subject.release.contract.columns
    step = max(1, rows // SAMPLED)
    for index in range(0, rows, step):
        body = {column.name: _json(column, cell) for column, cell in zip(columns, subject.rows[index], strict=True)}
        online = release.answer(release.decode(msgspec.json.encode(body)))
        answer = answers.row(index, named=True)
        assert (answer["label"], answer["decision"], answer["confidence"]) == (
            online.label,
            online.decision,
            online.confidence,
        )
        assert tuple(answer[f"probability_{one}"] for one in release.contract.classes) == online.probabilities


def _json(column: Column, cell: Cell) -> object:
    """A cell as a request says it."""
    if cell is None:
        return None
    if column.type == "timestamp":
        return datetime.fromtimestamp(float(cell), UTC).isoformat()
    return bool(cell) if column.type == "boolean" else cell
