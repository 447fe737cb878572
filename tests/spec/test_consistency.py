from __future__ import annotations

import pytest

from assay.errors import SpecError
from assay.spec import parse_spec
from tests.spec.material import FULL, MINIMAL

COLUMNS = MINIMAL + "columns: {age: {type: number}, text: {type: text}, at: {type: timestamp}}\n"


def fault(text: str) -> tuple[str, str]:
    with pytest.raises(SpecError) as caught:
        parse_spec(text)
    [problem] = caught.value.problems
    return problem.path, problem.message


@pytest.mark.parametrize(
    ("old", "new", "path", "said"),
    [
        (
            "entity: user_id",
            "entity: userid",
            "data.entity",
            "'userid' is not one of the columns; did you mean user_id?",
        ),
        ("entity: user_id", "entity: label", "data.entity", "is the label"),
        ("entity: user_id", "entity: amount", "data.entity", "column amount is of type number; make it id"),
        ("time: sent_at", "time: plan", "data.time", "column plan is of type category, not timestamp or number"),
        (
            "time: sent_at",
            "time: amount",
            "decision.limits.review_per_day",
            "a limit per day needs a time; column amount is a number",
        ),
        ('delimiter: ";"', 'delimiter: ";", decimal: ",", thousands: ","', "data.format.thousands", "only one of them"),
        ("method: time", "method: column", "data.split.method", "a split by column needs data.split.column"),
        ("method: time", "method: time\n    column: part", "data.split.column", "belongs to the method column"),
        ("method: time", "method: column\n    column: label", "data.split.column", "is the label"),
        ("validation: auto", "validation: 1", "data.split.validation", "must be auto or a share between 0 and 1"),
        ('delimiter: ";"', 'delimiter: ";;"', "data.format.delimiter", "must be auto or one character"),
        ("  user_id: {type: id}", "  user_id: {type: id}\n  label: {type: text}", "columns.label", "is the label"),
        ("min: 0, max: 1e6", "min: 3, max: 1", "columns.amount.min", "is above max (3 > 1)"),
        (
            "text_statistics: [text]",
            "text_statistics: [plan]",
            "features.text_statistics.0",
            "of type category, not text",
        ),
        (
            "text_statistics: [text]",
            "text_statistics: [text]\n  date_parts: sent",
            "features.date_parts.0",
            "did you mean sent_at?",
        ),
        (
            "log: {inputs: features}",
            "serving: {cache: {ttl: 0s}}",
            "serving.cache.ttl",
            "must be more than nothing; leave cache out to keep no scores",
        ),
        ("margin: 0.002", "fallback: {}", "model.fallback", "needs either a rule or a model"),
        (
            "margin: 0.002",
            'fallback: {model: lightgbm, rule: {feature: a, op: ">", value: 1, label: spam}}',
            "model.fallback",
            "needs either a rule or a model",
        ),
        (
            "margin: 0.002",
            'fallback: {rule: {feature: a, op: ">", value: 1}}',
            "model.fallback.rule",
            "needs label: what is answered where the rule holds",
        ),
        (
            "margin: 0.002",
            'fallback: {rule: {feature: a, op: ">", value: 1, label: spam, reason: x}}',
            "model.fallback.rule.reason",
            "belongs to policy.reasons",
        ),
        ("words: [1, 2], char", "words: [2, 1], char", "features.ngrams.text.words", "the shortest n comes first"),
        ("words: [1, 2], characters: [2, 5], ", "", "features.ngrams.text", "needs words, characters or both"),
        ("name: used_share", "name: amount", "features.derived.0.name", "amount is already a column"),
        ("name: hour", "name: used_share", "features.derived.1.name", "used_share is already a column"),
        ("of: [amount, limit]", "of: amount", "features.derived.0.of", "ratio takes 2 column(s), got 1"),
        (
            "of: [amount, limit]",
            "of: [amount, text]",
            "features.derived.0.of",
            "column text is of type text, not number",
        ),
        (", part: hour", "", "features.derived.1", "date_part needs part"),
        (
            "of: [amount, limit]}",
            "of: [amount, limit], part: hour}",
            "features.derived.0.part",
            "does not belong to ratio",
        ),
        ("edges: [1, 10, 100]", "edges: [10, 1]", "features.derived.3.edges", "must grow"),
        ("{false_positive: 5, false_negative: 1}", "{false_positive: 0}", "decision.cost", "above 0"),
        ("{false_positive: 5, false_negative: 1}", "{a: {a: 1}}", "decision.cost.a.a", "a right answer costs nothing"),
        ("maximise: recall", "maximise: recall\n  minimise: cost", "policy.minimise", "excludes maximise"),
        ("  subject_to: {precision: 0.95}\n", "", "policy.maximise", "recall alone is always 1"),
        ("  maximise: recall\n", "", "policy.subject_to", "belongs to maximise"),
        (", reason: contains multiple URLs", "", "policy.reasons.0", "needs reason"),
        ("reason: contains multiple URLs", "reason: x, label: spam", "policy.reasons.0.label", "belongs to a fallback"),
        ("roc_auc: {min: 0.9}", "roc_auc: {}", "gates.roc_auc", "needs min or max"),
        ("roc_auc: {min: 0.9}", "roc_auc: {min: 90}", "gates.roc_auc.min", "roc_auc is never 90"),
        ("roc_auc: {min: 0.9}", "roc_auc: {min: 0.9, max: 0.1}", "gates.roc_auc.min", "is above max"),
        ("log_loss: {max: majority}", "log_loss: {min: majority}", "gates.log_loss.min", "write max: majority"),
        ("roc_auc: {min: 0.9}", "roc_auc: {max: majority}", "gates.roc_auc.max", "write min: majority"),
        (
            "roc_auc: {min: 0.9}",
            "fairness: {by: [plna], metric: equal_opportunity, max_gap: 5%}",
            "gates.fairness.by.0",
            "did you mean plan",
        ),
        (
            "roc_auc: {min: 0.9}",
            "fairness: {by: text, metric: equal_opportunity, max_gap: 5%}",
            "gates.fairness.by.0",
            "of type text",
        ),
        ("latency_p99_ms: {max: 20}", "latency_p99_ms: {max: majority}", "gates.latency_p99_ms.max", "no majority"),
    ],
)
def test_a_contradiction_is_named_where_it_stands(old: str, new: str, path: str, said: str) -> None:
    assert old in FULL
    found, message = fault(FULL.replace(old, new, 1))
    assert found == path
    assert said in message


@pytest.mark.parametrize(
    ("more", "path", "said"),
    [
        ("columns: {a: {type: id}}\n", "columns", "every column is an id"),
        ("  split: {method: time}\n", "data.split.method", "a split by time needs data.time"),
        ("  split: {method: group}\n", "data.split.method", "a split by group needs data.entity"),
        ("policy: {minimise: cost}\n", "policy.minimise", "cost needs decision.cost"),
        ("policy: {capacity: {per_day: 9}}\n", "policy.capacity", "needs data.time"),
        (
            "policy: {review: {within: 0.1}}\ndecision: {limits: {review_per_day: 9}}\n",
            "decision.limits.review_per_day",
            "needs data.time",
        ),
        ("gates: {cost: {max: 1}}\n", "gates.cost", "needs decision.cost"),
        (
            "gates: {champion: {non_inferior_by: 1, metric: cost}}\n",
            "gates.champion.metric",
            "needs decision.cost",
        ),
        (
            "gates: {champion: {non_inferior_by: 0, metric: positive_rate}}\n",
            "gates.champion.metric",
            "choose another metric",
        ),
        (
            "task: binary\ngates: {champion: {non_inferior_by: 0, metric: f1_macro}}\n",
            "gates.champion.metric",
            "belongs to the task multilabel",
        ),
        ("  split: {parts: {a: gate}}\n", "data.split.parts", "belongs to the method column"),
        ("gates: {champion: {non_inferior_by: 0, metric: ece}}\n", "gates.champion.metric", "choose log_loss"),
        ("task: multiclass\ngates: {positive_rate: {min: 0.1}}\n", "gates.positive_rate", "belongs to the task binary"),
        ("task: multiclass\npolicy: {maximise: f1}\n", "policy.maximise", "belongs to the task binary"),
        ("  positive: a\ntask: multiclass\n", "data.positive", "belongs to the task binary"),
        ("task: multiclass\ndecision: {cost: {false_positive: 1}}\n", "decision.cost", "needs a matrix"),
    ],
)
def test_a_contradiction_shows_without_columns_too(more: str, path: str, said: str) -> None:
    found, message = fault(MINIMAL + more)
    assert found == path
    assert said in message


def test_several_wishes_that_only_a_binary_task_can_have_are_all_named() -> None:
    text = MINIMAL + "  time: at\ntask: multiclass\npolicy: {maximise: recall, subject_to: {precision: 0.9}}\n"
    with pytest.raises(SpecError) as caught:
        parse_spec(text)
    assert [problem.path for problem in caught.value.problems] == ["policy.maximise", "policy.subject_to"]
    assert fault(MINIMAL + "  time: at\ntask: multiclass\npolicy: {capacity: {per_day: 3}}\n")[0] == "policy.capacity"


def test_the_age_of_one_column_needs_the_event_time() -> None:
    derived = "features: {derived: [{name: age_days, op: age, of: at}]}\n"
    path, message = fault(COLUMNS + derived)
    assert (path, "needs data.time" in message) == ("features.derived.0.of", True)
    assert parse_spec(COLUMNS.replace("label: label", "label: label\n  time: at") + derived).features.derived


def test_columns_that_are_inferred_later_are_not_looked_up() -> None:
    spec = parse_spec(MINIMAL + "  entity: who\nfeatures: {text_statistics: [body]}\n")
    assert spec.data.entity == "who"
