"""Load a released classifier into this process and ask it; every answer is on record."""

from __future__ import annotations

import atexit
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, overload

import msgspec
import numpy as np
from numpy.typing import NDArray

from assay.app import App, open_app
from assay.errors import (
    AssayError,
    ConfigurationError,
    ContractError,
    MalformedError,
    MissingDependencyError,
    NotFoundError,
    Problem,
)
from assay.local.card import render_card
from assay.records.ids import id_source
from assay.records.open import OpenLog
from assay.registry.releases import open_release, read_evidence, resolve
from assay.release.core import Release
from assay.serving.answer import Answer, Explained, LabelsAnswer, Options
from assay.serving.metrics import Slab
from assay.serving.predictor import Predictor
from assay.serving.served import Served, prepare_served
from assay.spec.tree import Format
from assay.values import Row

Example = Mapping[str, Any]
#: A row, and the columns whose text was cut.
Decoded = tuple[Row, tuple[str, ...]]


class Classifier:
    """One release, ready to answer in this process. The log is opened by the first answer and shipped at exit."""

    def __init__(self, app: App, release: Release) -> None:
        self._app = app
        with tempfile.TemporaryDirectory() as directory:  # nobody scrapes these counters; the mapping outlives its file
            self._served: Served = prepare_served(release, None, Slab(Path(directory), "local"))
        self._predictor: Predictor | None = None
        self._log: OpenLog | None = None

    def __repr__(self) -> str:
        release = self._served.release
        return (
            f"<Classifier {release.classifier}@{release.version} {release.contract.task}: {', '.join(self.classes_)}>"
        )

    def _repr_html_(self) -> str:
        release, registry = self._served.release, self._app.registry
        version, deployment = (
            registry.version(release.classifier, release.version),
            registry.deployment(release.classifier),
        )
        serves = deployment is not None and deployment.version == version.version
        return render_card(version, self._card(), serves=serves)

    @property
    def classes_(self) -> tuple[str, ...]:
        """The classes, in the order of `predict_proba`'s columns."""
        return self._served.release.contract.classes

    @overload
    def predict(self, examples: Example, *, explain: bool = ...) -> Answer | LabelsAnswer: ...
    @overload
    def predict(self, examples: Sequence[Example], *, explain: bool = ...) -> list[Answer | LabelsAnswer]: ...
    @overload
    def predict(self, examples: Any, *, explain: bool = ...) -> Any: ...
    def predict(self, examples: Any, *, explain: bool = False) -> Any:
        """Classify one example (a mapping of columns) -> one answer, or many (a list of mappings, a DataFrame of pandas
        2.2, polars or pyarrow, or newer) -> a list of answers in the same order.

        A mapping holds what a request may hold. A DataFrame is read as training reads it: the frame that was trained is
        taken as it is, label and all.

        Raises:
            ContractError: an example breaks the contract; names the row and the column. Nothing is on record then.
            DataError: the DataFrame has a column of several types, or one that may be read in two ways.
            MissingDependencyError: a DataFrame is given and the `train` extra is not installed.
            UnavailableError: the prediction log is full.
        """
        options = Options(explain=explain, return_probabilities=True)
        if isinstance(examples, Mapping):
            return self._answer(self._rows([examples]), options)[0]
        framed = hasattr(examples, "__arrow_c_stream__")
        return self._answer(self._framed_rows(examples) if framed else self._rows(list(examples)), options)

    def predict_proba(self, examples: Any) -> NDArray[np.float64]:
        """Calibrated probabilities, shape (examples, classes)."""
        answers = self.predict([examples] if isinstance(examples, Mapping) else examples)
        rows = [[answer.probabilities[name] for name in self.classes_] for answer in answers]
        return np.array(rows, dtype=np.float64).reshape(len(rows), len(self.classes_))

    def _card(self) -> dict[str, Any]:
        """What is known of the release besides; a classifier answers without it."""
        release = self._served.release
        try:
            version = self._app.registry.version(release.classifier, release.version)
            return msgspec.json.decode(read_evidence(version, self._app.blobs, "card.json"), type=dict[str, Any])
        except (AssayError, msgspec.DecodeError):
            return {}

    def _rows(self, examples: Sequence[Example]) -> list[Decoded]:
        release = self._served.release
        rows: list[Decoded] = []
        problems: list[Problem] = []
        for index, example in enumerate(examples):
            raw = _encode(example)
            try:
                rows.append((release.decode(raw), release.truncated(raw)))
            except ContractError as error:
                prefix = f"row {index + 1}, " if len(examples) > 1 else ""
                problems += [Problem(prefix + problem.path, problem.message) for problem in error.problems]
        if problems:
            raise self._refusal(problems)
        return rows

    def _framed_rows(self, frame: Any) -> list[Decoded]:
        try:
            from assay.data.frames import read_examples
        except ModuleNotFoundError as error:
            raise MissingDependencyError(
                f"reading a DataFrame needs {error.name}, which is not installed",
                remedy="pip install 'assay-ml[train]', or give rows: df.to_dict(\"records\")",
            ) from None
        form = self._card().get("data", {}).get("reading", {}).get("format", {})
        try:
            return list(read_examples(frame, self._served.release.contract, Format.model_validate(form)))
        except ContractError as error:
            raise self._refusal(error.problems) from None

    def _refusal(self, problems: Sequence[Problem]) -> ContractError:
        release = self._served.release
        return ContractError(
            f"{release.classifier}@{release.version} cannot take this",
            problems=problems,
            remedy="correct what is named; nothing was classified or recorded",
        )

    def _answer(self, rows: Sequence[Decoded], options: Options) -> list[Answer | LabelsAnswer]:
        predictor, served = self._open_predictor(), self._served
        started = time.perf_counter()
        thoughts = [predictor.think_row(served, row, cut, options) for row, cut in rows]
        explanations: Sequence[Explained | None] = ()
        if options.explain:
            pairs = [served.explainer.try_to(thought) for thought in thoughts]
            thoughts, explanations = [thought for thought, _ in pairs], [explained for _, explained in pairs]
        latency_ms = (time.perf_counter() - started) * 1000.0 / max(1, len(thoughts))
        return predictor.commit_many(served, thoughts, latency_ms, options, explanations) if thoughts else []

    def _open_predictor(self) -> Predictor:
        if self._predictor is None:
            self._log = self._app.open_log()
            atexit.register(self.close)
            self._predictor = Predictor(self._log, id_source(os.urandom(10)), time.time)
        return self._predictor

    def close(self) -> None:
        """Ship the log now instead of at exit. A later answer opens it again."""
        if self._log is not None:
            self._log.close()
            atexit.unregister(self.close)
        self._log = self._predictor = None


def load(reference: str | None = None, *, app: App | None = None) -> Classifier:
    """Load a released classifier: `spam` or `spam@champion` (who serves now), or `spam@3`; without a name the only one
    that is deployed.

    Raises:
        NotFoundError: there is no such classifier or version, or none is deployed.
        ConfigurationError: no name is given and several are deployed.
        ReleaseError: the release is damaged or does not reproduce its parity examples.
    """
    app = app or open_app()
    return Classifier(app, open_release(resolve(reference or _only(app), app.registry), app.blobs))


def _only(app: App) -> str:
    names = sorted(deployment.classifier for deployment in app.registry.deployments())
    if not names:
        raise NotFoundError(f"no classifier is deployed in {app.home}", remedy="assay train makes and deploys one")
    if len(names) > 1:
        raise ConfigurationError("several classifiers are deployed", remedy=f"name one of {', '.join(names)}")
    return names[0]


def _encode(example: Example) -> bytes:
    try:
        return _ENCODER.encode(example)
    except (TypeError, ValueError, RecursionError, AttributeError) as error:
        raise MalformedError(f"an example must be a mapping of columns to plain values: {error}") from None


def _plain(value: Any) -> Any:
    """What numpy and pandas say in plain values; NaT and pandas' NA are missing."""
    if _is_missing(value):
        return None
    if isinstance(value, datetime | np.datetime64):
        return str(value)
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"a {type(value).__name__} is not a plain value")


def _is_missing(value: Any) -> bool:
    """NaN, NaT, or pandas' NA, which does not even say whether it equals itself."""
    try:
        return bool(value != value)  # noqa: PLR0124 - NaN
    except TypeError:
        return True


_ENCODER = msgspec.json.Encoder(enc_hook=_plain, decimal_format="number")
