"""What a spec says about classes, checked and completed once the data has shown which classes there are."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from assay.contract.columns import Column
from assay.errors import Problem, SpecError
from assay.spec.consistency import check_figures, check_multiclass
from assay.spec.problems import suggest
from assay.spec.tree import Cost, DerivedColumn, Features, Ngrams, Spec
from assay.values import Task

_DEFAULT_NGRAMS = Ngrams(words=(1, 2), characters=(2, 5))


def check_classes(spec: Spec, task: Task, classes: Sequence[str]) -> None:
    """Check the spec against the classes that the data has.

    Raises:
        SpecError: the positive class or a class of the cost matrix does not exist, or the policy does not fit the task.
    """
    problems: list[Problem] = []
    if spec.data.positive is not None:
        if task == "binary" and spec.data.positive not in classes:
            problems.append(Problem("data.positive", _unknown(spec.data.positive, classes)))
        elif task != "binary":
            problems.append(
                Problem("data.positive", f"belongs to the task binary; the data has {len(classes)} classes")
            )
    if task == "multiclass":
        problems += [Problem(f"policy.{key}", message) for key, message in check_multiclass(spec.policy)]
        if spec.gates.positive_rate is not None:
            problems.append(Problem("gates.positive_rate", "belongs to the task binary"))
    if spec.task is None and task != "multilabel":
        problems += [Problem(f"gates.{name}", message) for name, message in check_figures(spec.gates, task)]
    cost = spec.decision.cost
    if cost is not None and cost.matrix is not None:
        named = {name: f"decision.cost.{name}" for name in cost.matrix}
        named |= {name: f"decision.cost.{row}.{name}" for row in cost.matrix for name in cost.matrix[row]}
        problems += [Problem(path, _unknown(name, classes)) for name, path in named.items() if name not in classes]
    elif cost is not None and task == "multiclass":
        problems.append(Problem("decision.cost", "the task multiclass needs a matrix {actual: {predicted: cost}}"))
    if problems:
        raise SpecError(
            f"the spec does not fit the classes of the data{f': {problems[0]}' if len(problems) == 1 else ''}",
            problems=problems,
            remedy=f"correct these keys of the spec, or the labels in column {', '.join(spec.data.label_columns)}",
        )


def cost_matrix(cost: Cost | None, classes: Sequence[str], positive_index: int = 1) -> tuple[tuple[float, ...], ...]:
    """Costs (actual x predicted) in the order of `classes`; empty when the spec names no costs."""
    if cost is None:
        return ()
    matrix = cost.matrix
    if matrix is not None:
        return tuple(tuple(matrix.get(actual, {}).get(said, 0.0) for said in classes) for actual in classes)
    miss = cost.false_negative or 0.0
    alarm = cost.false_positive or 0.0
    rows = range(len(classes))
    return tuple(
        tuple(0.0 if actual == said else (miss if actual == positive_index else alarm) for said in rows)
        for actual in rows
    )


def resolve_features(features: Features, columns: Sequence[Column]) -> Features:
    """The features with the defaults written out: statistics of every text column, n-grams of all of them joined,
    parts of every time that nothing is derived from.
    """
    texts = tuple(column.name for column in columns if column.type == "text")
    update: dict[str, object] = {}
    if features.text_statistics is None:
        update["text_statistics"] = texts
    if features.date_parts is None:
        used = {name for derived in features.derived for name in derived.of}
        times = (column.name for column in columns if column.type == "timestamp")
        update["date_parts"] = tuple(name for name in times if name not in used)
    if features.ngrams is None and len(texts) > 1:
        taken = {column.name for column in columns} | {derived.name for derived in features.derived}
        whole = joined_name(taken)
        update["derived"] = (*features.derived, DerivedColumn(name=whole, op="join", of=texts))
        update["ngrams"] = {whole: _DEFAULT_NGRAMS}
    elif features.ngrams is None:
        update["ngrams"] = dict.fromkeys(texts, _DEFAULT_NGRAMS)
    return features.model_copy(update=update)


def joined_name(taken: Collection[str]) -> str:
    """A name for all texts joined that no column has."""
    return free_name("all_text", taken)


def free_name(name: str, taken: Collection[str]) -> str:
    """The name, with an underscore or more behind it where a column has it already."""
    while name in taken:
        name += "_"
    return name


def _unknown(name: str, classes: Sequence[str]) -> str:
    shown = ", ".join(list(classes)[:10]) + (", ..." if len(classes) > 10 else "")
    return f"{name!r} is not a class of the data ({shown}){suggest(name, list(classes))}"
