"""Rows with any number of labels: read, checked, and dealt so that every part has its share of each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.data.audit import audit
from assay.data.dataset import count_labels, load_dataset
from assay.data.labels import split_labels
from assay.data.split import split
from assay.data.stratify import deal_labels
from assay.errors import DataError, SpecError
from assay.spec import Spec, parse_spec

JOINED = "label: {column: tags, separator: '|'}"


def spec(label: str = JOINED, rest: str = "") -> Spec:
    return parse_spec(f"name: any\ndata:\n  source: rows.csv\n  {label}\n{rest}columns: {{x: {{type: number}}}}\n")


def write(directory: Path, header: str, lines: list[str]) -> Path:
    (directory / "rows.csv").write_text("\n".join([header, *lines]))
    return directory


def tagged(directory: Path, tags: list[str]) -> Path:
    return write(directory, "x,tags", [f"{number},{tag}" for number, tag in enumerate(tags)])


def test_joined_labels_become_flags_in_the_order_of_the_alphabet(tmp_path: Path) -> None:
    data = load_dataset(spec(), tagged(tmp_path, ["b|a", "a", " c | b |b", "a|c"]))
    assert data.contract.task == "multilabel"
    assert data.contract.classes == ("a", "b", "c")
    assert data.labels.tolist() == [[1, 1, 0], [1, 0, 0], [0, 1, 1], [1, 0, 1]]
    assert count_labels(data.labels, 3).tolist() == [3, 2, 2]


def test_the_order_of_the_spec_is_kept(tmp_path: Path) -> None:
    data = load_dataset(spec(rest="  classes: [c, a, b]\n"), tagged(tmp_path, ["b|a", "a", "c|b", "a|c"]))
    assert data.contract.classes == ("c", "a", "b")
    assert data.labels[0].tolist() == [0, 1, 1]
    plain = spec("label: tags", "  classes: [low, mid, high]\n")
    ordered = load_dataset(plain, tagged(tmp_path, ["mid", "high", "low", "mid"]))
    assert ordered.contract.classes == ("low", "mid", "high")
    assert ordered.labels.tolist() == [1, 2, 0, 1]


def test_a_label_that_the_spec_does_not_name_is_reported_with_its_rows(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"1 label\(s\) that data.classes does not name") as caught:
        load_dataset(spec(rest="  classes: [a, b]\n"), tagged(tmp_path, ["a|bb", "a", "b", "b|bb"]))
    assert str(caught.value.problems[0]) == "column tags: 'bb' in 2 row(s) (row 1, line 2; row 4, line 5)"
    with pytest.raises(DataError, match=r"does not have the classes") as caught:
        load_dataset(spec("label: tags", "  classes: [a, b, c]\n"), tagged(tmp_path, ["a", "b", "bb"]))
    assert [problem.path for problem in caught.value.problems] == ["column tags", "data.classes"]


def test_columns_of_yes_and_no_in_any_spelling_become_flags(tmp_path: Path) -> None:
    lines = ["1,Yes,0,true", "2,no,1,FALSE", "3,y,0,t", "4,N,1,f"]
    data = load_dataset(spec("label: [calm, sad, loud]"), write(tmp_path, "x,calm,sad,loud", lines))
    assert data.contract.classes == ("calm", "sad", "loud")
    assert data.labels.tolist() == [[1, 0, 1], [0, 1, 0], [1, 0, 1], [0, 1, 0]]
    assert data.unused == ()


def test_a_cell_that_says_neither_yes_nor_no_is_reported_with_its_column_and_rows(tmp_path: Path) -> None:
    lines = ["1,1,0", "2,maybe,1", "3,0,ja", "4,maybe,1"]
    with pytest.raises(DataError) as caught:
        load_dataset(spec("label: [calm, sad]"), write(tmp_path, "x,calm,sad", lines))
    assert [problem.path for problem in caught.value.problems] == ["column calm", "column sad"]
    assert "'maybe' in 2 rows (row 2, line 3; row 4, line 5)" in caught.value.problems[0].message
    assert "yes" in caught.value.remedy


@pytest.mark.parametrize(("label", "empty"), [(JOINED, "5,"), ("label: [a, b]", "5,,1")])
def test_a_row_whose_labels_nobody_knows_is_refused_or_dropped(tmp_path: Path, label: str, empty: str) -> None:
    several = label != JOINED
    lines = ["1,1,0", "2,0,1", "3,1,1", "4,0,0"] if several else ["1,a|b", "2,a", "3,b", "4,b"]
    write(tmp_path, "x,a,b" if several else "x,tags", [*lines, empty])
    with pytest.raises(DataError, match="1 of 5 rows have no label"):
        load_dataset(spec(label), tmp_path)
    dropped = load_dataset(spec(label, "  unlabelled: drop\n"), tmp_path)
    assert (dropped.rows, dropped.dropped) == (4, 1)


@pytest.mark.parametrize(("label", "empty"), [(JOINED, "5,"), ("label: [a, b]", "5,,1")])
def test_a_blank_cell_may_say_that_no_label_applies(tmp_path: Path, label: str, empty: str) -> None:
    several = label != JOINED
    lines = ["1,1,0", "2,0,1", "3,1,1", "4,0,0"] if several else ["1,a|b", "2,a", "3,b", "4,b"]
    write(tmp_path, "x,a,b" if several else "x,tags", [*lines, empty])
    data = load_dataset(spec(label, "  unlabelled: none\n"), tmp_path)
    assert (data.rows, data.dropped, data.labels[4].tolist()) == (5, 0, [0, 1] if several else [0, 0])


def test_labels_that_are_only_ever_said_to_apply_need_it(tmp_path: Path) -> None:
    write(tmp_path, "x,a,b", ["1,1,", "2,,1", "3,1,1", "4,,"])
    with pytest.raises(DataError) as caught:
        load_dataset(spec("label: [a, b]", "  unlabelled: drop\n"), tmp_path)
    assert "data.unlabelled: none" in caught.value.remedy
    data = load_dataset(spec("label: [a, b]", "  unlabelled: none\n"), tmp_path)
    assert data.labels.tolist() == [[1, 0], [0, 1], [1, 1], [0, 0]]


def test_one_label_is_not_none() -> None:
    with pytest.raises(SpecError, match="none belongs to several labels"):
        spec("label: tags", "  unlabelled: none\n")


@pytest.mark.parametrize(
    ("tags", "message"),
    [(["a", "a"], "only label"), (["a|b", "a"], "same in every row"), (["", ""], "no row has a label")],
)
def test_labels_that_cannot_be_learned_are_named(tmp_path: Path, tags: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        load_dataset(spec(), tagged(tmp_path, tags))


def test_a_label_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'sat' is not there"):
        load_dataset(spec("label: [calm, sat]"), write(tmp_path, "x,calm,sad", ["1,1,0"]))


def test_a_cost_matrix_of_labels_is_refused() -> None:
    with pytest.raises(SpecError, match="for each label"):
        spec(rest="decision: {cost: {a: {b: 1}}}\n")


def test_a_rare_label_is_on_both_sides_and_in_every_fold(tmp_path: Path) -> None:
    tags = ["common"] * 400 + ["common|rare"] * 10 + ["other"] * 90
    wanted = spec()
    data = load_dataset(wanted, tagged(tmp_path, tags))
    parts = split(data, wanted)
    rare = data.contract.classes.index("rare")
    assert data.labels[parts.gate, rare].sum() == 2
    assert parts.folds is not None
    flags = data.labels[parts.fit, rare]
    assert [int(flags[parts.folds == fold].sum()) for fold in range(5)].count(0) == 0
    assert len(parts.gate) == 100
    again = split(data, wanted)
    assert np.array_equal(parts.gate, again.gate)


def test_the_audit_counts_labels_not_rows(tmp_path: Path) -> None:
    tags = ["a|b"] * 30 + ["a"] * 30 + ["b|typo"] + ["b"] * 29
    wanted = spec()
    data = load_dataset(wanted, tagged(tmp_path, tags))
    report = audit(data, split(data, wanted), wanted)
    assert [finding.code for finding in report.blocks] == ["tiny_class"]
    assert "'typo' (row 61, line 62)" in report.blocks[0].message


@given(
    st.lists(st.lists(st.integers(0, 4), max_size=3, unique=True), min_size=10, max_size=60),
    st.integers(0, 2**32 - 1),
)
def test_whole_groups_are_dealt_and_every_part_gets_about_its_share(sets: list[list[int]], seed: int) -> None:
    counts = np.zeros((len(sets), 5), dtype=np.int64)
    for row, labels in enumerate(sets):
        counts[row, labels] = 1
    sizes = np.ones(len(sets), dtype=np.int64)
    parts = deal_labels(counts, sizes, (0.8, 0.2), np.random.default_rng(seed))
    assert set(parts.tolist()) <= {0, 1}
    assert abs(int((parts == 1).sum()) - 0.2 * len(sets)) <= 6
    for label, total in enumerate(counts.sum(axis=0).tolist()):
        got = int(counts[parts == 1, label].sum())
        assert got <= total
        if total >= 20:
            assert got > 0


@given(st.lists(st.sampled_from(["a", "b b", "", " c "]), max_size=6))
def test_joining_and_splitting_labels_gives_them_back(labels: list[str]) -> None:
    expected = list(dict.fromkeys(label.strip() for label in labels if label.strip()))
    assert split_labels("|".join(labels), "|") == expected
