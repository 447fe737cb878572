"""Have mutmut try mutants of each room, drawn at random, and count those that the tests notice.

python scripts/mutants.py --rooms features measures policy --sample 250 --seed 7     (--sample 0: every mutant)
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOMS = ("features", "measures", "policy")
FOLDER = Path("mutants")
#: mutmut writes all mutants before it tries the first; asked for these few, it does little else.
FEW = "assay.measures.metrics.x_ratio__mutmut_*"
#: Exit codes of a mutant's tests that do not speak of them: interrupted.
UNTRIED = {None, 2}
#: All passed, or there are none. Whatever else happens (a failure, a crash, a hang) is noticed.
UNNOTICED = {0, 5, 33}


def main() -> None:
    """One line a room and one for all, and the names of the mutants that survived."""
    parser = argparse.ArgumentParser(description="try mutants of each room, drawn at random")
    parser.add_argument("--rooms", nargs="+", default=ROOMS, choices=ROOMS)
    parser.add_argument("--sample", type=int, default=250, help="mutants a room; 0 for all of them")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--children", type=int, default=2)
    wish = parser.parse_args()
    _try([FEW], wish.children)
    drawn = {room: _draw(sorted(_codes(room)), wish.sample, wish.seed) for room in wish.rooms}
    _try([name for names in drawn.values() for name in names], wish.children)
    tried = {room: _results(room, names) for room, names in drawn.items()}
    survivors = [name for codes in tried.values() for name, code in codes.items() if code in UNNOTICED]
    print(*(f"survived    {name}" for name in survivors), sep="\n")
    for room, codes in tried.items():
        _tell(room, list(codes.values()))
    _tell("all", [code for codes in tried.values() for code in codes.values()])


def _try(names: Sequence[str], children: int) -> None:
    mutmut = Path(sys.executable).with_name("mutmut")
    subprocess.run([mutmut, "run", "--max-children", str(children), *names], check=True)


def _draw(names: Sequence[str], sample: int, seed: int) -> list[str]:
    chance = random.Random(seed)  # noqa: S311 - a sample of tests, no secret
    return chance.sample(names, sample) if 0 < sample < len(names) else list(names)


def _results(room: str, names: Sequence[str]) -> dict[str, int | None]:
    codes = _codes(room)
    return {name: codes[name] for name in names if codes[name] not in UNTRIED}


def _codes(room: str) -> dict[str, int | None]:
    """The exit code of the tests of each mutant of a room."""
    codes: dict[str, int | None] = {}
    for path in (FOLDER / "src" / "assay" / room).glob("*.meta"):
        codes |= json.loads(path.read_text())["exit_code_by_key"]
    return codes


def _tell(what: str, codes: Sequence[int | None]) -> None:
    noticed = sum(code not in UNNOTICED for code in codes)
    share = f"{noticed / len(codes):.0%}" if codes else "none tried"
    print(f"{what:12}{noticed:6} of {len(codes)}, {share}")


if __name__ == "__main__":
    main()
