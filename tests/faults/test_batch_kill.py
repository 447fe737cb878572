"""kill -9 of a batch, again and again: run once more it goes on from there, and the bytes are as if unharmed."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from assay.batch import pieces
from tests.batch.material import Counted, rows_of, scored, write_csv
from tests.records.material import wait_until

BATCHER = Path(__file__).with_name("batcher.py")
ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.integration


def killed(source: Path, output: Path, workers: int, lives: int) -> None:
    done = subprocess.run(
        [sys.executable, str(BATCHER), str(source), str(output), str(workers), str(lives)],
        cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL


@pytest.mark.parametrize(("suffix", "workers"), [(".parquet", 1), (".csv", 2), (".jsonl", 1)])
def test_a_killed_batch_goes_on_and_gives_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, workers: int
) -> None:
    rows = rows_of(800)
    for row in rows[::97]:
        row["amount"] = "many"
    source = write_csv(tmp_path / "in.csv", rows)
    output = tmp_path / f"out{suffix}"
    for lives in (1, 4):
        killed(source, output, workers, lives)
        assert not output.exists()
    monkeypatch.setattr(pieces, "_BYTES", 4096)
    watcher = Counted()
    resumed = scored(source, output, watcher=watcher)
    assert watcher.scored < watcher.rows == 800
    assert watcher.scored or workers > 1  # processes beside the one that is killed may have been ahead of it
    assert resumed.resumed_rows == 800 - watcher.scored
    unharmed = scored(source, tmp_path / f"unharmed{suffix}")
    assert output.read_bytes() == (tmp_path / f"unharmed{suffix}").read_bytes()
    assert resumed.errors is not None
    assert unharmed.errors is not None
    assert resumed.errors.sha256 == unharmed.errors.sha256


@pytest.mark.parametrize("kind", ["answers", "errors", "done"])
@pytest.mark.parametrize("torn", [lambda all_: all_[:-1], lambda all_: bytes(len(all_)), lambda _: b""])
def test_kept_work_that_a_loss_of_power_tore_is_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, torn: Callable[[bytes], bytes]
) -> None:
    rows = rows_of(300)
    rows[0]["amount"] = "many"
    source = write_csv(tmp_path / "in.csv", rows)
    killed(source, tmp_path / "out.csv", 1, 4)
    kept = min((tmp_path / ".out.csv.unfinished").glob(f"*.{kind}"))
    kept.write_bytes(torn(kept.read_bytes()))
    monkeypatch.setattr(pieces, "_BYTES", 4096)
    watcher = Counted()
    scored(source, tmp_path / "out.csv", watcher=watcher)
    assert 0 < watcher.scored < 300
    scored(source, tmp_path / "unharmed.csv")
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "unharmed.csv").read_bytes()


def test_work_for_another_input_is_not_taken_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_csv(tmp_path / "in.csv", rows_of(300))
    killed(source, tmp_path / "out.csv", 1, 2)
    write_csv(source, rows_of(300, seed=2))
    monkeypatch.setattr(pieces, "_BYTES", 4096)
    assert scored(source, tmp_path / "out.csv").resumed_rows == 0


def test_a_crew_ends_with_its_master(tmp_path: Path) -> None:
    told = tmp_path / "crew"
    script = (
        "import os, pathlib, signal, sys; from assay.batch import crew; crew.begin_crew(3); "
        "pathlib.Path(sys.argv[1]).write_text(' '.join(str(process.pid) for process, _ in crew._waiting)); "
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    master = subprocess.run([sys.executable, "-c", script, str(told)], check=False)
    assert master.returncode == -signal.SIGKILL
    crew = [int(pid) for pid in told.read_text().split()]
    assert len(crew) == 3
    wait_until(lambda: not any(_runs(pid) for pid in crew))


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
