"""Who scores pieces: this process, or several at once. What a piece gives is kept in a file before it is reported."""

from __future__ import annotations

import os
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from zlib import crc32

import msgspec
import polars as pl

from assay.batch.chunks import Reader
from assay.batch.crew import hire
from assay.batch.output import form_of
from assay.batch.pieces import Piece
from assay.batch.score import score
from assay.batch.source import Source
from assay.contract.columns import Contract
from assay.errors import AssayError, Problem, StorageError
from assay.release.bundle import read_files
from assay.release.core import Release

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is the same for all pieces; it travels to other processes. `files` are those of the release."""

    classifier: str
    version: int
    digest: str
    contract: Contract
    files: Mapping[str, bytes]
    source: Source
    keep: tuple[str, ...]
    output: Path
    staging: Path
    job: uuid.UUID

    def part(self, piece: int) -> Path:
        """Where the answers of a piece are kept."""
        return self.staging / f"{piece:08d}.answers"

    def faults(self, piece: int) -> Path:
        """Where the errors of a piece are kept."""
        return self.staging / f"{piece:08d}.errors"

    def receipt(self, piece: int) -> Path:
        """Where it is said that a piece is done."""
        return self.staging / f"{piece:08d}.done"


class Kept(msgspec.Struct, frozen=True):
    """What a file held when it was written: its length and the CRC-32 of its bytes."""

    bytes: int
    crc: int


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """The receipt of a piece: its rows, what became of them, and the files that hold it. `resumed`: a run before this
    one scored it.
    """

    piece: int
    size: int
    rows: int
    answers: int
    errors: int
    labels: dict[str, int]
    decisions: dict[str, int]
    part: Kept
    faults: Kept
    first_errors: tuple[str, ...] = ()
    resumed: bool = False


class Scorer:
    """Scores pieces for one task."""

    def __init__(self, task: Task) -> None:
        self._task = task
        bundle = read_files(task.classifier, task.files)
        self._release = Release.prepare(bundle, version=task.version, digest=task.digest)
        contract = self._release.contract
        categories = {column.name for column in contract.columns if column.type == "category"}
        self._reader = Reader(task.source, [*contract.names, *task.keep], categories - {*task.keep})
        self._form = form_of(task.output)

    def __call__(self, piece: Piece) -> Done:
        """Score a piece and keep what it gives. A piece that is done already is not done again."""
        done = _find_receipt(self._task, piece.number)
        if done is None:
            try:
                done = self._score(piece)
            except OSError as error:
                raise StorageError(
                    f"{self._task.staging} cannot be written: {error.strerror}", remedy="make room and run it again"
                ) from error
        return done

    def _score(self, piece: Piece) -> Done:
        task, number = self._task, piece.number
        labels, decisions = Counter[str](), Counter[str]()
        errors: dict[int, list[Problem]] = {}
        height: list[int] = []

        def answered() -> Iterator[pl.DataFrame]:
            for chunk in self._reader.chunks(piece):
                scored = score(self._release, chunk, task.source, task.keep, task.job)
                errors.update(scored.errors)
                answers, at = scored.answers, scored.answers.columns.index("prediction_id") + 1
                labels.update(_counted(answers.to_series(at)))
                decisions.update(_counted(answers.to_series(at + 1)))
                height.append(answers.height)
                yield answers

        part, faults = (
            path.with_suffix(f"{path.suffix}.{os.getpid()}") for path in (task.part(number), task.faults(number))
        )
        self._form.write_part(answered(), part)
        lines = [
            msgspec.json.encode({"row": row, "problems": [{"path": one.path, "message": one.message} for one in found]})
            for row, found in errors.items()
        ]
        faults.write_bytes(b"".join(line + b"\n" for line in lines))
        done = Done(
            piece=number,
            size=piece.size,
            rows=piece.rows,
            answers=sum(height),
            errors=len(errors),
            labels=dict(labels),
            decisions=dict(decisions),
            part=_look(part),
            faults=_look(faults),
            first_errors=tuple(f"row {row}: {problem}" for row, found in list(errors.items())[:5] for problem in found),
        )
        # Not synced: a piece that a loss of power tore has another sum than its receipt, and is scored again.
        part.replace(task.part(number))
        faults.replace(task.faults(number))
        receipt = task.receipt(number).with_suffix(f".done.{os.getpid()}")
        receipt.write_bytes(msgspec.json.encode(done))
        receipt.replace(task.receipt(number))
        return done


def _counted(said: pl.Series) -> dict[str, int]:
    """How often each label was said; of several labels each counts."""
    one = said.explode().drop_nulls() if said.dtype == pl.List(pl.String) else said
    return dict(one.value_counts().iter_rows())


def place(made: Path, path: Path) -> None:
    """Give a file that is written its name, once its bytes are safe."""
    with made.open("rb") as file:
        os.fsync(file.fileno())
    made.replace(path)


def _find_receipt(task: Task, piece: int) -> Done | None:
    """The receipt of a piece, if all of what it gave is there."""
    try:
        done = msgspec.json.decode(task.receipt(piece).read_bytes(), type=Done)
        whole = (_look(task.part(piece)), _look(task.faults(piece))) == (done.part, done.faults)
    except (OSError, msgspec.DecodeError):
        return None
    return msgspec.structs.replace(done, resumed=True) if whole else None


def _look(path: Path) -> Kept:
    size = crc = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            size, crc = size + len(block), crc32(block, crc)
    return Kept(size, crc)


def score_pieces(task: Task, pieces: Iterator[Piece], workers: int) -> Iterator[Done]:
    """Score pieces, in this process or in so many others; receipts in the order in which they come.

    Raises:
        AssayError: a piece cannot be scored, or a process died over it.
    """
    if workers == 1:
        yield from map(Scorer(task), pieces)
        return
    crew = [hire(work, task) for _ in range(workers)]
    try:
        yield from _direct({connection: process for process, connection in crew}, pieces)
    finally:
        for process, connection in crew:
            connection.close()
            process.terminate()
            process.join()


def _direct(crew: Mapping[Connection, BaseProcess], pieces: Iterator[Piece]) -> Iterator[Done]:
    busy: set[Connection] = set()

    def assign(connection: Connection) -> None:
        piece = next(pieces, None)
        if piece is not None:
            connection.send(piece)
            busy.add(connection)

    for connection in crew:
        assign(connection)
    while busy:
        for ready in wait(busy):
            connection = next(one for one in busy if one is ready)
            busy.discard(connection)
            done = _receive(connection, crew[connection])
            assign(connection)
            yield done


def _receive(connection: Connection, process: BaseProcess) -> Done:
    try:
        told: Done | _Failed = connection.recv()
    except (EOFError, OSError):
        process.join()
        raise AssayError(
            f"a process that scores ended with exit code {process.exitcode}",
            remedy="run it again: it goes on where it stopped; fewer --workers need less memory",
        ) from None
    if isinstance(told, _Failed):
        raise told.kind(told.message, problems=told.problems, remedy=told.remedy)
    return told


@dataclass(frozen=True, slots=True)
class _Failed:
    kind: type[AssayError]
    message: str
    problems: Sequence[Problem]
    remedy: str


def work(task: Task, connection: Connection) -> None:
    """What a process of the crew does until nobody asks any more: however its master ends, so does it."""
    with suppress(EOFError, OSError):
        try:
            scorer = Scorer(task)
            while True:
                connection.send(scorer(connection.recv()))
        except AssayError as error:
            connection.send(_Failed(type(error), error.message, error.problems, error.remedy))
