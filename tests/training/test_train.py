"""The training path from a file to the registry, on small made tables."""

from __future__ import annotations

import csv
from pathlib import Path

import msgspec
import numpy as np
import pytest
from safetensors.numpy import load

from assay.app import App
from assay.data.dataset import load_dataset
from assay.data.split import split
from assay.errors import DataError, SpecError
from assay.registry.releases import open_release, read_evidence
from assay.release.manifest import CARD
from assay.spec import parse_spec
from assay.training.evidence import SCORES, TRIALS
from assay.training.train import Destination, Trained, prepare_lesson, train

SPEC = """\
name: orders
owner: {team: shop}
data:
  source: orders.csv
  label: returned
  positive: "yes"
  split: {seed: 7}
columns:
  amount: {type: number, missing: median}
  plan: {type: category}
  note: {type: text}
policy: {maximise: f1}
gates: {log_loss: {max: majority}}
"""
NOW = 1_700_000_000.0


def trained(spec: str, folder: Path, app: App, *, deploy: bool = True) -> Trained:
    destination = Destination(registry=app.registry, blobs=app.blobs, by="ann", deploy=deploy, clock=lambda: NOW)
    return train(parse_spec(spec), folder, destination)


def test_a_passing_release_is_registered_and_the_first_one_deployed(folder: Path, app: App) -> None:
    result = trained(SPEC, folder, app)
    assert (result.version.version, result.version.passed, result.known, result.deployed) == (1, True, False, True)
    assert app.registry.deployment("orders") == result.serving
    assert result.version.created_by == "ann"


def test_the_uses_of_the_gate_are_counted(folder: Path, app: App) -> None:
    """Another split has other rows to judge by; the same release again is no new use."""
    specs = [SPEC, SPEC.replace("maximise: f1", "maximise: accuracy"), SPEC.replace("seed: 7", "seed: 8"), SPEC]
    assert [trained(spec, folder, app).version.gate_uses for spec in specs] == [1, 2, 1, 1]


def test_a_later_release_waits(folder: Path, app: App) -> None:
    trained(SPEC, folder, app)
    second = trained(SPEC.replace("seed: 7", "seed: 8"), folder, app)
    assert (second.version.version, second.deployed) == (2, False)
    assert second.serving is not None
    assert second.serving.version == 1


def test_nothing_is_deployed_where_that_is_not_wanted(folder: Path, app: App) -> None:
    result = trained(SPEC, folder, app, deploy=False)
    assert (result.version.passed, result.deployed, result.serving) == (True, False, None)


def test_a_release_that_fails_its_gates_is_registered_with_its_evidence_but_not_deployed(
    folder: Path, app: App
) -> None:
    result = trained(SPEC.replace("log_loss: {max: majority}", "accuracy: {min: 0.999}"), folder, app)
    assert (result.version.passed, result.deployed) == (False, False)
    assert result.card.gates[0].verdict == "fail"
    assert open_release(result.version, app.blobs).classifier == "orders"


def test_another_gate_makes_another_release_that_can_pass(folder: Path, app: App) -> None:
    failed = trained(SPEC.replace("log_loss: {max: majority}", "accuracy: {min: 0.999}"), folder, app)
    passing = trained(SPEC, folder, app)
    assert failed.version.release_digest != passing.version.release_digest
    assert passing.deployed


def test_the_card_tells_the_story(folder: Path, app: App) -> None:
    result = trained(SPEC, folder, app)
    card = msgspec.json.decode(read_evidence(result.version, app.blobs, CARD))
    assert card["created_at"] == "2023-11-14T22:13:20+00:00"
    assert card["owner"] == {"team": "shop"}
    assert card["release_digest"] == result.version.release_digest
    assert card["data"]["rows"] == 600
    assert card["data"]["classes"]["yes"] + card["data"]["classes"]["no"] == 600
    assert card["data"]["learned_rows"] + card["data"]["gate_rows"] == 600
    assert card["lineage"]["data_checksum"] == card["data"]["checksum"]
    assert card["lineage"]["spec"]["name"] == "orders"
    assert card["lineage"]["libraries"]["numpy"] == np.__version__
    assert card["lineage"]["seed"] == 7
    tried = [one["name"] for one in card["model"]["candidates"]]
    assert tried == ["majority", "logistic_regression", "lightgbm", "average"]
    assert card["policy"]["chosen_by"] == "best f1"
    assert (
        card["metrics"]["roc_auc"]["low"] <= card["metrics"]["roc_auc"]["value"] <= card["metrics"]["roc_auc"]["high"]
    )
    assert card["metrics"]["latency_p99_ms"]["value"] > 0
    assert card["parity"]["rows"] == 600
    assert card["gates"][0]["relative"] == "majority"


def test_kept_scores_belong_to_rows_of_the_data(folder: Path, app: App) -> None:
    result = trained(SPEC, folder, app)
    kept = load(read_evidence(result.version, app.blobs, SCORES))
    rows = np.concatenate([kept["validation.rows"], kept["gate.rows"]])
    assert sorted(rows.tolist()) == list(range(600))
    for part in ("validation", "gate"):
        assert kept[f"{part}.scores"].shape == (kept[f"{part}.labels"].size, 1)
    with (folder / "orders.csv").open(encoding="utf-8") as file:
        truth = np.array([row["returned"] == "yes" for row in csv.DictReader(file)])
    labels = np.concatenate([kept["validation.labels"], kept["gate.labels"]])
    assert np.array_equal(labels == 1, truth[rows])


def test_held_out_rows_choose_where_the_spec_says_so(folder: Path, app: App) -> None:
    result = trained(SPEC.replace("seed: 7", "seed: 7, validation: 0.25"), folder, app)
    data = result.card.data
    assert not data.out_of_fold
    assert data.validation_rows == pytest.approx(0.25 * data.learned_rows, abs=3)


def test_whole_groups_choose_where_the_split_keeps_them_whole(folder: Path) -> None:
    grouped = SPEC.replace("split: {seed: 7}", "entity: plan\n  split: {method: group, seed: 7}")
    spec = parse_spec(grouped.replace("plan: {type: category}", "plan: {type: id}"))
    lines = (folder / "orders.csv").read_text(encoding="utf-8").splitlines()
    owned = [line.replace(",free,", f",c{at % 90},").replace(",pro,", f",c{at % 90},") for at, line in enumerate(lines)]
    (folder / "orders.csv").write_text("\n".join(owned), encoding="utf-8")
    dataset = load_dataset(spec, folder)
    parts = split(dataset, spec)
    lesson = prepare_lesson(spec, dataset, parts)
    chooses = parts.all_but_gate[lesson.asked]
    assert parts.clusters is not None
    assert np.array_equal(lesson.clusters_of(lesson.asked), parts.clusters[chooses])
    assert len(np.unique(lesson.clusters_of(lesson.asked))) < 90


def test_a_rule_on_an_unknown_feature_is_refused_before_anything_is_learned(folder: Path, app: App) -> None:
    rule = 'policy:\n  maximise: f1\n  reasons: [{feature: url_cuont, op: ">", value: 2, reason: many links}]'
    with pytest.raises(SpecError, match="url_count"):
        trained(SPEC.replace("policy: {maximise: f1}", rule), folder, app)
    assert list(app.registry.classifiers()) == []


def test_a_leak_is_refused_and_nothing_registered(folder: Path, app: App) -> None:
    lines = (folder / "orders.csv").read_text().splitlines()
    told = [f"{line},{'told' if number == 0 else int(line.endswith('yes'))}" for number, line in enumerate(lines)]
    (folder / "orders.csv").write_text("\n".join(told) + "\n")
    with pytest.raises(DataError, match="audit"):
        trained(SPEC.replace("  note:", "  told: {type: number}\n  note:"), folder, app)
    assert list(app.registry.classifiers()) == []


def test_labels_that_nothing_tells_leave_the_majority(folder: Path, app: App) -> None:
    random = np.random.default_rng(3)
    with (folder / "orders.csv").open("w", encoding="utf-8") as file:
        file.write("amount,plan,note,returned\n")
        for number in range(300):
            file.write(f"{random.normal():.3f},free,hello {number},{'yes' if random.random() < 0.3 else 'no'}\n")
    result = trained(SPEC, folder, app)
    assert result.card.model.chosen == "majority"
    assert not result.version.passed


def test_several_classes_go_the_same_way(folder: Path, app: App) -> None:
    text = (folder / "orders.csv").read_text().splitlines()
    lines = [line.replace(",yes", ",maybe") if number % 3 == 0 else line for number, line in enumerate(text)]
    (folder / "orders.csv").write_text("\n".join(lines) + "\n")
    spec = (
        SPEC.replace('  positive: "yes"\n', "")
        .replace("policy: {maximise: f1}\n", "")
        .replace("policy: {maximise: f1}\n", "")
    )
    result = trained(spec, folder, app)
    assert result.card.task == "multiclass"
    assert result.card.policy.chosen_by == "most probable class"
    assert set(result.card.data.classes) == {"maybe", "no", "yes"}


SEARCHED = SPEC.replace("policy:", "model: {candidates: [lightgbm], search: {trials: 3}}\npolicy:")


def test_every_trial_of_a_search_is_kept_beside_the_card(folder: Path, app: App) -> None:
    result = trained(SEARCHED, folder, app)
    trials = msgspec.json.decode(read_evidence(result.version, app.blobs, TRIALS))
    assert [(trial["candidate"], trial["number"]) for trial in trials] == [("lightgbm", number) for number in range(3)]
    boosted = next(one for one in result.card.model.candidates if one.name == "lightgbm")
    assert boosted.log_loss == pytest.approx(min(trial["log_loss"] for trial in trials), abs=1e-12)


def test_a_search_makes_the_same_release_again(folder: Path, app: App) -> None:
    assert trained(SEARCHED, folder, app).version == trained(SEARCHED, folder, app).version


def test_the_card_says_what_the_shape_of_the_data_ruled_out(folder: Path, app: App) -> None:
    """25 classes of short texts: boosting is left out by a rule, and the card says so."""
    with (folder / "orders.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["amount", "plan", "note", "returned"])
        writer.writerows(
            [number % 7, "free", f"word{number * (3 if number % 4 == 0 else 1) % 25} order", f"c{number % 25}"]
            for number in range(500)
        )
    result = trained(SPEC.replace('  positive: "yes"\n', "").replace("policy: {maximise: f1}\n", ""), folder, app)
    boosted = next(one for one in result.card.model.candidates if one.name == "lightgbm")
    assert (boosted.log_loss, boosted.chosen) == (None, False)
    assert boosted.why.startswith("not tried: 25 classes over the terms of a text")
