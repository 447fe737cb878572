"""Fixtures of the training tests: an application of its own, and a small table of orders."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from assay.app import App, open_app
from assay.settings import Settings


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    app = open_app(settings=Settings(home=tmp_path / "home"))
    yield app
    app.engine.dispose()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    random = np.random.default_rng(2)
    with (tmp_path / "orders.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["amount", "plan", "note", "returned"])
        for number in range(600):
            returned = random.random() < 0.4
            writer.writerow(
                [
                    "" if number % 19 == 0 else round(float(random.normal(60 if returned else 30, 15)), 2),
                    ("free", "pro")[int(random.random() < (0.7 if returned else 0.3))],
                    f"{'broken wrong size' if random.random() < 0.5 + 0.3 * returned else 'thanks'} order {number}",
                    "yes" if returned else "no",
                ]
            )
    return tmp_path
