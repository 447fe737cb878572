"""Fault 1, the log's part: kill -9 of a worker at random under load. Lost is computed from the worker's own list."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from assay.records.shipper import Shipper
from assay.records.stats import read_stats
from tests.faults.figures import Figure
from tests.records.material import MemorySink

WRITER = Path(__file__).with_name("writer.py")
TIMES = 5
LINE = 37

pytestmark = pytest.mark.integration


@contextmanager
def writer(root: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        [sys.executable, str(WRITER), str(root), *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def acknowledged_until_killed(root: Path, durability: str, lines: int) -> list[str]:
    """Kill a worker in the midst of writing and read to the end what it had acknowledged."""
    with writer(root, durability) as process:
        assert process.stdout is not None
        raw = process.stdout.read(lines * LINE)
        process.send_signal(signal.SIGKILL)
        raw += process.stdout.read()
        assert process.wait(30) == -signal.SIGKILL
    return raw.decode().split("\n")[:-1]


def test_kill_9_loses_no_acknowledged_record(tmp_path: Path, figure: Figure) -> None:
    acknowledged: list[str] = []
    sink = MemorySink()
    for turn in range(TIMES):
        acknowledged += acknowledged_until_killed(tmp_path, "process", 100 * 7**turn % 2000 + 200)
        assert read_stats(tmp_path).balanced
    Shipper(tmp_path, lambda: sink).adopt()
    figure(kills=TIMES, acknowledged=len(acknowledged), lost=len(set(acknowledged) - set(sink.kept)))
    assert len(acknowledged) > TIMES * 200
    assert set(acknowledged) - set(sink.kept) == set()
    found = read_stats(tmp_path)
    assert (found.spooled, found.dead_lettered, found.balanced) == (0, 0, True)
    assert found.shipped == len(sink.kept) <= len(acknowledged) + TIMES


def test_mode_off_loses_some(tmp_path: Path, figure: Figure) -> None:
    sink = MemorySink()
    acknowledged = acknowledged_until_killed(tmp_path, "off", 2000)
    Shipper(tmp_path, lambda: sink).adopt()
    figure(kills=1, acknowledged=len(acknowledged), lost=len(set(acknowledged) - set(sink.kept)))
    assert set(acknowledged) - set(sink.kept) != set()


def test_a_worker_that_is_killed_while_it_resumes_a_dead_ones_spool_loses_nothing(
    tmp_path: Path, figure: Figure
) -> None:
    first = acknowledged_until_killed(tmp_path, "process", 500)
    second = acknowledged_until_killed(tmp_path, "process", 500)
    sink = MemorySink()
    Shipper(tmp_path, lambda: sink).adopt()
    figure(kills=2, acknowledged=len(first + second), lost=len(set(first + second) - set(sink.kept)))
    assert set(first + second) <= set(sink.kept)
    assert [path.name for path in tmp_path.iterdir()] == ["worker-0000"]


def test_a_file_that_may_not_grow_is_followed_by_another_without_loss(tmp_path: Path, figure: Figure) -> None:
    with writer(tmp_path, "process", "20000") as process:
        assert process.stdout is not None
        acknowledged = {process.stdout.readline().decode().strip() for _ in range(400)}
        process.kill()
    written = list(tmp_path.glob("*/*.segment"))
    assert len(written) > 5
    assert max(path.stat().st_size for path in written) <= 20000
    sink = MemorySink()
    Shipper(tmp_path, lambda: sink).adopt()
    figure(full_files=len(written) - 1, acknowledged=len(acknowledged), lost=len(acknowledged - set(sink.kept)))
    assert acknowledged <= set(sink.kept)
    assert read_stats(tmp_path).balanced


def test_a_disk_without_any_room_rejects_everything_until_there_is_some(tmp_path: Path, figure: Figure) -> None:
    with writer(tmp_path, "process", "100") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"rejected\n"
        process.stdin.write(b"\n")
        process.stdin.flush()
        lines = {process.stdout.readline().decode().strip() for _ in range(50)}
        process.kill()
    assert len(list(tmp_path.glob("*/*.segment"))) == 1
    sink = MemorySink()
    Shipper(tmp_path, lambda: sink).adopt()
    acknowledged = lines - {"lifted"}
    figure(full_disks=1, acknowledged=len(acknowledged), lost=len(acknowledged - set(sink.kept)))
    assert acknowledged <= set(sink.kept)
    assert read_stats(tmp_path).balanced
