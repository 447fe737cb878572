"""From a model file and labelled rows to a gated, registered release: the whole path, top to bottom.

From the fitted model on it is the path of training. The model learns nothing here: the gate's rows judge, all others
calibrate it and choose the policy.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from assay.contract.columns import Column
from assay.data.audit import audit
from assay.data.columns import find_columns
from assay.data.dataset import Dataset, load_dataset, read_labelled
from assay.data.draft import Wishes, draft_spec
from assay.data.split import split
from assay.errors import DataError, NotSupportedError
from assay.features.frame import evaluate_frame
from assay.importing.bind import contract_columns
from assay.importing.classes import Outputs, match_classes
from assay.importing.compare import Comparison
from assay.importing.compose import Composed, compose, with_means
from assay.importing.foreign import Foreign
from assay.importing.forms import recognise
from assay.importing.opened import Opened, Trust, open_model
from assay.measures.metrics import Ranking
from assay.spec import Spec, parse_spec, write_spec
from assay.spec.tree import Features
from assay.training.card import ImportCard
from assay.training.lesson import Fitted, Lesson, Part, Trial
from assay.training.majority import Majority
from assay.training.progress import Progress, Silence
from assay.training.selection import select
from assay.training.train import Choice, Destination, Setting, Trained, release

Floats = NDArray[np.float64]

#: The name of an imported model among the candidates of its card.
IMPORTED = "imported"
#: A library that adds up in float32 may be this far away once both are calibrated, which stretches differences.
_CALIBRATED_SINGLE = 1e-5
_UNKNOWN_ROWS = "rows that the model was fitted on flatter it: judge it on rows it has not seen"
#: An area under the ROC curve below this says that the classes are the wrong way round.
_TURNED_ROUND = 0.4


class Imported(NamedTuple):
    """What was registered, and how far the release's probabilities are from the original's at most, over all rows,
    before calibration.
    """

    trained: Trained
    difference: float


def import_model(
    model: Path,
    data: Path,
    wishes: Wishes,
    destination: Destination,
    trust: Trust | None = None,
    progress: Progress | None = None,
) -> Imported:
    """Convert, compare, calibrate, judge and register a model that another library fitted.

    Raises:
        DataError: the file is not the model its name says, or the data has not the model's columns or classes.
        NotSupportedError: something of the model cannot be converted exactly; names it.
        ConfigurationError: a pickle that is not trusted.
        ReleaseError: the converted model does not answer like the original; names the first row that differs.
    """
    with threadpool_limits(limits=1):
        return _import(model, data, wishes, destination, trust or Trust(), progress or Silence())


def _import(
    model: Path, data: Path, wishes: Wishes, destination: Destination, trust: Trust, progress: Progress
) -> Imported:
    form = recognise(model)
    progress.begin("Reading the data")
    spec, frame, beside = _read(data, wishes)
    missing = spec.data.format.missing
    progress.begin(f"Opening the model ({form})")
    opened = open_model(model, form, frame, missing, trust)
    progress.begin("Converting it")
    columns = contract_columns(opened.foreign, frame, missing)
    dataset = load_dataset(spec, data.parent, _with_circumstances(columns, beside))
    outputs = match_classes(opened.foreign, dataset.contract)
    composed = compose(outputs.foreign, dataset.contract)
    features = evaluate_frame(composed.plan, composed.plan_arrays, dataset.table)
    composed = with_means(composed, features.dense)
    progress.begin(f"Comparing it with the original on all {dataset.rows:,} rows")
    original = outputs.scores(opened.ask(dataset.table))
    _refuse_turned_round(dataset, original)
    difference = _comparison(opened, outputs, composed, dataset, original).check(dataset.table, dataset.place)
    progress.begin("Auditing and splitting")
    setting = _setting(spec, data.parent, dataset)
    card = ImportCard(
        file=model.name,
        format=form,
        checksum=hashlib.sha256(model.read_bytes()).hexdigest(),
        notices=(*opened.notices, *outputs.notices, _UNKNOWN_ROWS),
    )
    choice = _choice(setting, composed, original, opened.foreign, card)
    return Imported(release(setting, choice, destination, progress), difference)


def _read(data: Path, wishes: Wishes) -> tuple[Spec, pl.DataFrame, tuple[Column, ...]]:
    """The spec that `assay init` would write, without columns and features, which the model brings; the labelled rows
    without the label, numbers and times in plain spelling; and the columns that say who and when, where the caller
    named them.
    """
    draft = draft_spec(data, wishes, data.parent).draft
    spec = parse_spec(write_spec(draft), data.name)
    if draft.task == "multilabel":
        raise NotSupportedError(
            f"the rows of {data.name} hold several labels ({', '.join(spec.data.label_columns)}): a model of several "
            "labels cannot be imported",
            remedy="name one column of classes in --label, or train on these rows with assay train",
        )
    left_out = {*spec.data.label_columns, spec.data.split.column, *draft.ignored}
    columns, raw = find_columns(spec, read_labelled(spec, data.parent)[0], ())
    frame = raw.frame.select(name for name in raw.frame.columns if name not in left_out)
    beside = tuple(column for column in columns if column.name in (spec.data.entity, spec.data.time))
    return spec.model_copy(update={"columns": {}, "features": Features()}), frame, beside


def _with_circumstances(columns: tuple[Column, ...], beside: tuple[Column, ...]) -> tuple[Column, ...]:
    """The model's columns, and those `beside` that it does not use."""
    known = {column.name for column in columns}
    return (*columns, *(column for column in beside if column.name not in known))


def _refuse_turned_round(dataset: Dataset, original: Floats) -> None:
    """A binary model whose scores are high where the positive class is not."""
    contract = dataset.contract
    if contract.task != "binary":
        return
    truth = dataset.labels == contract.positive_index
    area = Ranking(original[:, 0], truth).roc_auc(np.ones(len(truth)))
    if area < _TURNED_ROUND:
        other = next(name for name in contract.classes if name != contract.positive)
        raise DataError(
            f"the model's scores are higher where the class is {other} than where it is {contract.positive} "
            f"(area under the ROC curve {area:.3f})",
            remedy=f"if the model was fitted with {other} as its class 1, say --positive {other!r}; "
            "else look whether --label is what it was fitted on",
        )


def _comparison(opened: Opened, outputs: Outputs, composed: Composed, dataset: Dataset, original: Floats) -> Comparison:
    first = opened.first
    return Comparison(
        foreign=outputs.foreign,
        composed=composed,
        contract=dataset.contract,
        original=original,
        rounds=opened.rounds,
        given=opened.given,
        first=None
        if first is None
        else lambda row, rounds: outputs.scores(first(dataset.table.take(np.array([row])), rounds))[0],
    )


def _setting(spec: Spec, directory: Path, dataset: Dataset) -> Setting:
    """All rows but the gate's choose; none teaches."""
    parts = split(dataset, spec)
    rows = parts.all_but_gate
    parts = replace(parts, fit=np.empty(0, dtype=np.intp), folds=None, validation=rows)
    findings = audit(dataset, parts, spec)
    findings.require()
    every = np.arange(rows.size)
    lesson = Lesson(
        contract=dataset.contract,
        table=dataset.table.take(rows),
        labels=dataset.labels[rows],
        features=spec.features,
        tokens={},
        parts=(Part(every, every),),
        seed=spec.data.split.seed,
        clusters=parts.clusters_of(rows),
    )
    lesson.check()
    return Setting.of(spec, directory, dataset, findings, parts, lesson)


def _choice(setting: Setting, composed: Composed, original: Floats, foreign: Foreign, card: ImportCard) -> Choice:
    """The imported model beside the baseline that knows the classes' shares only. It is chosen whatever it gains: the
    gates judge it.
    """
    lesson = setting.lesson
    plan, arrays, model = composed.plan, composed.plan_arrays, composed.model
    scores = model.frame(lesson.evaluate(plan, arrays, lesson.asked))
    majority = Majority()
    trials = {majority.name: majority.try_out(lesson, lambda: None), IMPORTED: Trial(scores, {})}
    asked = lesson.asked
    _, (baseline, tried) = select(trials, lesson.targets[asked], setting.spec.model.margin, lesson.clusters_of(asked))
    return Choice(
        fitted=Fitted(plan, arrays, model, lambda _: original, {}),
        scores=scores,
        tried=(msgspec.structs.replace(baseline, chosen=False), msgspec.structs.replace(tried, chosen=True)),
        framework=foreign.framework,
        compared=np.arange(setting.dataset.rows),
        imported=card,
        tolerance=_CALIBRATED_SINGLE if foreign.single else None,
    )
