"""Iterative stratification (Sechidis, Tsoumakas & Vlahavas 2011): parts in which every label has its share.

Labels are dealt from the rarest on, so that a label of few rows is spread before its rows go where another label wants
them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_Group = list[tuple[int, int]]


def deal_labels(
    counts: NDArray[np.int64], sizes: NDArray[np.int64], shares: Sequence[float], random: np.random.Generator
) -> NDArray[np.intp]:
    """The part of every group, whole groups only.

    `counts` (groups, labels) says in how many rows of a group each label applies, `sizes` (groups,) how many rows it
    has, `shares` what each part is to have of all rows. A group goes to the part that lacks most rows of its rarest
    label, of equal ones to the one that lacks most rows at all.
    """
    groups = [list(zip(np.flatnonzero(row).tolist(), row[row > 0].tolist(), strict=True)) for row in counts]
    wanted = [[share * total for share in shares] for total in counts.sum(axis=0).tolist()]
    room = [share * float(sizes.sum()) for share in shares]
    order = random.permutation(len(groups)).tolist()
    of_label: list[list[int]] = [[] for _ in wanted]
    for group in order:
        for label, _ in groups[group]:
            of_label[label].append(group)
    left = counts.sum(axis=0).tolist()
    parts = [-1] * len(groups)
    members = sizes.tolist()

    def place(group: int, part: int) -> None:
        parts[group] = part
        room[part] -= members[group]
        for label, rows in groups[group]:
            wanted[label][part] -= rows
            left[label] -= rows

    while open_labels := [label for label, rows in enumerate(left) if rows]:
        rarest = min(open_labels, key=lambda label: (left[label], label))
        for group in of_label[rarest]:
            if parts[group] < 0:
                place(group, _neediest(wanted[rarest], room))
    for group in order:
        if parts[group] < 0:
            place(group, _neediest(room, room))
    return np.array(parts, dtype=np.intp)


def _neediest(first: Sequence[float], then: Sequence[float]) -> int:
    return max(range(len(first)), key=lambda part: (first[part], then[part], -part))


def group_labels(labels: NDArray[np.int64], groups: NDArray[np.intp]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """In how many rows of each group (numbered from 0) every label applies, and the sizes of the groups."""
    sizes = np.bincount(groups).astype(np.int64)
    counts = np.zeros((len(sizes), labels.shape[1]), dtype=np.int64)
    np.add.at(counts, groups, labels)
    return counts, sizes
