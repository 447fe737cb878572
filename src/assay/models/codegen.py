"""Trees as Python functions of nested conditional expressions, the fastest exact form for a single row.

The source is made of positions and numbers that are written here, never of text from a release. Trees too deep or too
many for the compiler are walked through their tables instead; the scores are the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from assay.models.trees import TreeArrays

Score = Callable[[list[float]], list[float]]

_DEEPEST = 60
_MOST_NODES = 250_000
#: Compiling holds the interpreter, so it is done in pieces of a few milliseconds.
_PIECE_NODES = 2_000


class _Node(NamedTuple):
    feature: int
    threshold: float
    left: int
    right: int
    value: float
    members: tuple[int, ...] | None


def prepare_trees(trees: TreeArrays) -> Score:
    """The function from a row's inputs to its raw scores."""
    sources = tree_sources(trees) if trees.feature.size <= _MOST_NODES else None
    return _walker(trees) if sources is None else _compile(sources, trees.base.tolist())


def tree_sources(trees: TreeArrays) -> list[str] | None:
    """The sources of functions that each add some trees to the scores, in order; None when a tree is too deep."""
    nodes = [
        _Node(*node)
        for node in zip(
            trees.feature.tolist(),
            trees.threshold.tolist(),
            trees.left.tolist(),
            trees.right.tolist(),
            trees.value.tolist(),
            map(trees.members, range(trees.feature.size)),
            strict=True,
        )
    ]
    scores = ", ".join(f"s{output}" for output in range(trees.base.size))
    sources: list[str] = []
    for piece in _pieces(trees):
        lines, used = [], set[int]()
        for root, output in piece:
            expression = _expression(nodes, root, used, _DEEPEST)
            if expression is None:
                return None
            lines.append(f"    s{output} += {expression}")
        inputs = [f"    x{feature} = x[{feature}]" for feature in sorted(used)]
        sources.append("\n".join([f"def add(x, {scores}):", *inputs, *lines, f"    return [{scores}]", ""]))
    return sources


def _pieces(trees: TreeArrays) -> Iterator[list[tuple[int, int]]]:
    """Consecutive trees, as root and output, that are compiled together."""
    piece: list[tuple[int, int]] = []
    begin = 0
    for root, output in zip(trees.root.tolist(), trees.output.tolist(), strict=True):
        if piece and root - begin > _PIECE_NODES:
            yield piece
            piece, begin = [], root
        piece.append((root, output))
    yield piece


def _expression(nodes: list[_Node], at: int, used: set[int], levels: int) -> str | None:
    node = nodes[at]
    if node.feature < 0:
        return repr(node.value)
    if not levels:
        return None
    used.add(node.feature)
    yes, no = _expression(nodes, node.left, used, levels - 1), _expression(nodes, node.right, used, levels - 1)
    if yes is None or no is None:
        return None
    # The compiler makes one constant set of the numbers.
    test = f"<= {node.threshold!r}" if node.members is None else f"in {{{', '.join(map(repr, node.members))}}}"
    return f"({yes} if x{node.feature} {test} else {no})"


def _compile(sources: list[str], base: list[float]) -> Score:
    functions = []
    for source in sources:
        names: dict[str, Callable[..., list[float]]] = {}
        exec(compile(source, "<trees>", "exec"), {"__builtins__": {}}, names)  # noqa: S102 - positions and numbers only
        functions.append(names["add"])

    def score(x: list[float]) -> list[float]:
        scores = base
        for add in functions:
            scores = add(x, *scores)
        return scores

    return score


def _walker(trees: TreeArrays) -> Score:
    feature, threshold = trees.feature.tolist(), trees.threshold.tolist()
    left, right, value = trees.left.tolist(), trees.right.tolist(), trees.value.tolist()
    sets = [None if numbers is None else frozenset(numbers) for numbers in map(trees.members, range(len(feature)))]
    roots = list(zip(trees.root.tolist(), trees.output.tolist(), strict=True))
    base: list[float] = trees.base.tolist()

    def score(x: list[float]) -> list[float]:
        scores = base.copy()
        for root, output in roots:
            node = root
            while feature[node] >= 0:
                found, members = x[feature[node]], sets[node]
                goes_left = found <= threshold[node] if members is None else found in members
                node = left[node] if goes_left else right[node]
            scores[output] += value[node]
        return scores

    return score
