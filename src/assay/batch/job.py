"""A batch from beginning to end: recognise, score piece by piece, put together, say what was done.

What is done is kept beside the output until all of it is. A job that is killed and run again goes on from there and
gives the same bytes; a file appears under its own name whole or not at all.
"""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version as installed
from pathlib import Path

import msgspec

from assay.batch.crew import crew_size
from assay.batch.order import File, Manifest, Order, Watcher
from assay.batch.output import form_of
from assay.batch.pieces import find_pieces, measure
from assay.batch.score import job_id, output_columns
from assay.batch.source import Fingerprint, Source, fingerprint, open_source
from assay.batch.staging import staging_of, take_up
from assay.batch.worker import Done, Task, place, score_pieces
from assay.contract.check import closest, renamed
from assay.contract.columns import Contract
from assay.errors import AssayError, ConfigurationError, DataError, Problem
from assay.release.core import Release


@dataclass(slots=True)
class _Tally:
    rows: int = 0
    answers: int = 0
    errors: int = 0
    resumed: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    decisions: Counter[str] = field(default_factory=Counter)

    def add(self, done: Done) -> None:
        self.rows += done.rows
        self.answers += done.answers
        self.errors += done.errors
        self.resumed += done.rows * done.resumed
        self.labels.update(done.labels)
        self.decisions.update(done.decisions)


def run(
    order: Order,
    release: Release,
    files: Mapping[str, bytes],
    watcher: Watcher,
    clock: Callable[[], float] = time.time,
) -> Manifest:
    """Score a file with a release; `files` are those of the release, for the processes that score.

    Raises:
        DataError: the file cannot be read, lacks a column, or, with `on_error` "fail", a row breaks the contract.
        ConfigurationError: the output exists, or its suffix names no format.
        ConflictError: another process is at the same output.
        StorageError: there is no place to write.
    """
    form_of(order.output)
    began = clock()
    before = fingerprint(order.input)
    with staging_of(order) as staging:
        source = open_source(order.input, order.wish, release.contract, staging / "plain")
        if problems := renamed(release.contract, source.columns):
            raise DataError(f"{order.input} has other columns", problems=problems, remedy="correct what is named")
        task = _task(order, release, files, source, before)
        take_up(order, task)
        workers = crew_size(order.workers, before.size)
        tally = _score_all(order, task, workers, watcher)
        if fingerprint(order.input) != before:
            raise DataError(f"{order.input} has changed while it was read", remedy="run the job again")
        output, errors = _publish(order, staging, tally)
        seconds = clock() - began
        manifest = Manifest(
            job_id=str(task.job),
            classifier=release.classifier,
            version=release.version,
            release_digest=release.digest,
            policy_digest=release.policy_digest,
            input=File(path=str(order.input), sha256=before.sha256, bytes=before.size, rows=tally.rows),
            output=output,
            errors=errors,
            columns=output_columns(release.contract, task.keep),
            labels=dict(sorted(tally.labels.items())),
            decisions=dict(sorted(tally.decisions.items())),
            started_at=_moment(began),
            finished_at=_moment(clock()),
            seconds=round(seconds, 3),
            rows_per_second=round(tally.rows / max(seconds, 1e-9), 1),
            resumed_rows=tally.resumed,
            workers=workers,
            assay=installed("assay-ml"),
        )
        made = staging / "manifest"
        made.write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
        place(made, order.manifest)
    shutil.rmtree(order.staging, ignore_errors=True)
    return manifest


def _task(order: Order, release: Release, files: Mapping[str, bytes], source: Source, before: Fingerprint) -> Task:
    return Task(
        classifier=release.classifier,
        version=release.version,
        digest=release.digest,
        contract=release.contract,
        files=dict(files),
        source=source,
        keep=_kept(order, source, release.contract),
        output=order.output,
        staging=order.staging,
        job=job_id(release.digest, before.sha256),
    )


def _kept(order: Order, source: Source, contract: Contract) -> tuple[str, ...]:
    """The columns to carry over: the ids of the contract, then what is asked for."""
    ids = [column.name for column in contract.columns if column.type == "id" or column.name == contract.entity]
    wanted = source.columns if order.keep == ("all",) else order.keep
    if missing := [name for name in wanted if name not in source.columns]:
        raise ConfigurationError(
            f"--keep {','.join(missing)}: the file has no such column",
            remedy=f"it has {closest(missing[0], source.columns)}",
        )
    return tuple(dict.fromkeys([*(name for name in ids if name in source.columns), *wanted]))


def _score_all(order: Order, task: Task, workers: int, watcher: Watcher) -> _Tally:
    """Score every piece and put the parts together in their order, while others are still being scored."""
    tally = _Tally()
    begun = form_of(order.output).begin(task.staging / "answers", output_columns(task.contract, task.keep))
    watcher.begin(measure(task.source))
    with closing(begun) as whole, (task.staging / "errors").open("wb") as errors:
        for done in _in_order(score_pieces(task, find_pieces(task.source), workers)):
            if done.errors and order.on_error == "fail":
                raise _refused(order, done)
            tally.add(done)
            whole.add(task.part(done.piece))
            errors.write(task.faults(done.piece).read_bytes())
            watcher.advance(done.size, done.rows, resumed=done.resumed)
    if not tally.rows:
        raise DataError(f"{order.input} has no rows")
    if tally.rows != tally.answers + tally.errors:
        raise AssayError(f"{tally.rows} rows gave {tally.answers} answers and {tally.errors} errors")
    return tally


def _in_order(receipts: Iterator[Done]) -> Iterator[Done]:
    waiting: dict[int, Done] = {}
    following = 0
    for done in receipts:
        waiting[done.piece] = done
        while following in waiting:
            yield waiting.pop(following)
            following += 1


def _refused(order: Order, done: Done) -> DataError:
    shutil.rmtree(order.staging, ignore_errors=True)
    return DataError(
        f"{order.input} has rows that break the contract",
        problems=[Problem("", told) for told in done.first_errors],
        remedy="mend them, or leave out --on-error fail: they are then listed in an errors file",
    )


def _publish(order: Order, staging: Path, tally: _Tally) -> tuple[File, File | None]:
    """Give the files their names, the errors first: whoever sees the answers can see what is not among them."""
    output = _made(staging / "answers", order.output, tally.answers)
    if tally.errors:
        errors = _made(staging / "errors", order.errors, tally.errors)
        place(staging / "errors", order.errors)
    else:
        errors = None
        order.errors.unlink(missing_ok=True)
    place(staging / "answers", order.output)
    return output, errors


def _made(made: Path, path: Path, rows: int) -> File:
    known = fingerprint(made)
    return File(path=str(path), sha256=known.sha256, bytes=known.size, rows=rows)


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
