from collections.abc import Sequence

from _typeshed import ReadableBuffer as Buffer

class TermCounter:
    """A vocabulary: word terms first, then character terms."""

    def __init__(
        self,
        word_terms: tuple[str, ...],
        character_terms: tuple[str, ...],
        words: tuple[int, int],
        characters: tuple[int, int],
        idf: Sequence[float],
        weights: Sequence[float],
        normed: bool,
    ) -> None: ...
    def code(self, text: str, /) -> bytes | None:
        """The positions of a text's known terms, with repeats, as packed int64; None where it is not ASCII."""
    def weigh(self, text: str, /) -> tuple[list[int], list[float]] | tuple[bytes, bytes] | None:
        """The terms of a text, ascending, and their weights: lists where they are few, else packed numbers."""

class LinearSum:
    """A weighted sum of features: `weights` of the `dense` first ones, then of the sparse ones."""

    def __init__(self, start: float, weights: list[float], dense: int) -> None: ...
    def sum(self, dense: list[float], indices: list[int], values: list[float], /) -> float:
        """(start + dense terms in order) + (sparse terms in order)."""

class Trees:
    """Trees as one array of nodes; every argument but `inputs` is packed int32, float64 or (sets) bytes."""

    def __init__(
        self,
        feature: Buffer,
        threshold: Buffer,
        left: Buffer,
        right: Buffer,
        value: Buffer,
        choice: Buffer,
        root: Buffer,
        output: Buffer,
        base: Buffer,
        sets: Buffer,
        inputs: int,
    ) -> None: ...
    def score(self, inputs: list[float], /) -> list[float]:
        """The base and then each tree, in order."""

def text_statistics(text: str, /) -> tuple[float, ...] | None:
    """The statistics of a text; None where it is empty, is not ASCII or may hold an address."""

def row_ids(job: bytes, first: int, rows: int, /) -> bytes:
    """The UUIDs of rows from number `first` on, 36 characters each, one behind the other; `job` is 16 bytes."""

def powers(exponents: Buffer, /) -> bytes:
    """Powers of e by each of some packed float64, packed; what is too large is infinite."""
