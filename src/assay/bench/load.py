"""The load: requests over connections that stay open, closed loop or at fixed times, every answer compared. No sockets
and no processes here; `lines.py` has the connections, `generator.py` the process.

In a closed loop each connection sends when its last answer came: what the server can do at most. At a fixed rate a
request has a time at which it was meant to be sent, and its latency counts from then on, however late it could be sent:
a server that stalls is charged with everyone who waited (no coordinated omission; Gil Tene, wrk2).
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle
from typing import Literal, Protocol

import msgspec

Fault = Literal["refused", "different", "closed", "unanswered"]

#: How long answers are waited for when all is sent.
DRAIN_S = 5.0
_WAIT_S = 0.25
#: A selector sleeps whole milliseconds; the last one before a request is due is spent looking.
_LOOK_S = 0.001


class Exchange(msgspec.Struct, frozen=True, array_like=True):
    """A request as it goes over the wire, and what must stand in the body of its answer."""

    request: bytes
    expected: bytes


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One run. `rate` is requests a second at fixed times; None is a closed loop. `warmup_s` at first count not."""

    exchanges: tuple[Exchange, ...]
    connections: int
    seconds: float
    warmup_s: float = 0.3
    rate: float | None = None


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a run. `requests` are counted answers, `answers` all good ones with those of the warm-up; faults of
    the warm-up count. Latencies in milliseconds; a request that was never answered has waited until the end.
    `late_p99_ms` is by how much the load itself was late in sending (99th percentile; nothing in a closed loop).
    """

    connections: int
    rate: float | None
    seconds: float
    requests: int
    answers: int
    faults: dict[str, int]
    requests_per_second: float
    p50_ms: float
    p90_ms: float
    p99_ms: float
    p999_ms: float
    max_ms: float
    late_p99_ms: float = 0.0

    @property
    def errors(self) -> int:
        """All faults together."""
        return sum(self.faults.values())


class Lines(Protocol):
    """Open connections, numbered from 0, with one request at a time on each."""

    def send(self, line: int, request: bytes) -> None:
        """Send a whole request. Raises OSError where the server takes none."""

    def wait(self, timeout_s: float) -> Sequence[tuple[int, bytes | None]]:
        """Lines whose answer is whole, with it; None for one that the server closed, which is open again."""


class _Tally:
    def __init__(self, plan: Plan, clock: Callable[[], float]) -> None:
        self.plan = plan
        self.turn: Iterator[Exchange] = cycle(plan.exchanges)
        self.open: dict[int, tuple[Exchange, float]] = {}
        self.begin = clock()
        self.counted_from = self.begin + plan.warmup_s
        self.end = self.counted_from + plan.seconds
        self.latencies: list[float] = []
        self.late: list[float] = []
        self.faults: Counter[str] = Counter()
        self.answers = self.requests = 0

    def note(self, line: int, answer: bytes | None, now: float) -> bool:
        """Take down an answer. False where none was due: the server closed a connection that was idle."""
        pending = self.open.pop(line, None)
        if pending is None:
            return False
        exchange, since = pending
        fault = fault_of(exchange, answer)
        counted = self.counted_from <= (now if self.plan.rate is None else since) < self.end
        if fault is None:
            self.answers += 1
            self.requests += counted
        else:
            self.faults[fault] += 1
        if counted:
            self.latencies.append(now - since)
        return True

    def give_up(self, now: float, unsent: Sequence[float] = ()) -> None:
        """What is still open, and what was due at `unsent` and never sent, waited until now for nothing."""
        for since in (*(since for _, since in self.open.values()), *unsent):
            self.faults["unanswered"] += 1
            self.latencies.append(now - since)

    def load(self) -> Load:
        latencies = sorted(self.latencies)
        p50, p90, p99, p999, most = (percentile(latencies, share) * 1e3 for share in (0.5, 0.9, 0.99, 0.999, 1.0))
        return Load(
            connections=self.plan.connections,
            rate=self.plan.rate,
            seconds=self.plan.seconds,
            requests=self.requests,
            answers=self.answers,
            faults=dict(self.faults),
            requests_per_second=self.requests / self.plan.seconds,
            p50_ms=p50,
            p90_ms=p90,
            p99_ms=p99,
            p999_ms=p999,
            max_ms=most,
            late_p99_ms=percentile(sorted(self.late), 0.99) * 1e3,
        )


def run(plan: Plan, lines: Lines, clock: Callable[[], float]) -> Load:
    """Send as planned over `plan.connections` lines; `clock` tells seconds from any start. Raises OSError."""
    tally = _Tally(plan, clock)
    (_closed_loop if plan.rate is None else _at_fixed_times)(tally, lines, clock)
    return tally.load()


def _closed_loop(tally: _Tally, lines: Lines, clock: Callable[[], float]) -> None:
    def send(line: int) -> None:
        exchange = next(tally.turn)
        tally.open[line] = (exchange, clock())
        lines.send(line, exchange.request)

    for line in range(tally.plan.connections):
        send(line)
    while tally.open and clock() < tally.end + DRAIN_S:
        for line, answer in lines.wait(_WAIT_S):
            now = clock()
            if tally.note(line, answer, now) and now < tally.end:
                send(line)
    tally.give_up(clock())


def _at_fixed_times(tally: _Tally, lines: Lines, clock: Callable[[], float]) -> None:
    rate = tally.plan.rate or 1.0
    due = [tally.begin + number / rate for number in range(round(rate * (tally.end - tally.begin)))]
    free = deque((line, tally.begin) for line in range(tally.plan.connections))
    sent = 0
    while (tally.open or sent < len(due)) and (now := clock()) < tally.end + DRAIN_S:
        while free and sent < len(due) and due[sent] <= now:
            line, freed = free.popleft()
            exchange = next(tally.turn)
            tally.open[line] = (exchange, due[sent])
            tally.late.append(now - max(due[sent], freed))
            lines.send(line, exchange.request)
            sent += 1
            now = clock()
        pause_s = due[sent] - now - _LOOK_S if free and sent < len(due) else _WAIT_S
        for line, answer in lines.wait(min(max(0.0, pause_s), _WAIT_S)):
            if tally.note(line, answer, now := clock()):
                free.append((line, now))
    tally.give_up(clock(), due[sent:])


def fault_of(exchange: Exchange, answer: bytes | None) -> Fault | None:
    """What is wrong with a whole HTTP answer, if anything."""
    if answer is None:
        return "closed"
    if not answer.startswith(b"HTTP/1.1 200 "):
        return "refused"
    return None if exchange.expected in answer else "different"


def percentile(ordered: Sequence[float], share: float) -> float:
    """The least of the ordered values that at least `share` of them do not exceed (nearest rank); 0 of none."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0
