from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assay.data.dataset import load_dataset
from assay.data.draft import Drafted, Wishes, draft_spec
from assay.errors import AssayError, ConfigurationError, DataError
from assay.spec import parse_spec, write_spec
from assay.spec.label import JoinedLabels

HEADER = "user,at,amount,plan,split,y"
PLANS = ("free", "pro", "team")


def rows(count: int = 60) -> list[list[str]]:
    return [
        [
            f"u{row % 7}",
            f"2024-01-{row % 28 + 1:02d}",
            f"{row * 1.5}",
            PLANS[row % 3],
            "train",
            "yes" if row % 3 else "no",
        ]
        for row in range(count)
    ]


def write(folder: Path, cells: list[list[str]], header: str | None = HEADER) -> Path:
    path = folder / "Some Rows.csv"
    path.write_text("\n".join([*([] if header is None else [header]), *(",".join(row) for row in cells)]) + "\n")
    return path


def draft(folder: Path, label: str = "y", cells: list[list[str]] | None = None, **wishes: Any) -> Drafted:
    path = write(folder, cells if cells is not None else rows())
    return draft_spec(path, Wishes(label=(label,), **wishes), folder)


def test_the_draft_reads_back_as_a_spec(tmp_path: Path) -> None:
    drafted = draft(tmp_path, entity="user", time="at")
    spec = parse_spec(write_spec(drafted.draft))
    assert (spec.name, spec.task, spec.data.source) == ("some_rows", "binary", "Some Rows.csv")
    assert (spec.data.entity, spec.data.time, spec.data.split.method) == ("user", "at", "time")
    assert {name: column.type for name, column in spec.columns.items()} == {
        "user": "id",
        "at": "timestamp",
        "amount": "number",
        "plan": "category",
    }


def test_what_was_seen_is_told(tmp_path: Path) -> None:
    drafted = draft(tmp_path)
    assert drafted.classes == {"no": 20, "yes": 40}
    assert drafted.draft.seen["label"] == "no 20 (33.3%), yes 40 (66.7%)"
    assert drafted.draft.seen["source"].startswith("60 rows, 6 columns, commas")
    assert drafted.notices == ("column split looks like parts made by the data's authors and is left out",)


@pytest.mark.parametrize(
    ("wishes", "method"),
    [
        ({}, "stratified"),
        ({"entity": "user"}, "group"),
        ({"entity": "user", "time": "at"}, "time"),
        ({"entity": "user", "time": "at", "split": "group"}, "group"),
        ({"time": "at", "split": "stratified"}, "stratified"),
        ({"split": "column:split"}, "column"),
        ({"split": "column:#5"}, "column"),
    ],
)
def test_the_split_is_the_strictest_that_was_made_possible(tmp_path: Path, wishes: dict[str, str], method: str) -> None:
    made = draft(tmp_path, **wishes).draft
    assert made.split == method
    assert made.split_column == ("split" if method == "column" else None)
    assert "split" not in [column.name for column in made.columns]


def test_a_position_names_a_column_of_a_file_without_header(tmp_path: Path) -> None:
    path = write(tmp_path, rows(), header=None)
    made = draft_spec(path, Wishes(label=("#-1",), ignore=("#5",)), tmp_path).draft
    assert (made.label, made.form.header) == ("column_6", False)
    assert made.ignored == ("column_5",)


def test_no_header_is_believed(tmp_path: Path) -> None:
    path = write(tmp_path, rows())
    drafted = draft_spec(path, Wishes(label=("#4",), header=False), tmp_path)
    assert drafted.rows == 61


SPAM = (
    "spam,text\nspam,win a prize now friend\nham,lunch at noon with me\nspam,win cash now friend\nham,see you later\n"
)


def test_a_first_line_that_is_taken_for_a_row_is_told_with_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(SPAM)
    drafted = draft_spec(path, Wishes(label=("#1",)), tmp_path)
    assert drafted.rows == 5
    told = "the first line, 'spam', 'text', was taken for a row"
    assert f"{told}; if it names the columns, say --header" in drafted.notices
    with pytest.raises(ConfigurationError) as caught:
        draft_spec(path, Wishes(label=("spma",)), tmp_path)
    assert f"{told}, and --header says that it names the columns" in caught.value.remedy
    said = draft_spec(path, Wishes(label=("#1",), header=True), tmp_path)
    assert (said.rows, said.draft.label, said.notices) == (4, "spam", ())


def test_a_name_that_the_caller_gives_proves_the_header(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(SPAM)
    drafted = draft_spec(path, Wishes(label=("spam",)), tmp_path)
    assert (drafted.rows, drafted.classes) == (4, {"ham": 2, "spam": 2})
    path.write_text("0,1,2,y\n" + "".join(f"{n},{n * 2.5},{'ab'[n % 2]},{n // 2 % 2}\n" for n in range(60)))
    assert draft_spec(path, Wishes(label=("#-1",), ignore=("0",)), tmp_path).draft.label == "y"


@pytest.mark.parametrize(
    ("labels", "positive"),
    [
        (["no", "yes", "yes"], "yes"),
        (["ham", "ham", "spam"], "spam"),
        (["spam", "spam", "ham"], "ham"),
        (["0", "1", "1"], "1"),
        (["False", "True"], "True"),
        (["a", "b"], "b"),
    ],
)
def test_the_positive_class_says_yes_or_is_the_rarer_one(tmp_path: Path, labels: list[str], positive: str) -> None:
    cells = [[*row[:5], labels[number % len(labels)]] for number, row in enumerate(rows())]
    assert draft(tmp_path, cells=cells).draft.positive == positive


def test_a_positive_class_may_be_said_without_its_point(tmp_path: Path) -> None:
    cells = [[*row[:5], f"{n % 2}.0"] for n, row in enumerate(rows())]
    assert draft(tmp_path, cells=cells, positive="1").draft.positive == "1.0"
    assert draft(tmp_path, cells=cells, positive="0").draft.positive == "0.0"


def test_more_than_two_labels_make_the_task_multiclass(tmp_path: Path) -> None:
    made = draft(tmp_path, label="plan").draft
    assert (made.task, made.positive) == ("multiclass", None)


def test_rows_without_a_label_are_dropped_by_the_spec(tmp_path: Path) -> None:
    cells = rows()
    cells[7][5] = ""
    made = draft(tmp_path, cells=cells).draft
    assert made.unlabelled == "drop"
    assert made.seen["label"].endswith("1 rows without a label")


@pytest.mark.parametrize(
    ("words", "classes"),
    [
        (("unknown", "bad", "good"), ("bad", "good", "unknown")),
        (("none", "mild", "mild"), ("mild", "none")),
    ],
)
def test_a_word_that_means_missing_elsewhere_is_still_a_class(
    tmp_path: Path, words: tuple[str, ...], classes: tuple[str, ...]
) -> None:
    cells = [[*row[:2], words[0] if n % 10 == 0 else row[2], *row[3:5], words[n % 3]] for n, row in enumerate(rows())]
    drafted = draft(tmp_path, cells=cells)
    assert drafted.classes == dict.fromkeys(classes, 20) | ({"mild": 40} if len(classes) == 2 else {})
    assert f"{words[0]!r} is a class in column y, as data.classes says" in drafted.notices
    spec = parse_spec(write_spec(drafted.draft))
    assert (spec.data.classes, spec.data.unlabelled) == (classes, "reject")
    dataset = load_dataset(spec, tmp_path)
    assert (dataset.rows, dataset.dropped, set(dataset.contract.classes)) == (60, 0, set(classes))
    assert spec.columns["amount"].type == "number"


def test_joined_labels_keep_such_a_word_too(tmp_path: Path) -> None:
    cells = [[*row[:2], "none" if n % 10 == 0 else row[2], *row[3:]] for n, row in enumerate(joined())]
    for row in cells[::7]:
        row[5] = "none"
    drafted = draft(tmp_path, cells=cells, separator="|")
    assert drafted.classes["none"] == 9
    assert load_dataset(parse_spec(write_spec(drafted.draft)), tmp_path).rows == 60


def test_rows_without_labels_are_counted_and_may_mean_that_none_applies(tmp_path: Path) -> None:
    cells = joined()
    for row in cells[::6]:
        row[5] = ""
    drafted = draft(tmp_path, cells=cells, ignore=("split",))
    assert drafted.draft.unlabelled == "drop"
    assert drafted.notices[1] == (
        "10 of 60 rows have no label and are left out (data.unlabelled: drop); where a blank cell says that no label "
        "applies, say --unlabelled none"
    )
    said = draft(tmp_path, cells=cells, ignore=("split",), unlabelled="none")
    assert (said.draft.unlabelled, len(said.notices)) == ("none", 1)
    assert load_dataset(parse_spec(write_spec(said.draft)), tmp_path).rows == 60
    with pytest.raises(ConfigurationError, match="--unlabelled none belongs to several labels"):
        draft(tmp_path, unlabelled="none")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("red", "blue", "green", "none", "red|blue", "red|blue|green"), "'red|blue'"),
        (("red", "blue", "Bonn, Germany", "Ulm, Germany"), None),
        (("a/b", "b", "a"), None),
    ],
)
def test_classes_that_look_like_several_labels_are_told(
    tmp_path: Path, words: tuple[str, ...], told: str | None
) -> None:
    cells = [[*row[:5], f'"{words[n % len(words)]}"'] for n, row in enumerate(rows())]
    drafted = draft(tmp_path, cells=cells, ignore=("split",))
    wanted = f"cells of column y such as {told} look like several labels; if they are, say --separator '|'"
    assert drafted.notices == (() if told is None else (wanted,))
    assert drafted.draft.task == "multiclass"


def test_rows_without_a_label_are_counted_and_their_words_told(tmp_path: Path) -> None:
    cells = [[*row[:5], ("NA", "eu", "us", "us", "us", "")[n % 6]] for n, row in enumerate(rows())]
    drafted = draft(tmp_path, cells=cells)
    assert drafted.notices[0] == (
        "20 of 60 rows have no label and are left out (data.unlabelled: drop): 'NA' in 10; where such a word "
        "is a class, name all classes in data.classes"
    )
    named = replace(drafted.draft, classes=("eu", "us", "NA"), task="multiclass", positive=None)
    dataset = load_dataset(parse_spec(write_spec(named)), tmp_path)
    assert (dataset.contract.classes, dataset.rows, dataset.dropped) == (("eu", "us", "NA"), 50, 10)


def test_a_column_without_values_is_left_out_and_told(tmp_path: Path) -> None:
    cells = [[*row[:2], "", *row[3:]] for row in rows()]
    drafted = draft(tmp_path, cells=cells)
    assert "amount" in drafted.draft.ignored
    assert "column amount has no values and is left out" in drafted.notices


def test_how_the_file_was_read_is_written(tmp_path: Path) -> None:
    path = tmp_path / "rows.txt"
    path.write_text("\n".join([HEADER.replace(",", ";"), *(";".join(row) for row in rows())]))
    made = draft_spec(path, Wishes(label=("y",)), tmp_path).draft
    assert made.form == parse_spec(write_spec(made)).data.format
    assert (made.form.delimiter, made.form.encoding, made.form.quote, made.form.times) == (
        ";",
        "utf-8",
        '"',
        {"at": "iso"},
    )
    assert "semicolons" in made.seen["source"]


def test_the_source_is_relative_to_the_spec(tmp_path: Path) -> None:
    path = write(tmp_path, rows())
    assert draft_spec(path, Wishes(label=("y",)), tmp_path / "deep").draft.source == "../Some Rows.csv"


@pytest.mark.parametrize(
    ("label", "wishes", "error", "message"),
    [
        ("Y", {}, ConfigurationError, "--label Y: the file has no such column"),
        ("amuont", {}, ConfigurationError, "did you mean amount"),
        ("Amount", {}, ConfigurationError, "did you mean amount"),
        ("#0", {}, ConfigurationError, "the file has 6 columns"),
        ("#7", {}, ConfigurationError, "the file has 6 columns"),
        ("y", {"positive": "YES"}, ConfigurationError, "no row has this label"),
        ("plan", {"positive": "pro"}, ConfigurationError, "belongs to two classes"),
        ("amount", {}, DataError, "60 different labels"),
        ("y", {"split": "tim"}, ConfigurationError, "did you mean time"),
        ("y", {"split": "time"}, ConfigurationError, "needs --time"),
        ("y", {"split": "group"}, ConfigurationError, "needs --entity"),
        ("y", {"split": "column:y"}, ConfigurationError, "is the label"),
        ("y", {"time": "plan"}, DataError, "row 1.* has 'free', which is no time"),
        ("y", {"entity": "y"}, ConfigurationError, "the label or left out"),
        ("y", {"ignore": ("user", "at", "amount", "plan")}, DataError, "nothing to learn from"),
    ],
)
def test_a_wish_that_cannot_be_met_is_named(
    tmp_path: Path, label: str, wishes: dict[str, object], error: type[AssayError], message: str
) -> None:
    with pytest.raises(error, match=message) as caught:
        draft(tmp_path, label, **wishes)
    assert caught.value.remedy


def test_without_a_label_the_columns_are_listed(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="name it with --label") as caught:
        draft_spec(write(tmp_path, rows()), Wishes(label=()), tmp_path)
    assert caught.value.remedy == "one of user, at, amount, plan, split, y, or #N for a position"


def test_a_number_in_order_may_be_the_time(tmp_path: Path) -> None:
    drafted = draft(tmp_path, time="amount")
    spec = parse_spec(write_spec(drafted.draft))
    assert (spec.data.time, spec.data.split.method, spec.columns["amount"].type) == ("amount", "time", "number")
    assert drafted.draft.seen["amount"] == "0 to 88.5; says the order of the rows and is no feature"


def test_what_a_person_should_confirm_is_told(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    lines = [
        "Report",
        "# café",
        "n;when;label",
        *(f"1.00{row},5;{row + 10}/02/2024;{'ab'[row % 2]}" for row in range(9)),
        "-;;a",
    ]
    path.write_bytes("\n".join(lines).encode("latin-1"))
    drafted = draft_spec(path, Wishes(label=("label",)), tmp_path)
    assert drafted.notices == (
        "the file is not UTF-8: it was read as cp1252, which data.format.encoding can change",
        "the first 2 lines stand above the table and are skipped",
        "lines that begin with # are comments and are skipped: 1",
        "numbers are read with a decimal comma",
        "'.' between digits parts thousands",
        "'-' means a missing value",
    )
    assert drafted.draft.seen["when"] == "2024-02-10 to 2024-02-18; 1 missing"


def test_a_column_that_is_no_feature_for_a_few_values_is_told(tmp_path: Path) -> None:
    cells = [[*row[:2], "not given" if n % 20 == 3 else row[2], *row[3:]] for n, row in enumerate(rows())]
    drafted = draft(tmp_path, cells=cells, ignore=("split",))
    assert drafted.notices == (
        "column amount: 57 of 60 values look like numbers, but 3 cannot be read as such, for example 'not given' "
        "(row 4, line 5): it is read as a category; mend them in the file, or name them in data.format.missing and "
        "write type: number",
    )
    mended = write_spec(drafted.draft).replace("amount: {type: category", "amount: {type: number, missing: median")
    mended = mended.replace("    times:", '    missing: ["not given"]\n    times:')
    assert load_dataset(parse_spec(mended), tmp_path).rows == 60


def test_how_a_file_is_written_can_be_said(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes("ort\tn\tlabel\nKöln\t1\tyes\nUlm\t2\tno\nKöln\t4\tno\nUlm\t8\tyes\n".encode("latin-1"))
    said = draft_spec(path, Wishes(label=("label",), delimiter="\\t", encoding="latin-1"), tmp_path)
    assert (said.draft.form.delimiter, said.draft.form.encoding) == ("\t", "latin-1")
    assert load_dataset(parse_spec(write_spec(said.draft)), tmp_path).table.columns["ort"].tolist()[0] == "Köln"
    for wishes, message in (
        ({"delimiter": "ab"}, "--delimiter 'ab': is not one character"),
        ({"comment": "//"}, "--comment: expected one character"),
        ({"thousands": ""}, "--thousands"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            draft_spec(path, Wishes(label=("label",), **wishes), tmp_path)


POINTS = "a;b;label\n532;1.5;yes\n1.250;2;no\n2.110;0.125;yes\n87;7;no\n"


def test_points_that_may_part_thousands_are_told(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(POINTS)
    drafted = draft_spec(path, Wishes(label=("label",)), tmp_path)
    assert drafted.notices == (
        "column a: the point in '1.250' is read as the decimal mark; if it parts thousands, say --thousands ., else "
        "--decimal .",
    )
    assert draft_spec(path, Wishes(label=("label",), decimal="."), tmp_path).notices == ()
    path.write_text(POINTS.replace("1.5", "1").replace("0.125", "1"))
    said = draft_spec(path, Wishes(label=("label",), thousands="."), tmp_path)
    dataset = load_dataset(parse_spec(write_spec(said.draft)), tmp_path)
    assert dataset.table.columns["a"].tolist() == [532.0, 1250.0, 2110.0, 87.0]


def test_columns_that_hold_lists_are_left_out_and_named_if_wanted(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(f'{{"amount": {row}.5, "tags": ["x"], "label": "{"ab"[row % 2]}"}}\n' for row in range(9)))
    drafted = draft_spec(path, Wishes(label=("label",)), tmp_path)
    assert drafted.draft.ignored == ("tags",)
    assert drafted.notices == ("column tags holds a list or an object, first in row 1: it is left out",)
    with pytest.raises(DataError, match="--label tags: the column holds a list"):
        draft_spec(path, Wishes(label=("tags",)), tmp_path)
    text = write_spec(drafted.draft).replace("columns:", "columns:\n  tags: {type: category} #")
    with pytest.raises(DataError, match="column tags holds a list"):
        load_dataset(parse_spec(text), tmp_path)


def joined(separator: str = "|") -> list[list[str]]:
    words = ["joy", "fear", "love", "joy|fear", "joy|love", "fear|love", "joy|fear|love"]
    return [[*row[:5], words[number % 7].replace("|", separator)] for number, row in enumerate(rows())]


@pytest.mark.parametrize("separator", ["|", ";"])
def test_labels_joined_in_one_cell_are_recognised(tmp_path: Path, separator: str) -> None:
    drafted = draft(tmp_path, cells=joined(separator))
    assert drafted.draft.task == "multilabel"
    assert drafted.draft.label == JoinedLabels(column="y", separator=separator)
    assert list(drafted.classes) == ["fear", "joy", "love"]
    assert "holds several labels" in drafted.notices[0]
    spec = parse_spec(write_spec(drafted.draft))
    assert spec.data.label == drafted.draft.label
    assert spec.gates.metrics.keys() == {"log_loss", "f1_micro"}


def test_a_separator_that_is_named_is_taken(tmp_path: Path) -> None:
    drafted = draft(tmp_path, cells=joined("+"), separator="+")
    assert drafted.draft.label == JoinedLabels(column="y", separator="+")
    with pytest.raises(ConfigurationError, match="no label of column y holds it"):
        draft(tmp_path, cells=joined("+"), separator="/")


@pytest.mark.parametrize("said", [("a", "b", "#4"), ("a,b,c",), ("a, b", "c")])
def test_a_column_for_each_label_makes_the_task_multilabel(tmp_path: Path, said: tuple[str, ...]) -> None:
    path = tmp_path / "songs.csv"
    lines = [f"{number * 1.5},{number % 2},{'yes' if number % 3 else 'no'},{number % 5 == 0}" for number in range(60)]
    path.write_text("\n".join(["tempo,a,b,c", *lines]))
    if said == ("a, b", "c"):
        with pytest.raises(ConfigurationError, match="no such column"):
            draft_spec(path, Wishes(label=said), tmp_path)
        return
    drafted = draft_spec(path, Wishes(label=said), tmp_path)
    assert drafted.draft.label == ("a", "b", "c")
    assert drafted.classes == {"a": 30, "b": 40, "c": 12}
    assert parse_spec(write_spec(drafted.draft)).data.label == ("a", "b", "c")
    for wish in ({"separator": "|"}, {"positive": "a"}):
        with pytest.raises(ConfigurationError):
            draft_spec(path, Wishes(label=said, **wish), tmp_path)
