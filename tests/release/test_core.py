"""The release core: one row and many rows get the same answers, to the bit."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.contract.table import Table
from assay.errors import ContractError, MalformedError, ReleaseError
from assay.release.bundle import Bundle, policy_digest
from assay.release.core import Release
from assay.release.synthesise import synthesise
from assay.values import Row
from tests.release.material import linear_bundle, trees_bundle

BUNDLES = {"linear": linear_bundle(), "trees": trees_bundle()}
RELEASES = {name: Release.prepare(bundle, version=3, digest="d") for name, bundle in BUNDLES.items()}
#: At the thresholds of the trees and one unit in the last place beside them, in float64 and in float32.
THRESHOLDS = [
    float(value)
    for threshold in (2.5, np.float32(1.1), 2.0, np.float32(0.1))
    for value in (
        threshold,
        math.nextafter(float(threshold), math.inf),
        math.nextafter(float(threshold), -math.inf),
        np.nextafter(np.float32(threshold), np.float32(math.inf)),
        np.nextafter(np.float32(threshold), np.float32(-math.inf)),
    )
]

numbers = st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(THRESHOLDS)
linear_rows = st.tuples(
    st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=80)
    | st.sampled_from(["win a free order", "CALL ME free free", "http://a.example/x see"]),
    st.none(),
    numbers,
    numbers,
    st.none() | st.sampled_from(["free", "pro", "never seen"]),
    st.none() | st.sampled_from([0.0, 1.0]),
    st.none() | st.floats(-1e10, 1e10),
)
trees_rows = st.tuples(
    numbers, numbers.filter(lambda one: one is not None), st.none() | st.sampled_from(["a", "b", "z"])
)


def _assert_same(release: Release, rows: Sequence[Row]) -> None:
    many = release.answer_frame(Table.from_rows(release.contract, rows))
    for at, row in enumerate(rows):
        one = release.answer(row)
        assert (one.label, one.label_index, one.decision) == (many.label[at], many.label_index[at], many.decision[at])
        assert (one.confidence, one.prediction) == (many.confidence[at], many.prediction[at])
        assert one.probabilities == tuple(many.probabilities[at].tolist())


@pytest.mark.parametrize("kind", RELEASES)
def test_synthetic_rows_get_the_same_answer_alone_and_together(kind: str) -> None:
    release = RELEASES[kind]
    rows = [release.decode_mapping(example) for example in synthesise(BUNDLES[kind], seed=5, count=500)]
    _assert_same(release, rows)
    assert len({release.answer(row).label for row in rows}) > 1


@given(st.lists(linear_rows, min_size=1, max_size=8))
def test_a_linear_release_answers_the_same_alone_and_together(rows: list[Row]) -> None:
    _assert_same(RELEASES["linear"], rows)


@given(st.lists(trees_rows, min_size=1, max_size=8))
def test_trees_answer_the_same_alone_and_together(rows: list[Row]) -> None:
    _assert_same(RELEASES["trees"], rows)


@pytest.mark.parametrize("kind", RELEASES)
def test_an_empty_table_has_no_decisions(kind: str) -> None:
    many = RELEASES[kind].answer_frame(Table.from_rows(RELEASES[kind].contract, []))
    assert len(many.label) == 0
    assert many.probabilities.shape == (0, len(RELEASES[kind].contract.classes))


@pytest.mark.parametrize("kind", RELEASES)
def test_the_order_of_rows_does_not_matter_and_nothing_is_changed(kind: str) -> None:
    release = RELEASES[kind]
    rows = [release.decode_mapping(example) for example in release.examples]
    table = Table.from_rows(release.contract, rows)
    before = {name: values.copy() for name, values in table.columns.items()}
    forwards = release.answer_frame(table)
    backwards = release.answer_frame(Table.from_rows(release.contract, rows[::-1]))
    assert np.array_equal(forwards.probabilities, backwards.probabilities[::-1])
    for name, values in table.columns.items():
        assert np.array_equal(values, before[name], equal_nan=values.dtype.kind == "f")


@pytest.mark.parametrize("kind", RELEASES)
def test_probabilities_sum_to_one(kind: str) -> None:
    release = RELEASES[kind]
    for example in release.examples:
        answer = release.answer(release.decode_mapping(example))
        assert math.isclose(sum(answer.probabilities), 1.0, rel_tol=1e-12)
        assert 0.0 <= answer.confidence <= 1.0


@pytest.mark.parametrize("kind", RELEASES)
def test_json_and_values_in_memory_decode_to_the_same_row(kind: str) -> None:
    release = RELEASES[kind]
    for example in release.examples:
        assert release.decode(msgspec.json.encode(example)) == release.decode_mapping(example)


def test_it_says_who_it_is() -> None:
    release, bundle = RELEASES["linear"], BUNDLES["linear"]
    assert (release.classifier, release.version, release.digest) == ("spam", 3, "d")
    assert release.policy_digest == policy_digest(bundle.policy)
    assert list(release.examples) == [one.example for one in bundle.parity]


def test_bad_input_is_refused_by_the_decoder() -> None:
    with pytest.raises(MalformedError):
        RELEASES["trees"].decode(b'{"goals": 1')
    with pytest.raises(ContractError) as caught:
        RELEASES["trees"].decode(b'{"goals": "many", "page": "a"}')
    assert {problem.path for problem in caught.value.problems} == {"features.goals", "features.price"}


def test_rules_give_reasons() -> None:
    release = RELEASES["linear"]
    features = release.features(release.decode_mapping({"text": "see http://a.example now", "limit": 3}))
    assert release.reasons(features.dense) == ("contains a URL",)


def _with_classes(bundle: Bundle) -> Bundle:
    return dataclasses.replace(bundle, policy=msgspec.structs.replace(bundle.policy, classes=("spam", "ham")))


def _with_columns(bundle: Bundle) -> Bundle:
    return dataclasses.replace(bundle, plan=msgspec.structs.replace(bundle.plan, columns=bundle.plan.columns[::-1]))


def _with_kind(bundle: Bundle) -> Bundle:
    return dataclasses.replace(bundle, kind="pickle")


@pytest.mark.parametrize("change", [_with_classes, _with_columns, _with_kind])
def test_parts_that_do_not_belong_together_are_refused(change: Callable[[Bundle], Bundle]) -> None:
    with pytest.raises(ReleaseError):
        Release.prepare(change(BUNDLES["linear"]))
