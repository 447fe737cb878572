"""Fault 1, the shipper's part: kill -9 of what ships, and of its parent. Lost is computed from the clients' lists."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.adapters.sql.log_view import all_predictions
from assay.app import App
from assay.records.stats import read_stats
from assay.records.turn import is_present
from tests.faults.figures import Figure
from tests.faults.server import Server, deployed, serving
from tests.records.material import wait_until

CLIENTS = 4
TIMES = 3

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="finds the processes in /proc"),
]


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    app = deployed(tmp_path / "home")
    yield app
    app.engine.dispose()


def logged(app: App) -> list[str]:
    return [str(row["prediction_id"]) for row in all_predictions(app.engine)]


def kill_shipper(server: Server) -> int:
    """Kill the one that ships; its process id."""
    wait_until(lambda: bool(server.shippers()))
    (found,) = server.shippers()
    os.kill(found, signal.SIGKILL)
    return found


def test_one_process_ships_for_all_workers(app: App) -> None:
    with serving(app.home, "--workers", "2") as server:
        server.load(CLIENTS)
        wait_until(lambda: len(server.acknowledged) >= 200 and len(read_stats(app.spools).spools) == 2)
        assert len(server.shippers()) == 1
        server.kill(signal.SIGTERM)
        assert set(server.acknowledged) <= set(logged(app))
    found = read_stats(app.spools)
    assert (found.spooled, found.balanced, len(found.spools)) == (0, True, 2)


def test_killing_what_ships_loses_nothing_and_it_comes_back(app: App, figure: Figure) -> None:
    with serving(app.home) as server:
        server.load(CLIENTS)
        killed = set()
        for turn in range(1, TIMES + 1):
            wait_until(lambda turn=turn: len(server.acknowledged) >= 100 * turn)
            killed.add(kill_shipper(server))
            wait_until(lambda: bool(server.shippers()) and not killed & set(server.shippers()))
        assert len(killed) == TIMES
        assert server.kill(signal.SIGTERM) == 0
        found = logged(app)
        assert len(found) == len(set(found))
        lost = set(server.acknowledged) - set(found)
        figure(kills=len(killed), acknowledged=len(server.acknowledged), lost=len(lost))
        assert not lost
    stats = read_stats(app.spools)
    assert (stats.spooled, stats.balanced) == (0, True)


def test_the_absence_of_what_ships_is_told(app: App) -> None:
    def told() -> bool:
        for shipper in server.shippers():
            os.kill(shipper, signal.SIGKILL)
        return any("ships the log" in concern for concern in server.concerns())

    with serving(app.home) as server:
        assert server.concerns() == []
        wait_until(told)
        wait_until(lambda: server.concerns() == [])
        assert server.kill(signal.SIGTERM) == 0


def test_what_ships_does_not_outlive_a_killed_server_and_the_next_one_ships_the_rest(app: App, figure: Figure) -> None:
    acknowledged: list[str] = []
    for turn in range(TIMES):
        with serving(app.home) as server:
            server.load(CLIENTS)
            wait_until(lambda turn=turn: len(server.acknowledged) >= 60 + 40 * turn)
            server.kill(signal.SIGKILL)
            wait_until(lambda: not is_present(app.spools))
            acknowledged += server.acknowledged
            assert read_stats(app.spools).balanced
    with serving(app.home) as server:
        wait_until(lambda: read_stats(app.spools).spooled == 0)
        server.kill(signal.SIGTERM)
    assert read_stats(app.spools).balanced
    lost = set(acknowledged) - set(logged(app))
    figure(kills=TIMES, acknowledged=len(acknowledged), lost=len(lost))
    assert not lost


def test_workers_do_not_outlive_a_killed_supervisor(app: App, figure: Figure) -> None:
    with serving(app.home, "--workers", "2") as server:
        server.load(CLIENTS)
        wait_until(lambda: len(server.acknowledged) >= 100)
        server.kill(signal.SIGKILL)
        wait_until(lambda: not any(spool.live for spool in read_stats(app.spools).spools))
        acknowledged = server.acknowledged
    with serving(app.home) as server:
        wait_until(lambda: read_stats(app.spools).spooled == 0)
        server.kill(signal.SIGTERM)
    lost = set(acknowledged) - set(logged(app))
    figure(kills=1, acknowledged=len(acknowledged), lost=len(lost))
    assert not lost
