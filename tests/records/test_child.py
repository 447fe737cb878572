"""The process that ships: its parent keeps one running, and it obeys its parent."""

from __future__ import annotations

import os
import signal
import sys
import threading
from io import FileIO
from pathlib import Path

import pytest

from assay.errors import StorageError
from assay.records.child import ShipperProcess, obey
from assay.records.shipper import Shipper
from assay.records.turn import is_present
from tests.records.material import MemorySink, ids, prediction, spool_in, wait_until

RECORDS = [prediction(number) for number in range(1, 51)]
# Reads its plan, writes it to the file that the plan names, and ends with success once it is told to drain.
CHILD = """
import os, pathlib, signal, sys
plan = sys.stdin.readline().strip()
pathlib.Path(plan).open("a").write(f"{os.getpid()}\\n")
line = sys.stdin.readline()
sys.exit(0 if line.startswith("drain ") else 3)
"""


# The first of these hears nothing; whoever comes after it is as above.
DEAF = """
import os, pathlib, signal, sys
plan = pathlib.Path(sys.stdin.readline().strip())
first = not plan.exists()
plan.open("a").write(f"{os.getpid()}\\n")
if first:
    signal.pause()
sys.exit(0 if sys.stdin.readline().startswith("drain ") else 3)
"""


def started(path: Path) -> list[int]:
    return [int(line) for line in path.read_text().splitlines()] if path.exists() else []


def process_in(root: Path, script: str = CHILD) -> ShipperProcess:
    return ShipperProcess(root, [sys.executable, "-c", script], str(root / "started").encode(), pause_s=0.01)


def test_it_runs_until_it_is_told_to_drain(tmp_path: Path) -> None:
    process = process_in(tmp_path)
    assert is_present(tmp_path)
    assert started(tmp_path / "started") == []
    process.begin()
    process.begin()
    wait_until(lambda: started(tmp_path / "started") == [process.pid])
    assert process.close(30)
    assert not is_present(tmp_path)


def test_one_that_has_not_begun_begins_when_it_is_told_to_drain(tmp_path: Path) -> None:
    process = process_in(tmp_path)
    assert process.close(30)
    assert len(started(tmp_path / "started")) == 1


@pytest.mark.integration
def test_one_that_is_killed_is_replaced(tmp_path: Path) -> None:
    process = process_in(tmp_path)
    process.begin()
    for count in (1, 2):
        wait_until(lambda count=count: len(started(tmp_path / "started")) == count)
        os.kill(process.pid, signal.SIGKILL)
    wait_until(lambda: len(set(started(tmp_path / "started"))) == 3)
    assert process.close(30)


def test_one_that_does_not_end_in_time_is_killed(tmp_path: Path) -> None:
    process = process_in(tmp_path, "import sys\nwhile sys.stdin.readline(): pass")
    assert not process.close(-1.9)
    assert not is_present(tmp_path)


def test_one_that_does_not_begin_to_drain_is_killed_and_another_one_drains(tmp_path: Path) -> None:
    process = process_in(tmp_path, DEAF)
    process.begin()
    wait_until(lambda: len(started(tmp_path / "started")) == 1)
    assert process.close(5)
    assert len(set(started(tmp_path / "started"))) == 2


def test_one_that_cannot_be_started_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be started"):
        ShipperProcess(tmp_path, [str(tmp_path / "absent")], b"")
    assert not is_present(tmp_path)


def test_a_child_that_is_told_to_drain_ships_the_rest(tmp_path: Path) -> None:
    sink, gone, heeded = MemorySink(), threading.Event(), list[list[str]]()
    with spool_in(tmp_path) as spool:
        spool.append_many(RECORDS)
    reading, writing = os.pipe()
    os.write(writing, b"drain 30\n")
    with FileIO(reading) as commands:
        shipper = Shipper(tmp_path, lambda: sink, interval_s=3600.0)
        assert obey(shipper, commands, lambda _: gone.set(), heed=lambda: heeded.append(list(sink.kept)))
        os.close(writing)
        assert gone.wait(30)
    assert list(sink.kept) == ids(RECORDS)
    assert heeded == [[]]


def test_a_child_ends_when_the_pipe_does(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(writing)
    with FileIO(reading) as commands:
        assert not obey(Shipper(tmp_path, MemorySink, interval_s=0.001), commands)


def test_a_child_that_a_batch_holds_leaves_it_when_the_pipe_ends(tmp_path: Path) -> None:
    sink, go_on, left = MemorySink(), threading.Event(), list[int]()
    sink.after_commit = lambda: bool(go_on.wait(30)) and None
    reading, writing = os.pipe()
    with spool_in(tmp_path) as spool:
        spool.append(RECORDS[0])
    shipper = Shipper(tmp_path, lambda: sink, interval_s=0.001)
    with FileIO(reading) as commands:
        child = threading.Thread(target=obey, args=(shipper, commands, left.append))
        child.start()
        wait_until(lambda: len(sink.kept) == 1)
        os.close(writing)
        child.join(30)
    go_on.set()
    assert left == [1]
    assert shipper.stop(30)
