"""What serves is what was trained, on every row: two evaluators, one row or many, the core and the fitted library."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings

from assay.features.plan import FeatureFrame
from assay.models.trees import TreeModel
from assay.policy.apply import decide_frame, prepare, probabilities_frame
from assay.policy.policy import Calibration, Policy
from assay.release.core import Release
from assay.training.proof import TOLERANCE
from tests.flow.exactness import (
    FITTED,
    Subject,
    beside,
    columns_of,
    first_difference,
    frame_of,
    numbers_in_sets,
    open_subject,
    row_path,
    rows_from,
    same_bits,
    same_decisions,
    thresholds_of,
    trees_of,
)
from tests.flow.material import SETS, Trained, chunks
from tests.flow.random_releases import Case, releases_with_rows

pytestmark = [pytest.mark.slow, pytest.mark.integration]

_MOST_THRESHOLDS = 2500


@pytest.fixture(scope="module", params=SETS)
def subject(request: pytest.FixtureRequest, trained: Callable[[str], Trained]) -> Subject:
    return open_subject(trained(request.param))


def test_a_row_of_the_file_and_the_same_row_on_the_wire_are_one(subject: Subject) -> None:
    decode = subject.release.decode
    for body, row in zip(_bodies(subject), subject.rows, strict=True):
        assert decode(body) == row


def test_both_evaluators_give_the_same_bits(subject: Subject) -> None:
    release = subject.release
    frame = release.features_frame(subject.dataset.table)
    assert first_difference(list(map(release.features, subject.rows)), frame, release.plan.names) == ""


def test_one_row_a_chunk_and_all_rows_get_the_same_answer(subject: Subject) -> None:
    release, table = subject.release, subject.dataset.table
    whole = release.answer_frame(table)
    alone = columns_of(list(map(release.answer, subject.rows)), len(release.contract.classes))
    assert same_decisions(alone, whole)
    for part in chunks(table.rows):
        some = release.answer_frame(table.take(np.arange(part.start, part.stop)))
        assert same_decisions(some, type(whole)(*(column[part] for column in whole)))


@pytest.mark.parametrize("candidate", FITTED)
def test_the_core_says_what_the_library_says(subject: Subject, candidate: str) -> None:
    fitted = subject.fitted(candidate)
    frame = frame_of(fitted, subject.dataset.table)
    features = list(map(row_path(fitted), subject.rows))
    assert first_difference(features, frame, fitted.plan.names) == ""
    scores = fitted.model.frame(frame)
    assert same_bits([fitted.model.row(row) for row in features], scores)
    policy = _policy(subject, candidate)
    assert _is_near(policy, fitted.model.kind, scores, fitted.library(frame))
    if subject.trained.said["card"]["model"]["chosen"] == candidate:
        again, released = fitted.model.arrays(), subject.release.model.arrays()
        assert {name: array.tobytes() for name, array in again.items()} == {
            name: np.asarray(array).tobytes() for name, array in released.items()
        }
    if isinstance(fitted.model, TreeModel):
        edges = _at_thresholds(fitted.model, frame)
        at_edges = fitted.model.frame(edges)
        assert same_bits([fitted.model.row(row) for row in rows_from(edges)], at_edges)
        assert _is_near(policy, "trees", at_edges, fitted.library(edges))


def test_numbers_one_ulp_beside_a_threshold_fall_on_the_same_side_in_both_evaluators(subject: Subject) -> None:
    release, names = subject.release, subject.release.contract.names
    numbers = [column.name for column in release.contract.columns if column.type == "number"]
    rows = []
    for name, value in _thresholds(release, numbers):
        for cell in (math.nextafter(value, -math.inf), value, math.nextafter(value, math.inf)):
            row = list(subject.rows[len(rows) % len(subject.rows)])
            row[names.index(name)] = cell
            rows.append(tuple(row))
    if not rows:
        assert not trees_of(release.model) or not numbers
        return
    table = type(subject.dataset.table).from_rows(release.contract, rows)
    frame = release.features_frame(table)
    assert first_difference(list(map(release.features, rows)), frame, release.plan.names) == ""
    alone = columns_of(list(map(release.answer, rows)), len(release.contract.classes))
    assert same_decisions(alone, release.answer_frame(table))


def test_scores_one_ulp_beside_the_policys_threshold_are_decided_the_same(subject: Subject) -> None:
    policy = subject.release.policy
    if policy.task == "multiclass":
        assert policy.thresholds == ()
        return
    if policy.task == "multilabel":
        _decide_labels_around_their_thresholds(policy)
        return
    decide = prepare(policy)
    edges = [policy.thresholds[0] + shift for shift in (0.0, -policy.review_within, policy.review_within)]
    scores = [score for edge in edges for score in _scores_around(policy, edge)]
    alone = columns_of([decide([score]) for score in scores], 2)
    many = decide_frame(policy, probabilities_frame(policy, np.array(scores).reshape(-1, 1)))
    assert same_decisions(alone, many)
    assert len(set(alone.label)) == 2


def _decide_labels_around_their_thresholds(policy: Policy) -> None:
    decide = prepare(policy)
    rows = []
    for label, threshold in enumerate(policy.thresholds):
        alone = Policy(task="binary", classes=("no", "yes"), calibration=_calibration_of(policy.calibration, label))
        for score in _scores_around(alone, threshold):
            rows.append([0.0] * len(policy.classes))
            rows[-1][label] = score
    many = decide_frame(policy, probabilities_frame(policy, np.array(rows)))
    assert same_decisions(columns_of(list(map(decide, rows)), len(policy.classes)), many)
    assert set(many.label_index.min(axis=0)) == {0}
    assert set(many.label_index.max(axis=0)) == {1}


def _calibration_of(calibration: Calibration, label: int) -> Calibration:
    """That of one label."""
    parts = {name: getattr(calibration, name)[label : label + 1] for name in ("slope", "intercept", "x", "y")}
    return msgspec.structs.replace(calibration, **parts)


@given(case=releases_with_rows())
@settings(max_examples=60)
def test_any_release_gives_one_row_a_chunk_and_a_batch_the_same_answer(case: Case) -> None:
    release, table, rows = case
    frame = release.features_frame(table)
    features = list(map(release.features, rows))
    assert first_difference(features, frame, release.plan.names) == ""
    assert same_bits([release.scores(row) for row in features], release.model.frame(frame))
    whole = release.answer_frame(table)
    assert same_decisions(columns_of(list(map(release.answer, rows)), len(release.contract.classes)), whole)
    for part in chunks(table.rows, (1, 3, 2)):
        some = release.answer_frame(table.take(np.arange(part.start, part.stop)))
        assert same_decisions(some, type(whole)(*(column[part] for column in whole)))


def test_the_order_of_rows_changes_no_answer(subject: Subject) -> None:
    release, table = subject.release, subject.dataset.table
    order = np.random.default_rng(11).permutation(table.rows)[:2500]
    turned, straight = release.answer_frame(table.take(order)), release.answer_frame(table.take(np.sort(order)))
    back = np.argsort(np.argsort(order))
    assert same_decisions(turned, type(turned)(*(column[back] for column in straight)))


def _bodies(subject: Subject) -> Iterator[bytes]:
    """Every row of the file as a caller would send it: the file's own spelling, numbers and flags as JSON has them."""
    frame = subject.raw.frame
    columns = {column.name: column.type for column in subject.release.contract.columns}
    encode = msgspec.json.Encoder().encode
    blank = frozenset(subject.release.contract.missing_values)
    for cells in frame.select(list(columns)).iter_rows():
        yield encode(
            {name: _value(kind, cell, blank) for (name, kind), cell in zip(columns.items(), cells, strict=True)}
        )


def _value(kind: str, cell: str | None, blank: frozenset[str]) -> bool | float | str | None:
    if cell is None or kind == "text":
        return cell
    if cell.strip() in blank:
        return None
    if kind == "number":
        return float(cell)
    return cell == "true" if kind == "boolean" else cell


def _policy(subject: Subject, candidate: str) -> Policy:
    """That of the release for the model it was chosen for, and a plain one for the other model."""
    contract = subject.release.contract
    if subject.trained.said["card"]["model"]["chosen"] == candidate:
        return subject.release.policy
    thresholds = (0.5,) if contract.task == "binary" else ()
    return Policy(
        task=contract.task, classes=contract.classes, positive_index=contract.positive_index, thresholds=thresholds
    )


def _is_near(policy: Policy, kind: str, scores: np.ndarray, library: np.ndarray) -> bool:
    ours, theirs = probabilities_frame(policy, scores), probabilities_frame(policy, library)
    assert np.abs(ours - theirs).max() <= TOLERANCE[kind]
    return np.array_equal(decide_frame(policy, ours).label_index, decide_frame(policy, theirs).label_index)


def _at_thresholds(model: TreeModel, frame: FeatureFrame) -> FeatureFrame:
    """Rows of the frame in which one feature stands at a threshold of some tree or one float32 beside it, or is each
    number of a set that some tree splits on.
    """
    (trees,), dense = trees_of(model), frame.dense.shape[1]
    pairs = thresholds_of(trees)
    pairs = pairs[:: 1 + len(pairs) // _MOST_THRESHOLDS]
    cases = [(int(feature), value) for feature, threshold in pairs.tolist() for value in beside(threshold)]
    cases += [(feature, float(number)) for feature, number in sorted(numbers_in_sets(trees))]
    lines, indptr, indices, values = [], [0], [], []
    for number, (feature, value) in enumerate(cases):
        at = number % (frame.indptr.size - 1)
        part = slice(frame.indptr[at], frame.indptr[at + 1])
        line, terms = frame.dense[at].copy(), dict(zip(frame.indices[part].tolist(), frame.values[part], strict=True))
        if feature < dense:
            line[feature] = value
        else:
            terms[feature - dense] = value
        lines.append(line)
        indices += sorted(terms)
        values += [terms[index] for index in sorted(terms)]
        indptr.append(len(indices))
    return FeatureFrame(
        np.array(lines).reshape(len(cases), dense),
        np.array(indptr, dtype=np.int64),
        np.array(indices, dtype=np.int64),
        np.array(values, dtype=np.float64),
    )


def _thresholds(release: Release, names: Sequence[str]) -> list[tuple[str, float]]:
    """The thresholds of a model's trees on features that are columns of numbers."""
    wanted = {place: name for place, name in enumerate(release.plan.names) if name in names}
    pairs = (pair for trees in trees_of(release.model) for pair in thresholds_of(trees).tolist())
    return sorted({(wanted[int(feature)], value) for feature, value in pairs if int(feature) in wanted})


def _scores_around(policy: Policy, probability: float) -> list[float]:
    """The two neighbouring raw scores between which the positive class's probability reaches a value, and theirs."""
    at = policy.positive_index

    def reaches(score: float) -> bool:
        return probabilities_frame(policy, np.array([[score]]))[0, at] >= probability

    low, high = -60.0, 60.0
    while low < (middle := (low + high) / 2) < high:
        low, high = (low, middle) if reaches(middle) else (middle, high)
    return [math.nextafter(low, -math.inf), low, high, math.nextafter(high, math.inf)]
