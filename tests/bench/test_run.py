"""The whole path: a server of the bench's own, compared, loaded and gone without a trace."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.app import App
from assay.bench.generator import generate
from assay.bench.lines import post
from assay.bench.load import Plan
from assay.bench.machine import processor_time, resident_mb
from assay.bench.run import PATH, Order, Report, bench, check, copy_release, think_ahead
from assay.bench.server import Server, running
from assay.bench.sizing import Wish
from assay.errors import ReleaseError, UnavailableError
from assay.registry.releases import resolve
from assay.release.bundle import CachePlan, ServingPlan
from assay.release.core import Release
from assay.settings import Settings
from tests.release.material import linear_bundle
from tests.serving.material import publish_in

pytestmark = pytest.mark.integration


def _files(home: Path) -> set[str]:
    return {str(path.relative_to(home)) for path in home.rglob("*")}


@pytest.fixture(scope="module")
def measured(home_app: App) -> tuple[Report, set[str], set[str], list[tuple[str, int, int]]]:
    version = resolve("spam", home_app.registry)
    before = _files(home_app.home)
    steps: list[tuple[str, int, int]] = []
    order = Order(connections=(1, 4), seconds=0.2, at_fixed_rates=True, wish=Wish(rate=10.0))
    report = bench(home_app, version, order, lambda *step: steps.append(step))
    return report, before, _files(home_app.home), steps


def test_it_measures_what_it_was_asked_for(measured: tuple[Report, ...]) -> None:
    report = measured[0]
    assert report.errors == 0
    assert [load.connections for load in report.levels] == [1, 4]
    assert all(load.requests > 0 for load in report.levels)
    assert len(report.at_fixed_rates) == 3
    assert report.sizing is not None
    assert report.sizing.most_per_second == max(load.requests_per_second for load in report.levels)
    assert report.sizing.workers == 1
    assert report.examples > 10


def test_nothing_of_it_comes_into_the_home(measured: tuple[object, set[str], set[str], object]) -> None:
    _, before, after, _ = measured
    assert after == before
    assert not any(name.startswith("spool") for name in after)


def test_it_says_how_far_it_is(measured: tuple[object, object, object, list[tuple[str, int, int]]]) -> None:
    steps = measured[3]
    assert [number for _, number, _ in steps] == list(range(len(steps)))
    assert {total for _, _, total in steps} == {len(steps)}


@pytest.fixture(scope="module")
def alone(home_app: App, tmp_path_factory: pytest.TempPathFactory) -> tuple[App, Release]:
    return copy_release(home_app, resolve("spam", home_app.registry), tmp_path_factory.mktemp("alone"))


@pytest.fixture(scope="module")
def server(alone: tuple[App, Release]) -> Iterator[Server]:
    with running(alone[0], None) as server:
        yield server


BODY = b'{"model":"spam","features":{"text":"hello","amount":3}}'


def test_the_copy_is_the_release(home_app: App, alone: tuple[App, Release]) -> None:
    assert alone[1].digest == resolve("spam", home_app.registry).release_digest


def test_a_server_that_answers_otherwise_is_found_before_anything_is_timed(
    alone: tuple[App, Release], server: Server
) -> None:
    (exchange,), _ = think_ahead(*alone, [BODY], 0.0)
    check(server.port, [exchange], alone[1])
    with pytest.raises(ReleaseError, match="example 2: the server answers not as spam"):
        check(server.port, [exchange, post(PATH, BODY, b'"label":"eggs"')], alone[1])


def test_refusals_under_load_are_errors(server: Server) -> None:
    refused = post(PATH, b"no JSON", b"")
    told = generate(Plan(exchanges=(refused,), connections=2, seconds=0.1, warmup_s=0.0), server.port)
    assert told.requests == 0
    assert set(told.faults) == {"refused"}


def test_a_server_ends_when_it_is_let_go(alone: tuple[App, Release]) -> None:
    with running(alone[0], None) as server:
        assert processor_time(server.pid) is None or resident_mb(server.pid) is not None
    assert processor_time(server.pid) is None


def test_a_server_that_cannot_start_says_why(alone: tuple[App, Release], tmp_path: Path) -> None:
    empty = App(alone[0].settings, tmp_path)
    with pytest.raises(UnavailableError, match=r"did not start: .*no classifier is deployed"), running(empty, None):
        pass


def test_the_copy_keeps_no_scores(tmp_path: Path) -> None:
    app = App(Settings(home=tmp_path / "home"), tmp_path / "home")
    keeping = dataclasses.replace(linear_bundle(), serving=ServingPlan(cache=CachePlan(ttl_s=60.0, size=10)))
    publish_in(app, keeping)
    _, copy = copy_release(app, resolve("spam", app.registry), tmp_path / "copy")
    app.engine.dispose()
    assert copy.cache is None
