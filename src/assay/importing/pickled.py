"""A pickled pipeline, opened by a process of its own (`child.py`), which is handed rows and gives back data."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray
from safetensors import numpy as tensors

from assay import errors
from assay.errors import AssayError, ConfigurationError, DataError
from assay.importing.foreign import Foreign, Linear, Trees
from assay.importing.inputs import Input, Vocabulary

REQUEST, ROWS, ANSWER, ARRAYS, ERROR = "request.json", "rows.parquet", "answer.json", "arrays.safetensors", "error.json"
_MODEL = "model/"
_TOLD = 400

Arrays = Mapping[str, NDArray[Any]]


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What the process is asked: the pickle's absolute path, spellings of missing, and the one column of text."""

    model: str
    missing: tuple[str, ...]
    text: str | None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What it gives back beside arrays: a `Foreign` without them."""

    kind: Literal["linear", "trees", "forest"]
    framework: str
    inputs: tuple[Input, ...]
    classes: tuple[str, ...] | None
    vocabularies: tuple[Vocabulary, ...]
    closed: dict[str, tuple[str, ...]]
    takes_missing: bool
    single: bool
    notices: tuple[str, ...]


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """An error for the user; `kind` is its class in `assay.errors`."""

    kind: str
    message: str
    remedy: str


class Unpickled(NamedTuple):
    """The model, the original's raw scores (rows, outputs), and what its classifier was given (see `given`)."""

    foreign: Foreign
    scores: NDArray[np.float64]
    matrix: Arrays


def open_pickle(
    path: Path, frame: pl.DataFrame, missing: tuple[str, ...], text: str | None, limit_s: float
) -> Unpickled:
    """Have a process of its own open the pickle and answer the rows of `frame`, within `limit_s` seconds.

    Raises:
        NotSupportedError: the pipeline cannot be converted exactly.
        DataError: the file holds no fitted classifier, or it cannot answer these rows.
        ConfigurationError: it took too long.
    """
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        request = Request(model=str(path.resolve()), missing=missing, text=text)
        (directory / REQUEST).write_bytes(msgspec.json.encode(request))
        frame.write_parquet(directory / ROWS)
        try:
            done = subprocess.run(
                [sys.executable, "-m", "assay.importing.child", name],
                capture_output=True,
                text=True,
                errors="replace",
                timeout=limit_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise ConfigurationError(
                f"{path.name} did not open and answer within {limit_s:g} s",
                remedy="raise --timeout, or give fewer rows",
            ) from None
        if (directory / ERROR).exists():
            raise _error(msgspec.json.decode((directory / ERROR).read_bytes(), type=Failure))
        if done.returncode or not (directory / ANSWER).exists():
            raise DataError(
                f"the process that opened {path.name} ended with {done.returncode}: {done.stderr.strip()[-_TOLD:]}"
            )
        answer = msgspec.json.decode((directory / ANSWER).read_bytes(), type=Answer)
        return _read(answer, tensors.load((directory / ARRAYS).read_bytes()))


def _error(failure: Failure) -> AssayError:
    kind = getattr(errors, failure.kind)
    error: AssayError = kind(failure.message, remedy=failure.remedy)
    return error


def split_foreign(foreign: Foreign, notices: tuple[str, ...]) -> tuple[Answer, dict[str, NDArray[Any]]]:
    """What goes over: the answer, and the arrays beside it."""
    arrays = {_MODEL + name: np.ascontiguousarray(array) for name, array in foreign.arrays._asdict().items()}
    answer = Answer(
        **{name: getattr(foreign, name) for name in Answer.__struct_fields__ if name not in ("notices", "closed")},
        closed=dict(foreign.closed),
        notices=(*foreign.notices, *notices),
    )
    return answer, arrays


def _read(answer: Answer, arrays: dict[str, NDArray[Any]]) -> Unpickled:
    shape = Linear if answer.kind == "linear" else Trees
    found = shape(**{name: arrays[_MODEL + name] for name in shape._fields})
    foreign = Foreign(arrays=found, **msgspec.structs.asdict(answer))
    return Unpickled(
        foreign, arrays["scores"], {name: each for name, each in arrays.items() if name.startswith("matrix")}
    )


def given(matrix: Arrays, row: int, inputs: int) -> NDArray[np.float64]:
    """What the original classifier was given for one row."""
    if "matrix" in matrix:
        return np.asarray(matrix["matrix"][row], dtype=np.float64)
    begin, end = matrix["matrix.indptr"][row : row + 2].tolist()
    numbers = np.zeros(inputs)
    numbers[matrix["matrix.indices"][begin:end]] = matrix["matrix.values"][begin:end]
    return numbers
