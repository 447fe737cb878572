"""The load's accounts: what is counted, and from when on, against a server that is made of a clock alone."""

from __future__ import annotations

import heapq
from collections.abc import Callable

import pytest

from assay.bench.load import Exchange, Load, Plan, fault_of, percentile, run

GOOD = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nham!"
EXCHANGE = Exchange(b"POST", b"ham")


class Simulated:
    """Lines to a server that answers one request after the other, each in `service_s`, and clock of it all. `stalls`
    says from when to when it does nothing, `answer` what the nth request gets: None closes the line, empty is silence.
    """

    def __init__(
        self,
        service_s: float,
        stalls: tuple[float, float] = (0.0, 0.0),
        answer: Callable[[int], bytes | None] = lambda _: GOOD,
        sending_s: float = 0.0,
    ) -> None:
        self.now = 0.0
        self.sent = 0
        self._service_s, self._stalls, self._answer, self._sending_s = service_s, stalls, answer, sending_s
        self._free_at = 0.0
        self._coming: list[tuple[float, int, int, bytes | None]] = []

    def clock(self) -> float:
        return self.now

    def send(self, line: int, request: bytes) -> None:
        assert request == EXCHANGE.request
        self.now += self._sending_s
        begin, end = self._stalls
        start = max(self.now, self._free_at)
        self._free_at = (end if begin <= start < end else start) + self._service_s
        answer = self._answer(self.sent)
        if answer != b"":
            heapq.heappush(self._coming, (self._free_at, self.sent, line, answer))
        self.sent += 1

    def close_idle(self, line: int, at: float) -> None:
        heapq.heappush(self._coming, (at, -1, line, None))

    def wait(self, timeout_s: float) -> list[tuple[int, bytes | None]]:
        until = self.now + max(timeout_s, 1e-5)
        self.now = max(self.now, min(until, self._coming[0][0] if self._coming else until))
        arrived = []
        while self._coming and self._coming[0][0] <= self.now:
            _, _, line, answer = heapq.heappop(self._coming)
            arrived.append((line, answer))
        return arrived


def load(
    server: Simulated,
    connections: int = 1,
    *,
    seconds: float = 2.0,
    warmup_s: float = 0.0,
    rate: float | None = None,
) -> Load:
    plan = Plan(exchanges=(EXCHANGE,), connections=connections, seconds=seconds, warmup_s=warmup_s, rate=rate)
    return run(plan, server, server.clock)


@pytest.mark.parametrize("connections", [1, 4])
def test_a_closed_loop_finds_what_the_server_can_do(connections: int) -> None:
    told = load(Simulated(0.01), connections)
    assert told.requests_per_second == pytest.approx(100, rel=0.01)
    assert told.p50_ms == pytest.approx(10.0 * connections)
    assert (told.errors, told.rate) == (0, None)


def test_at_a_fixed_rate_every_request_that_is_due_is_sent() -> None:
    server = Simulated(0.001)
    told = load(server, 4, rate=100.0)
    assert (server.sent, told.requests, told.errors) == (200, 200, 0)
    assert told.max_ms == pytest.approx(1.0, abs=0.05)


def test_the_warm_up_is_sent_and_not_counted() -> None:
    server = Simulated(0.001)
    told = load(server, 4, rate=100.0, warmup_s=1.0)
    assert (server.sent, told.requests, told.answers) == (300, 200, 300)
    closed = load(Simulated(0.01), warmup_s=1.0)
    assert closed.requests_per_second == pytest.approx(100, rel=0.01)
    assert closed.answers > closed.requests


def test_a_stall_is_charged_with_everyone_who_waited() -> None:
    stall = (0.5, 1.5)
    closed = load(Simulated(0.001, stall))
    assert closed.max_ms == pytest.approx(1000.0, abs=2.0)
    assert closed.p99_ms == pytest.approx(1.0)
    fixed = load(Simulated(0.001, stall), 1000, rate=100.0)
    waited = sorted([1.001 - 0.01 * number + 0.001 * number for number in range(100)], reverse=True)
    assert fixed.max_ms == pytest.approx(waited[0] * 1e3, abs=0.1)
    assert fixed.p90_ms == pytest.approx(waited[20] * 1e3, abs=10.0)


def test_who_waits_for_a_free_connection_waits_too() -> None:
    few = load(Simulated(0.001, (0.5, 1.5)), 2, rate=100.0)
    many = load(Simulated(0.001, (0.5, 1.5)), 1000, rate=100.0)
    assert few.requests == many.requests == 200
    assert few.p50_ms == pytest.approx(many.p50_ms, abs=0.1)
    assert few.p90_ms == pytest.approx(many.p90_ms, abs=1.0)
    assert few.late_p99_ms == pytest.approx(0.0, abs=0.05)


def test_a_rate_beyond_the_server_shows_as_waiting() -> None:
    told = load(Simulated(0.01), 8, rate=200.0, seconds=1.0)
    assert told.requests == 200
    assert told.max_ms == pytest.approx(1000.0, rel=0.02)


def test_a_load_that_sends_late_says_so() -> None:
    told = load(Simulated(0.0, sending_s=0.015), 8, rate=100.0, seconds=1.0)
    assert told.late_p99_ms > 100.0


def test_what_is_never_answered_has_waited_to_the_end() -> None:
    told = load(Simulated(0.001, answer=lambda number: b"" if number == 50 else GOOD), 4, rate=100.0, seconds=1.0)
    assert told.faults == {"unanswered": 1}
    assert told.requests == 99
    assert told.max_ms > 5000.0
    silent = load(Simulated(0.001, answer=lambda _: b""), 4, seconds=1.0)
    assert silent.faults == {"unanswered": 4}
    assert silent.requests_per_second == 0.0


def test_what_could_not_even_be_sent_counts_as_unanswered() -> None:
    told = load(Simulated(0.001, answer=lambda _: b""), 2, rate=10.0, seconds=1.0)
    assert told.faults == {"unanswered": 10}


def test_wrong_answers_are_faults_and_not_requests() -> None:
    bad = {3: b"HTTP/1.1 503 No\r\n\r\nham", 4: GOOD.replace(b"ham", b"eggs"), 5: None}
    told = load(Simulated(0.001, answer=lambda number: bad.get(number, GOOD)), 4, rate=100.0, seconds=1.0)
    assert told.faults == {"refused": 1, "different": 1, "closed": 1}
    assert (told.requests, told.errors) == (97, 3)


def test_a_line_that_is_closed_while_it_is_idle_is_no_fault() -> None:
    server = Simulated(0.001)
    server.close_idle(3, at=0.2052)
    told = load(server, 4, rate=10.0, seconds=1.0)
    assert (told.requests, told.errors) == (10, 0)


def test_examples_are_sent_in_turn() -> None:
    sent: list[bytes] = []

    class Noting(Simulated):
        def send(self, line: int, request: bytes) -> None:
            sent.append(request)
            super().send(line, EXCHANGE.request)

    server = Noting(0.01)
    plan = Plan(exchanges=tuple(Exchange(name, b"") for name in (b"a", b"b", b"c")), connections=1, seconds=0.06)
    run(plan, server, server.clock)
    assert sent[:5] == [b"a", b"b", b"c", b"a", b"b"]


def test_percentiles_are_values_that_were_seen() -> None:
    values = [1.0, 2.0, 3.0, 4.0]
    assert [percentile(values, share) for share in (0.0, 0.25, 0.5, 0.51, 0.99, 1.0)] == [1.0, 1.0, 2.0, 3.0, 4.0, 4.0]
    assert percentile([], 0.5) == 0.0


def test_the_fault_of_an_answer_is_named() -> None:
    assert fault_of(EXCHANGE, GOOD) is None
    assert fault_of(EXCHANGE, None) == "closed"
    assert fault_of(EXCHANGE, b"HTTP/1.1 404 Not Found\r\n\r\nham") == "refused"
    assert fault_of(EXCHANGE, b"HTTP/1.1 200 OK\r\n\r\nspam") == "different"
