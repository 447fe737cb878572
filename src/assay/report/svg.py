"""Drawing with the few shapes that charts need, as SVG elements. Colours and fonts are the page's, by class.

Elements are built as a tree and serialised by the standard library, so that no name from data can become markup.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element, tostring

Point = tuple[float, float]

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff￾￿]")


def element(tag: str, attributes: dict[str, str | float], *children: Element, text: str = "") -> Element:
    """One element. Numbers are rounded to tenths of a pixel; control characters of a text are shown as blanks."""
    made = Element(tag, {name: _plain(value) for name, value in attributes.items()})
    if text:
        made.text = _CONTROLS.sub(" ", text)
    made.extend(children)
    return made


def picture(title: str, description: str, size: tuple[float, float], parts: Iterable[Element]) -> str:
    """A whole picture of `size` pixels that grows and shrinks with the page; `title` and `description` are read out."""
    width, height = size
    root = element(
        "svg",
        {"viewBox": f"0 0 {_plain(width)} {_plain(height)}", "width": width, "height": height, "role": "img"},
        element("title", {}, text=title),
        element("desc", {}, text=description),
        *parts,
    )
    return tostring(root, encoding="unicode", short_empty_elements=False)


def line(start: Point, end: Point, style: str) -> Element:
    """A straight line."""
    return element("line", {"x1": start[0], "y1": start[1], "x2": end[0], "y2": end[1], "class": style})


def curve(points: Sequence[Point], style: str) -> Element:
    """Points joined by straight lines."""
    return element("path", {"d": _trace(points), "class": style})


def area(points: Sequence[Point], style: str) -> Element:
    """The inside of points joined by straight lines."""
    return element("path", {"d": f"{_trace(points)}Z", "class": style})


def dot(at: Point, radius: float, style: str, hint: str = "") -> Element:
    """A filled circle; `hint` is shown when it is pointed at."""
    return element("circle", {"cx": at[0], "cy": at[1], "r": radius, "class": style}, *_hint(hint))


def box(corner: Point, size: Point, style: str, *, hint: str = "", opacity: float = 1.0) -> Element:
    """A rectangle."""
    attributes: dict[str, str | float] = {"x": corner[0], "y": corner[1], "width": size[0], "height": size[1]}
    if opacity < 1.0:
        attributes["fill-opacity"] = f"{opacity:.3f}"
    return element("rect", {**attributes, "class": style}, *_hint(hint))


def label(at: Point, text: str, style: str = "", anchor: str = "start", turn: float = 0.0) -> Element:
    """A text whose baseline begins, is centred or ends (`start`, `middle`, `end`) at a point."""
    attributes: dict[str, str | float] = {"x": at[0], "y": at[1], "text-anchor": anchor}
    if style:
        attributes["class"] = style
    if turn:
        attributes["transform"] = f"rotate({_plain(turn)} {_plain(at[0])} {_plain(at[1])})"
    return element("text", attributes, text=text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Values to pixels along one direction."""

    low: float
    high: float
    begin: float
    end: float

    def __call__(self, value: float) -> float:
        """The pixel of a value; one outside is held at the end."""
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5
        return self.begin + min(1.0, max(0.0, share)) * (self.end - self.begin)

    def ticks(self, count: int = 5) -> list[float]:
        """About `count` round values within the scale."""
        step = _round_step((self.high - self.low) / max(1, count))
        first = math.ceil(self.low / step - 1e-9)
        return [number * step for number in range(first, math.floor(self.high / step + 1e-9) + 1)]


def around(values: Iterable[float], *, zero: bool = False) -> tuple[float, float]:
    """Bounds that hold all values with a little room; with 0 if wanted."""
    known = [value for value in values if math.isfinite(value)]
    if zero or not known:
        known.append(0.0)
    low, high = min(known), max(known)
    room = 0.06 * (high - low) or 0.5
    return (low if zero and low == 0.0 else low - room), high + room


def shorten(name: str, most: int) -> str:
    """A name of at most `most` characters; a longer one loses its middle, since names often differ in the end."""
    tail = (most - 1) // 2
    return name if len(name) <= most else f"{name[: most - 1 - tail]}…{name[len(name) - tail :]}"


def number(value: float) -> str:
    """As short as a tick can be: 0.25, 1,000, 1e-05."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}" if value else "0"


def _round_step(step: float) -> float:
    power = 10.0 ** math.floor(math.log10(step)) if step > 0 else 1.0
    return next((factor * power for factor in (1, 2, 2.5, 5) if factor * power >= step * 0.999), 10 * power)


def _trace(points: Sequence[Point]) -> str:
    return "M" + "L".join(f"{_plain(x)} {_plain(y)}" for x, y in points)


def _hint(hint: str) -> list[Element]:
    return [element("title", {}, text=hint)] if hint else []


def _plain(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.1f}".removesuffix(".0")
