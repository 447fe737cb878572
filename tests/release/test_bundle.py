"""A bundle and its files."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.errors import ReleaseError
from assay.policy.policy import Policy
from assay.release.bundle import ARRAYS, PARITY, POLICY, RELEASE_FILES, Bundle, policy_digest, read_files, write_files
from assay.release.core import Release
from assay.release.manifest import make_manifest
from tests.release.material import linear_bundle, trees_bundle

BUNDLES = {"linear": linear_bundle(), "trees": trees_bundle()}
FILES = {name: write_files(bundle) for name, bundle in BUNDLES.items()}


def _digest(bundle: Bundle) -> str:
    return make_manifest(bundle.classifier, write_files(bundle), {}).release_digest


@pytest.mark.parametrize("kind", BUNDLES)
def test_files_read_back_as_the_same_bundle(kind: str) -> None:
    read = read_files("spam", FILES[kind])
    assert write_files(read) == FILES[kind]
    assert tuple(FILES[kind]) == RELEASE_FILES
    assert (read.contract, read.policy, read.plan) == (BUNDLES[kind].contract, BUNDLES[kind].policy, BUNDLES[kind].plan)
    for name, array in BUNDLES[kind].model_arrays.items():
        assert read.model_arrays[name].dtype == array.dtype
        assert np.array_equal(read.model_arrays[name], array)


@pytest.mark.parametrize("kind", BUNDLES)
def test_equal_parts_give_equal_bytes(kind: str) -> None:
    again = {"linear": linear_bundle, "trees": trees_bundle}[kind]()
    shuffled = dict(reversed(again.model_arrays.items()))
    assert write_files(dataclasses.replace(again, model_arrays=shuffled)) == FILES[kind]


def test_an_integer_where_a_float_belongs_changes_no_digest() -> None:
    policies = [msgspec.structs.replace(BUNDLES["linear"].policy, thresholds=(one,)) for one in (1, 1.0)]
    assert policy_digest(policies[0]) == policy_digest(policies[1])


CHANGES: Mapping[str, Callable[[Bundle], dict[str, Any]]] = {
    "a coefficient": lambda one: {
        "model_arrays": {**one.model_arrays, "intercept": np.nextafter(one.model_arrays["intercept"], 9.0)}
    },
    "a threshold": lambda one: {"policy": msgspec.structs.replace(one.policy, thresholds=(0.61,))},
    "an inverse document frequency": lambda one: {
        "plan_arrays": {name: array + 1e-9 for name, array in one.plan_arrays.items()}
    },
    "a column": lambda one: {"contract": msgspec.structs.replace(one.contract, entity=None)},
    "the plan": lambda one: {"plan": msgspec.structs.replace(one.plan, encoders=one.plan.encoders[::-1])},
    "the profile": lambda one: {"profile": {}},
    "the parity examples": lambda one: {"parity": one.parity[:-1]},
    "the kind": lambda _: {"kind": "trees"},
}


@pytest.mark.parametrize("what", CHANGES)
def test_every_part_counts_in_the_digest(what: str) -> None:
    bundle = BUNDLES["linear"]
    assert _digest(dataclasses.replace(bundle, **CHANGES[what](bundle))) != _digest(bundle)


def test_the_name_of_the_classifier_does_not_count() -> None:
    assert _digest(dataclasses.replace(BUNDLES["linear"], classifier="other")) == _digest(BUNDLES["linear"])


def test_what_cannot_be_read_back_is_not_written() -> None:
    policy = Policy(task="binary", classes=("a", "b"), thresholds=(float("nan"),))
    with pytest.raises(ReleaseError, match="Policy"):
        write_files(dataclasses.replace(BUNDLES["linear"], policy=policy))


@pytest.mark.parametrize("name", RELEASE_FILES)
def test_a_missing_file_is_named(name: str) -> None:
    files = {other: content for other, content in FILES["linear"].items() if other != name}
    with pytest.raises(ReleaseError, match=name):
        read_files("spam", files)


@pytest.mark.parametrize("name", RELEASE_FILES)
@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[1]", b"\x00" * 20, b"[" * 100_000])
def test_a_file_of_something_else_is_named(name: str, content: bytes) -> None:
    with pytest.raises(ReleaseError, match=name):
        read_files("spam", {**FILES["linear"], name: content})


@given(st.sampled_from(sorted(BUNDLES)), st.sampled_from(RELEASE_FILES), st.data())
def test_even_with_fitting_digests_a_changed_file_raises_nothing_unexpected(
    kind: str, name: str, data: st.DataObject
) -> None:
    content = bytearray(FILES[kind][name])
    if name == PARITY:
        del content[4000:]
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    try:
        bundle = read_files("spam", {**FILES[kind], name: bytes(content)})
        Release.prepare(bundle)
    except (ReleaseError, ArithmeticError, LookupError, TypeError, ValueError):
        return
    assert name not in {ARRAYS, POLICY} or bundle.contract == BUNDLES[kind].contract
