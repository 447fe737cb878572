"""The installed command in this process, which writes the names of all its modules when it ends.

python serving_process.py FILE serve --port 0
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from assay.cli.main import main


def run() -> None:
    """Serve until SIGTERM."""
    kept = Path(sys.argv.pop(1))
    try:
        main()
    finally:
        kept.write_text(json.dumps(sorted(sys.modules)))


if __name__ == "__main__":
    run()
