"""From a card to its report: one HTML page that loads nothing and runs nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from assay.report import charts

Card = Mapping[str, Any]

#: The figures in the order in which people ask for them; the others follow.
FIGURES = ("roc_auc", "pr_auc", "accuracy", "precision", "recall", "f1", "log_loss", "brier", "ece", "cost")
_UNIT_INTERVAL = frozenset({"roc_auc", "pr_auc", "accuracy", "precision", "recall", "f1", "positive_rate"})
_MOST_CLASSES_DRAWN = 40
_MOST_LISTED = 20
_MOST_CONFUSED = 10
_MOST_NAMES = 12
_TABLE_STEP = 5


class Figure(NamedTuple):
    """A picture with what is said below it."""

    picture: Markup
    caption: str


class Row(NamedTuple):
    """One line of the table of figures."""

    name: str
    interval: Mapping[str, float]
    gauge: Markup
    validation: float | None
    majority: float | None
    champion: Mapping[str, float] | None


def render(card: Card) -> bytes:
    """The report of a card, given as plain JSON values. Names and values from data are escaped wherever they appear."""
    page = _environment().get_template("report.html.j2")
    diagnostics = card["diagnostics"]
    text = page.render(
        card=card,
        figures=list(_figures(card)),
        decisions=list(_decisions(card)),
        errors=list(_errors(card)),
        calibration=list(_calibration(card)),
        groups=[(part, list(_group_figures(part, card))) for part in card["fairness"]],
        slices=_slices(diagnostics["slices"]),
        columns=list(_columns(card)),
        thresholds=_threshold_table(card),
        confused=_most_confused(card),
        spec=msgspec.json.format(msgspec.json.encode(card["lineage"]["spec"]), indent=2).decode(),
    )
    return text.encode()


def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("assay.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "number": _number, "signed": _signed, "share": _share, "words": _words, "gate": _gate, "few": _few,
        "finding": _finding,
    }  # fmt: skip
    return made


def _figures(card: Card) -> Iterator[Row]:
    metrics = card["metrics"]
    champion = card["champion"]["differences"] if card["champion"] else {}
    for name in (*(name for name in FIGURES if name in metrics), *sorted(metrics.keys() - set(FIGURES))):
        majority = card["majority"].get(name)
        drawn = _drawn(charts.gauge(metrics[name], majority)) if name in _UNIT_INTERVAL else Markup()
        yield Row(name, metrics[name], drawn, card["validation"].get(name), majority, champion.get(name))


def _decisions(card: Card) -> Iterator[Figure]:
    diagnostics, thresholds = card["diagnostics"], card["policy"]["thresholds"]
    chosen = next(iter(thresholds.values()), None)
    if diagnostics["thresholds"]:
        picture = charts.threshold_curves(diagnostics["thresholds"], chosen)
        yield _figure(picture, "What each threshold would do on the gate's rows.")
        if diagnostics["thresholds"][0]["cost"] is not None:
            caption = "The mean cost of a row at each threshold, by the costs of the spec."
            yield _figure(charts.cost_curve(diagnostics["thresholds"], chosen), caption)
    if curves := {name: points for name, points in diagnostics["precision_recall"].items() if points}:
        dots = "The dot is the threshold that was chosen." if thresholds else "One class against the rest."
        few = f" The {len(curves)} largest classes." if len(curves) < len(card["data"]["classes"]) > 2 else ""
        yield _figure(charts.recall_curves(curves, thresholds), f"Precision over recall. {dots}{few}")
    if diagnostics["coverage"]:
        caption = "How often decisions are right when only the surest rows are decided; the rest would go to a person."
        yield _figure(charts.coverage(diagnostics["coverage"]), caption)


def _errors(card: Card) -> Iterator[Figure]:
    cells = {(one["actual"], one["said"]): one["rows"] for one in card["diagnostics"]["confusion"]}
    classes = [one["name"] for one in card["diagnostics"]["classes"]]
    if cells and len(classes) <= _MOST_CLASSES_DRAWN:
        caption = "Rows of each class by what was said of them; the darker, the larger its share of the class."
        yield _figure(charts.confusion(cells, classes), caption)


def _calibration(card: Card) -> Iterator[Figure]:
    bins = card["diagnostics"]["reliability"]
    if bins:
        what = card["data"]["positive"] or ("labels that apply" if card["task"] == "multilabel" else "right answers")
        caption = "Groups of equal size by the probability said. On the diagonal, probabilities are what they say."
        yield _figure(charts.reliability(bins, what), caption)


def _group_figures(part: Mapping[str, Any], card: Card) -> Iterator[Figure]:
    told = sorted(part["rates"], key=lambda rate: -(rate["gap"]["value"] if rate["gap"] else 0.0))
    for rate in told[:_MOST_LISTED]:
        rows = [(one["group"], one["rate"], "c3" if one["thin"] else "c0") for one in rate["groups"]]
        of = f" of {rate['output']}" if len(card["data"]["classes"]) > 2 else ""
        gap = rate["gap"]
        apart = (
            f"widest gap {gap['value']:.3f} ({gap['low']:.3f} to {gap['high']:.3f})" if gap else "nothing to compare"
        )
        between = f", {rate['between'][0]} above {rate['between'][1]}" if rate["between"] and gap["value"] else ""
        yield _figure(
            charts.forest(rows, f"{rate['rate']}{of}", None), f"{rate['rate']}{of} by {part['by']}: {apart}{between}."
        )


def _slices(search: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    return [(" and ".join(f"{column}: {group}" for column, group in one["where"]), one) for one in search["found"]]


def _columns(card: Card) -> Iterator[Figure]:
    important = card["diagnostics"]["importances"][:_MOST_LISTED]
    if important:
        rows = [(one["column"], one["loss"], "c0") for one in important]
        caption = "What a row's log loss gains when the values of one column are shuffled among the gate's rows."
        yield _figure(charts.forest(rows, "added log loss", 0.0, bars=True), caption)
    if len(card["model"]["learning_curve"]) > 1:
        yield _figure(
            charts.learning_curve(card["model"]["learning_curve"]), _learning(card["model"]["learning_curve"])
        )


def _learning(points: Sequence[Mapping[str, Any]]) -> str:
    before, last = points[-2], points[-1]
    gain = last["gain"]
    span = f"from {before['rows']:,} to {last['rows']:,} rows"
    if gain["low"] > 0.0:
        sure = f"by {gain['value']:.4f} ({gain['low']:.4f} to {gain['high']:.4f})"
        return f"The log loss fell {sure} {span}: more rows are likely to help."
    return f"The log loss did not certainly fall {span}: more rows of this kind may not help."


def _threshold_table(card: Card) -> list[Mapping[str, Any]]:
    rows: list[Mapping[str, Any]] = card["diagnostics"]["thresholds"]
    return rows[::_TABLE_STEP]


def _most_confused(card: Card) -> list[Mapping[str, Any]]:
    """Of two classes the matrix says it all."""
    wrong = [one for one in card["diagnostics"]["confusion"] if one["actual"] != one["said"]]
    return sorted(wrong, key=lambda one: -one["rows"])[:_MOST_CONFUSED] if len(card["data"]["classes"]) > 2 else []


def _figure(picture: str, caption: str) -> Figure:
    return Figure(_drawn(picture), caption)


def _drawn(picture: str) -> Markup:
    return Markup(picture)  # noqa: S704 - serialised from a tree of elements: what stands in it is escaped already


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _signed(value: float) -> str:
    return f"{value:+.4f}".replace("-", "−")


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"


def _words(name: str) -> str:
    return {"f1": "F1", "ece": "ECE", "roc_auc": "ROC-AUC", "pr_auc": "PR-AUC"}.get(name, name.replace("_", " "))


def _few(names: Sequence[str]) -> str:
    """The first names; the card has them all."""
    left = len(names) - _MOST_NAMES
    told = ", ".join(names[:_MOST_NAMES])
    return f"{told} and {left} more" if left > 0 else told


def _finding(finding: Mapping[str, Any]) -> str:
    """What the audit found, with the columns that it is about."""
    columns = ", ".join(finding.get("columns", ()))
    return f"{columns}: {finding['message']}" if columns else str(finding["message"])


def _gate(gate: Mapping[str, Any]) -> str:
    """What a gate asks for."""
    bound, metric = "at least" if gate["bound"] == "min" else "at most", _words(gate["metric"])
    if gate.get("by"):
        return f"{metric} by {gate['by']}: gap {bound} {gate['limit']:.4g}"
    if gate.get("relative") == "champion":
        return f"{metric} less the champion's {bound} {_signed(gate['limit'])}"
    limit = "" if gate["limit"] is None else f"{gate['limit']:.4g}"
    return f"{metric} {bound} {limit}" + (" (the majority's)" if gate.get("relative") else "")
