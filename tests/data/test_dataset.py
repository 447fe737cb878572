"""A labelled data set from a spec and a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.data.dataset import Dataset, class_names, load_dataset
from assay.errors import DataError, SpecError
from assay.spec import parse_spec

ROWS = "id,age,plan,label\n1,30,free,no\n2,40,pro,yes\n3,50,free,no\n"


def load(folder: Path, content: str, data: str = "", more: str = "") -> Dataset:
    (folder / "data.csv").write_text(content, encoding="utf-8")
    text = f"name: x\ndata:\n  source: data.csv\n  label: label\n{data}{more}"
    return load_dataset(parse_spec(text, "classifier.yaml"), folder)


def test_rows_get_their_labels_and_columns(tmp_path: Path) -> None:
    dataset = load(tmp_path, ROWS)
    assert dataset.contract.classes == ("no", "yes")
    assert dataset.contract.positive == "yes"
    assert dataset.labels.tolist() == [0, 1, 0]
    assert dataset.contract.names == ("id", "age", "plan")
    assert dataset.table.columns["age"].tolist() == [30.0, 40.0, 50.0]


def test_the_positive_class_comes_last(tmp_path: Path) -> None:
    dataset = load(tmp_path, ROWS, "  positive: no\n")
    assert dataset.contract.classes == ("yes", "no")
    assert dataset.contract.positive_index == 1


def test_columns_outside_the_spec_or_known_too_late_are_left_out(tmp_path: Path) -> None:
    columns = "columns:\n  age: {type: number}\n  plan: {type: category, available: after_outcome}\n"
    dataset = load(tmp_path, ROWS, more=columns)
    assert dataset.contract.names == ("age",)
    assert dataset.unused == ("id",)
    assert dataset.after_outcome == ("plan",)


def test_rows_without_a_label_are_dropped_only_where_the_spec_says_so(tmp_path: Path) -> None:
    content = "age,label\n1,a\n2,\n3,b\n4,x\n".replace("x", "a")
    with pytest.raises(DataError, match=r"1 of 4 rows have no label \(row 2, line 3\)"):
        load(tmp_path, content)
    dataset = load(tmp_path, content, "  unlabelled: drop\n")
    assert (dataset.rows, dataset.dropped, dataset.place(1)) == (3, 1, "row 3, line 4")


def test_one_report_names_every_fault_of_the_file(tmp_path: Path) -> None:
    columns = "columns:\n  age: {type: number, max: 45}\n  plan: {type: boolean}\n  city: {type: category}\n"
    with pytest.raises(DataError) as caught:
        load(tmp_path, ROWS, more=columns)
    assert [problem.path for problem in caught.value.problems] == [
        "column city",
        "column age",
        "column plan",
        "column plan",
    ]


def test_an_unknown_label_is_named_with_its_row(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        load(tmp_path, ROWS + "4,1,pro,yse\n5,1,pro,yes\n", more="task: binary\n")
    assert str(caught.value.problems[0]) == "column label: unknown label 'yse' in 1 row (row 4, line 5)"


def test_a_positive_class_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="'maybe' is not a class of the data"):
        load(tmp_path, ROWS, "  positive: maybe\n")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("age,label\n1,a\n2,a\n", "every row is 'a'"),
        ("age,price\n1,a\n", "the label column 'label' is not there"),
        ("age,label\n" + "".join(f"{n},{n}\n" for n in range(60)), "60 different labels in 60 rows"),
    ],
)
def test_a_file_that_cannot_teach_is_refused(tmp_path: Path, content: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        load(tmp_path, content)


def test_labels_that_are_numbers_are_ordered_by_value() -> None:
    assert class_names(["10", "9", "2", "10"], "label") == ("2", "9", "10")


def test_the_checksum_follows_the_bytes(tmp_path: Path) -> None:
    first = load(tmp_path, ROWS).checksum
    assert first == load(tmp_path, ROWS).checksum
    assert first != load(tmp_path, ROWS.replace("30", "31")).checksum


def test_the_column_of_parts_is_no_feature(tmp_path: Path) -> None:
    content = "age,set,label\n1,train,a\n2,gate,b\n3,train,a\n"
    dataset = load(tmp_path, content, "  split: {method: column, column: set}\n")
    assert dataset.contract.names == ("age",)
    assert dataset.part is not None
    assert dataset.part.tolist() == ["train", "gate", "train"]


@pytest.mark.parametrize("other", ["SPAM", "Spam", "spam.", "'spam'"])
def test_a_label_in_another_spelling_is_named_with_the_one_that_is_meant(other: str) -> None:
    labels = ["spam"] * 8 + ["ham"] * 9 + [other] * 2
    with pytest.raises(DataError, match="differ in their spelling only") as caught:
        class_names(labels, "label")
    assert [str(problem) for problem in caught.value.problems] == [
        f"column label: label {other!r} in 2 rows: 'spam' in 8 rows?"
    ]


@pytest.mark.parametrize(
    "labels", [["A", "a", "b"], ["1", "1.5"], ["1.05", "1.5"], ["01", "1"], [">50K", "<=50K"], ["+", "-"], [".", ","]]
)
def test_labels_that_differ_in_more_than_their_spelling_are_classes(labels: list[str]) -> None:
    assert set(class_names(labels, "label")) == set(labels)
