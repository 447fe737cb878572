"""The proof that what will serve is what was trained."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from assay.contract.table import Table
from assay.errors import ReleaseError
from assay.features.plan import FeatureFrame, FeatureRow
from assay.release.core import Release
from assay.training.proof import measure_latency, prove, sample
from tests.release.material import linear_bundle, trees_bundle


@pytest.fixture(params=[linear_bundle, trees_bundle], ids=["linear", "trees"])
def release(request: pytest.FixtureRequest) -> Release:
    return Release.prepare(request.param())


def table(release: Release) -> Table:
    return Table.from_rows(release.contract, [release.decode_mapping(example) for example in release.examples])


def test_a_release_that_equals_its_library_is_proved(release: Release) -> None:
    proof = prove(release, table(release), release.model.frame)
    assert (proof.rows, proof.library_difference) == (len(release.examples), 0.0)


def test_another_library_score_is_named_with_its_row(release: Release) -> None:
    def library(features: FeatureFrame) -> NDArray[np.float64]:
        scores = release.model.frame(features)
        scores[5, 0] += 0.5
        return scores

    with pytest.raises(ReleaseError, match="row 5 of the parity sample: a probability"):
        prove(release, table(release), library)


def test_the_first_feature_that_differs_is_named(release: Release) -> None:
    def features(row: tuple[float | str | None, ...]) -> FeatureRow:
        right = release.features(row)
        return right._replace(dense=[*right.dense[:1], right.dense[1] + 1.0, *right.dense[2:]])

    with pytest.raises(ReleaseError, match=f"row 0 of the parity sample.*the feature {release.plan.names[1]}"):
        prove(replace(release, features=features), table(release), release.model.frame)


def test_a_score_that_differs_in_the_last_place_is_found(release: Release) -> None:
    def scores(features: FeatureRow) -> list[float]:
        return [float(np.nextafter(score, np.inf)) for score in release.scores(features)]

    with pytest.raises(ReleaseError, match="raw scores"):
        prove(replace(release, scores=scores), table(release), release.model.frame)


def test_the_latency_is_the_99th_percentile_with_its_interval(release: Release) -> None:
    calls = iter([0.0 if at % 2 == 0 else (at // 2) / 1000.0 for at in range(20_000)])
    measured = measure_latency(release, lambda: next(calls))
    rounds = -(-1000 // len(release.examples)) * len(release.examples)
    assert measured.value == pytest.approx(int(0.99 * rounds), abs=1)
    assert measured.low < measured.value < measured.high


@pytest.mark.parametrize(("rows", "taken"), [(1, 1), (7, 7), (2000, 2000), (50_001, 2000)])
def test_the_sample_is_spread_evenly_from_the_first_to_the_last_row(rows: int, taken: int) -> None:
    chosen = sample(rows)
    assert (len(chosen), chosen[0], chosen[-1]) == (taken, 0, rows - 1)
