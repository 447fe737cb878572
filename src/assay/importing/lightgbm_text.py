"""Whether a LightGBM text file is whole: LightGBM ends the process over many that are not, so it never gets those."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from itertools import accumulate, pairwise
from pathlib import Path

Fields = Mapping[str, str]

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,9})")
_NUMBER = re.compile(r"-?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:e[-+]?[0-9]{1,3})?|inf|nan)")
_INFO = re.compile(rf"none|\[{_NUMBER.pattern}:{_NUMBER.pattern}\]|{_INTEGER.pattern}(?::{_INTEGER.pattern})*")
_PARAMETERS = re.compile(rb"\nparameters:.*\nend of parameters\n", re.DOTALL)
#: The lists of a tree with splits: one entry a split or a leaf. Older files lack some.
_OF_SPLITS = {
    "split_feature": _INTEGER,
    "threshold": _NUMBER,
    "decision_type": _INTEGER,
    "left_child": _INTEGER,
    "right_child": _INTEGER,
    "split_gain": _NUMBER,
    "internal_value": _NUMBER,
    "internal_weight": _NUMBER,
    "internal_count": _INTEGER,
}
_OF_LEAVES = {"leaf_value": _NUMBER, "leaf_weight": _NUMBER, "leaf_count": _INTEGER}
_LATER = ("split_gain", "internal_value", "internal_weight", "internal_count", "leaf_weight", "leaf_count")
_ALONE = {"num_leaves": _INTEGER, "num_cat": _INTEGER, "is_linear": _INTEGER, "shrinkage": _NUMBER}
_OF_SETS = ("cat_boundaries", "cat_threshold")
_OF_LINEAR = ("leaf_const", "num_features", "leaf_features", "leaf_coeff")
_KNOWN = {*_OF_SPLITS, *_OF_LEAVES, *_ALONE, *_OF_SETS, *_OF_LINEAR}
_OF_HEADER = ("num_class", "num_tree_per_iteration", "max_feature_idx")
_CATEGORICAL = 1
_MOST_LEAVES = 1 << 20


def read_whole(path: Path) -> str:
    """The file without the parameters of its fitting, which no answer hangs on.

    Raises:
        ValueError: parts of the file are missing, or its numbers make no trees.
    """
    content = path.read_bytes()
    _check(content)
    return _PARAMETERS.sub(b"\n", content).decode(errors="replace")


def fields_of(block: str) -> dict[str, str]:
    """The lines `name=values` of a part of the file."""
    return dict(line.partition("=")[::2] for line in block.splitlines())


def _check(content: bytes) -> None:
    if not _is_whole(content) or b"\nTree=0\n" not in content:
        raise ValueError("trees that it names are not in it, or its end is missing")
    text = content.decode(errors="replace")
    before, *blocks = text.partition("\nend of trees")[0].split("\nTree=")
    header = fields_of(before)
    for name in _OF_HEADER:
        _read(header, name, _INTEGER, 1)
    features = int(header["max_feature_idx"]) + 1
    for name in ("feature_names", "feature_infos"):
        if len(header.get(name, "").split()) != features:
            raise ValueError(f"{name} are not {features}")
    if not all(map(_INFO.fullmatch, header["feature_infos"].split())):
        raise ValueError("feature_infos are not ranges and categories")
    if int(header["num_tree_per_iteration"]) < 1 or len(blocks) % int(header["num_tree_per_iteration"]):
        raise ValueError(f"{len(blocks)} trees are no whole number of iterations")
    for number, block in enumerate(blocks):
        try:
            _check_lines(block)
            _check_tree(fields_of("Tree=" + block), features)
        except ValueError as damage:
            raise ValueError(f"of tree {number} {damage}") from None


def _is_whole(content: bytes) -> bool:
    """Whether the file is as long as it says itself."""
    header, _, rest = content.partition(b"\n\n")
    sizes = re.search(rb"^tree_sizes=(.*)$", header, re.MULTILINE)
    if sizes and not re.fullmatch(rb"(\d+ )*\d*", sizes[1]):
        return False
    ends = [0, *accumulate(int(size) for size in sizes[1].split())] if sizes else []
    _, parameters, tail = rest.partition(b"\nparameters:")
    _, ended, tail = tail.partition(b"\nend of parameters\n")
    return (
        all(rest.startswith(b"Tree=%d\n" % at, begin) for at, begin in enumerate(ends[:-1]))
        and (not ends or rest.startswith(b"end of trees\n", ends[-1]))
        and bool(parameters) == bool(ended)
        and (not tail.strip() or _is_json(tail.partition(b"pandas_categorical:")[2]))
    )


def _is_json(content: bytes) -> bool:
    try:
        json.loads(content)
    except ValueError:
        return False
    return True


def _check_lines(block: str) -> None:
    """Every line behind the tree's number is `name=values`, of a name that is known."""
    for line in block.rstrip("\n").split("\n")[1:]:
        name, given, _ = line.partition("=")
        if not given or name not in _KNOWN:
            raise ValueError(f"a line begins with {line[:20]!r}")


def _check_tree(tree: Fields, features: int) -> None:
    for name, kind in _ALONE.items():
        if name in tree or name.startswith("num"):
            _read(tree, name, kind, 1)
    leaves, sets = int(tree["num_leaves"]), int(tree["num_cat"])
    if not 1 <= leaves <= _MOST_LEAVES or not 0 <= sets < leaves:
        raise ValueError("num_leaves and num_cat do not fit")
    if leaves == 1:
        _read(tree, "leaf_value", _NUMBER, 1)
        return
    splits = leaves - 1
    for lists, count in ((_OF_SPLITS, splits), (_OF_LEAVES, leaves)):
        for name, kind in lists.items():
            if name in tree or name not in _LATER:
                _read(tree, name, kind, count)
    if any(not 0 <= int(word) < features for word in tree["split_feature"].split()):
        raise ValueError("split_feature names an input that there is not")
    _check_children(tree, splits)
    _check_sets(tree, sets)


def _check_children(tree: Fields, splits: int) -> None:
    """Every node but the root is the child of one that stands before it; leaves are complements."""
    below = [[int(word) for word in tree[name].split()] for name in ("left_child", "right_child")]
    nodes = sorted(child for side in below for child in side)
    if nodes != [*range(-splits - 1, 0), *range(1, splits)] or any(
        0 <= child <= at for side in below for at, child in enumerate(side)
    ):
        raise ValueError("left_child and right_child make no tree")


def _check_sets(tree: Fields, sets: int) -> None:
    kinds, thresholds = (tree[name].split() for name in ("decision_type", "threshold"))
    by_set = [threshold for kind, threshold in zip(kinds, thresholds, strict=True) if int(kind) & _CATEGORICAL]
    if bool(by_set) != bool(sets):
        raise ValueError("num_cat and decision_type do not fit")
    if not sets:
        return
    bounds = [int(word) for word in _read(tree, "cat_boundaries", _INTEGER, sets + 1)]
    if bounds[0] != 0 or any(after <= before for before, after in pairwise(bounds)):
        raise ValueError("cat_boundaries do not ascend")
    _read(tree, "cat_threshold", _INTEGER, bounds[-1])
    if any(not _INTEGER.fullmatch(number) or not 0 <= int(number) < sets for number in by_set):
        raise ValueError("threshold names a set that there is not")


def _read(fields: Fields, name: str, kind: re.Pattern[str], count: int) -> list[str]:
    """The words of a list, one blank between two; `count` of them, each of a kind."""
    words = fields.get(name, "").split(" ")
    if len(words) != count or not all(map(kind.fullmatch, words)):
        raise ValueError(f"{name} is not {count} number{'' if count == 1 else 's'}")
    return words
