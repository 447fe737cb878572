"""Count what mutmut found in its folder: of the mutants that were tried, how many did the tests notice?

python scripts/mutant_share.py mutants
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

SURVIVED = 0


def main() -> None:
    """One line a module and one for all; a mutant that hangs or crashes the tests is noticed too."""
    folder = Path(sys.argv[1])
    tried, noticed = Counter[str](), Counter[str]()
    for path in sorted(folder.glob("src/assay/**/*.meta")):
        module = str(path.relative_to(folder / "src" / "assay")).removesuffix(".meta")
        codes = [code for code in json.loads(path.read_text())["exit_code_by_key"].values() if code is not None]
        tried[module] = len(codes)
        noticed[module] = sum(code != SURVIVED for code in codes)
    for module in sorted(tried):
        print(f"{module:28}{noticed[module]:6} of {tried[module]}")
    share = noticed.total() / tried.total() if tried.total() else 0.0
    print(f"{'all':28}{noticed.total():6} of {tried.total()}, {share:.0%}")


if __name__ == "__main__":
    main()
