"""Scores that are kept: the same answers, an id each, and never one release's for another's."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
import math
import time
from collections.abc import Callable

import msgspec
import pytest

from assay.errors import ReleaseError
from assay.features.plan import FeatureRow
from assay.release.bundle import SERVING, Bundle, CachePlan, ServingPlan, read_files, write_files
from assay.release.core import Release
from assay.serving.answer import Options
from assay.serving.cache import MemoryCache, prepare_key
from assay.serving.metrics import Slab, read_samples
from assay.serving.served import Served, compare_cost
from tests.serving.material import (
    SPAM_ROW,
    TOPIC_ROW,
    ReadableLog,
    broken,
    labels_bundle,
    predictor_with,
    release_of,
    served,
    spam_bundle,
    topic_bundle,
    tree_bundle,
    with_rule,
)

RAW = json.dumps(SPAM_ROW).encode()
PLAN = ServingPlan(cache=CachePlan(ttl_s=300.0, size=100))


def kept(bundle: Bundle) -> Bundle:
    """A bundle that wants its scores kept."""
    return dataclasses.replace(bundle, serving=PLAN)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Counting:
    """Counts the calls of a model."""

    def __init__(self, one: Served) -> None:
        self.calls = 0
        self._scores = one.release.scores
        self.served = broken(one, self)

    def __call__(self, features: FeatureRow) -> list[float]:
        self.calls += 1
        return self._scores(features)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def with_clock(one: Served, clock: Callable[[], float]) -> Served:
    return dataclasses.replace(one, cache=MemoryCache(100, 300.0, clock))


def lookups(slab: Slab) -> dict[tuple[str, str, str], int]:
    return {
        (sample.labels[0], sample.labels[1], sample.labels[2]): sample.cells[0]
        for sample in read_samples(slab.directory)
        if sample.metric.name == "classification_cache_lookups_total" and sample.cells[0]
    }


@pytest.mark.parametrize(
    "bundle", [spam_bundle(), topic_bundle(), labels_bundle(), tree_bundle()], ids=lambda b: b.kind
)
def test_a_hit_is_a_new_prediction_with_the_same_answer(bundle: Bundle, slab: Slab, log: ReadableLog) -> None:
    counting, predictor = Counting(served(kept(bundle), slab)), predictor_with(log)
    raw = RAW if bundle.classifier == "spam" else json.dumps(TOPIC_ROW).encode()
    options = Options(return_probabilities=True)
    first, second = [
        predictor.commit(counting.served, predictor.think(counting.served, raw, options), 0.5, options)
        for _ in range(2)
    ]
    assert (first.cache_hit, second.cache_hit) == (False, True)
    assert first.prediction_id != second.prediction_id
    assert msgspec.structs.replace(second, prediction_id=first.prediction_id, cache_hit=False) == first
    assert [record.cache_hit for record in log.predictions] == [False, True]
    assert counting.calls == 1
    name = bundle.classifier
    assert lookups(slab) == {(name, "1", "miss"): 1, (name, "1", "hit"): 1}


def test_without_a_cache_nothing_is_kept(slab: Slab, log: ReadableLog) -> None:
    counting, predictor = Counting(served(spam_bundle(), slab)), predictor_with(log)
    answers = [predictor.commit(counting.served, predictor.think(counting.served, RAW), 0.5) for _ in range(2)]
    assert [answer.cache_hit for answer in answers] == [False, False]
    assert (counting.calls, lookups(slab)) == (2, {})


def test_who_it_is_about_does_not_count_but_every_feature_does(slab: Slab, log: ReadableLog) -> None:
    counting, predictor = Counting(served(kept(spam_bundle()), slab)), predictor_with(log)
    rows = [SPAM_ROW, {**SPAM_ROW, "user_id": "u2"}, {**SPAM_ROW, "amount": 3.25}, {**SPAM_ROW, "plan": None}]
    hits = [predictor.think(counting.served, json.dumps(row).encode()).cache_hit for row in rows]
    assert hits == [False, True, False, False]


def test_five_hundred_equal_requests_at_once_ask_the_model_once(slab: Slab, log: ReadableLog) -> None:
    counting, predictor = Counting(served(kept(spam_bundle()), slab)), predictor_with(log)

    async def ask() -> bool:
        await asyncio.sleep(0)
        return predictor.commit(counting.served, predictor.think(counting.served, RAW), 0.5).cache_hit

    async def herd() -> list[bool]:
        return list(await asyncio.gather(*[ask() for _ in range(500)]))

    assert sum(asyncio.run(herd())) == 499
    assert counting.calls == 1
    assert len({record.prediction_id for record in log.predictions}) == 500


def test_a_score_is_computed_again_when_its_time_is_over(slab: Slab, log: ReadableLog, clock: Clock) -> None:
    counting = Counting(with_clock(served(kept(spam_bundle()), slab), clock))
    hits = []
    for clock.now in (0.0, 299.0, 300.0, 301.0, 599.0, 600.0):
        hits.append(predictor_with(log).think(counting.served, RAW).cache_hit)
    assert hits == [False, True, False, True, True, False]


def test_a_hit_is_explained_like_any_answer(slab: Slab, log: ReadableLog) -> None:
    one, predictor = served(kept(spam_bundle()), slab), predictor_with(log)
    options = Options(explain=True)
    first, second = [one.explainer.try_to(predictor.think(one, RAW, options)) for _ in range(2)]
    assert second[0].cache_hit
    assert second[1] == first[1] is not None


def test_scores_of_earlier_answer_for_a_model_that_fails_before_the_fallback_does(
    slab: Slab, log: ReadableLog, clock: Clock
) -> None:
    ruled = with_rule(spam_bundle(bias=-50.0), "spam", "ham", feature="url_count", above=0)
    one, predictor = with_clock(served(kept(ruled), slab), clock), predictor_with(log)
    sound = predictor.commit(one, predictor.think(one, RAW), 0.5)
    failing = broken(one, lambda _: [math.nan])
    clock.now = 301.0
    answer = predictor.commit(failing, predictor.think(failing, RAW), 0.5)
    assert (answer.label, answer.confidence) == (sound.label, sound.confidence)
    assert answer.degraded == ("answered by scores of earlier: the model gave a score that is not finite",)
    assert answer.cache_hit
    other = predictor.think(failing, json.dumps({**SPAM_ROW, "amount": 9}).encode())
    assert (other.decision.label, other.cache_hit) == ("spam", False)


def test_a_hit_is_no_answer_of_the_model(slab: Slab, log: ReadableLog) -> None:
    one, predictor = served(kept(spam_bundle()), slab), predictor_with(log)
    predictor.commit(one, predictor.think(one, RAW), 0.5)
    failing = broken(one, lambda _: [math.nan])
    for amount in range(3):
        with pytest.raises(ReleaseError):
            predictor.think(failing, json.dumps({**SPAM_ROW, "amount": amount}).encode())
        assert predictor.commit(failing, predictor.think(failing, RAW), 0.5).cache_hit
    assert failing.vitals.concern is not None


def test_scores_that_are_not_finite_are_not_kept(slab: Slab, log: ReadableLog) -> None:
    ruled = with_rule(spam_bundle(), "spam", "ham", feature="url_count", above=0)
    one = broken(served(kept(ruled), slab), lambda _: [math.nan])
    thoughts = [predictor_with(log).think(one, RAW) for _ in range(2)]
    assert [(thought.cache_hit, thought.instead) for thought in thoughts] == [(False, "not_finite")] * 2


def test_two_classifiers_and_two_versions_never_answer_for_each_other(slab: Slab, log: ReadableLog) -> None:
    """All four share one cache, as they would a remote one."""
    cache, predictor = MemoryCache(1000, 300.0, time.monotonic), predictor_with(log)
    warm = [
        dataclasses.replace(served(kept(spam_bundle(bias=bias, classifier=name)), slab, version=version), cache=cache)
        for name in ("spam", "mail")
        for version, bias in ((1, -3.0), (2, 3.0))
    ]
    alone = [one.release.answer(one.release.decode(RAW)) for one in warm]
    for hit in (False, True, True):
        thoughts = [predictor.think(one, RAW) for one in warm]
        assert [thought.decision for thought in thoughts] == alone
        assert [thought.cache_hit for thought in thoughts] == [hit] * 4
    assert len({one.key(warm[0].release.decode(RAW)) for one in warm}) == 4


def test_another_policy_of_the_same_model_finds_its_scores_and_decides_itself(slab: Slab, log: ReadableLog) -> None:
    bundle = kept(spam_bundle())
    strict = dataclasses.replace(bundle, policy=msgspec.structs.replace(bundle.policy, thresholds=(1.0,)))
    one = served(bundle, slab)
    other = dataclasses.replace(served(strict, slab, version=2), cache=one.cache)
    first, second = [predictor_with(log).think(each, RAW) for each in (one, other)]
    assert (first.cache_hit, second.cache_hit, first.scores) == (False, True, second.scores)
    assert (first.decision.label, second.decision.label) == ("spam", "ham")


def test_the_wish_for_a_cache_is_part_of_the_release() -> None:
    bundle = kept(spam_bundle())
    files = write_files(bundle)
    assert read_files("spam", files).serving == PLAN
    assert SERVING not in write_files(spam_bundle())
    assert Release.prepare(bundle).cache == PLAN.cache
    assert Release.prepare(spam_bundle()).model_digest == ""


def test_a_model_that_is_cheaper_than_its_cache_is_told_when_it_is_loaded(
    slab: Slab, caplog: pytest.LogCaptureFixture
) -> None:
    bundle = kept(topic_bundle())
    release = release_of(bundle)
    cheap = dataclasses.replace(release, features=lambda _row: FeatureRow([], [], []), scores=lambda _: [0.0] * 3)
    assert (compare_cost(cheap) or "").startswith("the model is cheaper than its cache: ")

    def slow(features: FeatureRow) -> list[float]:
        return release.scores(FeatureRow([sum(range(20_000)) * 0.0 + cell for cell in features.dense], [], []))

    assert compare_cost(dataclasses.replace(release, scores=slow)) is None
    with caplog.at_level(logging.WARNING):
        served(bundle, slab)
    assert all("cheaper" in record.message for record in caplog.records)


def test_the_key_sees_every_cell_but_ids() -> None:
    release = Release.prepare(kept(spam_bundle()))
    key = prepare_key(release)
    row = release.decode(RAW)
    changed = [(*row[:at], None, *row[at + 1 :]) for at in range(len(row))]
    assert [key(one) == key(row) for one in changed] == [name == "user_id" for name in release.contract.names]
