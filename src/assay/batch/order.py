"""What a batch is asked for, and what it says of itself when it is done."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from assay.batch.reading import Wish
from assay.data.reading import Reading
from assay.spec.tree import Format


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is wanted. `form` is what is said of how the input is written, `reading` how the release's file was read,
    which goes for the rest. `keep` are columns of the input to carry to the output, `("all",)` for all of them, besides
    the ids that the contract knows. `on_error`: whether a row that breaks the contract goes to the errors file or ends
    the job. `workers` 0: one a core.
    """

    input: Path
    output: Path
    form: Format = field(default_factory=Format)
    reading: Reading = field(default_factory=Reading)
    keep: tuple[str, ...] = ()
    on_error: Literal["file", "fail"] = "file"
    workers: int = 0
    force: bool = False

    @property
    def wish(self) -> Wish:
        """How the input is to be read."""
        return Wish(self.form, self.reading)

    @property
    def errors(self) -> Path:
        """Where rows without an answer are listed, as JSON lines."""
        return self.output.with_name(f"{self.output.stem}.errors.jsonl")

    @property
    def manifest(self) -> Path:
        """Where it is said what was done."""
        return self.output.with_name(f"{self.output.stem}.manifest.json")

    @property
    def staging(self) -> Path:
        """Where unfinished work is kept."""
        return self.output.with_name(f".{self.output.name}.unfinished")


class File(msgspec.Struct, frozen=True, kw_only=True):
    """A file that went in or came out."""

    path: str
    sha256: str
    bytes: int
    rows: int


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The record of a batch. input.rows = output.rows + errors.rows, counted apart. `resumed_rows` were scored by runs
    before that did not end. Times are UTC.
    """

    job_id: str
    classifier: str
    version: int
    release_digest: str
    policy_digest: str
    input: File
    output: File
    errors: File | None
    columns: tuple[str, ...]
    labels: dict[str, int]
    decisions: dict[str, int]
    started_at: str
    finished_at: str
    seconds: float
    rows_per_second: float
    resumed_rows: int
    workers: int
    assay: str


class Watcher(Protocol):
    """Told how far it is. The size of a piece is its bytes, or, of Parquet, its rows."""

    def begin(self, total: int) -> None:
        """Pieces of so much altogether will be scored."""

    def advance(self, size: int, rows: int, *, resumed: bool) -> None:
        """One more piece is done, or was done by an earlier run."""
