"""Scores as figures: plain dictionaries in the language of Plotly.

Names of classes come from the data, and Plotly reads some HTML in text: they are escaped.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any, Final

from segcore.wording import printable
from segcore_fiftyone.scores import ClassRow, Scores

__all__ = ["Figure", "bars", "bars_layout", "heatmap", "heatmap_layout", "standing"]

Figure = dict[str, Any]
"""A trace or a layout."""

_GOOD: Final = "#2f9e8f"
_BAD: Final = "#d1495b"
_UNSURE: Final = "#d9a441"
_NEUTRAL: Final = "#6c8ebf"
_MARK: Final = "#ff6d04"
_SLICE: Final = "#b8b8c8"

_COLORS: Final = {
    "PASS": _GOOD,
    "WAIVED": _GOOD,
    "WARN": _UNSURE,
    "THIN": _UNSURE,
    "FAIL": _BAD,
    "MISSING": _BAD,
    "ERROR": _BAD,
    "below": _BAD,
}

_LABEL_LENGTH: Final = 20
_ROW_PX: Final = 26
_CHARACTER_PX: Final = 7
_MARGINS_PX: Final = 78
_READABLE_CELLS: Final = 12
"""Classes up to which the heatmap has room for its numbers."""


def standing(c: ClassRow) -> str:
    """How a class stands: its verdict; else ``below`` where it is below its threshold, or nothing."""
    if c.verdict is not None:
        return c.verdict
    if c.floor is None or c.iou is None:
        return ""
    return "below" if c.iou < c.floor else ""


def bars(classes: Sequence[ClassRow], *, part: Sequence[ClassRow] | None = None) -> list[Figure]:
    """IoU of classes as bars from top to bottom, and what each had to reach as marks on them.

    Parameters
    ----------
    classes : sequence of ClassRow
        In the order they are shown, all with an IoU.
    part : sequence of ClassRow or None
        All classes over some of the samples, by index; their IoU is a second mark.

    Returns
    -------
    list of dict
        Traces; the ``ids`` of each are the indices of the classes, which a click gives back.
    """
    labels = [_label(c, classes) for c in classes]
    traces = [
        {
            "type": "bar",
            "orientation": "h",
            "name": "IoU",
            "ids": [str(c.index) for c in classes],
            "y": labels,
            "x": [c.iou for c in classes],
            "marker": {"color": [_color(c) for c in classes]},
            "hovertext": [_hover(c) for c in classes],
            "hoverinfo": "text",
            "showlegend": False,
        },
        {
            # In a column beside the bars: at their ends the marks would cross it.
            "type": "scatter",
            "mode": "text",
            "name": "support",
            "ids": [str(c.index) for c in classes],
            "y": labels,
            "x": [1] * len(classes),
            "text": [f"  {_beside(c)}" for c in classes],
            "textposition": "middle right",
            "cliponaxis": False,
            "hoverinfo": "skip",
            "showlegend": False,
        },
    ]
    limited = [(c, label) for c, label in zip(classes, labels, strict=True) if c.floor is not None]
    if limited:
        traces.append(
            _marks(
                "threshold",
                [(c, label, c.floor) for c, label in limited],
                symbol="line-ns-open",
                color=_MARK,
            )
        )
    if part is not None:
        held = [(c, label, part[c.index].iou) for c, label in zip(classes, labels, strict=True)]
        traces.append(
            _marks("slice", [row for row in held if row[2] is not None], symbol="diamond", color=_SLICE)
        )
    return traces


def bars_layout(classes: Sequence[ClassRow], *, legend: bool) -> Figure:
    """The layout of :func:`bars`; see there."""
    beside = max((len(_beside(c)) for c in classes), default=0)
    return {
        "height": _MARGINS_PX + _ROW_PX * max(len(classes), 2),
        "autosize": True,
        "bargap": 0.25,
        "margin": {"t": 34 if legend else 12, "b": 40, "l": 60, "r": 20 + _CHARACTER_PX * beside},
        "xaxis": {"range": [0, 1], "title": {"text": "IoU"}, "fixedrange": True, "dtick": 0.2},
        # Plotly draws the first one lowest, and leaves room for the marks above and below.
        "yaxis": {
            "type": "category",
            "range": [len(classes) - 0.5, -0.5],
            "fixedrange": True,
            "automargin": True,
        },
        "showlegend": legend,
        "legend": {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom"},
    }


def heatmap(scores: Scores) -> list[Figure]:
    """Where the gold pixels of every class went, as shares of its row."""
    names = [_label(c, scores.classes) for c in scores.classes]
    labels = [*names, "other"]
    counts = scores.confusion.tolist()
    shares: list[list[float | None]] = []
    texts: list[list[str]] = []
    hovers: list[list[str]] = []
    for gold, row in zip(labels, counts, strict=True):
        total = sum(row)
        shares.append([n / total if total else None for n in row])
        texts.append([_percent(n, total) for n in row])
        hovers.append(
            [
                f"gold {gold}<br>delivered {delivered}<br>{n:,} pixels"
                + (f", {n / total:.2%} of {gold}" if total else "")
                for delivered, n in zip(labels, row, strict=True)
            ]
        )
    return [
        {
            "type": "heatmap",
            "x": labels,
            "y": labels,
            "z": shares,
            "zmin": 0,
            "zmax": 1,
            "text": texts,
            "texttemplate": "%{text}" if len(labels) <= _READABLE_CELLS + 1 else "",
            "hovertext": hovers,
            "hoverinfo": "text",
            "colorscale": [[0, "#1d2733"], [1, "#3f87c9"]],
            "textfont": {"color": "#ffffff"},
            "colorbar": {"tickformat": ".0%", "thickness": 12},
            "xgap": 1,
            "ygap": 1,
        }
    ]


def heatmap_layout(n: int) -> Figure:
    """The layout of :func:`heatmap` for ``n`` classes and "other"."""
    return {
        "height": min(160 + 28 * (n + 1), 900),
        "autosize": True,
        "margin": {"t": 12, "b": 90, "l": 90, "r": 20},
        "xaxis": {
            "type": "category", "title": {"text": "delivered"}, "showgrid": False, "fixedrange": True,
        },
        "yaxis": {
            "type": "category", "title": {"text": "gold"}, "autorange": "reversed", "showgrid": False,
            "fixedrange": True,
        },
    }  # fmt: skip


def _marks(
    name: str, rows: Sequence[tuple[ClassRow, str, float | None]], *, symbol: str, color: str
) -> Figure:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "ids": [str(c.index) for c, _, _ in rows],
        "y": [label for _, label, _ in rows],
        "x": [value for _, _, value in rows],
        "marker": {
            "symbol": symbol,
            "size": 18 if symbol.startswith("line") else 10,
            "color": color,
            "line": {"width": 3 if symbol.startswith("line") else 1, "color": color},
        },
        "hovertext": [f"{label}<br>{name} {value:.4f}" for _, label, value in rows],
        "hoverinfo": "text",
    }


def _color(c: ClassRow) -> str:
    found = _COLORS.get(standing(c))
    if found is not None:
        return found
    return _NEUTRAL if c.floor is None else _GOOD


def _beside(c: ClassRow) -> str:
    images = f"{c.support_images:,} {'image' if c.support_images == 1 else 'images'}"
    return " · ".join(filter(None, [f"{c.iou:.3f}", standing(c), images]))


def _hover(c: ClassRow) -> str:
    support = f"{c.support_images:,} gold images"
    if c.support_instances is not None:
        support += f", {c.support_instances:,} gold instances"
    lines = [
        f"<b>{_escaped(c.name, limit=200)}</b>",
        f"IoU {c.iou:.4f}" + ("" if c.floor is None else f", threshold {c.floor:g}"),
        standing(c),
        support,
        f"{c.intersection:,} of {c.union:,} pixels agree",
        f"gold {c.gold_pixels:,}, delivered {c.delivery_pixels:,}",
    ]
    return "<br>".join(filter(None, lines))


def _label(c: ClassRow, among: Sequence[ClassRow]) -> str:
    """The name, short; with the id where others begin alike."""
    short = _escaped(c.name, limit=_LABEL_LENGTH)
    if c.name == "other" or sum(_escaped(o.name, limit=_LABEL_LENGTH) == short for o in among) > 1:
        return f"{short} ({c.id})"
    return short


def _escaped(text: str, *, limit: int) -> str:
    return html.escape(printable(text, limit=limit), quote=False)


def _percent(n: int, total: int) -> str:
    if not n or not total:
        return ""
    return f"{n / total:.0%}" if n / total >= 0.005 else "<1%"
