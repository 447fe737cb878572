"""What a timestamp gives by itself: what goes round, and its age at the time of the example."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from assay.contract.columns import Column, Contract
from assay.features.fit import fit_plan
from assay.features.plan import Derived, FeaturePlan, Number
from assay.spec.tree import DerivedColumn, Features
from tests.features.examples import contract_of, table_of

START = datetime(2024, 3, 4, 9, 30, tzinfo=UTC)
AT = Column(name="at", type="timestamp", missing="keep")
BORN = Column(name="born", type="timestamp", missing="keep")
CONSTANT = Column(name="n", type="number")


def plan_of(
    contract: Contract, *rows: tuple[timedelta | float | None, ...], wish: Features | None = None
) -> FeaturePlan:
    """The plan learned from rows whose times are given from `START` on."""
    cells = [tuple((START + x).timestamp() if isinstance(x, timedelta) else x for x in row) for row in rows]
    plan, _ = fit_plan(contract, table_of(contract, *cells), None, wish or Features(), "linear")
    return plan


def hours(*values: float) -> list[tuple[timedelta]]:
    return [(timedelta(hours=value),) for value in values]


@pytest.mark.parametrize(
    ("span", "names"),
    [
        (timedelta(hours=47.9), ()),
        (timedelta(hours=48), ("at.hour",)),
        (timedelta(days=13, hours=23), ("at.hour",)),
        (timedelta(days=14), ("at.hour", "at.weekday")),
        (timedelta(days=62), ("at.hour", "at.weekday", "at.day")),
        (timedelta(days=730), ("at.hour", "at.weekday", "at.day")),
        (timedelta(days=731), ("at.hour", "at.weekday", "at.day", "at.month")),
    ],
)
def test_a_part_is_a_feature_once_it_went_round_twice(span: timedelta, names: tuple[str, ...]) -> None:
    moments = (timedelta(0), timedelta(hours=29), 0.55 * span, span)
    plan = plan_of(contract_of(AT, CONSTANT, time="at"), *((moment, 1.0) for moment in moments))
    assert plan.names == ("n", *names)


def test_a_part_that_is_the_same_in_all_rows_is_no_feature() -> None:
    rows = [(timedelta(days=7 * week), 1.0) for week in range(12)]
    assert plan_of(contract_of(AT, CONSTANT, time="at"), *rows).names == ("n", "at.day")


def test_other_times_have_their_age_at_the_time_of_the_example() -> None:
    contract = contract_of(BORN, AT, time="at")
    plan = plan_of(contract, (timedelta(hours=1), timedelta(hours=25)), (timedelta(hours=2), timedelta(hours=14)))
    assert plan.derived == (Derived(name="born.age", op="age", of=("at", "born")),)
    assert plan.encoders == (Number(column="born.age", impute=0.75),)


@pytest.mark.parametrize("order", [None, "n"])
def test_without_a_clock_a_time_has_its_year(order: str | None) -> None:
    plan = plan_of(contract_of(AT, CONSTANT, time=order), (timedelta(0), 1.0), (timedelta(days=366), 2.0))
    assert plan.names[-3:] == ("at.year", "at.weekday", "at.day")


def test_only_the_first_part_tells_that_a_time_is_missing() -> None:
    rows = [*hours(0, 5, 30, 60, 400), (None,)]
    plan = plan_of(contract_of(AT), *rows)
    assert plan.names == ("at.hour", "at.hour is missing", "at.weekday")


def test_times_that_are_derived_from_are_left_to_the_spec() -> None:
    derived = DerivedColumn(name="noon", op="date_part", of=("at",), part="hour")
    plan = plan_of(contract_of(AT), *hours(0, 5, 400), wish=Features(derived=(derived,)))
    assert plan.names == ("noon",)
    both = plan_of(contract_of(AT), *hours(0, 5, 400), wish=Features(derived=(derived,), date_parts=("at",)))
    assert both.names == ("noon", "at.hour", "at.weekday")


def test_an_empty_list_leaves_times_alone() -> None:
    rows = [(timedelta(hours=hour), 1.0) for hour in (0, 5, 400)]
    assert plan_of(contract_of(AT, CONSTANT), *rows, wish=Features(date_parts=())).names == ("n",)


def test_a_part_does_not_take_the_name_of_a_column() -> None:
    contract = contract_of(AT, Column(name="at.hour", type="number"))
    plan = plan_of(contract, *((timedelta(hours=hour), 1.0) for hour in (0, 5, 60)))
    assert plan.names == ("at.hour", "at.hour_")


def test_times_that_are_all_missing_give_nothing() -> None:
    assert plan_of(contract_of(AT, CONSTANT), (None, 1.0), (None, 2.0)).names == ("n",)
