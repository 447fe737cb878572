from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from assay.data.groups import join_groups, number_groups


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=30))
def test_joined_groups_are_the_connected_components(pairs: list[tuple[int, int]]) -> None:
    first = number_groups(one for one, _ in pairs)
    second = number_groups(other for _, other in pairs)
    joined = join_groups(first, second)
    for group in set(joined.tolist()):
        inside = joined == group
        assert not set(first[inside]) & set(first[~inside])
        assert not set(second[inside]) & set(second[~inside])
    reached = np.zeros(len(pairs), dtype=bool)
    reached[0] = True
    for _ in pairs:
        reached |= np.isin(first, first[reached]) | np.isin(second, second[reached])
    assert set(joined[reached].tolist()) == {int(joined[0])}
