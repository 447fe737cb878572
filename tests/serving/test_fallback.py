"""What answers when a model does not: flagged, on record, counted; and when a model is a concern."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest

from assay.errors import ReleaseError
from assay.features.plan import FeatureRow
from assay.serving.answer import Options
from assay.serving.metrics import Slab, read_samples
from assay.serving.served import Served
from assay.values import Row
from tests.serving.material import (
    SPAM_ROW,
    TOPIC_ROW,
    ReadableLog,
    broken,
    predictor_with,
    served,
    spam_bundle,
    topic_bundle,
    tree_bundle,
    with_model,
    with_rule,
)

RAW = json.dumps(SPAM_ROW).encode()
RULE = "answered by the fallback rule url_count > 0: "


def fail(_features: FeatureRow) -> list[float]:
    raise ZeroDivisionError("planted")


def nothing(_features: FeatureRow) -> list[float]:
    return [math.nan]


@pytest.fixture
def spam(slab: Slab) -> Served:
    """A release with a rule to fall back to."""
    return served(with_rule(spam_bundle(bias=-50.0), "spam", "ham", feature="url_count", above=0), slab)


def fallbacks(slab: Slab, name: str = "spam") -> dict[str, int]:
    return {
        sample.labels[2]: sample.cells[0]
        for sample in read_samples(slab.directory)
        if sample.metric.name == "classification_fallbacks_total" and sample.labels[0] == name and sample.cells[0]
    }


@pytest.mark.parametrize(
    ("scores", "reason", "why"),
    [
        (fail, "failed", "it failed with ZeroDivisionError"),
        (nothing, "not_finite", "the model gave a score that is not finite"),
        (lambda _: [-math.inf], "not_finite", "the model gave a score that is not finite"),
        (lambda _: [], "failed", "it failed with IndexError"),
    ],
)
def test_the_fallback_answers_for_a_model_that_fails(
    spam: Served, log: ReadableLog, slab: Slab, scores: object, reason: str, why: str
) -> None:
    one = broken(spam, scores)  # type: ignore[arg-type] - the lambdas of a table
    predictor = predictor_with(log)
    answer = predictor.commit(one, predictor.think(one, RAW), 0.5)
    assert (answer.label, answer.decision, answer.confidence) == ("spam", "spam", 0.6)
    assert answer.degraded == (RULE + why,)
    [record] = log.predictions
    assert (record.prediction_id, record.label, record.degraded, record.error) == (
        answer.prediction_id,
        "spam",
        answer.degraded,
        None,
    )
    assert fallbacks(slab) == {reason: 1}


def test_a_model_that_answers_is_never_replaced(spam: Served, log: ReadableLog, slab: Slab) -> None:
    predictor = predictor_with(log)
    answer = predictor.commit(spam, predictor.think(spam, RAW), 0.5)
    assert (answer.label, answer.degraded, fallbacks(slab)) == ("ham", (), {})


def test_a_model_falls_back_to_a_simpler_one_with_features_of_its_own(slab: Slab, log: ReadableLog) -> None:
    match = served(with_model(tree_bundle(), topic_bundle()), slab)

    def broken_features(_row: Row) -> FeatureRow:
        raise ZeroDivisionError("planted")

    one = dataclasses.replace(match, release=dataclasses.replace(match.release, features=broken_features))
    predictor = predictor_with(log)
    answer = predictor.commit(one, predictor.think(one, json.dumps(TOPIC_ROW).encode()), 0.5)
    assert match.release.fallback is not None
    said = match.release.fallback.answer(match.release.decode_mapping(TOPIC_ROW)).decision
    assert (answer.label, answer.confidence) == (said.label, said.confidence)
    assert "model logistic_regression" in answer.degraded[0]


def test_without_a_fallback_the_error_is_on_record_and_raised(slab: Slab, log: ReadableLog) -> None:
    one = broken(served(spam_bundle(), slab), nothing)
    with pytest.raises(ReleaseError, match="not finite"):
        predictor_with(log).think(one, RAW)
    assert [record.error for record in log.predictions] == ["ReleaseError"]


def test_where_the_fallback_fails_too_the_model_s_error_stands(spam: Served, log: ReadableLog) -> None:
    assert spam.release.fallback is not None

    def answer(_row: Row) -> object:
        raise KeyError("planted")

    fallback = spam.release.fallback._replace(answer=answer)  # type: ignore[arg-type] - it never answers
    one = dataclasses.replace(spam, release=dataclasses.replace(spam.release, scores=fail, fallback=fallback))
    with pytest.raises(ZeroDivisionError):
        predictor_with(log).think(one, RAW)
    assert [record.error for record in log.predictions] == ["ZeroDivisionError"]


def test_an_answer_of_the_fallback_is_not_explained_by_the_model(spam: Served, log: ReadableLog) -> None:
    one = broken(spam, fail)
    thought, explanation = one.explainer.try_to(predictor_with(log).think(one, RAW, Options(explain=True)))
    assert explanation is None
    assert thought.degraded[-1] == "no explanation: the fallback answered"


def test_a_model_that_fails_three_times_in_a_row_is_a_concern_until_it_answers(spam: Served, log: ReadableLog) -> None:
    one, predictor = broken(spam, fail), predictor_with(log)

    def ask(asked: Served) -> str | None:
        predictor.commit(asked, predictor.think(asked, RAW), 0.5)
        return asked.vitals.concern

    assert [ask(each) for each in (one, one, spam, one, one)] == [None] * 5
    assert ask(one) == "spam@1: its model failed 3 times in a row; the last time it failed with ZeroDivisionError"
    assert ask(one) is not None
    assert ask(spam) is None
    assert ask(one) is None


def test_failures_of_a_release_without_a_fallback_count_as_well(slab: Slab, log: ReadableLog) -> None:
    one = broken(served(topic_bundle(), slab), fail)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            predictor_with(log).think(one, json.dumps(TOPIC_ROW).encode())
    assert one.vitals.concern is not None


def test_one_classifier_s_failures_are_not_another_s(slab: Slab, log: ReadableLog) -> None:
    predictor = predictor_with(log)
    warm = [
        served(with_rule(spam_bundle(classifier=name), "spam", "ham", feature="url_count", above=0), slab, version=at)
        for name in ("spam", "mail")
        for at in (1, 2)
    ]
    failing = broken(warm[0], fail)
    for _ in range(3):
        answer = predictor.commit(failing, predictor.think(failing, RAW), 0.5)
    assert (answer.model, answer.model_version) == ("spam", 1)
    assert [one.vitals.concern is None for one in warm] == [False, True, True, True]
    assert (fallbacks(slab), fallbacks(slab, "mail")) == ({"failed": 3}, {})
