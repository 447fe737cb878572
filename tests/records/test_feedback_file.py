"""Files of true labels."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.errors import DataError
from assay.records.feedback_file import read_feedback
from assay.records.ids import entity_hash

ID = "00000000-0000-8000-8000-000000000001"
OTHER = "00000000-0000-8000-8000-000000000002"
CLASSES = {"spam": ("ham", "spam")}


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_csv_rows_become_outcomes(tmp_path: Path) -> None:
    path = written(
        tmp_path, "labels.csv", f"\ufeffprediction_id,label,score,comment\n{ID},spam,0.5,\n{OTHER},ham,,no\n"
    )
    one, other = read_feedback(path, 100.0, classes=CLASSES)
    assert (one.prediction_id, one.label, one.score, one.comment, one.source) == (ID, "spam", 0.5, None, "file")
    assert (other.label, other.score, other.comment) == ("ham", None, "no")


def test_json_lines_become_outcomes(tmp_path: Path) -> None:
    path = written(tmp_path, "labels.jsonl", f'{{"prediction_id": "{ID}", "label": 1, "score": 2}}\n\n')
    (outcome,) = read_feedback(path, 100.0, classes={"risk": ("0", "1")})
    assert (outcome.label, outcome.score) == ("1", 2.0)


def test_of_two_rows_about_one_prediction_the_later_is_received_later(tmp_path: Path) -> None:
    path = written(tmp_path, "labels.csv", f"prediction_id,label\n{ID},spam\n{ID},ham\n")
    one, other = read_feedback(path, 1.7e9, classes=CLASSES)
    assert one.received_at < other.received_at


def test_an_entity_and_a_time_name_a_prediction(tmp_path: Path) -> None:
    path = written(tmp_path, "labels.csv", "entity,time,label\nu1,1970-01-01T00:01:00Z,spam\nu1,1970-01-01 00:02,ham\n")
    one, other = read_feedback(path, 100.0, classes=CLASSES)
    assert (one.entity_hash, one.predicted_at) == (entity_hash("spam", "u1"), 60.0)
    assert other.predicted_at == 120.0


def test_an_entity_needs_a_classifier_when_there_are_several(tmp_path: Path) -> None:
    path = written(tmp_path, "labels.csv", "entity,time,label\nu1,2026-01-01,spam\n")
    classes = {**CLASSES, "churn": ("no", "yes")}
    with pytest.raises(DataError) as raised:
        read_feedback(path, 1.0, classes=classes)
    assert raised.value.problems[0].path == "line 2: model"
    assert len(read_feedback(path, 1.0, model="spam", classes=classes)) == 1


@pytest.mark.parametrize(
    ("row", "path"),
    [
        (f"{ID},spma,,,,", "line 3: label"),
        (f"{ID},,,,,", "line 3: label"),
        (f"{ID},spam,high,,,", "line 3: score"),
        ("7,spam,,,,", "line 3: prediction_id"),
        (",spam,,u1,,", "line 3: time"),
        (",spam,,u1,yesterday,", "line 3: time"),
        (",spam,,,2026-01-01,", "line 3: entity"),
        (f"{ID},spam,,,,churn", "line 3: model"),
    ],
)
def test_a_wrong_row_is_named_and_nothing_is_taken(tmp_path: Path, row: str, path: str) -> None:
    header = "prediction_id,label,score,entity,time,model"
    file = written(tmp_path, "labels.csv", f"{header}\n{ID},spam,,,,\n{row}\n")
    with pytest.raises(DataError) as raised:
        read_feedback(file, 1.0, classes=CLASSES)
    assert [problem.path for problem in raised.value.problems] == [path]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("labels.csv", "", "no rows"),
        ("labels.csv", "prediction_id,label\n", "no rows"),
        ("labels.csv", "prediction_id,labell\n", "'labell' is unknown"),
        ("labels.csv", f"prediction_id,label\n{ID},spam,more\n", "line 2 has more cells"),
        ("labels.csv", f'prediction_id,label\n"{ID},spam\n', "is not CSV"),
        ("labels.jsonl", "[1]\n", "line 1"),
        ("labels.jsonl", '{"labell": "x"}\n', "'labell' is unknown"),
        ("labels.txt", "", "suffix"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(tmp_path: Path, name: str, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_feedback(written(tmp_path, name, text), 1.0, classes=CLASSES)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "latin.csv").write_bytes(b"prediction_id,label\n\xff,\xe9\n")
    with pytest.raises(DataError, match="UTF-8"):
        read_feedback(tmp_path / "latin.csv", 1.0, classes=CLASSES)
    with pytest.raises(DataError, match="No such file"):
        read_feedback(tmp_path / "absent.csv", 1.0, classes=CLASSES)


SEVERAL = {"themes": ("art", "money", "a|b")}


@pytest.mark.parametrize(
    ("cell", "labels"),
    [
        ("art|money", ("art", "money")),
        ("money | art", ("art", "money")),
        ("art", ("art",)),
        ("a|b", ("a|b",)),
        ('"[""money"",""art""]"', ("art", "money")),
        ("[]", ()),
    ],
)
def test_several_labels_stand_in_one_cell(tmp_path: Path, cell: str, labels: tuple[str, ...]) -> None:
    path = written(tmp_path, "labels.csv", f"prediction_id,label\n{ID},{cell}\n")
    (outcome,) = read_feedback(path, 100.0, classes=SEVERAL, several=["themes"])
    assert outcome.label == labels


def test_several_labels_are_a_list_in_json_lines(tmp_path: Path) -> None:
    path = written(
        tmp_path, "labels.jsonl", f'{{"prediction_id": "{ID}", "label": ["money", "art"], "model": "themes"}}\n'
    )
    (outcome,) = read_feedback(path, 100.0, classes={**SEVERAL, **CLASSES}, several=["themes"])
    assert outcome.label == ("art", "money")


def test_an_unknown_one_of_several_labels_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, "labels.csv", f"prediction_id,label\n{ID},art|mony\n{OTHER},[art\n")
    with pytest.raises(DataError) as caught:
        read_feedback(path, 100.0, classes=SEVERAL, several=["themes"])
    assert [problem.path for problem in caught.value.problems] == ["line 2: label", "line 3: label"]
