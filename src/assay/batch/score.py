"""One chunk of rows -> its answers and its errors: a value in, two out, by the release core's own columnar path."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assay.batch.chunks import Chunk
from assay.contract.check import check_rows
from assay.contract.columns import Contract
from assay.errors import Problem
from assay.release.core import Release

_JOBS = uuid.UUID("6f1f0a0c-2d0e-5b7a-9d6f-0c7a3e1b5a42")
#: UUID version 5 and variant 1 (RFC 9562, section 5.5), over the first 16 bytes of a SHA-1.
_VERSION_AT, _VARIANT_AT = 6, 8


@dataclass(frozen=True, slots=True)
class Scored:
    """`answers` in the order of the file; `errors` by row number, from 1."""

    answers: pl.DataFrame
    errors: dict[int, list[Problem]]


def job_id(release_digest: str, input_sha256: str) -> uuid.UUID:
    """The same release and the same file are the same job, wherever and whenever it runs."""
    return uuid.uuid5(_JOBS, f"{release_digest} {input_sha256}")


def prediction_ids(job: uuid.UUID, rows: NDArray[np.int64]) -> pl.Series:
    """UUIDv5 of a job and each row number, as `uuid.uuid5(job, str(row))` writes it."""
    begun = hashlib.sha1(job.bytes, usedforsecurity=False)
    digests = []
    for row in rows.tolist():
        one = begun.copy()
        one.update(b"%d" % row)
        digests.append(one.digest())
    raw = np.frombuffer(b"".join(digests), np.uint8).reshape(-1, 20)[:, :16].copy()
    raw[:, _VERSION_AT] = raw[:, _VERSION_AT] & 0x0F | 0x50
    raw[:, _VARIANT_AT] = raw[:, _VARIANT_AT] & 0x3F | 0x80
    joined = raw.tobytes().hex()
    hexes = pl.Series([joined[at : at + 32] for at in range(0, len(joined), 32)], dtype=pl.String)
    parts = [hexes.str.slice(at, length) for at, length in ((0, 8), (8, 4), (12, 4), (16, 4), (20, 12))]
    return pl.select(pl.concat_str(parts, separator="-")).to_series()


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


def score(release: Release, chunk: Chunk, keep: Sequence[str], job: uuid.UUID) -> Scored:
    """Answer every row that the contract takes; every other one is an error. None is lost.

    Raises:
        ReleaseError: the model gave a score that is not finite.
    """
    table, problems = check_rows(release.contract, chunk.frame)
    problems |= chunk.faults
    frame = chunk.frame
    number = np.arange(chunk.first + 1, chunk.first + 1 + frame.height)
    if problems:
        good = np.setdiff1d(np.arange(frame.height), list(problems))
        table, number, frame = table.take(good), number[good], frame[good]
    found = release.answer_frame(table)
    columns: dict[str, Any] = {
        shown: frame[name] for name, shown in answer_columns(release.contract, keep).items() if name in frame.columns
    }
    told = pl.List(pl.String) if release.contract.task == "multilabel" else pl.String
    answered = (
        pl.Series(number, dtype=pl.Int64),
        prediction_ids(job, number),
        pl.Series(found.label.tolist(), dtype=told),
        pl.Series(found.decision.tolist(), dtype=told),
        found.confidence,
        *np.ascontiguousarray(found.probabilities.T),
    )
    columns |= dict(zip(_own(release.contract), answered, strict=True))
    return Scored(pl.DataFrame(columns), {chunk.first + 1 + row: problems[row] for row in sorted(problems)})
