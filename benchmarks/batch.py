"""Batches from Parquet against reading and writing the same file without a model, and what memory they need.

python benchmarks/batch.py [ROWS]     rows of the first release's file; the others get a twentieth
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from pyarrow import parquet

HERE = Path(__file__).resolve().parent
ROWS = 5_000_000
GROUP = 200_000
COPY = "import polars, sys; polars.read_parquet(sys.argv[1]).write_parquet(sys.argv[2])"


def main() -> None:
    """Measure and print."""
    sys.path.insert(0, str(HERE))
    from releases import publish_all

    from assay.app import open_app
    from assay.registry.releases import open_release, resolve
    from assay.settings import Settings

    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        app = open_app(settings=Settings(home=home))
        names = list(publish_all(app))
        print(f"{'release':<20}{'rows':>12}{'rows/s':>12}{'of copying':>12}{'CPU us/row':>14}{'largest process':>17}")
        for name in names:
            count = rows if name == names[0] else rows // 20
            columns = {c.name: c.type for c in open_release(resolve(name, app.registry), app.blobs).contract.columns}
            _write(home / "in.parquet", columns, count)
            copying = _run([sys.executable, "-c", COPY, "in.parquet", "copy.parquet"], home)
            command = [str(Path(sys.executable).with_name("assay")), "batch", name, "--input", "in.parquet"]
            scoring = _run([*command, "--output", "out.parquet", "--force"], home)
            of_copying = copying.elapsed_s / scoring.elapsed_s
            told = f"{name:<20}{count:>12,}{count / scoring.elapsed_s:>12,.0f}{of_copying:>12.2f}"
            print(f"{told}{1e6 * scoring.cpu_s / count:>14.1f}{scoring.largest_mb:>14,.0f} MB", flush=True)


def _write(path: Path, columns: dict[str, str], rows: int) -> None:
    from releases import WORDS

    rng = np.random.default_rng(5)
    writer = None
    for first in range(0, rows, GROUP):
        size = min(GROUP, rows - first)
        drawn: dict[str, object] = {}
        for name, kind in columns.items():
            if kind == "number":
                drawn[name] = rng.normal(size=size).round(2)
            elif kind == "text":
                drawn[name] = [" ".join(rng.choice(WORDS, size=16)) for _ in range(size)]
            else:
                drawn[name] = np.array([f"v{letter}" for letter in range(4)])[rng.integers(0, 4, size)]
        table = pa.table(drawn)
        writer = writer or parquet.ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


class Ran(NamedTuple):
    """How long a command took, the CPU time of all its processes, and the memory of the largest of them."""

    elapsed_s: float
    cpu_s: float
    largest_mb: float


def _run(command: list[str], home: Path) -> Ran:
    began = time.perf_counter()
    environment = {**os.environ, "ASSAY_HOME": str(home)}
    with (home / "said").open("wb") as said:
        process = subprocess.Popen(command, cwd=home, env=environment, stdout=said, stderr=said)
        _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, (home / "said").read_text()
    return Ran(time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


if __name__ == "__main__":
    main()
