"""What an append costs beside a bare write of the same bytes, in a process of its own: no tracer, no other threads."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from timeit import timeit

from tests.records.material import prediction, spool_in

TURNS, CALLS = 200, 100  # short turns: both find a calm moment on a busy machine

if __name__ == "__main__":
    folder, record = Path(sys.argv[1]), prediction(1)
    bare = os.open(folder / "bare", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with spool_in(folder, cap_bytes=1 << 30) as spool:
        spool.append(record)
        frame = bytes(spool.held_bytes())
        appends, writes = [], []
        for _ in range(TURNS):
            appends.append(timeit(lambda: spool.append(record), number=CALLS))
            writes.append(timeit(lambda: os.write(bare, frame), number=CALLS))
    os.close(bare)
    print(min(appends) / min(writes))
