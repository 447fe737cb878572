"""What the card says beside its figures: the champion, groups, slices, the learning curve, the verdict on record."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

from assay.app import App, open_app
from assay.errors import SpecError
from assay.registry.releases import read_evidence
from assay.release.manifest import CARD
from assay.settings import Settings
from assay.spec import parse_spec
from assay.training import evaluate
from assay.training.evidence import REPORT
from assay.training.train import Destination, Trained, train
from assay.values import Interval

SPEC = """\
name: loans
data: {source: loans.csv, label: paid, positive: "yes", entity: person}
columns:
  person: {type: id}
  sex: {type: id}
  income: {type: number}
  region: {type: category}
model: {candidates: [logistic_regression]}
policy: {maximise: accuracy}
"""
ROWS, PEOPLE = 1200, 300


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    app = open_app(settings=Settings(home=tmp_path / "home"))
    yield app
    app.engine.dispose()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Income tells who pays, but in the south it tells nothing; of women a third is said to pay without paying."""
    random = np.random.default_rng(1)
    with (tmp_path / "loans.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["person", "sex", "income", "region", "paid"])
        for number in range(ROWS):
            income, sex, region = (
                float(random.normal()),
                "fm"[int(random.integers(2))],
                ("north", "south")[number % 4 == 0],
            )
            pays = income + float(random.normal(0, 0.3)) > 0 if region == "north" else random.random() < 0.5
            told = "yes" if pays and not (sex == "f" and random.random() < 0.33) else "no"
            writer.writerow([f"p{number % PEOPLE}", sex, round(income, 4), region, told])
    return tmp_path


def trained(folder: Path, app: App, more: str = "", seed: int = 7) -> Trained:
    text = SPEC.replace("entity: person}", f"entity: person, split: {{seed: {seed}}}}}") + more
    destination = Destination(registry=app.registry, blobs=app.blobs, by="ann", clock=lambda: 1e9)
    return train(parse_spec(text), folder, destination)


def test_a_release_is_compared_with_the_champion_on_the_same_rows(folder: Path, app: App) -> None:
    assert trained(folder, app).card.champion is None
    same_rows = trained(folder, app, "gates: {champion: {non_inferior_by: 0.02}}\n").card
    assert same_rows.champion is not None
    assert (same_rows.champion.version, same_rows.champion.note) == (1, "")
    assert same_rows.champion.differences["accuracy"] == Interval(0.0, 0.0, 0.0)
    assert [(gate.metric, gate.verdict, gate.relative) for gate in same_rows.gates] == [
        ("accuracy", "pass", "champion")
    ]
    other_rows = trained(folder, app, seed=8).card.champion
    assert other_rows is not None
    assert "may have learned" in other_rows.note


def test_a_champion_of_other_columns_cannot_be_compared_with(folder: Path, app: App) -> None:
    trained(folder, app)
    spec = SPEC.replace("  region: {type: category}\n", "") + "gates: {champion: {non_inferior_by: 0.02}}\n"
    destination = Destination(registry=app.registry, blobs=app.blobs, by="ann", clock=lambda: 1e9)
    card = train(parse_spec(spec), folder, destination).card
    assert card.champion is not None
    assert card.champion.differences == {}
    assert "other columns (region)" in card.champion.note
    assert (card.gates[0].verdict, card.gates[0].reason) == ("undecided", card.champion.note)


def test_groups_by_a_column_that_is_no_feature_are_compared(folder: Path, app: App) -> None:
    gate = "gates: {fairness: {by: [sex], metric: predictive_parity, max_gap: 0.05}}\n"
    card = trained(folder, app, gate).card
    [found] = card.fairness
    assert found.rates[0].between == ("m", "f")
    assert found.gap is not None
    assert found.gap.low > 0.05
    assert [(one.by, one.verdict) for one in card.gates] == [("sex", "fail")]


@pytest.mark.parametrize(("column", "said"), [("person", "group"), ("nobody", "is not one of the columns")])
def test_groups_that_cannot_be_compared_are_refused_before_anything_is_learned(
    folder: Path, app: App, column: str, said: str
) -> None:
    with pytest.raises(SpecError, match=said):
        trained(folder, app, f"gates: {{fairness: {{by: {column}, metric: equal_opportunity, max_gap: 0.1}}}}\n")
    assert list(app.registry.classifiers()) == []


def test_a_weak_region_is_found(folder: Path, app: App) -> None:
    slices = trained(folder, app).card.diagnostics.slices
    assert (("region", "south"),) in [one.where for one in slices.found]


def test_columns_that_tell_something_are_the_important_ones(folder: Path, app: App) -> None:
    important = trained(folder, app).card.diagnostics.importances
    assert [one.column for one in important] == ["income", "region"]
    assert important[0].loss.low > 0.1


def test_the_learning_curve_ends_with_the_whole_first_part(folder: Path, app: App) -> None:
    curve = trained(folder, app).card.model.learning_curve
    rows = [point.rows for point in curve]
    assert rows == sorted(rows)
    assert rows[0] >= 100
    assert rows[-1] == pytest.approx(0.8 * 0.8 * ROWS, rel=0.05)
    assert curve[0].gain is None
    assert all(point.gain is not None for point in curve[1:])


def test_a_split_by_group_draws_whole_groups_for_the_intervals(folder: Path, app: App) -> None:
    by_row = trained(folder, app).card
    text = SPEC.replace("entity: person}", "entity: person, split: {method: group}}")
    destination = Destination(registry=app.registry, blobs=app.blobs, by="ann", clock=lambda: 1e9)
    by_group = train(parse_spec(text), folder, destination).card
    assert by_row.data.gate_groups is None
    assert by_group.data.gate_groups == pytest.approx(0.2 * PEOPLE, abs=5)


def test_an_accuracy_below_the_majoritys_is_noted(folder: Path, app: App) -> None:
    rare = "decision: {cost: {false_positive: 1, false_negative: 30}}\npolicy: {minimise: cost}\n"
    text = SPEC.replace("policy: {maximise: accuracy}\n", rare)
    destination = Destination(registry=app.registry, blobs=app.blobs, by="ann", clock=lambda: 1e9)
    card = train(parse_spec(text), folder, destination).card
    assert card.metrics["accuracy"].value < card.majority["accuracy"]
    assert len(card.notes) == 1
    assert "below the majority's" in card.notes[0]


def test_the_verdict_on_record_stands(folder: Path, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """A release is judged once. Another day's latency is told, but changes neither verdict nor card."""
    gate = "gates: {latency_p99_ms: {max: 1}}\n"
    first = trained(folder, app, gate)
    assert first.version.passed
    monkeypatch.setattr(evaluate, "measure_latency", lambda _: Interval(5.0, 4.0, 6.0))
    again = trained(folder, app, gate)
    assert (again.known, again.version.passed, again.card) == (True, True, first.card)
    assert again.otherwise == ("latency_p99_ms max",)
    assert first.otherwise == ()


def test_the_log_part_says_what_can_be_decided_again(folder: Path, app: App) -> None:
    log = trained(folder, app).card.log
    assert (log.inputs, log.kept, log.withheld) == ("features", ("income", "region"), ("person", "sex"))
    assert log.redecidable


def test_a_report_stands_beside_the_card(folder: Path, app: App) -> None:
    version = trained(folder, app).version
    report = read_evidence(version, app.blobs, REPORT).decode()
    card = msgspec.json.decode(read_evidence(version, app.blobs, CARD))
    assert report.startswith("<!doctype html>")
    assert card["release_digest"] in report
