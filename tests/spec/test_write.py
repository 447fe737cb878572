from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.contract.columns import Column
from assay.spec import Draft, classifier_name, column_from_spec, parse_spec, write_spec
from assay.spec.tree import MISSING_TOKENS, Format

names = st.text(min_size=1, max_size=20)
#: A pattern or an address means something else than a file.
sources = names.filter(lambda text: not set(text) & set("*?:"))
numbers = st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(-1000, 1000).map(float))


@st.composite
def columns(draw: st.DrawFn, name: str) -> Column:
    kind = draw(st.sampled_from(["number", "boolean", "category", "text", "timestamp", "id"]))
    if kind == "number":
        low, high = sorted([draw(numbers), draw(numbers)])
        low, high = draw(st.sampled_from([None, low])), draw(st.sampled_from([None, high]))
        kinds = ["keep", "clip"] if low is None and high is None else ["clip", "reject"]
        return Column(
            name=name,
            type="number",
            missing=draw(st.sampled_from(["reject", "median", "mean", "most_frequent"])),
            minimum=low,
            maximum=high,
            outliers=draw(st.sampled_from(kinds)),
        )
    if kind == "category":
        values = draw(st.none() | st.lists(names, min_size=1, max_size=4, unique=True).map(tuple))
        constant = draw(st.none() | names)
        missing = "reject" if constant is None else "constant"
        return Column(name=name, type="category", values=values, missing=missing, constant=constant)
    if kind == "text":
        return Column(
            name=name,
            type="text",
            max_length=draw(st.integers(5, 10**6)),
            personal=draw(st.booleans()),
            truncate=draw(st.booleans()),
            sanitise=draw(st.booleans()),
        )
    if kind == "timestamp":
        constant = float(draw(st.integers(-(10**9), 4 * 10**9)))
        return Column(name=name, type="timestamp", missing="constant", constant=constant)
    if kind == "boolean":
        return Column(name=name, type="boolean", missing="constant", constant=draw(st.sampled_from([0.0, 1.0])))
    return Column(name=name, type="id")


@st.composite
def formats(draw: st.DrawFn) -> Format:
    marks = st.sampled_from(["auto", "none", '"', "'", "\\", "#", "\t"])
    return Format(
        delimiter=draw(st.sampled_from(["auto", ",", ";", "\t", "|", ", ", "\x01"])),
        encoding=draw(st.sampled_from(["auto", "utf-8", "cp1252", "utf-16"])),
        header=draw(st.sampled_from(["auto", True, False])),
        quote=draw(marks),
        escape=draw(marks),
        comment=draw(marks),
        skip=draw(st.sampled_from(["auto", 0, 3])),
        decimal=draw(st.sampled_from(["auto", "."])),
        thousands=draw(st.sampled_from(["auto", "none", ",", " ", "'"])),
        times=draw(st.dictionaries(names, st.sampled_from(["iso", "day_first", "epoch_ms"]), max_size=2)),
        missing=draw(st.sampled_from([MISSING_TOKENS, ("", "-"), ("?",)])),
    )


@st.composite
def drafts(draw: st.DrawFn) -> Draft:
    taken = draw(st.lists(names, min_size=2, max_size=6, unique=True))
    seen = draw(st.dictionaries(st.sampled_from([*taken, "source", "label"]), st.text(max_size=200)))
    return Draft(
        name=classifier_name(draw(names)),
        source=draw(sources),
        label=taken[0],
        task="binary",
        positive=draw(st.none() | names),
        columns=(Column(name="\u0000age", type="number"), *(draw(columns(name)) for name in taken[1:])),
        unlabelled=draw(st.sampled_from(["drop", "reject"])),
        form=draw(formats()),
        ignored=tuple(draw(st.lists(names, max_size=2))),
        seen=seen,
    )


@given(drafts())
def test_what_was_written_reads_back(draft: Draft) -> None:
    spec = parse_spec(write_spec(draft))
    assert tuple(column_from_spec(name, column) for name, column in spec.columns.items()) == draft.columns
    assert (spec.name, spec.task, spec.data.source, spec.data.label) == (
        draft.name,
        "binary",
        draft.source,
        draft.label,
    )
    assert (spec.data.positive, spec.data.unlabelled) == (draft.positive, draft.unlabelled)
    assert spec.data.format == draft.form


DRAFT = Draft(
    name="sms",
    source="SMSSpamCollection.tsv",
    label="column_1",
    task="binary",
    positive="spam",
    columns=(Column(name="column_2", type="text"), Column(name="at", type="timestamp"), Column(name="who", type="id")),
    seen={"column_2": "2 to 910 characters", "label": "ham 86.6 %, spam 13.4 %"},
)


def test_what_was_seen_stands_beside_its_column() -> None:
    lines = write_spec(DRAFT).splitlines()
    assert any(line.startswith("  column_2: {type: text}") and line.endswith("# 2 to 910 characters") for line in lines)
    assert any(line.startswith("  label: column_1") and line.endswith("# ham 86.6 %, spam 13.4 %") for line in lines)


def test_times_that_are_taken_apart_are_listed() -> None:
    assert parse_spec(write_spec(DRAFT)).features.date_parts == ("at",)


def test_the_first_gates_are_relative_to_the_majority_baseline() -> None:
    gates = parse_spec(write_spec(DRAFT)).gates.metrics
    assert {name: (gate.min, gate.max) for name, gate in gates.items()} == {
        "roc_auc": ("majority", None),
        "log_loss": (None, "majority"),
    }


def test_several_classes_get_no_threshold_policy() -> None:
    draft = Draft(name="news", source="n.csv", label="topic", task="multiclass", columns=DRAFT.columns)
    spec = parse_spec(write_spec(draft))
    assert spec.policy.maximise is None
    assert set(spec.gates.metrics) == {"log_loss", "accuracy"}


def test_the_way_of_splitting_is_written() -> None:
    draft = Draft(
        name="a", source="n.csv", label="y", task="binary", columns=DRAFT.columns, time="at", entity="who", split="time"
    )
    spec = parse_spec(write_spec(draft))
    assert (spec.data.split.method, spec.data.time, spec.data.entity) == ("time", "at", "who")
    draft = Draft(
        name="a", source="n.csv", label="y", task="binary", columns=DRAFT.columns, split="column", split_column="part"
    )
    assert parse_spec(write_spec(draft)).data.split.column == "part"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Telco-Customer-Churn", "telco_customer_churn"),
        ("../../etc", "etc"),
        ("déjà vu", "d_j_vu"),
        ("***", "classifier"),
    ],
)
def test_a_name_is_made_from_the_name_of_a_file(text: str, name: str) -> None:
    assert classifier_name(text) == name
