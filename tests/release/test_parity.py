"""The parity certificate."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import numpy as np
import pytest

from assay.errors import ReleaseError
from assay.policy.policy import Calibration
from assay.release.bundle import Bundle
from assay.release.core import Release
from assay.release.parity import record, replay
from tests.release.material import linear_bundle, trees_bundle

LINEAR, TREES = linear_bundle(), trees_bundle()


@pytest.mark.parametrize("bundle", [LINEAR, TREES], ids=["linear", "trees"])
def test_a_release_reproduces_what_it_recorded(bundle: Bundle) -> None:
    replay(Release.prepare(bundle), bundle.parity)
    assert record(Release.prepare(bundle), [one.example for one in bundle.parity]) == bundle.parity


def _plan(bundle: Bundle, at: int, **changes: Any) -> dict[str, Any]:
    encoders = list(bundle.plan.encoders)
    encoders[at] = msgspec.structs.replace(encoders[at], **changes)
    return {"plan": msgspec.structs.replace(bundle.plan, encoders=tuple(encoders))}


def _policy(bundle: Bundle, **changes: Any) -> dict[str, Any]:
    return {"policy": msgspec.structs.replace(bundle.policy, **changes)}


def _contract(bundle: Bundle, name: str, **changes: Any) -> dict[str, Any]:
    columns = tuple(
        msgspec.structs.replace(column, **changes) if column.name == name else column
        for column in bundle.contract.columns
    )
    return {"contract": msgspec.structs.replace(bundle.contract, columns=columns)}


#: What is changed, and what the refusal says.
CHANGES: Mapping[str, tuple[Callable[[Bundle], dict[str, Any]], str]] = {
    "an imputed value": (lambda one: _plan(one, 0, impute=3.0), "feature amount was"),
    "a category": (lambda one: _plan(one, 3, values=("free", "gold")), "feature plan=pro was"),
    "a derived column": (
        lambda one: {
            "plan": msgspec.structs.replace(
                one.plan, derived=(one.plan.derived[0], msgspec.structs.replace(one.plan.derived[1], part="minute"))
            )
        },
        "feature hour was",
    ),
    "a vocabulary": (
        lambda one: _plan(one, 6, word_terms=("call", "call me", "free", "order", "zzz")),
        "in one and not in the other",
    ),
    "a weight of a term": (
        lambda one: {"plan_arrays": {name: array**2 for name, array in one.plan_arrays.items()}},
        "of the text weighed",
    ),
    "the intercept": (
        lambda one: {"model_arrays": {**one.model_arrays, "intercept": np.array([-0.5001])}},
        "raw score 0 was",
    ),
    "the calibration": (
        lambda one: _policy(one, calibration=Calibration(method="none")),
        "the probability of ham was",
    ),
    "the threshold": (lambda one: _policy(one, thresholds=(0.99,)), "the decision was"),
    "the review band": (lambda one: _policy(one, review_within=0.5), "the decision was"),
    "the contract": (lambda one: _contract(one, "text", max_length=2), "no longer taken"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_the_first_difference_is_named(what: str) -> None:
    change, message = CHANGES[what]
    changed = Release.prepare(dataclasses.replace(LINEAR, **change(LINEAR)))
    with pytest.raises(ReleaseError, match=message):
        replay(changed, LINEAR.parity)


def test_a_threshold_of_a_tree_counts() -> None:
    with pytest.raises(ReleaseError, match="raw score"):
        replay(Release.prepare(trees_bundle(recorded=False, threshold=3.5)), TREES.parity)


def test_the_last_place_of_a_float_may_differ() -> None:
    nearly = {"model_arrays": {**LINEAR.model_arrays, "intercept": np.nextafter(LINEAR.model_arrays["intercept"], 1.0)}}
    replay(Release.prepare(dataclasses.replace(LINEAR, **nearly)), LINEAR.parity)


def test_nothing_to_replay_proves_nothing() -> None:
    with pytest.raises(ReleaseError, match="no parity examples"):
        replay(Release.prepare(LINEAR), ())


def test_examples_that_the_contract_does_not_take_are_left_out() -> None:
    good = LINEAR.parity[0].example
    (kept,) = record(Release.prepare(LINEAR), [{"nonsense": 1}, good, {**good, "text": ""}])
    assert kept == LINEAR.parity[0]


def test_a_contract_that_takes_none_is_an_error() -> None:
    with pytest.raises(ReleaseError, match="no synthetic example fits") as caught:
        record(Release.prepare(LINEAR), [{"text": ""}])
    assert caught.value.problems


def test_terms_in_another_order_are_refused() -> None:
    at = next(number for number, one in enumerate(LINEAR.parity) if len(one.indices) > 1)
    told = LINEAR.parity[at]
    turned = msgspec.structs.replace(told, indices=told.indices[::-1])
    with pytest.raises(ReleaseError, match="stand in another order"):
        replay(Release.prepare(LINEAR), [turned])
