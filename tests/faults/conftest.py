"""Collects what the fault tests counted and prints it as one table: `make faults`."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.faults.figures import Figure


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Figure:
    def keep(**counts: int) -> None:
        for name, value in counts.items():
            record_property(name, value)

    return keep


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    rows = [
        (report.nodeid, ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in report.user_properties))
        for report in reports
        if report.when == "call" and report.user_properties
    ]
    if rows:
        terminalreporter.section("figures")
    for name, counts in sorted(rows):
        terminalreporter.write_line(f"| {name.split('::')[1].removeprefix('test_').replace('_', ' ')} | {counts} |")
