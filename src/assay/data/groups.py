"""Groups of rows: numbered from 0 in the order of appearance."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

import numpy as np
from numpy.typing import NDArray

_LUMP_ROWS = 100
_LUMP_SHARE = 0.05


class Links:
    """Members 0 to n - 1, and which of them belong together by way of the pairs joined so far (disjoint sets)."""

    def __init__(self, members: int) -> None:
        self._parent = list(range(members))

    def root(self, member: int) -> int:
        """The member that stands for the group of this one."""
        parent = self._parent
        while parent[member] != member:
            parent[member] = parent[parent[member]]
            member = parent[member]
        return member

    def join(self, one: int, other: int) -> None:
        """The groups of both are one from now on."""
        self._parent[self.root(one)] = self.root(other)

    def groups(self) -> NDArray[np.intp]:
        """The group of each member."""
        return number_groups(self.root(member) for member in range(len(self._parent)))


def number_groups(keys: Iterable[Hashable]) -> NDArray[np.intp]:
    """A number from 0 for each different key, in the order of appearance."""
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.intp)


def join_groups(first: NDArray[np.intp], second: NDArray[np.intp]) -> NDArray[np.intp]:
    """The groups of rows that are linked through either of two groupings, directly or by way of other rows."""
    links = Links(int(first.max(initial=-1)) + 1)
    seen: dict[int, int] = {}
    for one, other in zip(first.tolist(), second.tolist(), strict=True):
        links.join(one, seen.setdefault(other, one))
    return number_groups(links.groups()[first].tolist())


def is_lump(groups: NDArray[np.intp]) -> bool:
    """Whether the largest group is so large that no split can divide the rows fairly: over a hundred, and 5 %, of them.

    Links through links grow such lumps where much is alike: people who say the same common things are one group then.
    """
    return int(np.bincount(groups).max(initial=0)) > max(_LUMP_ROWS, _LUMP_SHARE * len(groups))
