"""What the comparison with other servers reads and writes: wrk's figures, the page and the picture."""

from __future__ import annotations

import importlib
from types import ModuleType
from xml.etree.ElementTree import fromstring

import pytest

from tests.house.source import ROOT

PRINTED = """Running 3s test @ http://127.0.0.1:8000/predict
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.22ms  310.00us  12.10ms   93.10%
    Req/Sec    25.90k     1.10k   28.00k    70.00%
  Latency Distribution
     50%  812.00us
     75%    1.20ms
     90%    1.44ms
     99%    2.05s
  77401 requests in 3.00s, 25.10MB read
Requests/sec:  25795.83
Transfer/sec:      8.37MB
"""


@pytest.fixture
def wrk(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks" / "peers"))
    return importlib.import_module("wrk")


@pytest.fixture
def results(wrk: ModuleType) -> ModuleType:
    return importlib.import_module("results")


def test_figures_are_read_in_milliseconds(wrk: ModuleType) -> None:
    assert wrk.read_printed(PRINTED) == (77401, 25795.83, 0.812, 2050.0)


@pytest.mark.parametrize(
    "text",
    [
        PRINTED + "  Non-2xx or 3xx responses: 3\n",
        PRINTED + "  Socket errors: connect 0, read 4, write 0, timeout 0\n",
        PRINTED.replace("77401", "0"),
        "unable to connect",
    ],
)
def test_a_round_with_bad_answers_is_no_round(wrk: ModuleType, text: str) -> None:
    with pytest.raises(RuntimeError):
        wrk.read_printed(text)


def _lines(wrk: ModuleType, results: ModuleType) -> list[tuple[object, ...]]:
    def rounds(*rates: float) -> list[object]:
        return [wrk.Measured(rate, 10.0, 1.0, 2.0) for rate in rates]

    own = results.own_lines(rounds(40000, 60000, 50000), rounds(20000, 24000, 25000), 64)
    return [*own, results.line("Peer <&>", "1.0", "pipeline", rounds(90, 100, 120), [230.0, 240.0, 260.0], 64)]


def test_a_line_holds_medians_and_their_spread(wrk: ModuleType, results: ModuleType) -> None:
    peer = _lines(wrk, results)[-1]
    assert peer.cells == ("Peer <&>", "1.0", "pipeline", "100", "30%", "240 x", "1.00", "2.00", "10", "64")


def test_assay_is_put_beside_the_echo_round_by_round(wrk: ModuleType, results: ModuleType) -> None:
    bare, assay, _ = _lines(wrk, results)
    assert (bare.times, assay.times) == (0.5, 1.0)


def test_the_page_names_who_was_not_measured(wrk: ModuleType, results: ModuleType) -> None:
    *own, peer = _lines(wrk, results)
    page = results.page(own, [peer], {"Other, compiled": f"it is\nnot in {ROOT}/build"}, "medians")
    assert page[-1] == "- Other, compiled was not measured: it is not in build"


def test_the_targets_are_held_to_whom_comes_nearest(wrk: ModuleType, results: ModuleType) -> None:
    def peer(name: str, model: str, *ratios: float) -> object:
        return results.line(name, "1.0", model, [wrk.Measured(100.0, 10.0, 1.0, 2.0)], ratios, 64)

    peers = [
        peer("FastAPI", "compiled", 8.0),
        peer("FastAPI", "compiled, body as bytes", 4.0, 5.0, 9.0),
        peer("Triton (pytriton)", "compiled", 30.0),
        peer("Ray Serve", "pipeline, batches of 32", 9.0),
        peer("BentoML", "pipeline", 200.0),
    ]
    assert results.judged(peers) == [
        ("times the best, pipeline (Ray Serve, batches of 32)", "10", "30", "9.00", "below the floor"),
        ("times the best, compiled (FastAPI, body as bytes)", "3", "", "5.00 [4.00, 9.00]", "floor"),
        ("times FastAPI, compiled (FastAPI, body as bytes)", "", "7", "5.00 [4.00, 9.00]", "below the aim"),
        ("times Triton, compiled (Triton (pytriton))", "", "20", "30.00", "aim"),
    ]


def test_bars_are_as_long_as_the_logarithms_are_far_apart(wrk: ModuleType, results: ModuleType) -> None:
    picture = fromstring(results.picture(_lines(wrk, results)))  # noqa: S314 - written by the code under test
    echo, assay, peer = (float(bar.attrib["width"]) for bar in picture.iter("{http://www.w3.org/2000/svg}rect"))
    assert (echo > assay > peer > 0, any("Peer <&>" in (text.text or "") for text in picture.iter())) == (True, True)
