from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from assay.errors import SpecError
from assay.spec import parse_spec, read_spec
from tests.spec.material import FULL, MINIMAL


def faults(text: str) -> dict[str, str]:
    with pytest.raises(SpecError) as caught:
        parse_spec(text, "classifier.yaml")
    return {problem.path: problem.message for problem in caught.value.problems}


def test_three_keys_are_enough() -> None:
    spec = parse_spec(MINIMAL)
    assert (spec.name, spec.data.source, spec.data.label) == ("spam", "messages.csv", "label")
    assert spec.task is None
    assert not spec.columns


def test_every_key_arrives_under_its_own_name() -> None:
    spec = parse_spec(FULL)
    assert spec.owner.on_call == "trust-oncall@example.com"
    assert spec.data.format.missing == ("", "NA")
    assert spec.data.format.header is True
    assert spec.data.split.gate == 0.25
    assert spec.columns["amount"].max == 1e6
    assert spec.model.search.timeout == timedelta(minutes=10)
    assert spec.features.derived[1].of == ("sent_at",)
    assert spec.policy.subject_to.precision == 0.95
    assert {name: (gate.min, gate.max) for name, gate in spec.gates.metrics.items()} == {
        "roc_auc": (0.9, None),
        "log_loss": (None, "majority"),
        "latency_p99_ms": (None, 20.0),
    }


def test_the_example_of_all_keys_lacks_only_what_comes_later(shared_data: Path) -> None:
    text = (shared_data.parent / "classifier.example.yaml").read_text(encoding="utf-8")
    found = faults(text)
    assert set(found) == {
        "data.outcome",
        "gates.approval",
        "rollout",
        "monitors",
    }
    assert all(message.startswith("not yet supported: ") for message in found.values())
    keys = "|".join(path.split(".")[-1] for path in found)
    rest = "\n".join(line for line in text.splitlines() if not re.match(rf"\s*({keys}):", line))
    assert parse_spec(rest).policy.maximise == "recall"


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("source: messages.csv", "source: s3://bucket/messages.csv", "data.source"),
        ("  entity: user_id", "  entity: user_id\n  outcome: {delay: 2d}", "data.outcome"),
        ("stored: []", "stored: [{entity: user_id}]", "features.stored"),
        ("candidates: [logistic_regression, lightgbm]", "candidates: [transformer]", "model.candidates.0"),
        ("margin: 0.002", "fallback: {model: transformer}", "model.fallback.model"),
        ("latency_p99_ms: {max: 20}", "approval: {production: [lead]}", "gates.approval"),
        ("log: {inputs: features}", "log: {inputs: full}", "log.inputs"),
        ("log: {inputs: features}", "rollout: {steps: [5%, 100%], step: 1h}", "rollout"),
        ("log: {inputs: features}", "monitors: {prediction_shift: 0.1}", "monitors"),
    ],
)
def test_what_comes_later_is_refused_by_name(old: str, new: str, path: str) -> None:
    assert old in FULL
    found = faults(FULL.replace(old, new, 1))
    assert list(found) == [path]
    assert found[path].startswith("not yet supported: ")


@pytest.mark.parametrize(
    ("text", "path", "said"),
    [
        (MINIMAL + "tsk: binary\n", "tsk", "unknown key; did you mean task?"),
        (MINIMAL + "label: x\n", "label", "did you mean data.label?"),
        (MINIMAL + "qqqqq: x\n", "qqqqq", "known here: name, task"),
        (MINIMAL + "  lable: x\n", "data.lable", "did you mean label?"),
        (MINIMAL + "  label: y\n", "data.label", "is written twice, first in line 4"),
        (MINIMAL + "columns: {age: {type: nmber}}\n", "columns.age.type", "did you mean number?"),
        (MINIMAL + "columns: {age: {type: number, mni: 1}}\n", "columns.age.mni", "did you mean min?"),
        (MINIMAL + "columns: {age: {min: 1}}\n", "columns.age.type", "is required"),
        (MINIMAL + "columns: {age: }\n", "columns.age", "has no value"),
        (MINIMAL + "columns: [age]\n", "columns", "expected a mapping (`key: value` lines), got a list"),
        (MINIMAL + "columns: {age: number}\n", "columns.age", "expected a mapping"),
        (MINIMAL + "model: {margin: '0.1'}\n", "model.margin", "expected a number without quotes, got '0.1'"),
        (MINIMAL + "model: {margin: -1}\n", "model.margin", "must be greater than or equal to 0"),
        (MINIMAL + "model: {margin: .nan}\n", "model.margin", "expected a number, got '.nan'"),
        (MINIMAL + "model: {candidates: lightgbm}\n", "model.candidates", "expected a list, got 'lightgbm'"),
        (MINIMAL + "model: {candidates: []}\n", "model.candidates", "must have at least 1 item"),
        (MINIMAL + "model: {search: {timeout: 10}}\n", "model.search.timeout", "expected a duration such as 90s"),
        (MINIMAL + "columns: {t: {type: text, personal: yes}}\n", "columns.t.personal", "expected true or false"),
        (MINIMAL + "gates: {f1: {min: most}}\n", "gates.f1.min", "expected a number or majority, got 'most'"),
        (MINIMAL + "policy: {review: {within: 120%}}\n", "policy.review.within", "must be less than or equal to 1"),
        (MINIMAL + "  format: {encoding: utf-9}\n", "data.format.encoding", "the name of a text encoding"),
        (MINIMAL.replace("name: spam", "name: ../etc"), "name", "must match pattern"),
        (MINIMAL.replace("name: spam", "name: [a]"), "name", "expected text, got a list"),
        (MINIMAL.replace("  label: label\n", ""), "data.label", "is required"),
        ("name: spam\n", "data", "is required"),
        ("name: spam\ndata: [x]\n", "data", "expected a mapping"),
    ],
)
def test_a_fault_is_named_with_its_key_and_a_hint(text: str, path: str, said: str) -> None:
    assert said in faults(text)[path]


def test_all_faults_are_reported_at_once_in_the_order_of_the_lines() -> None:
    text = MINIMAL + "  positiv: spam\n  split: {method: time, gate: 2}\nmodle: {}\n"
    with pytest.raises(SpecError) as caught:
        parse_spec(text, "c.yaml")
    error = caught.value
    assert [problem.path for problem in error.problems] == [
        "data.positiv",
        "data.split.gate",
        "data.split.method",
        "modle",
    ]
    assert error.message.startswith("c.yaml:5: data.positiv: unknown key; did you mean positive?")
    assert error.message.endswith("(and 3 more)")
    assert "(c.yaml:6)" in error.problems[1].message
    assert error.remedy


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the file is empty"),
        ("# nothing yet\n", "the file is empty"),
        ("- a\n- b\n", "c.yaml:1: a spec is a mapping"),
        ("just text\n", "c.yaml:1: a spec is a mapping"),
        ("name: spam\ndata:\n\tsource: x\n", "c.yaml:3: a tab is used for indentation; indent with spaces"),
        ("name: spam\ndata: {a: [1\n", "check quotes, brackets and indentation"),
        ("name: spam\n label: x\n", "c.yaml:2: "),
        ("name: 'spam\n", "c.yaml:2: "),
        ("name: a: b\n", "quote text that contains `: `"),
        ("name: &a spam\ntask: *a\n", "c.yaml:1: anchors and aliases"),
        ("name: !!python/object:os.system spam\n", "c.yaml:1: tags (`!`) are not used here"),
        ("name: spam\n---\nname: ham\n", "more than one document"),
        ("name: sp\x00am\n", "c.yaml:1: "),
        ("[a]: b\n", "c.yaml:1: a key must be plain text"),
        ("a: " + "[" * 3000, "c.yaml:1: "),
        ("a: " + "[" * 3000 + "]" * 3000, "nested too deeply"),
    ],
)
def test_what_is_no_spec_at_all_gets_one_line(text: str, said: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec(text, "c.yaml")
    assert said in caught.value.message
    assert "\n" not in caught.value.message


def test_plain_scalars_stay_what_they_look_like() -> None:
    text = (
        MINIMAL
        + "  positive: No\ncolumns: {code: {type: category, values: [1e3, 012, on, 12:30, ~, null, 2024-01-01]}}\n"
    )
    spec = parse_spec(text)
    assert spec.data.positive == "No"
    assert spec.columns["code"].values == ("1e3", "012", "on", "12:30", "~", "null", "2024-01-01")


def test_a_file_is_read_with_or_without_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "classifier.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + MINIMAL.encode())
    assert read_spec(path) == parse_spec(MINIMAL)


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"name: spam\nowner: {team: \xff}\n", ":2: not UTF-8 text"), (b"#" * 1_000_001, "larger than 1000000 bytes")],
)
def test_a_file_that_cannot_be_a_spec_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "classifier.yaml"
    path.write_bytes(content)
    with pytest.raises(SpecError, match=re.escape(said)):
        read_spec(path)


def test_a_missing_file_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="no such file") as caught:
        read_spec(tmp_path / "classifier.yaml")
    assert "assay init" in caught.value.remedy


def test_a_folder_is_not_a_spec(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="cannot be read"):
        read_spec(tmp_path)


def test_a_cache_without_keys_keeps_scores_for_five_minutes() -> None:
    serving = parse_spec(FULL + "serving: {cache: {}}\n").serving
    assert serving is not None
    assert serving.cache is not None
    assert (serving.cache.ttl.total_seconds(), serving.cache.size) == (300.0, 10_000)


def test_a_spec_without_new_sections_is_written_out_as_before() -> None:
    assert "serving" not in parse_spec(FULL).model_dump(mode="json")
