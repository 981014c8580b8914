"""Curves drawn as inline SVG, with axes and what a screen reader says of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from segcore.page.markup import Markup, element

__all__ = ["Curve", "curves"]

_LEFT: Final = 44
_RIGHT: Final = 12
_TOP: Final = 10
_BOTTOM: Final = 38


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One line of a chart.

    Attributes
    ----------
    label : str
        What it is, for the legend.
    points : tuple of (float, float)
        In the order they are joined.
    kind : str
        Its style: ``first``, ``second`` or ``third``.
    """

    label: str
    points: tuple[tuple[float, float], ...]
    kind: str = "first"


def curves(
    lines: Sequence[Curve],
    *,
    said: str,
    x_label: str,
    y_label: str,
    x_ticks: Sequence[float],
    y_ticks: Sequence[float],
    marks: Sequence[float] = (),
    width_px: int = 320,
    height_px: int = 190,
) -> Markup:
    """A chart of lines on linear axes.

    Parameters
    ----------
    lines : sequence of Curve
    said : str
        What the chart shows, in words, for those who do not see it.
    x_label, y_label : str
        What the axes hold, with their units.
    x_ticks, y_ticks : sequence of float
        At least two each, rising; the first and the last are the ends of the axis.  What lies beyond
        is drawn at the end.
    marks : sequence of float
        Heights at which a thin line runs across.
    width_px, height_px : int
    """
    right, bottom = width_px - _RIGHT, height_px - _BOTTOM

    def x(value: float) -> str:
        return _placed(value, x_ticks[0], x_ticks[-1], _LEFT, right)

    def y(value: float) -> str:
        return _placed(value, y_ticks[0], y_ticks[-1], bottom, _TOP)

    shapes = [_line("grid", _LEFT, y(tick), right, y(tick)) for tick in y_ticks]
    shapes += [_line("limit", _LEFT, y(mark), right, y(mark)) for mark in marks]
    shapes += [_line("axis", _LEFT, _TOP, _LEFT, bottom), _line("axis", _LEFT, bottom, right, bottom)]
    shapes += [_text(f"{tick:g}", _LEFT - 5, y(tick), "end") for tick in y_ticks]
    shapes += [_text(f"{tick:g}", x(tick), bottom + 13, "middle") for tick in x_ticks]
    shapes.append(_text(x_label, (_LEFT + right) // 2, height_px - 6, "middle"))
    shapes.append(
        element(
            "text",
            y_label,
            x=10,
            y=(_TOP + bottom) // 2,
            text_anchor="middle",
            transform=f"rotate(-90 10 {(_TOP + bottom) // 2})",
        )
    )
    for line in lines:
        placed = [f"{x(a)},{y(b)}" for a, b in line.points]
        shapes.append(element("polyline", class_=f"line {line.kind}", points=" ".join(placed)))
    legend = [element("li", element("span", class_=f"stroke {line.kind}"), line.label) for line in lines]
    drawing = element(
        "svg",
        shapes,
        class_="curves",
        role="img",
        aria_label=said,
        viewBox=f"0 0 {width_px} {height_px}",
        width=width_px,
        height=height_px,
    )
    return element("div", drawing, element("ul", legend, class_="strokes"), class_="chart")


def _placed(value: float, low: float, high: float, begin: float, end: float) -> str:
    share = min(max((value - low) / (high - low), 0.0), 1.0)
    return f"{begin + share * (end - begin):.1f}"


def _line(kind: str, x1: float | str, y1: float | str, x2: float | str, y2: float | str) -> Markup:
    return element("line", class_=kind, x1=x1, y1=y1, x2=x2, y2=y2)


def _text(text: str, x: float | str, y: float | str, anchor: str) -> Markup:
    return element("text", text, x=x, y=y, dy="0.3em", text_anchor=anchor)
