"""A value with its bounds and its limit, drawn."""

from __future__ import annotations

from typing import Final

from segcore.page.markup import Markup, element
from segcore_gates.records import Record, measured, number
from segcore_gates.rules import LimitKind

__all__ = ["drawn"]

_WIDTH: Final = 160
_HEIGHT: Final = 22
_MARGIN: Final = 4


def drawn(record: Record) -> Markup | None:
    """The value, its bounds and the limit on a line; None where nothing was measured.

    Shares lie on a line that ends at 1, so that rows can be compared; what has a unit on one that ends
    a little above the largest number.  Differences, which may be negative, have 0 in the middle.
    """
    if record.value is None:
        return None
    interval = record.interval
    ends = [] if interval is None else [interval.lower, interval.upper]
    around_zero = record.limit_kind in {LimitKind.MAX_DROP, LimitKind.MAX_GAP}
    largest = max(map(abs, [record.value, record.limit, *ends]))
    top = 1.1 * max(largest, 1e-9) if record.unit or around_zero else 1.0
    bottom = -top if around_zero else 0.0

    def at(value: float) -> str:
        share = min(max((value - bottom) / (top - bottom), 0.0), 1.0)
        return f"{_MARGIN + share * (_WIDTH - 2 * _MARGIN):.1f}"

    middle, low, high = _HEIGHT // 2, 3, _HEIGHT - 3
    shapes = [_line("axis", at(bottom), middle, at(top), middle)]
    if around_zero:
        shapes.append(_line("axis", at(0), middle - 4, at(0), middle + 4))
    said = f"value {measured(record.value, record.unit)}, limit {number(record.limit, record.unit)}"
    if interval is not None:
        left, right = at(interval.lower), at(interval.upper)
        shapes += [
            _line("bounds", left, middle, right, middle),
            _line("end", left, middle - 4, left, middle + 4),
            _line("end", right, middle - 4, right, middle + 4),
        ]
        said += f", bounds {interval.lower:.4f} to {interval.upper:.4f}"
    limit = at(record.limit)
    shapes += [
        _line("limit", limit, low, limit, high),
        element("circle", class_="value", cx=at(record.value), cy=middle, r=4),
    ]
    return element(
        "svg",
        shapes,
        class_="interval",
        role="img",
        aria_label=said,
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        width=_WIDTH,
        height=_HEIGHT,
    )


def _line(kind: str, x1: str, y1: int, x2: str, y2: int) -> Markup:
    return element("line", class_=kind, x1=x1, y1=y1, x2=x2, y2=y2)
