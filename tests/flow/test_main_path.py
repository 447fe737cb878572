"""The main job on real data with the installed command: from a file to a served, recorded decision."""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.flow.material import REAL, Trained, assay, said

FLOORS = {
    "sms_spam": {"precision": 0.95, "recall": 0.90},
    "telco_churn": {"roc_auc": 0.83},
    "adult": {"roc_auc": 0.92},
    "ag_news": {"accuracy": 0.88},
    "music_emotions": {"f1_micro": 0.6, "f1_macro": 0.58},
}
ROWS = {"sms_spam": 5574, "telco_churn": 7043, "adult": 48842, "ag_news": 7600, "music_emotions": 593}
EXAMPLES: dict[str, list[dict[str, object]]] = {
    "sms_spam": [
        {"column_2": "WINNER!! You have been selected for a £900 prize. Call 09061701461 now to claim, code KL341."},
        {"column_2": "ok, see you at home then, love you"},
    ],
    "telco_churn": [
        {
            **dict.fromkeys(("Partner", "Dependents", "PhoneService", "MultipleLines", "OnlineSecurity"), "No"),
            **dict.fromkeys(("OnlineBackup", "DeviceProtection", "TechSupport", "StreamingTV"), "No"),
            "StreamingMovies": "No",
            "gender": "Male",
            "PaperlessBilling": "Yes",
            "InternetService": "DSL",
            "Contract": "Month-to-month",
            "PaymentMethod": "Mailed check",
            "SeniorCitizen": 0,
            "tenure": 2,
            "MonthlyCharges": 53.85,
            "TotalCharges": 108.15,
        }
    ],
    "adult": [
        {
            "age": 39,
            "workclass": "State-gov",
            "fnlwgt": 77516,
            "education": "Bachelors",
            "education-num": 13,
            "marital-status": "Never-married",
            "occupation": "Adm-clerical",
            "relationship": "Not-in-family",
            "race": "White",
            "sex": "Male",
            "capital-gain": 2174,
            "capital-loss": 0,
            "hours-per-week": 40,
            "native-country": "United-States",
        }
    ],
    "ag_news": [{"title": "Stocks fall as oil prices rise", "description": "Shares on Wall Street fell on Monday."}],
}

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.mark.parametrize("name", REAL)
def test_a_file_becomes_a_classifier_that_reaches_its_floor(trained: Callable[[str], Trained], name: str) -> None:
    made = trained(name)
    assert {
        figure: made.figures[figure] for figure, floor in FLOORS[name].items() if made.figures[figure] < floor
    } == {}
    assert (made.said["passed"], made.said["deployed"], made.said["version"]) == (True, True, 1)
    card = made.said["card"]
    assert card["data"]["rows"] == ROWS[name]
    assert card["data"]["learned_rows"] + card["data"]["gate_rows"] == ROWS[name]
    assert card["release_digest"] == made.said["digest"]


@pytest.mark.parametrize("name", REAL)
def test_the_data_is_checked_and_split_the_same_way_every_time(
    trained: Callable[[str], Trained], tmp_path: Path, name: str
) -> None:
    made = trained(name)
    checked = said(assay("check", made.spec, "--json", home=made.home))
    assert (checked["rows"], checked["passed"]) == (ROWS[name], True)
    if name == "adult":
        return
    parts = [tmp_path / "one", tmp_path / "two"]
    counts = [said(assay("split", made.spec, "--output", part, "--json", home=made.home))["rows"] for part in parts]
    assert counts[0] == counts[1]
    assert sum(counts[0].values()) == ROWS[name]
    for part in ("train", "validation", "gate"):
        assert (parts[0] / f"{part}.csv").read_bytes() == (parts[1] / f"{part}.csv").read_bytes()


@pytest.mark.parametrize("name", REAL)
def test_a_trained_classifier_is_listed_shown_promoted_asked_and_corrected(
    copied: Callable[[str], Trained], tmp_path: Path, name: str
) -> None:
    made = copied(name)
    listed = said(assay("releases", "--json", home=made.home))
    assert [(one["classifier"], one["version"], one["digest"]) for one in listed] == [(name, 1, made.said["digest"])]
    shown = said(assay("show", f"{name}@champion", "--json", home=made.home))
    assert shown["card"]["metrics"].keys() == made.said["card"]["metrics"].keys()
    promoted = said(assay("promote", f"{name}@1", "production", "--by", "ann", "--json", home=made.home))
    assert (promoted["stage"], promoted["approved_by"], promoted["deployed"]) == ("production", "ann", True)

    examples = EXAMPLES[name] if name in EXAMPLES else _first_rows(made)
    answers = said(assay("predict", name, json.dumps(examples), "--explain", "--json", home=made.home))
    for answer in answers:
        assert set(_labels(answer)) <= made.said["card"]["data"]["classes"].keys()
        explained = answer["explanation"] if "labels" in answer else [answer["explanation"]]
        assert {one["kind"] for one in explained} == {"exact"}
        assert [one["label"] for one in explained] == _labels(answer)
    if name == "sms_spam":
        assert [answer["label"] for answer in answers] == ["spam", "ham"]

    stats = said(assay("log", "stats", "--json", home=made.home))
    assert (stats["log"]["served"], stats["log"]["shipped"], stats["log"]["balanced"]) == (
        len(answers),
        len(answers),
        True,
    )
    outcomes = tmp_path / "outcomes.csv"
    with outcomes.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["prediction_id", "label"])
        writer.writerows([answer["prediction_id"], "|".join(_labels(answer))] for answer in answers)
    recorded = said(assay("feedback", outcomes, "--json", home=made.home))
    assert recorded == {"recorded": len(answers), "waiting": 0}
    tail = said(assay("log", "tail", "--json", home=made.home))
    assert {row["prediction_id"]: row["is_correct"] for row in tail} == {
        answer["prediction_id"]: True for answer in answers
    }


def _labels(answer: dict[str, Any]) -> list[str]:
    labels: list[str] = answer["labels"] if "labels" in answer else [answer["label"]]
    return labels


def _first_rows(made: Trained) -> list[dict[str, float]]:
    """Rows of a file of numbers, without their labels."""
    columns = made.said["card"]["features"]["columns"]
    with (made.directory / made.said["card"]["data"]["source"]).open(newline="") as file:
        return [{name: float(row[name]) for name in columns} for row in itertools.islice(csv.DictReader(file), 2)]
