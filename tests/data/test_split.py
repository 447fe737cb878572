from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from assay.data.dataset import Dataset
from assay.data.split import FOLDS, Split, split
from assay.errors import DataError
from tests.data.material import dataset, spec

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def numbers(rows: int, *, every: int = 4) -> Dataset:
    """Different rows; one in `every` is of class b."""
    labels = ["b" if row % every == 0 else "a" for row in range(rows)]
    return dataset(labels, {"amount": ("number", range(rows))})


def all_rows(parts: Split) -> list[int]:
    held = [] if parts.validation is None else parts.validation.tolist()
    return sorted([*parts.gate.tolist(), *parts.fit.tolist(), *held, *parts.set_aside.tolist()])


def test_every_class_gives_its_share_to_the_gate() -> None:
    data = numbers(1000)
    parts = split(data, spec())
    assert np.bincount(data.labels[parts.gate]).tolist() == [150, 50]
    assert all_rows(parts) == list(range(1000))


def test_every_fold_has_its_share_of_every_class() -> None:
    data = numbers(1000)
    parts = split(data, spec())
    assert parts.folds is not None
    for fold in range(FOLDS):
        assert np.bincount(data.labels[parts.fit[parts.folds == fold]]).tolist() == [120, 40]


def test_the_same_seed_gives_the_same_parts_and_another_seed_others() -> None:
    data = numbers(200)
    once, again, other = (split(data, spec(f"split: {{seed: {seed}}}")) for seed in (3, 3, 4))
    assert once.gate.tolist() == again.gate.tolist()
    assert once.gate.tolist() != other.gate.tolist()
    assert once.folds is not None
    assert again.folds is not None
    assert once.folds.tolist() == again.folds.tolist()


def test_from_fifty_thousand_rows_on_choices_are_made_on_a_held_out_part() -> None:
    parts = split(numbers(62_500), spec())
    assert parts.folds is None
    assert parts.validation is not None
    assert (len(parts.gate), len(parts.validation), len(parts.fit)) == (12_500, 10_000, 40_000)
    assert len(parts.all_but_gate) == 50_000


def test_a_share_for_validation_is_held_out_of_all_but_the_gate() -> None:
    parts = split(numbers(1000), spec("split: {gate: 20%, validation: 0.25}"))
    assert parts.validation is not None
    assert len(parts.validation) == 200


def test_repeated_texts_stay_on_one_side() -> None:
    texts = [f"message {LETTERS[row % 26]} {LETTERS[row // 26 % 26]} {LETTERS[row % 7]}" for row in range(150)]
    texts += texts[:40]
    data = dataset(["a", "b"] * 95, {"text": ("text", texts)})
    parts = split(data, spec())
    groups = parts.repeats.groups
    assert parts.repeats.rows >= 40
    assert not set(groups[parts.gate]) & set(groups[parts.fit])
    assert parts.folds is not None
    for fold in range(FOLDS):
        assert not set(groups[parts.fit[parts.folds == fold]]) & set(groups[parts.fit[parts.folds != fold]])


def test_an_entity_stays_on_one_side() -> None:
    entities = [f"user {row % 40}" if row % 10 else None for row in range(400)]
    data = dataset(["a", "b"] * 200, {"n": ("number", range(400)), "user": ("id", entities)}, entity="user")
    parts = split(data, spec("entity: user\nsplit: {method: group}"))
    of = {part: {entities[row] for row in rows} - {None} for part, rows in (("gate", parts.gate), ("fit", parts.fit))}
    assert of["gate"]
    assert not of["gate"] & of["fit"]
    assert any(entities[row] is None for row in parts.gate) or any(entities[row] is None for row in parts.fit)


def test_the_latest_rows_judge_and_the_ones_before_them_choose() -> None:
    moments = np.random.default_rng(0).permutation(1000)
    columns = {"n": ("number", range(1000)), "at": ("timestamp", moments)}
    parts = split(dataset(["a", "b"] * 500, columns, time="at"), spec("time: at\nsplit: {method: time}"))
    assert parts.validation is not None
    assert parts.folds is None
    assert moments[parts.fit].max() < moments[parts.validation].min()
    assert moments[parts.validation].max() < moments[parts.gate].min()
    assert (len(parts.fit), len(parts.validation), len(parts.gate)) == (640, 160, 200)


def test_rows_of_the_same_moment_are_not_divided() -> None:
    moments = [row // 30 for row in range(300)]
    columns = {"n": ("number", range(300)), "at": ("timestamp", moments)}
    parts = split(dataset(["a", "b"] * 150, columns, time="at"), spec("time: at\nsplit: {method: time}"))
    days = [{moments[row] for row in rows} for rows in (parts.fit, parts.validation, parts.gate) if rows is not None]
    assert sum(map(len, days)) == len(set(moments))


def test_a_later_row_that_repeats_an_earlier_one_is_set_aside() -> None:
    texts = [f"text {LETTERS[row % 26]} {LETTERS[row // 26]}" for row in range(100)]
    texts[95], texts[70] = texts[3], texts[4]
    columns = {"text": ("text", texts), "at": ("timestamp", range(100))}
    parts = split(dataset(["a", "b"] * 50, columns, time="at"), spec("time: at\nsplit: {method: time}"))
    assert parts.set_aside.tolist() == [70, 95]
    assert all_rows(parts) == list(range(100))


def test_a_row_without_a_time_is_named() -> None:
    columns = {"n": ("number", range(4)), "at": ("timestamp", [1, None, 3, 4])}
    with pytest.raises(DataError, match="needs a time in every row") as caught:
        split(dataset(["a", "b", "a", "b"], columns, time="at"), spec("time: at\nsplit: {method: time}"))
    assert "row 2" in str(caught.value.problems[0])


def test_one_moment_cannot_be_divided() -> None:
    columns = {"n": ("number", range(4)), "at": ("timestamp", [1, 1, 1, 1])}
    with pytest.raises(DataError, match=r"column at: .* same time"):
        split(dataset(["a", "b", "a", "b"], columns, time="at"), spec("time: at\nsplit: {method: time}"))


def by_column(part: list[str | None], more: str = "") -> Split:
    rows = len(part)
    data = dataset((["a", "b"] * rows)[:rows], {"n": ("number", range(rows))}, part=part)
    return split(data, spec(f"split: {{method: column, column: part{more}}}"))


def test_a_column_says_which_rows_teach_choose_and_judge() -> None:
    parts = by_column(["train", "Train", "val", "dev", "test", "gate"])
    assert parts.validation is not None
    assert (parts.fit.tolist(), parts.validation.tolist(), parts.gate.tolist()) == ([0, 1], [2, 3], [4, 5])


def test_without_validation_rows_the_rows_that_teach_are_dealt_into_folds() -> None:
    parts = by_column(["train"] * 20 + ["test"] * 5)
    assert parts.validation is None
    assert parts.folds is not None
    assert np.bincount(parts.folds).tolist() == [4] * 5


def of_users(users: list[int], part: list[str]) -> tuple[Split, list[int]]:
    rows = len(part)
    columns = {"n": ("number", range(rows)), "user": ("id", [f"u{user}" for user in users])}
    data = dataset((["a", "b"] * rows)[:rows], columns, entity="user", part=part)
    return split(data, spec("entity: user\nsplit: {method: column, column: part}")), users


def test_parts_that_keep_entities_whole_have_folds_that_do() -> None:
    parts, users = of_users([row // 4 for row in range(120)], ["train"] * 100 + ["test"] * 20)
    assert parts.folds is not None
    of_user: dict[int, set[int]] = {}
    for row, fold in zip(parts.fit.tolist(), parts.folds.tolist(), strict=True):
        of_user.setdefault(users[row], set()).add(fold)
    assert {len(folds) for folds in of_user.values()} == {1}
    assert parts.clusters_of(parts.gate) is not None


@pytest.mark.parametrize("users", [[row % 10 for row in range(120)], list(range(120))], ids=["crossing", "single"])
def test_parts_that_divide_entities_or_have_none_to_divide_divide_rows(users: list[int]) -> None:
    parts, _ = of_users(users, ["train"] * 100 + ["test"] * 20)
    assert parts.clusters is None


def test_a_word_that_names_no_part_is_refused() -> None:
    with pytest.raises(DataError, match="column part has values that name no part: None, oos_val") as caught:
        by_column(["train", "oos_val", None])
    assert '{"None": train, "oos_val": validation}' in (caught.value.remedy or "")


def test_words_that_the_spec_explains_name_parts() -> None:
    parts = by_column(["train", "oos_val", None, "test"], ", parts: {oos_val: validation, None: train, test: gate}")
    assert parts.validation is not None
    assert (parts.fit.tolist(), parts.validation.tolist(), parts.gate.tolist()) == ([0, 2], [1], [3])


@pytest.mark.parametrize(("part", "missing"), [(["train", "train"], "gate"), (["test", "test"], "fit")])
def test_a_column_must_name_rows_for_teaching_and_judging(part: list[str | None], missing: str) -> None:
    with pytest.raises(DataError, match=f"no rows for the part {missing}"):
        by_column(part)


def test_too_few_rows_to_judge_are_refused() -> None:
    with pytest.raises(DataError, match="no rows for the part gate") as caught:
        split(numbers(2, every=2), spec())
    assert "data.split.gate" in caught.value.remedy


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("time: at\nsplit: {method: time}", "needs data.time"),
        ("entity: user\nsplit: {method: group}", "needs data.entity"),
        ("split: {method: column, column: part}", "needs data.split.column"),
    ],
)
def test_a_method_whose_column_is_absent_says_so(data: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        split(numbers(20), spec(data))


@given(st.integers(10, 300), st.integers(2, 5), st.integers(1, 40), st.integers(0, 50))
def test_every_row_is_in_one_part_and_every_group_on_one_side(rows: int, classes: int, users: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    labels = [LETTERS[number] for number in random.integers(0, classes, rows)]
    labels[:2] = ["a", "b"]
    owners = [f"user {number}" for number in random.integers(0, users, rows)]
    data = dataset(labels, {"n": ("number", range(rows)), "user": ("id", owners)}, entity="user")
    assume(len(set(owners)) > 1)
    with suppress(DataError):
        parts = split(data, spec(f"entity: user\nsplit: {{method: group, seed: {seed}}}"))
        _check(data, parts, owners)


def _check(data: Dataset, parts: Split, owners: list[str]) -> None:
    assert all_rows(parts) == list(range(data.rows))
    assert not {owners[row] for row in parts.gate} & {owners[row] for row in parts.fit}


def test_people_who_say_the_same_things_are_not_one_group() -> None:
    """Given texts that link everybody with everybody, entities are divided and gate rows that repeat are set aside."""
    random = np.random.default_rng(5)
    people = [f"user {row // 5}" for row in range(1000)]
    texts = [f"hello {word}" for word in random.choice(["you", "all", "there", "world", "again", "friend"], 1000)]
    texts = [text if row % 3 == 0 else f"words of {'abcdefghij'[row // 100]}{row}" for row, text in enumerate(texts)]
    texts = [text.translate(str.maketrans("0123456789", "klmnopqrst")) for text in texts]
    data = dataset(["a", "b"] * 500, {"text": ("text", texts), "who": ("id", people)}, entity="who")
    parts = split(data, spec("entity: who\nsplit: {method: group}"))
    taught, judged = parts.all_but_gate, parts.gate
    assert len(parts.gate) + len(parts.set_aside) == 200
    assert not set(np.array(people)[taught]) & set(np.array(people)[judged])
    assert not set(np.array(texts)[taught]) & set(np.array(texts)[judged])
    assert len(parts.set_aside) > 20


@pytest.mark.parametrize("groups", [1, 2])
def test_a_group_column_with_hardly_any_groups_is_one_clear_error(groups: int) -> None:
    columns = {"n": ("number", range(40)), "who": ("id", [f"user {row % groups}" for row in range(40)])}
    data = dataset(["a", "b"] * 20, columns, entity="who")
    with pytest.raises(DataError, match=rf"column who: {groups} .*too few to split by group"):
        split(data, spec("entity: who\nsplit: {method: group}"))
