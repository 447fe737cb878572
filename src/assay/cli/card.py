"""A release's card in the terminal. It shows what a card has, so that cards of other versions can be read too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from assay.cli.terminal import columns, count, facts, heading, minute

CARD_FILE = "card.json"
#: The figures in the order in which people ask for them.
FIGURES = ("roc_auc", "pr_auc", "accuracy", "precision", "recall", "f1", "log_loss", "brier", "ece", "cost")

Card = Mapping[str, Any]

#: Of more thresholds the range is told.
_MOST_THRESHOLDS = 3

_VERDICTS = {"pass": "green", "fail": "bold red", "undecided": "yellow"}


def render_card(summary: Mapping[str, Any], card: Card) -> RenderableType:
    """The card with what the registry knows of the release."""
    parts: list[RenderableType] = [_title(summary), *attention(card.get("policy", {})), facts(_story(summary, card))]
    parts += [heading(figures_title(card)), figures(card, ("validation", "majority"))]
    parts += [Text(note, "yellow") for note in card.get("notes", ())]
    if card.get("champion"):
        parts += [heading(champion_title(card["champion"])), differences(card["champion"])]
    if table := card.get("label_table"):
        parts += [heading("figures of each label on the gate's rows"), labels(table, card["policy"]["thresholds"])]
    if card.get("gates"):
        parts += [heading("gates"), gates(card["gates"])]
    if tried := card.get("model", {}).get("candidates"):
        parts += [heading("candidates, log loss on validation rows"), candidates(tried)]
    return Group(*parts)


def figures(card: Card, beside: Sequence[str]) -> Table:
    """The metrics with their intervals, and beside them those of other parts of the card."""
    measured = card.get("metrics", {})
    names = ("release", "from", "to", *beside)
    table = columns("", *names, numbers=names)
    for name in (*(name for name in FIGURES if name in measured), *sorted(measured.keys() - FIGURES)):
        interval = measured[name]
        others = (card.get(part, {}).get(name) for part in beside)
        table.add_row(
            name.replace("_", " "),
            Text(_number(interval.get("value")), "bold"),
            _number(interval.get("low")),
            _number(interval.get("high")),
            *(Text(_number(value), "dim") for value in others),
        )
    return table


def figures_title(card: Card) -> str:
    """Whose figures they are, and how sure."""
    groups = card.get("data", {}).get("gate_groups")
    return f"figures on the gate's rows, 95 % intervals{f' over {groups:,} whole groups' if groups else ''}"


def champion_title(comparison: Mapping[str, Any]) -> str:
    """What the differences are from."""
    return f"less the champion's (@{comparison.get('version')}), 95 % intervals of a paired bootstrap"


def differences(comparison: Mapping[str, Any]) -> RenderableType:
    """How far a release is ahead of the champion on the same rows; what is certain to differ stands out."""
    note = Text(comparison.get("note", ""), "yellow")
    measured = comparison.get("differences", {})
    if not measured:
        return note
    names = ("difference", "from", "to", "champion")
    table = columns("", *names, numbers=names)
    for name in (*(name for name in FIGURES if name in measured), *sorted(measured.keys() - FIGURES)):
        interval = measured[name]
        certain = interval["low"] > 0.0 or interval["high"] < 0.0
        table.add_row(
            name.replace("_", " "),
            Text(_signed(interval["value"]), "bold" if certain else ""),
            _signed(interval["low"]),
            _signed(interval["high"]),
            Text(_number(comparison.get("metrics", {}).get(name)), "dim"),
        )
    return Group(table, note) if note else table


def labels(table: Sequence[Mapping[str, Any]], thresholds: Mapping[str, float]) -> Table:
    """Each label with its rows, its threshold and its figures; F1 with its interval."""
    names = ("rows", "threshold", "precision", "recall", "f1", "from", "to", "roc auc")
    found = columns("", *names, numbers=names)
    for row in table:
        found.add_row(
            Text(row["label"]),
            f"{row['rows']:,}",
            Text(_number(thresholds.get(row["label"])), "dim"),
            _number(row["precision"]["value"]),
            _number(row["recall"]["value"]),
            Text(_number(row["f1"]["value"]), "bold"),
            *(_number(row["f1"][end]) for end in ("low", "high")),
            _number((row.get("roc_auc") or {}).get("value")),
        )
    return found


def gates(judged: Sequence[Mapping[str, Any]]) -> Table:
    """Each gate with its verdict and the reason."""
    table = columns("", "", "")
    for gate in judged:
        table.add_row(
            Text(gate["verdict"], _VERDICTS.get(gate["verdict"], "")),
            Text(gate_line(gate)),
            Text(gate.get("reason", ""), "dim"),
        )
    return table


def finding_line(finding: Mapping[str, Any]) -> str:
    """What the audit found, with the columns that it is about."""
    columns = ", ".join(finding.get("columns", ()))
    return f"{columns}: {finding['message']}" if columns else str(finding["message"])


def gate_line(gate: Mapping[str, Any]) -> str:
    """What the gate asks for."""
    metric, limit = gate["metric"].replace("_", " "), gate.get("limit")
    bound = "at least" if gate["bound"] == "min" else "at most"
    if gate.get("by"):
        return f"gap in {metric} by {gate['by']} {bound} {_number(limit)}"
    if gate.get("relative") == "champion":
        return f"{metric} less the champion's {bound} {_signed(limit)}"
    return f"{metric} {bound} {_number(limit)}" + (f" ({gate['relative']})" if gate.get("relative") else "")


def candidates(tried: Sequence[Mapping[str, Any]]) -> Table:
    """What was tried, the chosen one marked, and why."""
    table = columns("", "", "", "")
    for one in tried:
        mark, style = ("→", "bold") if one.get("chosen") else (" ", "")
        table.add_row(
            Text(f"{mark} {one['name']}", style),
            _number(one.get("log_loss")),
            Text(one.get("why", "")),
            Text(one.get("told", ""), "dim"),
        )
    return table


def attention(policy: Mapping[str, Any]) -> Iterator[Text]:
    """What the policy could not do as the spec wishes: a line that is not overlooked."""
    if policy.get("note"):
        yield Text(f"attention: {policy['note']}", "bold yellow")


def policy_line(policy: Mapping[str, Any]) -> str:
    """How probabilities become decisions."""
    parts = [policy.get("chosen_by", "")]
    thresholds = policy.get("thresholds", {})
    if len(thresholds) > _MOST_THRESHOLDS:
        parts.append(f"thresholds {min(thresholds.values()):.4f} to {max(thresholds.values()):.4f}")
    else:
        parts += [f"{name} at {value:.4f} and above" for name, value in thresholds.items()]
    if policy.get("review_within"):
        parts.append(f"review within {policy['review_within']:g}")
    line = ", ".join(part for part in parts if part)
    return f"{line}; calibration {policy['calibration']}" if policy.get("calibration") else line


def _title(summary: Mapping[str, Any]) -> Text:
    failed = summary["gates"] == "failed"
    return Text.assemble(
        (f"{summary['classifier']}@{summary['version']}", "bold"),
        f"  {summary['stage']}, gates ",
        (summary["gates"], "bold red" if failed else "green"),
        (", serves", "green") if summary["deployed"] else "",
    )


def _story(summary: Mapping[str, Any], card: Card) -> Iterator[tuple[str, str]]:
    decision, data = card.get("decision", {}), card.get("data", {})
    model, policy, lineage = card.get("model", {}), card.get("policy", {}), card.get("lineage", {})
    yield "objective", decision.get("objective") or ""
    yield "owner", ", ".join(str(value) for value in card.get("owner", {}).values() if value)
    yield "model", f"{model.get('chosen', '')} ({summary['framework']})"
    yield "imported", _imported(model.get("imported"))
    yield "fallback", _fallback(model.get("fallback"))
    yield "features", _features(card.get("features", {}))
    yield "policy", policy_line(policy)
    yield "data", str(data.get("source", ""))
    yield "rows", _rows(data, model.get("imported"))
    yield "findings", "\n".join(finding_line(one) for one in data.get("findings", ()))
    yield "gate", f"its rows have judged {count(summary['gate_uses'], 'release')}"
    yield "made", f"{minute(summary['created_at'])} UTC by {summary['created_by']}"
    yield "approved", f"by {summary['approved_by']}" if summary["approved_by"] else ""
    yield "code", lineage.get("code_commit") or ""
    yield "digest", summary["digest"]


def _features(features: Mapping[str, Any]) -> str:
    named = ((features.get("dense"), "number"), (features.get("terms"), "term"))
    return " and ".join(count(number, noun) for number, noun in named if number)


def _imported(origin: Mapping[str, Any] | None) -> str:
    return f"{origin['file']} ({origin['format']}), SHA-256 {origin['checksum'][:8]}" if origin else ""


def _fallback(fallback: Mapping[str, Any] | None) -> str:
    if not fallback:
        return ""
    right, agrees = fallback["right"], fallback["agrees"]
    return f"{fallback['name']}: right on {right:.1%} of the gate's rows, as the model on {agrees:.1%}"


def _rows(data: Mapping[str, Any], imported: Mapping[str, Any] | None) -> str:
    if not data:
        return ""
    use = "calibrate with" if imported else "learn from"
    learned, judged = data.get("learned_rows", 0), data.get("gate_rows", 0)
    return f"{data.get('rows', 0):,}: {learned:,} to {use}, {judged:,} judge; {data.get('split')} split"


def _signed(value: float | None) -> str:
    return "" if value is None else f"{value:+.4f}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
