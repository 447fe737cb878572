"""A model file, opened: what was read of it, and how the original answers checked rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, ParamSpec

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assay.contract.infer import infer
from assay.contract.table import Table
from assay.errors import AssayError, ConfigurationError, DataError
from assay.importing.bind import bind
from assay.importing.foreign import Foreign
from assay.importing.forms import READERS, Form
from assay.importing.inputs import Source, Term
from assay.importing.native import Columns, Native, cells_of
from assay.importing.pickled import given, open_pickle

Floats = NDArray[np.float64]
P = ParamSpec("P")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Whether a pickle may be opened, which runs the code in it, and for how long (seconds)."""

    pickle: bool = False
    limit_s: float = 600.0


class Opened(NamedTuple):
    """A model, what was assumed of it, and `ask`, the original's raw scores (rows, outputs) of a checked table.

    Where they are known, `given` is what the original classifier got for a row, and `first` its scores of a row after n
    of `rounds`.
    """

    foreign: Foreign
    notices: tuple[str, ...]
    ask: Callable[[Table], Floats]
    rounds: int = 0
    given: Callable[[int], Floats] | None = None
    first: Callable[[Table, int], Floats] | None = None


def open_model(path: Path, form: Form, frame: pl.DataFrame, missing: tuple[str, ...], trust: Trust) -> Opened:
    """Open a model whose inputs are made of the columns of `frame`, the rows of the data without the label.

    Raises:
        DataError: the file is damaged, or the data lacks columns of the model.
        NotSupportedError: something of the model cannot be converted exactly.
        ConfigurationError: a pickle that is not trusted, or that takes too long.
    """
    if form == "pickle":
        return _open_pickle(path, frame, missing, trust)
    with _damage(path, form):
        native = READERS[form](path)
    sources, notices = bind(native.names, native.categories, frame, missing)
    with _damage(path, form):  # before the library is asked: it reads outside of its memory where trees are none
        foreign = native.build(sources)
    return Opened(
        foreign=foreign,
        notices=notices,
        ask=_answering(path, form, lambda table: native.ask(_columns(sources, table))),
        rounds=native.rounds,
        first=_first(path, form, native, sources),
    )


_SAVE_AGAIN = "copy it anew, or save it again with the library that fitted it, in a version that is known here"


@contextmanager
def _damage(path: Path, form: Form) -> Iterator[None]:
    """Turns what reading stumbles over, in a file that is not as its form asks, into an error that names the file.

    A ValueError says in words what is wrong; of a KeyError and its like the name is needed to understand it.
    """
    try:
        yield
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        what = _first_line(error) if isinstance(error, ValueError) else f"{type(error).__name__} {error}"
        raise DataError(f"{path.name} is no sound {form} model: {what}", remedy=_SAVE_AGAIN) from error


def _answering(path: Path, form: Form, ask: Callable[P, Floats]) -> Callable[P, Floats]:
    """`ask`, whose library may find only now that the file makes no model."""

    def asked(*args: P.args, **kwargs: P.kwargs) -> Floats:
        try:
            return ask(*args, **kwargs)
        except AssayError:
            raise
        except Exception as error:
            raise DataError(
                f"{path.name} ({form}) cannot answer the rows of the data: {_first_line(error)}",
                remedy=f"give the data that it was fitted on, or rows like it; else {_SAVE_AGAIN}",
            ) from error

    return asked


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def _first(path: Path, form: Form, native: Native, sources: Sequence[Source]) -> Callable[[Table, int], Floats] | None:
    ask = native.ask_first
    if ask is None:
        return None
    return _answering(path, form, lambda table, rounds: ask(_columns(sources, table), rounds))


def _columns(sources: Sequence[Source], table: Table) -> Columns:
    """What the original takes, a column an input. The table lacks those on which no answer hangs: they are 0."""
    nothing = np.zeros(table.rows)
    return [
        nothing if isinstance(source, Term) or source.column not in table.columns else cells_of(source, table)
        for source in sources
    ]


def _open_pickle(path: Path, frame: pl.DataFrame, missing: tuple[str, ...], trust: Trust) -> Opened:
    if not trust.pickle:
        raise ConfigurationError(
            f"{path.name} is a pickle: opening it runs whatever code is in it",
            remedy="if you know where it comes from, say --trust-pickle; a process of its own then opens it once",
        )
    found = open_pickle(path, frame, missing, _only_text(frame, missing), trust.limit_s)
    inputs = len(found.foreign.inputs)
    return Opened(
        foreign=found.foreign,
        notices=found.foreign.notices,
        ask=lambda _: found.scores,
        given=lambda row: given(found.matrix, row, inputs),
    )


def _only_text(frame: pl.DataFrame, missing: Sequence[str]) -> str | None:
    """The column that a pipeline takes which begins with a vectorizer: the only one, or the only one of text."""
    if frame.width == 1:
        return frame.columns[0]
    texts = [name for name, seen in infer(frame, missing).items() if seen.column and seen.column.type == "text"]
    return texts[0] if len(texts) == 1 else None
