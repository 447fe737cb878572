"""Charts of odd cards: nothing to draw, one thing to draw, values at the ends."""

from __future__ import annotations

from collections.abc import Callable
from xml.etree.ElementTree import fromstring

import pytest

from assay.report import charts

INTERVAL = {"value": 0.5, "low": 0.25, "high": 0.75}
ROW = {"threshold": 0.5, "precision": None, "recall": 1.0, "f1": 0.5, "flagged": 0.0, "cost": 0.0}

DRAWN: dict[str, Callable[[], str]] = {
    "one bin": lambda: charts.reliability([{"said": 1.0, "seen": 0.0, "low": 0.0, "high": 1.0, "rows": 1}], "x" * 99),
    "no bins": lambda: charts.reliability([], ""),
    "one point": lambda: charts.recall_curves({"a": [{"threshold": 0.5, "recall": 1.0, "precision": 1.0}]}, {"a": 0.4}),
    "twelve curves": lambda: charts.recall_curves(
        {str(at): [{"threshold": 0.5, "recall": 1.0, "precision": 1.0}] for at in range(12)}, {}
    ),
    "no threshold": lambda: charts.threshold_curves([ROW], None),
    "a high threshold": lambda: charts.threshold_curves([ROW], 0.99),
    "no cost": lambda: charts.cost_curve([ROW], 0.1),
    "one class": lambda: charts.confusion({("a", "a"): 0}, ["a"]),
    "forty classes": lambda: charts.confusion({("1", "2"): 5}, [str(at) for at in range(40)]),
    "no rows": lambda: charts.forest([("a", None, "c0"), ("b", INTERVAL, "c0")], "rate", None),
    "equal bars": lambda: charts.forest([("a", {"value": 0, "low": 0, "high": 0}, "c0")], "loss", 0.0, bars=True),
    "one learning point": lambda: charts.learning_curve([{"rows": 9, "log_loss": INTERVAL}]),
    "full coverage": lambda: charts.coverage([{"coverage": 1.0, "accuracy": INTERVAL}]),
    "a gauge": lambda: charts.gauge(INTERVAL, None),
}


@pytest.mark.parametrize("name", DRAWN)
def test_a_chart_is_well_formed(name: str) -> None:
    root = fromstring(DRAWN[name]())  # noqa: S314 - written by the code under test
    assert root.tag == "svg"
    assert "nan" not in DRAWN[name]()


def test_the_chosen_threshold_is_marked_on_its_curve() -> None:
    points = [{"threshold": at / 10, "recall": 1 - at / 10, "precision": at / 10} for at in range(9, 0, -1)]
    drawn = charts.recall_curves({"a": points}, {"a": 0.35})
    [mark] = list(fromstring(drawn).iter("circle"))  # noqa: S314 - as above
    assert mark[0].text == "a at 0.3500"
