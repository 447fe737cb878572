"""The compact card of a release as HTML for a notebook: readable in light and dark, all of it escaped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from assay.registry.store import Version

_FIGURES = ("roc_auc", "pr_auc", "accuracy", "precision", "recall", "f1", "log_loss", "brier", "ece")
_VERDICTS = {"pass": "#2e9e5b", "fail": "#d64545", "undecided": "#c98a00"}
_STYLE = """\
<style>
.assay{font:13px/1.5 system-ui,sans-serif;max-width:46em;border:1px solid #8885;border-radius:8px;padding:.8em 1em}
.assay h4{margin:0 0 .2em;font-size:1.15em} .assay p{margin:.1em 0;opacity:.75}
.assay .mark{font-size:.75em;font-weight:500;color:#fff;border-radius:1em;padding:.1em .7em;margin-left:.5em}
.assay table{border-collapse:collapse;margin:.6em 0;width:100%;color:inherit;font:inherit}
.assay td,.assay th{text-align:left;padding:.12em .8em .12em 0;border:0;background:none;font-weight:400}
.assay td,.assay th{white-space:nowrap}
.assay th{opacity:.6;font-size:.85em} .assay .number{font-variant-numeric:tabular-nums}
.assay .wide{width:40%;white-space:normal}
.assay .track{position:relative;height:4px;background:#8883;border-radius:2px}
.assay .track i{position:absolute;height:4px;border-radius:2px;background:#3b82c4;min-width:3px}
.assay code{font-size:.92em;background:#8882;padding:.05em .35em;border-radius:4px}
</style>"""


def render_card(version: Version, card: Mapping[str, Any], *, serves: bool) -> str:
    """The card of a registered release, from the registry and its evidence; what a card lacks is left out."""
    return "".join(
        [_STYLE, '<div class="assay">', *_head(version, card, serves=serves), *_figures(card), *_gates(card), "</div>"]
    )


def _head(version: Version, card: Mapping[str, Any], *, serves: bool) -> Iterator[str]:
    name = escape(f"{version.classifier}@{version.version}")
    marks = [_mark("gates passed", "#2e9e5b") if version.passed else _mark("gates failed", "#d64545")]
    marks += [_mark("serves", "#3b82c4")] if serves else []
    yield f"<h4>{name}{''.join(marks)}</h4>"
    model, data, policy = card.get("model", {}), card.get("data", {}), card.get("policy", {})
    if model and data:
        use, others = ("calibrated on", "others") if model.get("imported") else ("on", "that it did not see")
        yield (
            f"<p>{escape(str(model['chosen']))} {use} {data['learned_rows']:,} rows, judged on {data['gate_rows']:,} "
            f"{others}; label <code>{escape(str(data['label']))}</code></p>"
        )
    thresholds = [f"{name} at {value:.4f} and above" for name, value in policy.get("thresholds", {}).items()]
    said = ", ".join(part for part in (str(policy.get("chosen_by") or ""), *thresholds) if part)
    if said:
        yield f"<p>policy: {escape(said)}</p>"
    digest = escape(version.release_digest[:12])
    yield f"<p>digest <code>{digest}</code> &middot; <code>assay.load(&quot;{name}&quot;)</code></p>"


def _figures(card: Mapping[str, Any]) -> Iterator[str]:
    measured, majority = card.get("metrics", {}), card.get("majority", {})
    shown = [name for name in _FIGURES if name in measured]
    if not shown:
        return
    yield "<table><tr><th>figure</th><th>value</th><th class='wide'>95 % interval</th><th></th><th>majority</th></tr>"
    for name in shown:
        one, other = measured[name], majority.get(name)
        beside = other.get("value") if isinstance(other, Mapping) else other
        yield (
            f"<tr><td>{escape(name.replace('_', ' '))}</td><td class='number'><b>{_number(one.get('value'))}</b></td>"
            f"<td class='wide'>{_track(one)}</td><td class='number'>{_number(one.get('low'))} &ndash; "
            f"{_number(one.get('high'))}</td><td class='number'>{_number(beside)}</td></tr>"
        )
    yield "</table>"


def _gates(card: Mapping[str, Any]) -> Iterator[str]:
    if not card.get("gates"):
        return
    yield "<table>"
    for gate in card["gates"]:
        colour = _VERDICTS.get(gate["verdict"], "#888")
        bound = "at least" if gate["bound"] == "min" else "at most"
        yield (
            f"<tr><td>{_mark(str(gate['verdict']), colour)}</td>"
            f"<td>{escape(gate['metric'].replace('_', ' '))} {bound} {_number(gate.get('limit'))}</td>"
            f"<td class='wide'>{escape(str(gate.get('reason', '')))}</td></tr>"
        )
    yield "</table>"


def _track(interval: Mapping[str, Any]) -> str:
    """The interval on a line from 0 to 1; nothing where it is not within."""
    low, high = interval.get("low"), interval.get("high")
    if low is None or high is None or not 0 <= low <= high <= 1:
        return ""
    return f"<div class='track'><i style='left:{100 * low:.1f}%;width:{100 * (high - low):.1f}%'></i></div>"


def _mark(text: str, colour: str) -> str:
    return f"<span class='mark' style='background:{colour}'>{escape(text)}</span>"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
