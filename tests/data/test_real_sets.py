"""The real data sets go from `init` to a clean audit with no hand editing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from assay.data.audit import audit
from assay.data.dataset import Dataset, load_dataset
from assay.data.draft import Wishes, draft_spec
from assay.data.split import split
from assay.spec import parse_spec, write_spec

SETS: dict[str, tuple[str, Wishes, int, int]] = {
    "sms_spam": ("sms_spam/SMSSpamCollection.tsv", Wishes(label=("#1",), positive="spam"), 5574, 2),
    "telco_churn": ("telco_churn/Telco-Customer-Churn.csv", Wishes(label=("Churn",)), 7043, 2),
    "adult": ("adult/adult.csv.gz", Wishes(label=("income",), positive=">50K"), 48842, 2),
    "ag_news": ("ag_news/ag_news_test.csv.gz", Wishes(label=("label",)), 7600, 4),
    "elec2": ("elec2/elec2.csv.gz", Wishes(label=("class",)), 45312, 2),
    "fraud": ("vehicle_insurance_fraud/fraud_oracle.csv.gz", Wishes(label=("FraudFound_P",)), 15420, 2),
    "clinc150": ("clinc150/clinc150.csv.gz", Wishes(label=("intent",)), 23700, 151),
    "sst2": ("sst2/sst2.csv.gz", Wishes(label=("label",), split="column:split"), 9613, 2),
    "rotten_tomatoes": ("rotten_tomatoes/rt-polarity.csv.gz", Wishes(label=("label",)), 10662, 2),
}


def load(shared_data: Path, name: str) -> Dataset:
    file, wishes, _, _ = SETS[name]
    spec = parse_spec(write_spec(draft_spec(shared_data / file, wishes, shared_data).draft))
    return load_dataset(spec, shared_data)


def types(dataset: Dataset) -> dict[str, str]:
    return {column.name: column.type for column in dataset.contract.columns}


@pytest.mark.parametrize("name", SETS)
def test_a_real_set_passes_its_own_check(shared_data: Path, name: str) -> None:
    file, wishes, rows, classes = SETS[name]
    spec = parse_spec(write_spec(draft_spec(shared_data / file, wishes, shared_data).draft))
    dataset = load_dataset(spec, shared_data)
    assert (dataset.rows, len(dataset.contract.classes)) == (rows, classes)
    assert audit(dataset, split(dataset, spec), spec).blocks == ()


def test_sms_spam_is_one_text_column(shared_data: Path) -> None:
    dataset = load(shared_data, "sms_spam")
    assert types(dataset) == {"column_2": "text"}
    assert dataset.contract.classes == ("ham", "spam")
    assert int(dataset.labels.sum()) == 747


def test_blank_total_charges_are_missing_numbers(shared_data: Path) -> None:
    dataset = load(shared_data, "telco_churn")
    kinds = types(dataset)
    assert (kinds["customerID"], kinds["TotalCharges"], kinds["SeniorCitizen"]) == ("id", "number", "number")
    assert int(np.isnan(dataset.table.columns["TotalCharges"]).sum()) == 11


def test_question_marks_of_adult_are_a_category_of_their_own(shared_data: Path) -> None:
    dataset = load(shared_data, "adult")
    column = next(column for column in dataset.contract.columns if column.name == "workclass")
    assert (column.type, column.missing, column.constant) == ("category", "constant", "missing")
    assert sum(cell is None for cell in dataset.table.columns["workclass"]) == 2799


def test_a_byte_order_mark_and_row_numbers_do_no_harm(shared_data: Path) -> None:
    kinds = types(load(shared_data, "fraud"))
    assert next(iter(kinds)) == "Month"
    assert kinds["PolicyNumber"] == "id"
