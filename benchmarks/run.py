"""Every target as floor, aim and measured: `make bench`, `make bench-full`.

python benchmarks/run.py [short|full] [--out FOLDER]     a folder for targets.md and the pages of the parts

The parts are commands of their own, one after the other: serving beside a bare echo, other servers, batches, training.
The short size has fewer and shorter rounds, and of the other servers FastAPI alone; the full one takes some 40 minutes,
and visits each of them once (`make bench-peers`: twice). Ends with 1 where a part could not be measured or a floor was
missed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from pages import table, taken, write_page
from rich.console import Console
from rich.table import Table as Grid
from targets import BELOW_FLOOR, Target, read

HERE = Path(__file__).resolve().parent
LIBRARIES = ("uvicorn", "uvloop", "fastapi", "scikit-learn", "lightgbm", "polars", "pandas")
#: The parts: a script, its arguments by size, and the option by which it writes its page.
PARTS = {
    "serving": ("serving.py", {"short": ("short",), "full": ("full",)}, "--out"),
    "peers": ("peers/compare.py", {"short": ("--short",), "full": ("--visits", "1")}, "--out"),
    "batch": ("batch.py", {"short": ("--rounds", "1"), "full": ()}, "--table"),
    "training": ("training.py", {"short": ("telco_churn", "sms_spam", "--rounds", "1"), "full": ()}, "--table"),
}
METHOD = """\
Measured by `benchmarks/run.py {}`. Each line is a ratio of one run, or a time in it, with the least and the greatest of
its rounds in brackets; floors and aims were set before anything was built. Method, rounds and versions stand on the
pages of the parts: [serving](serving.md), [other servers](peers.md), [batches](batch.md), [training](training.md)."""


def main() -> None:
    """Run the parts, print the lines of all, write them where it is wanted."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("size", choices=("short", "full"), nargs="?", default="short")
    arguments.add_argument("--out", type=Path, help="write targets.md and the pages of the parts to this folder")
    wanted = arguments.parse_args()
    lines: list[Target] = []
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        for part in PARTS:
            file = Path(folder) / part
            if (
                subprocess.run(_command(part, wanted.size, file, wanted.out), check=False).returncode
                or not file.exists()
            ):
                failed.append(part)
            else:
                lines += read(file)
    _show(lines, failed)
    if wanted.out is not None and not failed:
        told = METHOD.format(wanted.size)
        write_page(wanted.out / "targets.md", "# Every target", taken(LIBRARIES), told, table(Target._fields, lines))
    sys.exit(1 if failed or any(line.reached == BELOW_FLOOR for line in lines) else 0)


def _command(part: str, size: str, file: Path, out: Path | None) -> list[str]:
    script, sizes, option = PARTS[part]
    command = [sys.executable, str(HERE / script), *sizes[size], "--targets", str(file)]
    if out is not None:
        command += [option, str(out if option == "--out" else out / f"{part}.md")]
    return command


def _show(lines: list[Target], failed: list[str]) -> None:
    console = Console(width=130, highlight=False)
    grid = Grid(title="Floor, aim and what was measured", title_justify="left")
    for at, head in enumerate(Target._fields):
        grid.add_column(head, justify="right" if 0 < at < 4 else "left")
    for line in lines:
        grid.add_row(*line)
    console.print(grid)
    for part in failed:
        console.print(f"{part} could not be measured: why stands above")


if __name__ == "__main__":
    main()
