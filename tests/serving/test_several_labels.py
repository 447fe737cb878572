"""Several labels from the release to the answer: its fields, its record, its explanations and its counters."""

from __future__ import annotations

import json

import pytest

from assay.release.bundle import read_files, write_files
from assay.release.core import Release
from assay.release.parity import replay
from assay.serving.answer import Answer, LabelsAnswer, Options
from assay.serving.metrics import PREDICTIONS, Slab, read_samples
from assay.values import Explanation
from tests.serving.material import TOPIC_ROW, ReadableLog, labels_bundle, predictor_with, served

NONE = {"goals": 0.0, "price": -1.2}


def answer(slab: Slab, log: ReadableLog, row: dict[str, float], **asked: float) -> Answer | LabelsAnswer:
    one = served(labels_bundle(**asked), slab)
    predictor = predictor_with(log)
    options = Options(return_probabilities=True)
    thought = predictor.think(one, json.dumps(row).encode(), options)
    explanation = one.explainer.explain(thought)
    return predictor.commit(one, thought, 1.0, options, explanation)


def test_an_answer_has_the_labels_that_apply_and_the_probability_of_all(slab: Slab, log: ReadableLog) -> None:
    told = answer(slab, log, TOPIC_ROW)
    assert isinstance(told, LabelsAnswer)
    assert told.labels == told.decision == ("money", "sport")
    assert told.prediction.keys() == {"art", "money", "sport"}
    assert told.prediction == told.probabilities
    assert told.confidence == min(told.prediction["money"], told.prediction["sport"])
    [record] = log.predictions
    assert (record.label, record.label_index, record.decision) == (("money", "sport"), (1, 2), ("money", "sport"))
    assert record.probabilities == tuple(told.prediction.values())


def test_where_no_label_applies_the_confidence_is_in_that(slab: Slab, log: ReadableLog) -> None:
    told = answer(slab, log, NONE, bias=-6.0, review_within=0.0)
    assert told.label == told.decision == ()
    assert told.confidence == 1.0 - max(told.prediction.values())


def test_an_example_near_the_threshold_of_any_label_goes_to_a_person(slab: Slab, log: ReadableLog) -> None:
    told = answer(slab, log, TOPIC_ROW, review_within=0.45)
    assert told.label == ("money", "sport")
    assert told.decision == ("review",)


def test_each_label_is_explained_by_its_own_score(slab: Slab, log: ReadableLog) -> None:
    told = answer(slab, log, TOPIC_ROW)
    assert isinstance(told.explanation, tuple)
    assert [one.label for one in told.explanation] == ["money", "sport"]
    for one in told.explanation:
        assert one.kind == "exact"
        assert one.base + sum(factor.contribution for factor in one.factors) == pytest.approx(one.margin)
    [nearest] = _explanations(answer(slab, log, NONE, bias=-6.0))
    assert nearest.label == "sport"


def _explanations(told: Answer | LabelsAnswer) -> tuple[Explanation, ...]:
    assert isinstance(told.explanation, tuple)
    return told.explanation


def test_every_label_is_counted_and_no_label_too(slab: Slab, log: ReadableLog) -> None:
    answer(slab, log, TOPIC_ROW)
    answer(slab, log, TOPIC_ROW)
    one = served(labels_bundle(bias=-6.0), slab)
    predictor = predictor_with(log)
    predictor.commit(one, predictor.think(one, json.dumps(NONE).encode()), 1.0)
    counted = {
        sample.labels[2]: sample.cells[0] for sample in read_samples(slab.directory) if sample.metric is PREDICTIONS
    }
    assert counted == {"art": 0, "money": 2, "sport": 2, "": 1}


def test_a_release_of_several_labels_survives_its_files_and_answers_as_before() -> None:
    bundle = labels_bundle()
    again = read_files("themes", write_files(bundle))
    assert again.parity == bundle.parity
    assert again.parity[0].decision.label == ("money", "sport")
    replay(Release.prepare(again), again.parity)
