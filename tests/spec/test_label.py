"""`data.label`: one column, one column for each label, or one column of joined labels."""

from __future__ import annotations

import pytest

from assay.errors import SpecError
from assay.spec import parse_spec
from assay.spec.label import JoinedLabels

START = "name: any\ndata:\n  source: rows.csv\n"


def label_faults(text: str) -> list[str]:
    with pytest.raises(SpecError) as caught:
        parse_spec(START + text)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "label", "columns"),
    [
        ("label: topic", "topic", ("topic",)),
        ("label: [art, money]", ("art", "money"), ("art", "money")),
        (
            'label: {column: topics, separator: "|"}',
            JoinedLabels(column="topics", separator="|"),
            ("topics",),
        ),
    ],
)
def test_a_label_stands_in_one_column_in_several_or_joined_in_one(
    text: str, label: object, columns: tuple[str, ...]
) -> None:
    data = parse_spec(f"{START}  {text}\n").data
    assert data.label == label
    assert data.label_columns == columns
    assert data.multilabel == (not isinstance(label, str))
    assert parse_spec(f"{START}  {text}\n").model_dump(mode="json")["data"].keys() >= {"label"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("  label: [a]", "a list names at least two columns"),
        ("  label: [a, a]", "names the column a twice"),
        ("  label: [a, {b: c}]", "expected a column, a list of columns"),
        ("  label: {colum: a}", "takes column and separator, not colum"),
        ("  label: {column: a}", "needs separator"),
        ('  label: {column: a, separator: ""}', "needs separator"),
        ('  label: {separator: "|"}', "needs column"),
        ("  label: a\ntask: multilabel", "the task multilabel needs a list of columns"),
        ("  label: [a, b]\ntask: binary", "several labels make the task multilabel, not binary"),
        ("  label: [a, b]\n  positive: a", "belongs to the task binary"),
        ("  label: [a, b]\n  classes: [a, b]", "the columns of data.label are the labels"),
        ("  label: a\n  classes: [x, x]", "names a class twice"),
        ("  label: [a, b]\n  entity: b", "is the label"),
        ("  label: [a, b]\ncolumns: {a: {type: number}, c: {type: number}}", "cannot be a column of the example too"),
        ("  label: [a, b]\ngates: {f1: {min: 0.5}}", "write f1_micro or f1_macro or f1_samples"),
        ("  label: [a, b]\ngates: {accuracy: {min: 0.5}}", "write subset_accuracy or hamming_loss"),
        ("  label: [a, b]\ngates: {positive_rate: {max: 0.5}}", "belongs to the task binary"),
        ("  label: a\ntask: binary\ngates: {f1_micro: {min: 0.5}}", "belongs to the task multilabel"),
        ("  label: [a, b]\n  time: t\npolicy: {capacity: {per_day: 3}}", "belongs to the task binary"),
        (
            "  label: [a, b]\ndecision: {cost: {a: {b: 1}}}",
            "takes false_positive and false_negative, which hold for each label",
        ),
    ],
)
def test_what_labels_cannot_be_is_named(text: str, message: str) -> None:
    assert any(message in fault for fault in label_faults(text + "\n"))


def test_keys_that_a_spec_does_not_use_leave_its_dump_as_it_was() -> None:
    dump = parse_spec(f"{START}  label: topic\n").model_dump(mode="json")
    assert "classes" not in dump["data"]
    assert "f1_micro" not in dump["gates"]
    assert parse_spec(f"{START}  label: [a, b]\ngates: {{f1_micro: {{min: 0.5}}}}\n").gates.metrics.keys() == {
        "f1_micro"
    }
