"""What the keys of a spec say together: references between them, and choices that exclude each other."""

from __future__ import annotations

from collections.abc import Iterator

from assay.spec.columns import check_column
from assay.spec.document import Path
from assay.spec.problems import suggest
from assay.spec.tree import LOWER_IS_BETTER, DerivedColumn, Floors, Gates, PolicyWish, Spec
from assay.values import Task

_UNBOUNDED = frozenset({"log_loss", "cost", "latency_p99_ms"})
#: A group can be a value of such a column, or a range of its numbers.
_GROUPED = ("category", "boolean", "number", "id")
#: op: how many columns it takes, of which types, and the keys of its own.
_OPS: dict[str, tuple[tuple[int, ...], tuple[str, ...], tuple[str, ...]]] = {
    "ratio": ((2,), ("number",), ()),
    "difference": ((2,), ("number", "timestamp"), ()),
    "product": ((2,), ("number",), ()),
    "date_part": ((1,), ("timestamp",), ("part",)),
    "age": ((1, 2), ("timestamp",), ()),
    "length": ((1,), ("text",), ()),
    "keyword": ((1,), ("text",), ("words",)),
    "bucket": ((1,), ("number",), ("edges",)),
    "join": (tuple(range(2, 33)), ("text",), ()),
}

Contradiction = tuple[Path, str]


def find_contradictions(spec: Spec) -> list[Contradiction]:
    """Every contradiction between keys, as (key path, message)."""
    return [
        *_columns(spec),
        *_data(spec),
        *_split(spec),
        *_features(spec),
        *_decision(spec),
        *_fallback(spec),
        *_policy(spec),
        *_gates(spec),
        *_serving(spec),
    ]


def _columns(spec: Spec) -> Iterator[Contradiction]:
    for name, column in spec.columns.items():
        for key, message in check_column(column):
            yield ("columns", name, key), message
    for name in spec.data.label_columns:
        if name in spec.columns:
            yield ("columns", name), "is the label and cannot be a column of the example too"
    if spec.columns and all(column.type == "id" for column in spec.columns.values()):
        yield ("columns",), "there is nothing to learn from: every column is an id"


def _data(spec: Spec) -> Iterator[Contradiction]:
    data = spec.data
    for key, name in (("entity", data.entity), ("time", data.time)):
        if name is not None and name in data.label_columns:
            yield ("data", key), "is the label"
        elif name is not None and spec.columns and name not in spec.columns:
            yield ("data", key), _unknown_column(spec, name)
    entity = spec.columns.get(data.entity or "")
    if entity is not None and entity.type in ("number", "boolean", "timestamp"):
        yield ("data", "entity"), f"column {data.entity} is of type {entity.type}; make it id"
    time = spec.columns.get(data.time or "")
    if time is not None and time.type not in ("timestamp", "number"):
        yield ("data", "time"), f"column {data.time} is of type {time.type}, not timestamp or number"
    if time is not None and time.type == "number":
        for path, what in needs_clock(spec):
            yield path, f"{what} needs a time; column {data.time} is a number, which only says the order of the rows"
    delimiter = data.format.delimiter
    if delimiter != "auto" and len(delimiter) != 1 and (len(delimiter) != 2 or delimiter[1] != " "):
        yield (
            ("data", "format", "delimiter"),
            'must be auto or one character, such as ";" or "\\t", and a blank after it if one always follows',
        )
    if data.format.decimal != "auto" and data.format.decimal == data.format.thousands:
        yield ("data", "format", "thousands"), "is the decimal mark; a number can have only one of them"
    if data.format.encoding != "auto" and not _is_codec(data.format.encoding):
        yield ("data", "format", "encoding"), "must be auto or the name of a text encoding, such as utf-8 or latin-1"
    yield from _labels(spec)


def _labels(spec: Spec) -> Iterator[Contradiction]:
    data = spec.data
    if (spec.task == "multiclass" or data.multilabel) and data.positive is not None:
        yield ("data", "positive"), "belongs to the task binary"
    if data.multilabel and spec.task not in (None, "multilabel"):
        yield ("task",), f"several labels make the task multilabel, not {spec.task}"
    if spec.task == "multilabel" and not data.multilabel:
        yield ("data", "label"), 'the task multilabel needs a list of columns, or {column: ..., separator: "|"}'
    if data.unlabelled == "none" and isinstance(data.label, str):
        yield ("data", "unlabelled"), "none belongs to several labels, of which none may apply"
    if data.classes is not None and isinstance(data.label, tuple):
        yield ("data", "classes"), "the columns of data.label are the labels, in their order"
    if data.classes is not None and len(set(data.classes)) < len(data.classes):
        yield ("data", "classes"), "names a class twice"


def needs_clock(spec: Spec) -> list[Contradiction]:
    """What of the spec counts days or seconds between rows: (key path, what it is)."""
    found: list[Contradiction] = []
    if spec.policy.capacity is not None:
        found.append((("policy", "capacity"), "a capacity per day"))
    if spec.policy.review is not None and spec.decision.limits.review_per_day is not None:
        found.append((("decision", "limits", "review_per_day"), "a limit per day"))
    for index, derived in enumerate(spec.features.derived):
        if derived.op == "age" and len(derived.of) == 1:
            found.append((("features", "derived", index, "of"), "the age at data.time"))
    return found


def _is_codec(name: str) -> bool:
    try:
        "".encode(name)
    except (LookupError, ValueError):
        return False
    return True


def _split(spec: Spec) -> Iterator[Contradiction]:
    split = spec.data.split
    needs = {"time": ("data.time", spec.data.time), "group": ("data.entity", spec.data.entity)}
    needs["column"] = ("data.split.column", split.column)
    key, value = needs.get(split.method, ("", ""))
    if value is None:
        yield ("data", "split", "method"), f"a split by {split.method} needs {key}"
    if split.method != "column" and split.column is not None:
        yield ("data", "split", "column"), f"belongs to the method column, not {split.method}"
    if split.method != "column" and split.parts is not None:
        yield ("data", "split", "parts"), f"belongs to the method column, not {split.method}"
    if split.column is not None and split.column in spec.data.label_columns:
        yield ("data", "split", "column"), "is the label"
    if split.validation != "auto" and not 0 < split.validation < 1:
        yield ("data", "split", "validation"), "must be auto or a share between 0 and 1"


def _features(spec: Spec) -> Iterator[Contradiction]:
    if not spec.columns:
        return
    joined = {derived.name for derived in spec.features.derived if derived.op == "join"}
    for index, name in enumerate(spec.features.text_statistics or ()):
        if name not in joined:
            yield from _reference(spec, ("features", "text_statistics", index), name, ("text",))
    for name, grams in (spec.features.ngrams or {}).items():
        path: Path = ("features", "ngrams", name)
        if name not in joined:
            yield from _reference(spec, path, name, ("text",))
        for key in ("words", "characters"):
            lengths = getattr(grams, key)
            if lengths is not None and lengths[0] > lengths[1]:
                yield (*path, key), "the shortest n comes first, then the longest"
        if grams.words is None and grams.characters is None:
            yield path, "needs words, characters or both"
    for index, name in enumerate(spec.features.date_parts or ()):
        yield from _reference(spec, ("features", "date_parts", index), name, ("timestamp",))
    taken = set(spec.columns)
    for index, derived in enumerate(spec.features.derived):
        path = ("features", "derived", index)
        if derived.name in taken or derived.name in spec.data.label_columns:
            yield (*path, "name"), f"{derived.name} is already a column"
        taken.add(derived.name)
        yield from _derived(spec, path, derived)


def _derived(spec: Spec, path: Path, derived: DerivedColumn) -> Iterator[Contradiction]:
    counts, types, own = _OPS[derived.op]
    if derived.op == "age" and len(derived.of) == 1 and spec.data.time is None:
        yield (*path, "of"), "the age at data.time needs data.time; or give two columns [later, earlier]"
    if len(derived.of) not in counts:
        yield (*path, "of"), f"{derived.op} takes {' or '.join(map(str, counts))} column(s), got {len(derived.of)}"
    for name in derived.of:
        yield from _reference(spec, (*path, "of"), name, types)
    for key in ("part", "words", "edges"):
        if key in own and getattr(derived, key) is None:
            yield path, f"{derived.op} needs {key}"
        if key not in own and getattr(derived, key) is not None:
            yield (*path, key), f"does not belong to {derived.op}"
    if derived.edges is not None and any(
        low >= high for low, high in zip(derived.edges, derived.edges[1:], strict=False)
    ):
        yield (*path, "edges"), "must grow"


def _reference(spec: Spec, path: Path, name: str, types: tuple[str, ...]) -> Iterator[Contradiction]:
    column = spec.columns.get(name)
    if column is None:
        yield path, _unknown_column(spec, name)
    elif column.type not in types:
        yield path, f"column {name} is of type {column.type}, not {' or '.join(types)}"


def _unknown_column(spec: Spec, name: str) -> str:
    return f"{name!r} is not one of the columns{suggest(name, list(spec.columns))}"


def _decision(spec: Spec) -> Iterator[Contradiction]:
    cost = spec.decision.cost
    if cost is None:
        return
    path: Path = ("decision", "cost")
    if cost.matrix is not None:
        for actual, row in cost.matrix.items():
            if row.get(actual, 0.0) != 0.0:
                yield (*path, actual, actual), "a right answer costs nothing"
        if spec.data.multilabel:
            yield path, "the task multilabel takes false_positive and false_negative, which hold for each label"
    elif spec.task == "multiclass":
        yield path, "the task multiclass needs a matrix {actual: {predicted: cost}}"
    elif not cost.false_positive and not cost.false_negative:
        yield path, "needs false_positive or false_negative above 0"


def _fallback(spec: Spec) -> Iterator[Contradiction]:
    fallback = spec.model.fallback
    if fallback is None:
        return
    path: Path = ("model", "fallback")
    if (fallback.rule is None) == (fallback.model is None):
        yield path, "needs either a rule or a model"
    rule, classes = fallback.rule, spec.data.classes
    if rule is None:
        return
    if rule.label is None:
        yield (*path, "rule"), "needs label: what is answered where the rule holds"
    elif classes is not None and rule.label not in classes:
        yield (*path, "rule", "label"), f"{rule.label!r} is not one of data.classes{suggest(rule.label, classes)}"
    if rule.reason is not None:
        yield (*path, "rule", "reason"), "belongs to policy.reasons"


def _policy(spec: Spec) -> Iterator[Contradiction]:
    wish = spec.policy
    goals = [key for key in ("maximise", "minimise", "capacity") if getattr(wish, key) is not None]
    if len(goals) > 1:
        yield ("policy", goals[1]), f"excludes {goals[0]}; keep one of them"
    floors = [key for key in ("precision", "recall") if getattr(wish.subject_to, key) is not None]
    if floors and wish.maximise is None:
        yield ("policy", "subject_to"), "belongs to maximise"
    other = {"precision": "recall", "recall": "precision"}.get(wish.maximise or "")
    if other is not None and other not in floors:
        yield ("policy", "maximise"), f"{wish.maximise} alone is always 1; add subject_to: ({other}: 0.9)"
    if wish.minimise == "cost" and spec.decision.cost is None:
        yield ("policy", "minimise"), "cost needs decision.cost"
    if wish.capacity is not None and (spec.data.time is None or spec.data.multilabel):
        told = "belongs to the task binary" if spec.data.multilabel else "a capacity per day needs data.time"
        yield ("policy", "capacity"), told
    if wish.review is not None and spec.decision.limits.review_per_day is not None and spec.data.time is None:
        yield ("decision", "limits", "review_per_day"), "a limit per day needs data.time"
    if spec.task == "multiclass":
        for key, message in check_multiclass(wish):
            yield ("policy", key), message
    for index, rule in enumerate(wish.reasons):
        if rule.reason is None:
            yield ("policy", "reasons", index), "needs reason"
        if rule.label is not None:
            yield ("policy", "reasons", index, "label"), "belongs to a fallback rule"


def check_multiclass(wish: PolicyWish) -> list[tuple[str, str]]:
    """The wishes that only a binary task can have: (key, message)."""
    found: list[tuple[str, str]] = []
    if wish.maximise not in {None, "accuracy"}:
        found.append(("maximise", "belongs to the task binary; multiclass takes accuracy, or minimise: cost"))
    if wish.subject_to != Floors():
        found.append(("subject_to", "belongs to the task binary"))
    if wish.capacity is not None:
        found.append(("capacity", "belongs to the task binary"))
    return found


#: Figures that only rows with several labels have, and those that such rows have in other forms.
_OF_LABEL_SETS = frozenset({"subset_accuracy", "hamming_loss", "ranking_loss"})
_AVERAGES = ("micro", "macro", "samples")
_AVERAGED = ("precision", "recall", "f1")
_INSTEAD = {"accuracy": "subset_accuracy or hamming_loss"} | {
    name: " or ".join(f"{name}_{average}" for average in _AVERAGES) for name in _AVERAGED
}


def check_figures(gates: Gates, task: Task) -> list[tuple[str, str]]:
    """The gates on figures that the task does not have: (key below `gates`, message)."""
    named = {name: name for name in gates.metrics}
    if gates.champion is not None and gates.champion.metric is not None:
        named["champion.metric"] = gates.champion.metric
    found: list[tuple[str, str]] = []
    for key, name in named.items():
        stem, _, average = name.partition("_")
        of_sets = name in _OF_LABEL_SETS or (stem in _AVERAGED and average in _AVERAGES)
        if task == "multilabel" and name in _INSTEAD:
            found.append((key, f"with several labels a row write {_INSTEAD[name]}"))
        elif task == "multilabel" and name == "positive_rate":
            found.append((key, "belongs to the task binary"))
        elif task != "multilabel" and of_sets:
            found.append((key, "belongs to the task multilabel"))
    return found


def _gates(spec: Spec) -> Iterator[Contradiction]:
    for name, gate in spec.gates.metrics.items():
        path: Path = ("gates", name)
        if gate.min is None and gate.max is None:
            yield path, "needs min or max"
        for key in ("min", "max"):
            bound = getattr(gate, key)
            if bound == "majority" and name == "latency_p99_ms":
                yield (*path, key), "there is no majority baseline for a latency; give milliseconds"
            directed = name not in {"positive_rate", "latency_p99_ms"}
            if bound == "majority" and directed and (key == "min") == (name in LOWER_IS_BETTER):
                better, other = ("lower", "max") if key == "min" else ("higher", "min")
                yield (*path, key), f"{better} is better for {name}; write {other}: majority"
            if isinstance(bound, float) and (bound < 0 or (bound > 1 and name not in _UNBOUNDED)):
                yield (*path, key), f"{name} is never {bound:g}"
        if isinstance(gate.min, float) and isinstance(gate.max, float) and gate.min > gate.max:
            yield (*path, "min"), "is above max"
    if spec.gates.positive_rate is not None and spec.task == "multiclass":
        yield ("gates", "positive_rate"), "belongs to the task binary"
    task = "multilabel" if spec.data.multilabel else spec.task
    if task is not None:
        for key, message in check_figures(spec.gates, task):
            yield ("gates", *key.split(".")), message
    if spec.gates.cost is not None and spec.decision.cost is None:
        yield ("gates", "cost"), "needs decision.cost"
    yield from _comparing_gates(spec)


def _serving(spec: Spec) -> Iterator[Contradiction]:
    cache = spec.serving.cache if spec.serving is not None else None
    if cache is not None and not cache.ttl:
        yield ("serving", "cache", "ttl"), "must be more than nothing; leave cache out to keep no scores"


def _comparing_gates(spec: Spec) -> Iterator[Contradiction]:
    fairness, champion = spec.gates.fairness, spec.gates.champion
    for index, name in enumerate(fairness.by if fairness is not None and spec.columns else ()):
        path: Path = ("gates", "fairness", "by", index)
        column = spec.columns.get(name)
        if column is None:
            yield path, _unknown_column(spec, name)
        elif column.type not in _GROUPED or column.available == "after_outcome":
            kind = "known only after the outcome" if column.available == "after_outcome" else f"of type {column.type}"
            yield path, f"column {name} is {kind}; groups need a column of type {', '.join(_GROUPED)}"
    if champion is None:
        return
    metric: Path = ("gates", "champion", "metric")
    if champion.metric == "positive_rate":
        yield metric, "neither a higher nor a lower positive_rate is better; choose another metric"
    if champion.metric == "ece":
        yield metric, "the bias of ece differs between two releases; choose log_loss or brier"
    if champion.metric == "cost" and spec.decision.cost is None:
        yield metric, "cost needs decision.cost"
