"""One chunk of rows -> its answers and its errors: a value in, two out, by the release core's own columnar path."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from assay.batch.chunks import Chunk, to_series
from assay.batch.ids import prediction_ids
from assay.batch.reading import respell
from assay.batch.source import Source
from assay.contract.check import check_rows
from assay.contract.columns import Contract
from assay.errors import Problem
from assay.policy.apply import NOT_FINITE, REVIEW, Decisions, decide_frame
from assay.policy.policy import Policy
from assay.release.core import Release

_JOBS = uuid.UUID("6f1f0a0c-2d0e-5b7a-9d6f-0c7a3e1b5a42")


@dataclass(frozen=True, slots=True)
class Scored:
    """`answers` in the order of the file; `errors` by row number, from 1."""

    answers: pl.DataFrame
    errors: dict[int, list[Problem]]


def job_id(release_digest: str, input_sha256: str) -> uuid.UUID:
    """The same release and the same file are the same job, wherever and whenever it runs."""
    return uuid.uuid5(_JOBS, f"{release_digest} {input_sha256}")


def answer_columns(contract: Contract, keep: Sequence[str]) -> dict[str, str]:
    """The kept columns by the name that they have among the answers: an answer's own column comes first."""
    own = {*_own(contract)}
    named: dict[str, str] = {}
    for name in keep:
        shown = name
        while shown in own:
            shown = f"input_{shown}"
        own.add(shown)
        named[name] = shown
    return named


def output_columns(contract: Contract, keep: Sequence[str]) -> tuple[str, ...]:
    """The columns of the output, in order."""
    return (*answer_columns(contract, keep).values(), *_own(contract))


def _own(contract: Contract) -> tuple[str, ...]:
    label = "labels" if contract.task == "multilabel" else "label"
    fixed = ("row", "prediction_id", label, "decision", "confidence")
    return (*fixed, *(f"probability_{name}" for name in contract.classes))


def score(release: Release, chunk: Chunk, source: Source, keep: Sequence[str], job: uuid.UUID) -> Scored:
    """Answer every row that the contract takes and the model scores; every other one is an error. None is lost."""
    contract, frame = release.contract, chunk.frame
    plain, misspelt = respell(frame, contract, source.marks, dict(source.times))
    table, broken = check_rows(contract, plain, chunk.codes)
    problems = broken | misspelt | chunk.faults
    good = np.delete(np.arange(table.rows), list(problems))
    probabilities = release.each_probabilities(table.take(good) if problems else table)
    scored = ~np.isnan(probabilities).any(axis=1)
    if not scored.all():
        problems |= {int(row): [Problem("", NOT_FINITE)] for row in good[~scored]}
        good, probabilities = good[scored], probabilities[scored]
    found = decide_frame(release.policy, probabilities)
    ids = _texts(prediction_ids(job, chunk.first + 1, table.rows))
    ids = ids[good] if problems else ids
    kept = {
        shown: frame[name][good] if problems else frame[name]
        for name, shown in answer_columns(contract, keep).items()
        if name in frame.columns
    }
    answered = (
        pl.Series(good + (chunk.first + 1), dtype=pl.Int64),
        ids,
        *_words(release.policy, found),
        found.confidence,
        *np.ascontiguousarray(probabilities.T),
    )
    columns = kept | dict(zip(_own(contract), answered, strict=True))
    return Scored(pl.DataFrame(columns), {chunk.first + 1 + row: problems[row] for row in sorted(problems)})


def _texts(characters: NDArray[np.uint8]) -> pl.Series:
    """Texts of equal length, one a row."""
    rows, length = characters.shape
    ends = np.arange(rows + 1, dtype=np.int64) * length
    return to_series(pa.LargeStringArray.from_buffers(rows, pa.py_buffer(ends), pa.py_buffer(characters)))


def _words(policy: Policy, found: Decisions) -> tuple[pl.Series, pl.Series]:
    """Labels and decisions."""
    if policy.task == "multilabel":
        several = pl.List(pl.String)
        return pl.Series(found.label.tolist(), dtype=several), pl.Series(found.decision.tolist(), dtype=several)
    words = pl.Series([*policy.classes, REVIEW], dtype=pl.String)
    decided = found.label_index
    if policy.review_within:
        decided = np.where(found.decision == REVIEW, len(policy.classes), decided)
    return words.gather(found.label_index), words.gather(decided)
