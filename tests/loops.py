"""Whether the compiled loops or their twins in Python answer: both pass the tests of the rooms that use them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from assay import native


@pytest.fixture(scope="module", autouse=True, params=["compiled", "python"])
def loops(request: pytest.FixtureRequest) -> Iterator[None]:
    if request.param == "python":
        with twins_only():
            yield
    elif native.LOOPS is None:
        pytest.skip("the compiled loops were not built here: no compiler when Assay was installed")
    else:
        yield


@contextmanager
def twins_only() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native, "LOOPS", None)
        yield
