"""A batch in a process of its own that kills itself: batcher.py INPUT OUTPUT WORKERS PIECES_BEFORE_DEATH."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from assay.batch import pieces
from tests.batch.material import Nobody, scored


class Killer(Nobody):
    """kill -9 of this process once so many pieces are put together."""

    def __init__(self, lives: int) -> None:
        self._lives = lives

    def advance(self, size: int, rows: int, *, resumed: bool) -> None:
        self._lives -= 1
        if not self._lives:
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    source, output, workers, lives = sys.argv[1:]
    pieces._BYTES = 4096
    scored(Path(source), Path(output), workers=int(workers), watcher=Killer(int(lives)))


if __name__ == "__main__":
    main()
