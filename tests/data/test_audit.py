from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from assay.data.audit import AuditReport, Finding, audit
from assay.data.dataset import Dataset
from assay.data.proxies import roc_auc
from assay.data.split import Split, split
from assay.errors import DataError
from tests.data.material import dataset, spec

DRAW = np.random.default_rng(4)
ROWS = 400
LABELS = ["b" if row % 4 == 0 else "a" for row in range(ROWS)]
NOISE = ("number", np.random.default_rng(1).normal(size=ROWS).tolist())


def report(columns: dict[str, Any], labels: list[str] | None = None, said: str = "", **facts: Any) -> AuditReport:
    data = dataset(labels or LABELS, {"noise": NOISE, **columns}, **facts)
    wanted = spec(said)
    return audit(data, split(data, wanted), wanted)


def codes(found: AuditReport) -> dict[str, Finding]:
    return {finding.code: finding for finding in found.findings}


def test_clean_data_pass() -> None:
    found = report({"plan": ("category", ["free", "pro", "team", "solo", None] * 80)})
    assert found.findings == ()
    found.require()


def test_the_gravest_findings_come_first_and_forbid_training() -> None:
    found = report({"empty": ("number", [None] * ROWS), "same": ("category", ["x"] * ROWS)})
    assert [finding.severity for finding in found.findings] == ["block", "warn"]
    with pytest.raises(DataError, match="forbids training") as caught:
        found.require()
    assert [problem.path for problem in caught.value.problems] == ["column empty"]


@pytest.mark.parametrize("kind", ["number", "category", "text", "timestamp", "boolean"])
def test_a_column_without_any_value_blocks(kind: str) -> None:
    found = codes(report({"empty": (kind, [None] * ROWS)}))
    assert found["all_missing"].columns == ("empty",)
    assert "remove it from columns" in found["all_missing"].message


def test_a_constant_column_is_a_warning_with_its_value() -> None:
    assert "is 3 in every row" in codes(report({"same": ("number", [3] * ROWS)}))["constant"].message


def test_what_looks_like_numbers_and_is_read_as_an_id_is_a_warning() -> None:
    cells = ["not given" if row % 50 == 0 else f"{row * 1.5}" for row in range(ROWS)]
    finding = codes(report({"income": ("id", cells)}))["looks_numeric"]
    assert (finding.severity, finding.columns) == ("warn", ("income",))
    assert "392 of 400 values look like numbers, but 8 cannot be read as such, for example 'not given' (row 1)" in (
        finding.message
    )
    assert codes(report({"income": ("category", cells)}))["looks_numeric"].severity == "note"
    assert "looks_numeric" not in codes(report({"income": ("id", cells)}, entity="income"))


def test_a_mostly_missing_column_is_a_warning() -> None:
    found = codes(report({"rare": ("number", [1.0, None, None, None] * 100)}))
    assert "75%" in found["mostly_missing"].message


def test_too_many_categories_block_unless_the_spec_lists_the_ones_that_matter() -> None:
    rows = 2400
    labels = ["a", "b"] * (rows // 2)
    values = [f"v{row % 1200}" for row in range(rows)]
    data = dataset(labels, {"code": ("category", values), "n": ("number", range(rows))})
    found = codes(audit(data, split(data, spec()), spec()))
    assert found["too_many_categories"].severity == "block"
    assert "1200" in found["too_many_categories"].message


def test_many_categories_are_a_warning() -> None:
    found = codes(report({"code": ("category", [f"v{row % 150}" for row in range(ROWS)])}))
    assert found["many_categories"].severity == "warn"


def told(columns: dict[str, Any], labels: list[str] | None = None) -> Finding | None:
    found = codes(report(columns, labels))
    return found.get("label_proxy") or found.get("class_proxy")


def test_a_number_that_ranks_the_label_perfectly_blocks_in_either_direction() -> None:
    for sign in (1, -1):
        finding = told({"score": ("number", [sign * (row % 4 == 0) + row / 1e6 for row in range(ROWS)])})
        assert finding is not None
        assert (finding.severity, finding.columns) == ("block", ("score",))
        assert "after_outcome" in finding.message


def test_a_category_that_is_the_label_blocks() -> None:
    finding = told({"verdict": ("category", [label.upper() for label in LABELS])})
    assert finding is not None
    assert finding.severity == "block"


def test_a_column_that_is_missing_for_one_class_blocks() -> None:
    draws = np.random.default_rng(2).integers(0, 9, ROWS).tolist()
    finding = told({"closed": ("number", [None if row % 4 == 0 else draws[row] for row in range(ROWS)])})
    assert finding is not None
    assert "being missing" in finding.message


def test_a_strong_column_is_no_proxy() -> None:
    scores = np.random.default_rng(3).normal(size=ROWS) + 3.0 * (np.arange(ROWS) % 4 == 0)
    assert told({"score": ("number", scores.tolist())}) is None


def test_rare_categories_are_no_evidence_for_themselves() -> None:
    assert told({"name": ("category", [f"person {row}" for row in range(ROWS)])}) is None


def test_a_number_that_is_the_class_of_several_blocks() -> None:
    labels = ["abcd"[row % 4] for row in range(ROWS)]
    finding = told({"code": ("number", [row % 4 for row in range(ROWS)])}, labels)
    assert finding is not None
    assert finding.severity == "block"


def test_a_column_that_tells_one_of_several_classes_is_a_warning() -> None:
    labels = ["abcd"[row % 4] for row in range(ROWS)]
    finding = told({"odd": ("category", ["yes" if label == "c" else "no" for label in labels])}, labels)
    assert finding is not None
    assert finding.severity == "warn"
    assert "c against the rest" in finding.message


def test_a_number_that_codes_the_label_blocks_though_it_does_not_rank_it() -> None:
    finding = told({"code": ("number", [[3, 17, 5, 40][row % 4] if row % 4 else 11 for row in range(ROWS)])})
    assert finding is not None
    assert finding.severity == "block"


def test_a_word_that_tells_the_label_blocks() -> None:
    words = ["red", "green", "blue", "grey", "pink"]
    texts = [f"{words[row % 5]} {'Closed' if row % 4 == 0 else ''} {words[row % 3]} {row}" for row in range(ROWS)]
    finding = told({"note": ("text", texts)})
    assert finding is not None
    assert finding.severity == "block"
    assert "the word 'closed'" in finding.message


def test_a_word_for_each_of_several_classes_blocks_and_for_one_is_no_news() -> None:
    labels = ["abc"[row % 3] for row in range(ROWS)]
    for told_classes, blocks in (("abc", True), ("ab", False)):
        texts = [f"word{label if label in told_classes else row % 2} {row}" for row, label in enumerate(labels)]
        assert (told({"note": ("text", texts)}, labels) is not None) == blocks


def test_a_column_filled_for_most_rows_of_one_class_alone_blocks() -> None:
    filled = [row % 4 == 0 and row % 3 > 0 for row in range(ROWS)]
    found = codes(report({"closed": ("number", [1.0 * (row % 7) if yes else None for row, yes in enumerate(filled)])}))
    assert found["label_mark"].severity == "block"
    assert "of label b by its being missing" in found["label_mark"].message


def test_values_of_one_class_alone_are_a_warning() -> None:
    values = [f"reason {row % 2}" if row % 4 == 0 and row % 3 > 0 else f"none {row % 2}" for row in range(ROWS)]
    assert codes(report({"reason": ("category", values)}))["label_mark"].severity == "warn"


def test_a_column_that_nearly_tells_the_label_is_a_warning() -> None:
    scores = np.random.default_rng(3).normal(size=ROWS) + 4.0 * (np.arange(ROWS) % 4 == 0)
    assert codes(report({"score": ("number", scores.tolist())}))["strong_column"].severity == "warn"


def test_the_spec_can_vouch_for_a_column() -> None:
    data = dataset(LABELS, {"verdict": ("category", [label.upper() for label in LABELS]), "noise": NOISE})
    columns = "columns:\n  noise: {type: number}\n  verdict: {type: category%s}\n"
    for said, severity in (("", "block"), (", available: at_prediction", "warn")):
        wanted = spec(rest=columns % said)
        assert codes(audit(data, split(data, wanted), wanted))["label_proxy"].severity == severity


@pytest.mark.parametrize("kind", ["id", "number", "category"])
def test_values_that_come_back_with_their_label_block(kind: str) -> None:
    accounts = [row % 60 for row in range(ROWS)]
    labels = ["b" if (account * 7) % 11 < 4 else "a" for account in accounts]
    names = accounts if kind == "number" else [f"account {account}" for account in accounts]
    found = codes(report({"account": (kind, names)}, labels))
    assert found["group_leak"].severity == "block"
    assert found["group_leak"].columns == ("account",)
    assert "data.split.method: group" in found["group_leak"].message


def test_an_entity_that_keeps_its_label_blocks_a_split_by_time_and_passes_one_by_group() -> None:
    accounts = [row % 60 for row in range(ROWS)]
    labels = ["b" if account % 3 == 0 else "a" for account in accounts]
    columns = {"noise": NOISE, "user": ("id", [str(one) for one in accounts]), "at": ("timestamp", range(ROWS))}
    data = dataset(labels, columns, entity="user", time="at")
    for method, blocked in (("time", True), ("group", False)):
        wanted = spec(f"entity: user\ntime: at\nsplit: {{method: {method}}}")
        assert ("group_leak" in codes(audit(data, split(data, wanted), wanted))) == blocked


def test_values_that_come_back_and_nearly_keep_their_label_are_a_warning() -> None:
    accounts = [row % 40 for row in range(4000)]
    flips = DRAW.random(4000) < 0.02
    labels = ["b" if (account % 3 == 0) != flip else "a" for account, flip in zip(accounts, flips, strict=True)]
    noise = ("number", DRAW.normal(size=4000).tolist())
    data = dataset(labels, {"account": ("id", [str(one) for one in accounts]), "noise": noise})
    assert codes(audit(data, split(data, spec()), spec()))["group_split"].severity == "warn"


def test_an_entity_on_both_sides_is_told_under_a_split_by_time() -> None:
    columns = {"noise": NOISE, "user": ("id", [f"{row % 37}" for row in range(ROWS)]), "at": ("timestamp", range(ROWS))}
    wanted = spec("entity: user\ntime: at\nsplit: {method: time}")
    data = dataset(LABELS, columns, entity="user", time="at")
    assert codes(audit(data, split(data, wanted), wanted))["entity_split"].severity == "note"


@pytest.mark.parametrize(("late", "severity"), [(40, "block"), (3, "warn")])
def test_a_time_after_the_event_blocks_unless_it_is_a_slip(late: int, severity: str) -> None:
    ended = [float(row + (5 if row >= ROWS - late else -5)) for row in range(ROWS)]
    columns = {"noise": NOISE, "at": ("timestamp", range(ROWS)), "ended": ("timestamp", ended)}
    found = codes(report(columns, said="time: at", time="at"))
    assert found["future_time"].severity == severity
    assert f"in {late} of 400 rows (row {ROWS - late + 1}," in found["future_time"].message


def test_rows_and_ids_in_the_order_of_the_label_are_notes() -> None:
    labels = sorted(LABELS)
    found = codes(report({"id": ("id", [f"{row:04}" for row in range(ROWS)])}, labels))
    assert found["row_order"].severity == "note"
    assert found["id_order"].columns == ("id",)
    assert not report({"id": ("id", [f"{row:04}" for row in range(ROWS)])}).findings


def clean_table(seed: int) -> AuditReport:
    """A table with honest signal: the label is drawn from what the columns say, and every column misses some cells."""
    random = np.random.default_rng(seed)
    rows, classes = int(random.integers(200, 1500)), int(random.integers(2, 5))
    signal = random.normal(size=rows)
    plans = random.integers(0, 8, rows)
    noise = random.gumbel(size=(rows, classes))
    slopes = random.normal(scale=2.0, size=classes)
    scores = signal[:, None] * slopes + random.normal(size=(8, classes))[plans] + noise
    columns = {
        "signal": ("number", [None if random.random() < 0.05 else value for value in signal.tolist()]),
        "visits": ("number", random.poisson(20 + 5 * plans).tolist()),
        "plan": ("category", [None if random.random() < 0.1 else f"plan {plan}" for plan in plans]),
        "shop": ("id", [f"shop {shop}" for shop in random.integers(0, rows // 5, rows)]),
        "flag": ("boolean", (signal > random.normal(size=rows)).tolist()),
        "seen": ("timestamp", random.uniform(0, 1e9, rows).tolist()),
    }
    names = [f"class {number}" for number in scores.argmax(axis=1)]
    kept = [row for row, name in enumerate(names) if names.count(name) >= 25]
    labels = [names[row] for row in kept]
    data = dataset(labels, {name: (kind, [cells[row] for row in kept]) for name, (kind, cells) in columns.items()})
    return audit(data, split(data, spec()), spec())


def test_clean_tables_are_hardly_ever_refused() -> None:
    blocked = [seed for seed in range(150) if clean_table(seed).blocks]
    assert len(blocked) <= 1, blocked


def test_roc_auc_counts_ties_half_and_says_nothing_on_few_rows() -> None:
    positive = np.array([True] * 10 + [False] * 10)
    assert roc_auc(np.ones(20), positive) == 0.5
    assert roc_auc(np.arange(20), positive) == 0.0
    assert np.isnan(roc_auc(np.arange(20), np.arange(20) < 3))


def test_a_feature_known_after_the_outcome_blocks() -> None:
    data = dataset(LABELS, {"noise": NOISE}, after_outcome=("reply",))
    wanted = spec(
        rest="columns:\n  noise: {type: number}\n  reply: {type: text, available: after_outcome}\n"
        "features:\n  text_statistics: [reply]\n"
    )
    found = audit(data, split(data, wanted), wanted)
    assert [(finding.severity, finding.code) for finding in found.findings] == [
        ("block", "after_outcome"),
        ("note", "after_outcome"),
    ]


def test_repeats_across_parts_block() -> None:
    texts = [f"message {chr(97 + row % 26)} {chr(97 + row // 26)}" for row in range(100)]
    data = dataset(["a", "b"] * 50, {"text": ("text", [*texts[:90], *texts[:10]])})
    clean = split(data, spec())
    torn = Split(
        gate=np.arange(90, 100),
        fit=np.arange(90),
        folds=None,
        validation=None,
        set_aside=np.empty(0, dtype=np.intp),
        repeats=clean.repeats,
    )
    assert "10 gate rows repeat" in codes(audit(data, torn, spec()))["repeats_across"].message
    found = codes(audit(data, clean, spec()))
    assert "repeats_across" not in found
    assert "repeat another one: 10;" in found["repeats"].message


def test_repeats_under_two_labels_are_counted() -> None:
    texts = [f"message {chr(97 + row % 26)} {chr(97 + row // 26)}" for row in range(100)]
    data = dataset(["a", "b"] * 50, {"text": ("text", [*texts[:99], texts[0]])})
    assert "another label: 1" in codes(audit(data, split(data, spec()), spec()))["contradictions"].message


def test_a_table_of_flags_is_not_full_of_copies() -> None:
    data = dataset(["a", "b"] * 100, {"flag": ("boolean", [0, 0, 1, 1] * 50)})
    assert "too many to be copies" in codes(audit(data, split(data, spec()), spec()))["repeats"].message


def test_a_misspelt_label_is_found_by_its_few_rows() -> None:
    labels = list(LABELS)
    labels[4] = "bb"
    found = codes(report({}, labels))
    assert found["tiny_class"].severity == "block"
    assert "'bb' (row 5)" in found["tiny_class"].message


def test_small_and_unjudged_classes_are_warnings() -> None:
    labels = ["c" if row < 12 else label for row, label in enumerate(LABELS)]
    part = ["train" if row < 300 else "test" for row in range(ROWS)]
    found = codes(report({}, labels, "split: {method: column, column: part}", part=part))
    assert "'c' (12 rows)" in found["small_class"].message
    assert "'c'" in found["class_not_judged"].message


def test_a_class_among_the_gate_alone_blocks() -> None:
    labels = ["c" if row >= 380 else label for row, label in enumerate(LABELS)]
    part = ["train" if row < 300 else "test" for row in range(ROWS)]
    found = codes(report({}, labels, "split: {method: column, column: part}", part=part))
    assert found["class_not_learned"].severity == "block"
    assert "1 label has rows among the gate's alone, 'c'" in found["class_not_learned"].message


def test_a_rare_class_is_a_warning() -> None:
    labels = ["b" if row % 300 == 0 else "a" for row in range(6000)]
    data = dataset(labels, {"n": ("number", np.random.default_rng(0).normal(size=6000).tolist())})
    assert "0.33%" in codes(audit(data, split(data, spec()), spec()))["rare_class"].message


def with_people(people: int) -> Dataset:
    entities = [f"user {row % people}" for row in range(ROWS)]
    return dataset(LABELS, {"noise": NOISE, "user": ("id", entities)}, entity="user")


def test_an_entity_with_several_rows_asks_for_a_split_by_group() -> None:
    data = with_people(50)
    assert (
        "has 50 values, 80 of 80 gate rows"
        in codes(audit(data, split(data, spec("entity: user")), spec("entity: user")))["entity_split"].message
    )
    single = with_people(ROWS)
    assert audit(single, split(single, spec("entity: user")), spec("entity: user")).findings == ()


def test_a_time_asks_for_a_split_by_time() -> None:
    found = codes(report({"at": ("timestamp", NOISE[1])}, said="time: at", time="at"))
    assert found["time_split"].severity == "note"


def test_dropped_rows_and_unused_columns_are_told() -> None:
    found = codes(report({}, dropped=7, unused=("colour",)))
    assert "7 rows" in found["unlabelled"].message
    assert found["unused"].columns == ("colour",)
