"""The compiled inner loops of one row (`_native.c`), where they were built; else their twins in Python answer.

Both do the same operations in the same order and give the same bits. Whoever uses a loop stands beside its twin:
`features.terms`, `features.statistics`, `models.linear`, `models.trees`, `policy.columns`, `batch.ids`.
"""

from __future__ import annotations

from types import ModuleType

LOOPS: ModuleType | None

try:
    from assay import _native as _built
except ImportError:  # no compiler where it was installed
    LOOPS = None
else:
    LOOPS = _built
