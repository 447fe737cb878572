"""The charts of a report, each a function of one part of the card to a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element

from assay.report.svg import Point, Scale, area, around, box, curve, dot, label, line, number, picture, shorten

Part = Mapping[str, Any]

_WIDTH, _HEIGHT = 460.0, 320.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 62.0, 16.0, 14.0, 44.0
_ROW = 24.0
#: Colours that can be told apart, in the order of their use; the page has a class for each.
_COLOURS = 8


@dataclass(frozen=True, slots=True)
class _Plane:
    """Two scales, and the parts of a picture that show them."""

    x: Scale
    y: Scale
    names: tuple[str, str]

    def at(self, x: float, y: float) -> Point:
        return self.x(x), self.y(y)

    def axes(self) -> list[Element]:
        parts = []
        for value in self.x.ticks():
            parts.append(line((self.x(value), self.y.begin), (self.x(value), self.y.end), "grid"))
            parts.append(label((self.x(value), self.y.begin + 16), number(value), "tick", "middle"))
        for value in self.y.ticks():
            parts.append(line((self.x.begin, self.y(value)), (self.x.end, self.y(value)), "grid"))
            parts.append(label((self.x.begin - 7, self.y(value) + 4), number(value), "tick", "end"))
        middle_x, middle_y = (self.x.begin + self.x.end) / 2, (self.y.begin + self.y.end) / 2
        parts.append(label((middle_x, self.y.begin + 36), self.names[0], "axis", "middle"))
        parts.append(label((14, middle_y), self.names[1], "axis", "middle", turn=-90))
        return parts


def reliability(bins: Sequence[Part], what: str) -> str:
    """What was said against what was seen, each group with its interval; the diagonal is what an honest one does."""
    plane = _plane((0.0, 1.0), (0.0, 1.0), ("probability said", f"share of {shorten(what, 30)} seen"))
    parts = [*plane.axes(), line(plane.at(0, 0), plane.at(1, 1), "reference")]
    parts.append(curve([plane.at(one["said"], one["seen"]) for one in bins], "curve c0"))
    most = max((one["rows"] for one in bins), default=1)
    for one in bins:
        parts.append(line(plane.at(one["said"], one["low"]), plane.at(one["said"], one["high"]), "whisker c0"))
        hint = f"{one['rows']:,} rows: said {one['said']:.3f}, seen {one['seen']:.3f}"
        parts.append(dot(plane.at(one["said"], one["seen"]), 3 + 3 * (one["rows"] / most) ** 0.5, "mark c0", hint))
    return _finish("Reliability diagram", "Points on the diagonal mean that probabilities are what they say.", parts)


def recall_curves(curves: Mapping[str, Sequence[Part]], thresholds: Mapping[str, float]) -> str:
    """Precision over recall, a curve a class; where a class has a threshold, the point that it chose."""
    plane = _plane((0.0, 1.0), (0.0, 1.0), ("recall", "precision"))
    parts = plane.axes()
    for colour, (name, points) in enumerate(curves.items()):
        style = f"c{colour % _COLOURS}"
        parts.append(curve([plane.at(one["recall"], one["precision"]) for one in points], f"curve {style}"))
        chosen = [one for one in points if one["threshold"] >= thresholds.get(name, 2.0)]
        if chosen:
            at = plane.at(chosen[-1]["recall"], chosen[-1]["precision"])
            parts.append(dot(at, 5.5, f"mark {style}", f"{name} at {thresholds[name]:.4f}"))
    if len(curves) > 1:
        parts += _legend([shorten(name, 22) for name in curves], (plane.x.begin + 10, plane.y.begin - 8))
    return _finish("Precision and recall", "The higher and the further to the right, the better.", parts)


def threshold_curves(rows: Sequence[Part], chosen: float | None) -> str:
    """Precision, recall and F1 over every threshold, with the one that was chosen."""
    plane = _plane((0.0, 1.0), (0.0, 1.0), ("threshold", "precision, recall, F1"))
    parts = plane.axes()
    names = ("precision", "recall", "f1")
    for colour, name in enumerate(names):
        known = [plane.at(row["threshold"], row[name]) for row in rows if row[name] is not None]
        parts.append(curve(known, f"curve c{colour}"))
    parts += _chosen(plane, chosen)
    parts += _legend([name if name != "f1" else "F1" for name in names], (plane.x.begin + 10, plane.y.begin - 8))
    return _finish("What each threshold does", "Precision, recall and F1 over the threshold.", parts)


def cost_curve(rows: Sequence[Part], chosen: float | None) -> str:
    """The mean cost of a row over every threshold, with the one that was chosen."""
    _, most = around((row["cost"] for row in rows), zero=True)
    plane = _plane((0.0, 1.0), (0.0, most), ("threshold", "cost of a row"))
    parts = [*plane.axes(), curve([plane.at(row["threshold"], row["cost"]) for row in rows], "curve c1")]
    return _finish("Cost", "The mean cost of a row over the threshold.", [*parts, *_chosen(plane, chosen)])


def coverage(points: Sequence[Part]) -> str:
    """The accuracy among the surest rows, with its interval."""
    low, _ = around(one["accuracy"]["low"] for one in points)
    plane = _plane((0.0, 1.0), (max(0.0, low), 1.0), ("share of rows decided, the surest first", "accuracy among them"))
    upper = [plane.at(one["coverage"], one["accuracy"]["high"]) for one in points]
    lower = [plane.at(one["coverage"], one["accuracy"]["low"]) for one in reversed(points)]
    middle = [plane.at(one["coverage"], one["accuracy"]["value"]) for one in points]
    parts = [*plane.axes(), area([*upper, *lower], "band c0"), curve(middle, "curve c0")]
    return _finish("Coverage", "What deciding only the surest rows would bring.", parts)


def learning_curve(points: Sequence[Part]) -> str:
    """The log loss over the rows learned from, with intervals."""
    bounds = around(point["log_loss"][end] for point in points for end in ("low", "high"))
    rows = [point["rows"] for point in points]
    plane = _plane((0.0, max(rows) * 1.08), bounds, ("rows learned from", "log loss on validation rows"))
    parts = [*plane.axes(), curve([plane.at(one["rows"], one["log_loss"]["value"]) for one in points], "curve c0")]
    for one in points:
        loss = one["log_loss"]
        parts.append(line(plane.at(one["rows"], loss["low"]), plane.at(one["rows"], loss["high"]), "whisker c0"))
        parts.append(
            dot(plane.at(one["rows"], loss["value"]), 4, "mark c0", f"{one['rows']:,} rows: {loss['value']:.4f}")
        )
    return _finish("Learning curve", "How the log loss fell with the rows learned from.", parts)


def confusion(cells: Mapping[tuple[str, str], int], classes: Sequence[str]) -> str:
    """Rows of each class (down) by what was said of them (across), darker the larger the share of the class."""
    count = len(classes)
    short = all(len(name) * 7.0 < 380.0 / count for name in classes)
    side = max(8.0, min(84.0, 380.0 / count))
    left, top = 128.0, 30.0 if short else 92.0
    totals = {actual: max(1, sum(cells.get((actual, said), 0) for said in classes)) for actual in classes}
    parts: list[Element] = []
    for down, actual in enumerate(classes):
        y = top + down * side
        if side >= 11:
            parts.append(label((left - 8, y + side / 2 + 4), shorten(actual, 16), "tick", "end"))
            at = (left + (down + 0.5) * side, top - 8)
            parts.append(label(at, shorten(actual, 14), "tick", *(("middle", 0.0) if short else ("start", -40.0))))
        for across, said in enumerate(classes):
            rows = cells.get((actual, said), 0)
            share = rows / totals[actual]
            style = f"cell {'right' if down == across else 'wrong'}"
            corner, hint = (left + across * side, y), f"{actual} said to be {said}: {rows:,} rows, {share:.1%}"
            parts.append(box(corner, (side - 1.5, side - 1.5), style, hint=hint, opacity=0.04 + 0.9 * share))
            if side >= 30 and rows:
                style = "count strong" if share > 0.55 else "count"
                parts.append(label((corner[0] + side / 2 - 1, y + side / 2 + 4), f"{rows:,}", style, "middle"))
    size = (max(_WIDTH, left + count * side + 60), top + count * side + 8)
    parts.append(label((left - 8, top - 8), "true ↓  said →", "axis", "end"))
    return picture("Confusion matrix", "What was said of the rows of each class.", size, parts)


def forest(
    rows: Sequence[tuple[str, Part | None, str]], name: str, reference: float | None, *, bars: bool = False
) -> str:
    """A value with its interval a row, one below the other: (label, interval or None, style). `reference` is a line to
    compare with; with `bars` values grow from 0.
    """
    ends = [row[end] for _, row, _ in rows if row is not None for end in ("low", "high")]
    low, high = around([*ends, *([reference] if reference is not None else [])], zero=bars)
    left, bottom = 184.0, 12.0 + _ROW * len(rows)
    scale = Scale(low=low, high=high, begin=left, end=_WIDTH - 20.0)
    parts: list[Element] = []
    for value in scale.ticks(4):
        parts.append(line((scale(value), 8.0), (scale(value), bottom), "grid"))
        parts.append(label((scale(value), bottom + 15), number(value), "tick", "middle"))
    if reference is not None:
        parts.append(line((scale(reference), 8.0), (scale(reference), bottom), "reference"))
    for place, (title, row, style) in enumerate(rows):
        y = 12.0 + _ROW * (place + 0.5)
        parts.append(label((left - 10, y + 4), shorten(title, 20), "tick", "end"))
        if row is None:
            parts.append(label((left + 4, y + 4), "no rows to say", "tick"))
            continue
        if bars:
            start, end = sorted((scale(0.0), scale(row["value"])))
            parts.append(box((start, y - 6), (end - start, 12), f"bar {style}"))
        parts.append(line((scale(row["low"]), y), (scale(row["high"]), y), f"whisker {style}"))
        hint = f"{title}: {row['value']:.4f}, {row['low']:.4f} to {row['high']:.4f}"
        parts.append(dot((scale(row["value"]), y), 3.0 if bars else 4.5, f"mark {style}", hint))
    parts.append(label(((left + _WIDTH - 20) / 2, bottom + 34), name, "axis", "middle"))
    return picture(name[:1].upper() + name[1:], "Values with 95 % intervals.", (_WIDTH, bottom + 42), parts)


def gauge(interval: Part, beside: float | None) -> str:
    """A figure between 0 and 1 with its interval on one line of a table; the mark beside is the baseline's."""
    scale = Scale(low=0.0, high=1.0, begin=4.0, end=116.0)
    parts = [line((4, 8), (116, 8), "grid")]
    if beside is not None:
        parts.append(line((scale(beside), 3), (scale(beside), 13), "reference"))
    parts.append(line((scale(interval["low"]), 8), (scale(interval["high"]), 8), "whisker c0"))
    parts.append(dot((scale(interval["value"]), 8), 3.5, "mark c0"))
    return picture("", f"{interval['value']:.4f} between 0 and 1", (120, 16), parts)


def _plane(x: tuple[float, float], y: tuple[float, float], names: tuple[str, str]) -> _Plane:
    across = Scale(low=x[0], high=x[1], begin=_LEFT, end=_WIDTH - _RIGHT)
    return _Plane(across, Scale(low=y[0], high=y[1], begin=_HEIGHT - _BOTTOM, end=_TOP), names)


def _finish(title: str, description: str, parts: Sequence[Element]) -> str:
    return picture(title, description, (_WIDTH, _HEIGHT), parts)


def _chosen(plane: _Plane, threshold: float | None) -> list[Element]:
    if threshold is None:
        return []
    x = plane.x(threshold)
    side, shift = ("end", -6) if threshold > 0.6 else ("start", 6)
    return [
        line((x, plane.y.begin), (x, plane.y.end), "chosen"),
        label((x + shift, plane.y.end + 12), f"chosen {threshold:.4f}", "chosen-name", side),
    ]


def _legend(names: Sequence[str], at: Point) -> list[Element]:
    """Names with their colours, upwards from a point."""
    parts: list[Element] = []
    for place, name in enumerate(reversed(names)):
        colour, y = len(names) - 1 - place, at[1] - 16.0 * place
        parts.append(line((at[0], y - 4), (at[0] + 18, y - 4), f"curve c{colour % _COLOURS}"))
        parts.append(label((at[0] + 24, y), name, "tick"))
    return parts
