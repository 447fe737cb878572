"""Every test of this room runs with the compiled loops and without them."""

from tests.loops import loops

__all__ = ["loops"]
