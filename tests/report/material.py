"""A small table whose every name and value is hostile, trained on for the report's sake."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from assay.app import open_app
from assay.registry.releases import read_evidence
from assay.settings import Settings
from assay.spec import parse_spec
from assay.training.train import Destination, train

HOSTILE = "<script>alert(1)</script>"
BREAKING = "\"'></style><img src=x onerror=alert(1)>{{ 7*7 }}"
CLASSES = (HOSTILE, BREAKING, "</title>&amp;")

_SPEC = """\
name: hostile
owner: {{team: '{hostile}'}}
decision:
  objective: '{hostile}'
  {cost}
data: {{source: rows.csv, label: '{hostile}', entity: who, split: {{method: group, seed: 7}}}}
columns:
  who: {{type: id}}
  'amount {hostile}': {{type: number, missing: median}}
  plan: {{type: category}}
  note: {{type: text}}
model: {{candidates: [logistic_regression]}}
gates:
  accuracy: {{min: majority}}
  fairness: {{by: [plan], metric: equalized_odds, max_gap: 0.3}}
  champion: {{non_inferior_by: 0.05}}
"""


def write_rows(path: Path, classes: int, rows: int = 400) -> None:
    """`rows` examples of so many classes, two of each entity."""
    random = np.random.default_rng(4)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["who", f"amount {HOSTILE}", "plan", "note", HOSTILE])
        for number in range(rows):
            label = int(random.integers(classes))
            plan = (HOSTILE, BREAKING)[int(random.random() < 0.5)]
            word = "abc"[label if random.random() < 0.7 else int(random.integers(3))]
            note = f"{HOSTILE} {word} number {number}"
            writer.writerow([f"w{number // 2}", round(float(random.normal(label, 0.8)), 3), plan, note, CLASSES[label]])


def train_twice(folder: Path, classes: int) -> tuple[dict[str, Any], str]:
    """The card and the report of the second release, so that both have a champion."""
    write_rows(folder / "rows.csv", classes)
    cost = "cost: {false_positive: 2, false_negative: 1}" if classes == 2 else "limits: {latency_ms: 50}"
    text = _SPEC.format(hostile=HOSTILE, cost=cost)
    app = open_app(settings=Settings(home=folder / "home"))
    destination = Destination(registry=app.registry, blobs=app.blobs, by=HOSTILE, clock=lambda: 1e9)
    # The champion needs to have passed its gates; what the second one does with its own is drawn.
    train(parse_spec(text.split("gates:")[0]), folder, destination)
    second = train(parse_spec(text.replace("seed: 7", "seed: 8")), folder, destination).version
    card = msgspec.json.decode(read_evidence(second, app.blobs, "card.json"))
    report = read_evidence(second, app.blobs, "report.html").decode()
    app.engine.dispose()
    return card, report
