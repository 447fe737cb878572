"""Fairness by the groups that the spec declares: who is in which group, and how far apart the groups are."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from assay.contract.columns import Contract
from assay.contract.table import Table
from assay.errors import Problem, SpecError
from assay.measures.fairness import Decided, Disparity, disparity
from assay.measures.metrics import Integers
from assay.measures.slices import Groups
from assay.spec import Spec
from assay.training.groups import MISSING, group_cells
from assay.training.judged import Judged

_QUARTERS = 4
_MOST_GROUPS = 50
_GROUPED = frozenset({"category", "boolean", "number", "id"})


def declared_groups(spec: Spec, contract: Contract, table: Table) -> dict[str, Groups]:
    """The groups of the rows of `table` by each column of gates.fairness; numbers in quarters. Rows without a value are
    in no group: nobody belongs to the missing.

    Raises:
        SpecError: a column is not in the contract, or does not make 2 to 50 groups.
    """
    gate = spec.gates.fairness
    columns = {column.name: column for column in contract.columns}
    found: dict[str, Groups] = {}
    problems: list[Problem] = []
    for index, name in enumerate(gate.by if gate else ()):
        column = columns.get(name)
        if column is None or column.type not in _GROUPED:
            why = "is not one of the columns" if column is None else f"is of type {column.type}, which makes no groups"
            problems.append(Problem(f"gates.fairness.by.{index}", f"{name} {why}"))
            continue
        groups = _known(group_cells(column, table.columns[name], bands=_QUARTERS))
        if not 2 <= len(groups.names) <= _MOST_GROUPS:
            told = (
                f"{name} makes {len(groups.names)} group(s) among the gate's rows; 2 to {_MOST_GROUPS} can be compared"
            )
            problems.append(Problem(f"gates.fairness.by.{index}", told))
        found[name] = groups
    if problems:
        raise SpecError(
            f"the groups of gates.fairness cannot be compared: {problems[0].message}",
            problems=problems,
            remedy="name columns of the contract that hold a few groups; a column of type id is never a feature",
        )
    return found


def disparities(
    spec: Spec,
    contract: Contract,
    declared: Mapping[str, Groups],
    rows: Judged,
    said: Integers,
) -> tuple[Disparity, ...]:
    """How far apart the groups are, by every declared column, given the decided classes of the rows; of several labels
    their flags.
    """
    gate = spec.gates.fairness
    if gate is None:
        return ()
    outputs = [contract.positive_index] if contract.task == "binary" else [*range(len(contract.classes))]
    names = [contract.classes[index] for index in outputs]
    decided = Decided(names, _flags(rows.labels, outputs), _flags(said, outputs))
    return tuple(
        disparity(
            decided,
            groups,
            by=name,
            metric=gate.metric,
            most=gate.max_gap,
            clusters=rows.clusters,
            judge_thin=gate.thin == "reject",
        )
        for name, groups in declared.items()
    )


def _flags(classes: Integers, outputs: list[int]) -> NDArray[np.bool_]:
    if classes.ndim == 2:
        return np.asarray(classes == 1, dtype=np.bool_)
    return np.asarray(classes[:, None] == np.array(outputs), dtype=np.bool_)


def _known(groups: Groups) -> Groups:
    names = [name for name in groups.names if name != MISSING]
    return Groups(names, np.where(groups.codes < len(names), groups.codes, -1))
