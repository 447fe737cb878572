"""The fallback of a release: a part of it like any other."""

from __future__ import annotations

import dataclasses

import msgspec
import pytest

from assay.errors import ReleaseError, SpecError
from assay.policy.apply import prepare
from assay.policy.policy import Rule
from assay.release.bundle import (
    FALLBACK,
    FALLBACK_ARRAYS,
    FURTHER_FILES,
    RELEASE_FILES,
    Bundle,
    read_files,
    release_digest,
    write_files,
)
from assay.release.core import Release
from assay.release.fallback import Fallback, RuleFallback, StoredFallback
from assay.release.manifest import make_manifest, read_manifest, write_manifest
from assay.release.parity import replay
from tests.serving.material import (
    SPAM_ROW,
    TOPIC_ROW,
    labels_bundle,
    spam_bundle,
    topic_bundle,
    tree_bundle,
    with_model,
    with_rule,
)

PLAIN = spam_bundle()
RULED = with_rule(PLAIN, "spam", "ham", feature="url_count", above=0)


def prepared(bundle: Bundle) -> tuple[Release, Fallback]:
    release = Release.prepare(bundle)
    assert release.fallback is not None
    return release, release.fallback


def test_a_rule_says_its_label_where_it_holds_and_the_other_elsewhere() -> None:
    release, fallback = prepared(RULED)
    said = [
        fallback.answer(release.decode_mapping({**SPAM_ROW, "text": text})).decision
        for text in ("see http://x.example", "see you")
    ]
    assert [(one.label, one.decision, one.label_index) for one in said] == [("spam", "spam", 1), ("ham", "ham", 0)]
    assert [(one.confidence, one.prediction, one.probabilities) for one in said] == [
        (0.6, 0.6, (0.4, 0.6)),
        (0.6, 0.4, (0.6, 0.4)),
    ]
    assert fallback.name == "rule url_count > 0"


def test_of_several_classes_the_prediction_is_that_of_the_label() -> None:
    release, fallback = prepared(with_rule(topic_bundle(), "sport", "art", feature="goals", above=2))
    said = [fallback.answer(release.decode_mapping({**TOPIC_ROW, "goals": goals})).decision for goals in (3, 2)]
    assert [(one.label, one.confidence, one.prediction) for one in said] == [("sport", 0.6, 0.6), ("art", 0.6, 0.6)]


def test_of_several_labels_one_or_none_applies() -> None:
    release, fallback = prepared(with_rule(labels_bundle(), "sport", None, feature="goals", above=2))
    said = [fallback.answer(release.decode_mapping({**TOPIC_ROW, "goals": goals})).decision for goals in (3, 2)]
    assert [(one.label, one.label_index, one.confidence) for one in said] == [(("sport",), (2,), 0.6), ((), (), 0.4)]
    assert said[0].prediction == {"art": 0.2, "money": 0.2, "sport": 0.6}


def test_a_fallback_model_has_a_plan_and_a_calibration_of_its_own_and_the_policy_of_the_release() -> None:
    bundle = with_model(tree_bundle(), _binary(topic_bundle()))
    release, fallback = prepared(bundle)
    row = release.decode_mapping(TOPIC_ROW)
    features, scores, decision = fallback.answer(row)
    stored = bundle.fallback
    assert stored is not None
    assert not isinstance(stored.told, RuleFallback)
    policy = msgspec.structs.replace(bundle.policy, calibration=stored.told.calibration)
    assert decision == prepare(policy)(scores)
    assert decision != release.answer(row)
    assert list(features.dense) == [3.0, 1.5]
    assert fallback.name == "model logistic_regression"


@pytest.mark.parametrize("bundle", [RULED, with_model(tree_bundle(), topic_bundle())], ids=["rule", "model"])
def test_it_is_stored_and_counts_in_the_digest(bundle: Bundle) -> None:
    files = write_files(bundle)
    assert set(files) - set(RELEASE_FILES) == {FALLBACK} | ({FALLBACK_ARRAYS} if len(files) > 8 else set())
    read = read_files(bundle.classifier, files)
    assert write_files(read) == files
    replay(Release.prepare(read), read.parity)
    manifest = make_manifest(bundle.classifier, files, {})
    assert read_manifest(write_manifest(manifest)) == manifest
    assert manifest.release_digest == release_digest(files)
    assert manifest.release_digest != release_digest({name: files[name] for name in RELEASE_FILES})


def test_a_release_without_one_keeps_its_files() -> None:
    assert not set(write_files(PLAIN)) & set(FURTHER_FILES)
    assert b"fallback" not in b"".join(write_files(PLAIN).values())


def test_a_fallback_that_answers_otherwise_than_when_it_was_made_is_refused() -> None:
    assert RULED.fallback is not None
    assert isinstance(RULED.fallback.told, RuleFallback)
    turned = msgspec.structs.replace(RULED.fallback.told, holds=(0.3, 0.7))
    changed = dataclasses.replace(RULED, fallback=StoredFallback(turned))
    with pytest.raises(ReleaseError, match=r"by the fallback the probability of ham was 0\.4, is 0\.3"):
        replay(Release.prepare(changed), changed.parity)
    with pytest.raises(ReleaseError, match="has no fallback"):
        replay(Release.prepare(dataclasses.replace(RULED, fallback=None)), RULED.parity)


@pytest.mark.parametrize(
    "change",
    [
        {"otherwise": "eggs"},
        {"holds": (1.0,)},
        {"rule": Rule(feature="url_count", op=">", value=0.0, label="eggs")},
    ],
    ids=str,
)
def test_a_rule_of_other_classes_does_not_belong(change: dict[str, object]) -> None:
    assert RULED.fallback is not None
    told = msgspec.structs.replace(RULED.fallback.told, **change)
    with pytest.raises(ReleaseError, match="classes of the contract"):
        Release.prepare(dataclasses.replace(RULED, fallback=StoredFallback(told)))


def test_a_rule_on_an_unknown_feature_does_not_belong() -> None:
    with pytest.raises(SpecError, match=r"model\.fallback\.rule\.feature.*did you mean url_count"):
        with_rule(PLAIN, "spam", "ham", feature="url_cuont", above=0)


def test_a_model_of_another_contract_does_not_belong() -> None:
    with pytest.raises(ReleaseError, match="columns of the contract"):
        with_model(tree_bundle(), spam_bundle())


@pytest.mark.parametrize("name", [FALLBACK, FALLBACK_ARRAYS])
@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[1]", b"\x00" * 20])
def test_a_damaged_file_is_named(name: str, content: bytes) -> None:
    files = write_files(with_model(tree_bundle(), topic_bundle()))
    with pytest.raises(ReleaseError, match=name):
        read_files("match", {**files, name: content})


def test_arrays_without_a_model_and_a_model_without_arrays_are_refused() -> None:
    files = write_files(with_model(tree_bundle(), topic_bundle()))
    with pytest.raises(ReleaseError, match="do not belong together"):
        read_files("match", {name: content for name, content in files.items() if name != FALLBACK_ARRAYS})
    with pytest.raises(ReleaseError, match="do not belong together"):
        read_files("spam", {**write_files(RULED), FALLBACK_ARRAYS: files[FALLBACK_ARRAYS]})


def _binary(bundle: Bundle) -> Bundle:
    """The first output of a model of several classes, as that of a binary one."""
    arrays = dict(bundle.model_arrays)
    arrays["coefficients"], arrays["intercept"] = arrays["coefficients"][:1], arrays["intercept"][:1]
    return dataclasses.replace(bundle, model_arrays=arrays)
