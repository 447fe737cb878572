"""The retail example: from an event log to one row a purchase, as of its own moment."""

from __future__ import annotations

import importlib.util
from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType

import numpy as np
import polars as pl
import pytest

from assay.data.audit import audit
from assay.data.dataset import load_dataset
from assay.data.draft import Wishes, draft_spec
from assay.data.split import split
from assay.spec import parse_spec, write_spec

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "retail" / "snapshots.py"
HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
START = datetime(2011, 1, 1, 9)


@pytest.fixture(scope="module")
def retail() -> ModuleType:
    spec = importlib.util.spec_from_file_location("snapshots", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def line(
    day: float, customer: str, *, invoice: str = "", quantity: int = 2, price: float = 1.5, code: str = "A"
) -> str:
    at = START + timedelta(days=day)
    return f"{invoice or f'{day:g}{customer}'},{code},thing,{quantity},{at:%Y-%m-%d %H:%M:%S},{price},{customer},France"


def log(folder: Path, *lines: str) -> Path:
    path = folder / "log.csv"
    path.write_text("\n".join([HEADER, *lines, ""]), encoding="utf-8")
    return path


def small_log(seed: int = 0) -> list[str]:
    random = np.random.default_rng(seed)
    lines = []
    for customer in range(40):
        for number, day in enumerate(np.sort(random.uniform(0, 120, random.integers(1, 8)))):
            quantity = int(random.integers(1, 9)) * (-1 if random.random() < 0.15 else 1)
            invoice = f"{'C' if quantity < 0 else ''}{customer}{number}"
            lines.append(line(round(day, 3), f"{customer}.0", invoice=invoice, quantity=quantity))
    return sorted(lines, key=lambda text: text.split(",")[4])


def test_a_purchase_says_whether_another_follows_within_30_days(retail: ModuleType, tmp_path: Path) -> None:
    lines = [line(0, "1.0"), line(29, "1.0"), line(60, "1.0"), line(65, "2.0"), line(100, "3.0")]
    made = retail.make_snapshots(retail.read_log(log(tmp_path, *lines)))
    assert made.select("customer", "buys_again").rows() == [("1", "yes"), ("1", "no"), ("1", "no"), ("2", "no")]


def test_purchases_whose_window_is_not_over_are_left_out(retail: ModuleType, tmp_path: Path) -> None:
    made = retail.make_snapshots(retail.read_log(log(tmp_path, line(0, "1.0"), line(71, "2.0"), line(100, "1.0"))))
    assert made["customer"].to_list() == ["1"]


def test_lines_of_one_visit_are_one_purchase_and_returns_are_none(retail: ModuleType, tmp_path: Path) -> None:
    lines = [
        line(0, "1.0", code="A"),
        line(0.01, "1.0", code="B", invoice="second"),
        line(5, "1.0", invoice="C9", quantity=-2),
        line(9, "1.0"),
        line(50, "", price=9.0),
    ]
    made = retail.make_snapshots(retail.read_log(log(tmp_path, *lines, line(60, "2.0"))))
    told = made.select("value", "items", "products", "purchases_before", "returns_before", "buys_again").rows()
    assert told == [(6.0, 4, 2, 0, 0, "yes"), (3.0, 2, 1, 1, 1, "no")]


def test_nothing_that_comes_later_changes_what_was_known(retail: ModuleType, tmp_path: Path) -> None:
    """Point in time: a log that ends earlier gives the same rows for the moments it knows the label of."""
    lines = small_log()
    whole = retail.make_snapshots(retail.read_log(log(tmp_path, *lines)))
    cut = [text for text in lines if text.split(",")[4] < f"{START + timedelta(days=80):%Y-%m-%d %H:%M:%S}"]
    early = retail.make_snapshots(retail.read_log(log(tmp_path, *cut)))
    assert 20 < early.height < whole.height
    assert early.equals(whole.filter(pl.col("snapshot").is_in(early["snapshot"].implode())))


@pytest.mark.slow
def test_the_real_log_gives_an_honest_set(retail: ModuleType, shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "online_retail" / "online_retail.csv.gz"
    if not source.is_file():
        pytest.skip("the Online Retail log is not among the real data sets")
    rows = tmp_path / "snapshots.csv"
    retail.make_snapshots(retail.read_log(source)).write_csv(rows)
    wishes = Wishes(label=("buys_again",), positive="yes", entity="customer", time="at")
    spec = parse_spec(write_spec(draft_spec(rows, wishes, tmp_path).draft))
    data = load_dataset(spec, tmp_path)
    assert (data.rows, len(set(data.entity if data.entity is not None else ()))) == (14457, 4070)
    assert spec.data.split.method == "time"
    assert audit(data, split(data, spec), spec).blocks == ()
