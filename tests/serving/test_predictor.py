"""The predictor: what is answered, what is put on record, and what happens when either fails."""

from __future__ import annotations

import dataclasses
import json

import msgspec
import pytest

from assay.contract.columns import Column, Contract
from assay.errors import ContractError, MalformedError, UnavailableError
from assay.features.plan import FeatureRow
from assay.records.ids import entity_hash
from assay.serving.answer import Options
from assay.serving.metrics import Slab, read_samples
from assay.serving.predictor import NOT_LOGGED
from assay.serving.served import Served
from assay.values import Row
from tests.serving.material import (
    NOW,
    SPAM_ROW,
    TOPIC_ROW,
    ReadableLog,
    predictor_with,
    served,
    spam_bundle,
    topic_bundle,
    tree_bundle,
)

RAW = json.dumps(SPAM_ROW).encode()


@pytest.fixture
def spam(slab: Slab) -> Served:
    return served(spam_bundle(), slab)


def test_the_answer_is_that_of_the_release(spam: Served, log: ReadableLog) -> None:
    predictor = predictor_with(log)
    answer = predictor.commit(spam, predictor.think(spam, RAW), 0.5)
    decision = spam.release.answer(spam.release.decode(RAW))
    assert (answer.label, answer.decision, answer.confidence, answer.prediction) == (
        decision.label,
        decision.decision,
        decision.confidence,
        decision.prediction,
    )
    assert (answer.model, answer.model_version, answer.policy_digest) == ("spam", 1, spam.release.policy_digest)
    assert (answer.latency_ms, answer.degraded, answer.probabilities, answer.explanation) == (0.5, (), None, None)


def test_truncated_text_is_flagged_in_the_answer_and_in_the_log(slab: Slab, log: ReadableLog) -> None:
    bundle = spam_bundle()
    columns = [msgspec.structs.replace(column, truncate=column.type == "text") for column in bundle.contract.columns]
    contract = msgspec.structs.replace(bundle.contract, columns=tuple(columns))
    cutting = served(dataclasses.replace(bundle, contract=contract), slab)
    predictor = predictor_with(log)
    for text, degraded in (("x" * 200, ()), ("x" * 201, ("text was truncated",))):
        raw = json.dumps({**SPAM_ROW, "text": text}).encode()
        answer = predictor.commit(cutting, predictor.think(cutting, raw), 0.5)
        assert answer.degraded == degraded
        assert log.predictions[-1].degraded == degraded
    [answer] = predictor.commit_many(cutting, [predictor.think(cutting, raw)], 0.5)
    assert answer.degraded == ("text was truncated",)


def test_an_entity_of_any_type_is_logged_as_a_hash_only(slab: Slab, log: ReadableLog) -> None:
    bundle = spam_bundle()
    contract = msgspec.structs.replace(bundle.contract, entity="plan")
    about_plans = served(dataclasses.replace(bundle, contract=contract), slab)
    predictor = predictor_with(log)
    predictor.commit(about_plans, predictor.think(about_plans, RAW), 0.5)
    [record] = log.predictions
    assert record.entity_hash == entity_hash("spam", "pro")
    assert record.features is not None
    assert "plan" not in record.features


def test_every_answer_stands_in_the_log_under_its_id(spam: Served, log: ReadableLog) -> None:
    predictor = predictor_with(log)
    options = Options(request_id="r-1", metadata="from a test")
    answer = predictor.commit(spam, predictor.think(spam, RAW, options), 0.5, options)
    [record] = log.predictions
    assert record.prediction_id == answer.prediction_id
    assert (record.label, record.decision, record.confidence) == (answer.label, answer.decision, answer.confidence)
    assert (record.predicted_at, record.latency_ms, record.deployment_id) == (NOW, 0.5, 7)
    assert (record.request_id, record.metadata, record.release_digest) == ("r-1", "from a test", spam.release.digest)
    assert sum(record.probabilities) == pytest.approx(1.0)


def test_free_text_and_identifiers_stay_out_of_the_log(spam: Served, log: ReadableLog) -> None:
    predictor = predictor_with(log)
    predictor.commit(spam, predictor.think(spam, RAW), 0.5)
    [record] = log.predictions
    assert record.features == {"amount": 3.5, "plan": "pro", "verified": 1.0, "sent_at": 1769860800.0}
    assert record.input_text is None
    assert "prize" not in str(record)
    assert record.entity_hash == entity_hash("spam", "u1")


def test_personal_columns_stay_out_of_the_log(slab: Slab, log: ReadableLog) -> None:
    bundle = topic_bundle()
    goals, price = bundle.contract.columns
    contract = _with_columns(bundle.contract, goals, _personal(price))
    topic = served(dataclasses.replace(bundle, contract=contract), slab)
    predictor = predictor_with(log)
    predictor.commit(topic, predictor.think(topic, json.dumps(TOPIC_ROW).encode()), 0.5)
    assert log.predictions[0].features == {"goals": 3.0}


def test_a_row_of_nothing_but_text_logs_no_features(slab: Slab, log: ReadableLog) -> None:
    bundle = topic_bundle()
    contract = _with_columns(bundle.contract, *map(_personal, bundle.contract.columns))
    topic = served(dataclasses.replace(bundle, contract=contract), slab)
    predictor = predictor_with(log)
    predictor.commit(topic, predictor.think(topic, json.dumps(TOPIC_ROW).encode()), 0.5)
    assert log.predictions[0].features == {}


def test_the_input_hash_is_of_the_example_and_not_of_its_spelling(spam: Served, log: ReadableLog) -> None:
    predictor = predictor_with(log)
    respelled = json.dumps(dict(reversed(SPAM_ROW.items())), indent=2).encode()
    other = json.dumps({**SPAM_ROW, "amount": 3.25}).encode()
    for raw in (RAW, respelled, other):
        predictor.commit(spam, predictor.think(spam, raw), 0.5)
    first, second, third = (record.input_hash for record in log.predictions)
    assert first == second != third


def test_probabilities_come_by_class_when_asked_for(spam: Served, log: ReadableLog) -> None:
    predictor = predictor_with(log)
    options = Options(return_probabilities=True)
    answer = predictor.commit(spam, predictor.think(spam, RAW, options), 0.5, options)
    assert answer.probabilities is not None
    assert list(answer.probabilities) == ["ham", "spam"]
    assert answer.probabilities["spam"] == answer.prediction


def test_several_answers_are_those_of_one_by_one(spam: Served, log: ReadableLog) -> None:
    predictor = predictor_with(log)
    raws = [json.dumps({**SPAM_ROW, "amount": amount}).encode() for amount in range(20)]
    thoughts = [predictor.think(spam, raw) for raw in raws]
    together = predictor.commit_many(spam, thoughts, 0.1)
    alone = [predictor.commit(spam, predictor.think(spam, raw), 0.1) for raw in raws]
    assert [(answer.label, answer.confidence) for answer in together] == [
        (answer.label, answer.confidence) for answer in alone
    ]
    assert [record.prediction_id for record in log.predictions[:20]] == [answer.prediction_id for answer in together]


def test_an_entity_may_stand_beside_a_row_that_does_not_name_it(spam: Served, log: ReadableLog) -> None:
    predictor = predictor_with(log)
    raw = json.dumps({**SPAM_ROW, "user_id": None}).encode()
    options = Options(entity="u9")
    predictor.commit(spam, predictor.think(spam, raw, options), 0.5, options)
    assert log.predictions[0].entity_hash == entity_hash("spam", "u9")


def test_an_entity_given_twice_and_differently_is_refused(spam: Served, log: ReadableLog) -> None:
    predictor = predictor_with(log)
    predictor.think(spam, RAW, Options(entity="u1"))
    with pytest.raises(ContractError) as refused:
        predictor.think(spam, RAW, Options(entity="u2"))
    assert refused.value.problems[0].path == "entity"


def test_a_classifier_without_entities_takes_one_beside_the_row(slab: Slab, log: ReadableLog) -> None:
    topic = served(topic_bundle(), slab)
    predictor = predictor_with(log)
    options = Options(entity="e1")
    predictor.commit(topic, predictor.think(topic, json.dumps(TOPIC_ROW).encode(), options), 0.5, options)
    predictor.commit(topic, predictor.think(topic, json.dumps(TOPIC_ROW).encode()), 0.5)
    assert [record.entity_hash for record in log.predictions] == [entity_hash("topic", "e1"), None]


@pytest.mark.parametrize(("raw", "kind"), [(b"{", MalformedError), (b'{"text": 3}', ContractError)])
def test_bad_input_is_refused_and_leaves_no_record(
    spam: Served, log: ReadableLog, raw: bytes, kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        predictor_with(log).think(spam, raw)
    assert log.records == []


def test_an_accepted_request_that_fails_is_on_record(spam: Served, log: ReadableLog) -> None:
    def fail(_row: Row) -> FeatureRow:
        raise ZeroDivisionError("planted")

    broken = dataclasses.replace(spam, release=dataclasses.replace(spam.release, features=fail))
    with pytest.raises(ZeroDivisionError):
        predictor_with(log).think(broken, RAW, Options(request_id="r-2"))
    [record] = log.predictions
    assert (record.error, record.label, record.request_id) == ("ZeroDivisionError", "", "r-2")


def test_a_full_log_refuses(spam: Served, log: ReadableLog) -> None:
    predictor = predictor_with(log)
    thought = predictor.think(spam, RAW)
    log.full = True
    with pytest.raises(UnavailableError):
        predictor.commit(spam, thought, 0.5)


def test_a_full_log_that_lets_go_is_told_in_the_answer(spam: Served, log: ReadableLog) -> None:
    log.full = log.drops = True
    predictor = predictor_with(log)
    thought = predictor.think(spam, RAW)
    assert predictor.commit(spam, thought, 0.5).degraded == (NOT_LOGGED,)
    assert predictor.commit_many(spam, [thought], 0.5)[0].degraded == (NOT_LOGGED,)


def test_two_classifiers_and_two_versions_never_mix(slab: Slab, log: ReadableLog) -> None:
    predictor = predictor_with(log)
    warm = [
        served(spam_bundle(bias=bias, classifier=name), slab, version=version)
        for name in ("spam", "mail")
        for version, bias in ((1, -3.0), (2, 3.0))
    ]
    answers = [predictor.commit(one, predictor.think(one, RAW), 0.5) for one in warm]
    assert [(answer.model, answer.model_version) for answer in answers] == [
        ("spam", 1),
        ("spam", 2),
        ("mail", 1),
        ("mail", 2),
    ]
    assert answers[0].confidence == answers[2].confidence != answers[1].confidence == answers[3].confidence


def test_answers_are_counted(slab: Slab, log: ReadableLog) -> None:
    predictor = predictor_with(log)
    match = served(tree_bundle(), slab)
    thought = predictor.think(match, json.dumps(TOPIC_ROW).encode())
    for _ in range(3):
        predictor.commit(match, thought, 0.2, explanation=match.explainer.explain(thought))
    counted = {(sample.metric.name, *sample.labels): sample for sample in read_samples(slab.directory)}
    assert counted["classification_predictions_total", "match", "1", "won"].cells == (3,)
    assert counted["classification_predictions_total", "match", "1", "lost"].cells == (0,)
    assert counted["classification_explanations_total", "match", "1"].cells == (3,)
    assert sum(counted["classification_latency_seconds", "match", "1"].cells[:-1]) == 3
    assert counted["classification_latency_seconds", "match", "1"].sum == pytest.approx(0.0006)


def _personal(column: Column) -> Column:
    return msgspec.structs.replace(column, personal=True)


def _with_columns(contract: Contract, *columns: Column) -> Contract:
    return msgspec.structs.replace(contract, columns=columns)
