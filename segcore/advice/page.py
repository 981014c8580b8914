"""The advice as a page: the table, and behind each class its curve and its reasons."""

from __future__ import annotations

from typing import Final

from segcore.advice.advice import Advice, ClassAdvice
from segcore.advice.price_effect import PriceEffect
from segcore.advice.words import UNKNOWABLE, count_lines, needed, percent, source_lines
from segcore.page.curves import Curve, curves
from segcore.page.frame import framed
from segcore.page.markup import Markup, element, joined, name
from segcore.page.tables import cell, head, row, table

__all__ = ["page"]

_TICKS: Final = (0, 20, 40, 60, 80, 100, 128)
_IOU_TICKS: Final = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_STYLE: Final = """
.classes { display: grid; grid-template-columns: repeat(auto-fill, minmax(21rem, 1fr)); gap: 0.8rem; }
thead .number { white-space: normal; min-width: 4.5rem; }
.classes figure { margin: 0; }
.classes figcaption ul { padding-left: 1.1rem; margin: 0.2rem 0; font-size: 0.85rem; }
"""


def page(advice: Advice, *, price: PriceEffect | None = None) -> str:
    """The text of the page; the same advice gives the same text."""
    return framed(
        title=f"What to draw: {advice.inputs[0].spec}",
        header=_header(advice),
        main=[_whole(advice, price), _table(advice), _curves(advice), _footnotes(advice)],
        style=_STYLE,
    )


def _header(advice: Advice) -> Markup:
    return element(
        "header",
        element("p", "segcore shape advice", class_="brand"),
        element("h1", "What to draw"),
        element("p", "Masks: ", name(advice.inputs[0].spec)),
        element("ul", [element("li", line) for line in count_lines(advice)]),
    )


def _whole(advice: Advice, price: PriceEffect | None) -> Markup:
    return element(
        "section",
        element("h2", f"All together: {advice.task}", id="whole"),
        element("ul", [element("li", line) for line in advice.evidence]),
        element("ul", [element("li", line) for line in price.lines]) if price else None,
        aria_labelledby="whole",
    )


def _table(advice: Advice) -> Markup:
    told = advice.settings
    piloted = any(c.measured is not None for c in advice.classes)
    targets = advice.classes[0].needed if advice.classes else ()
    heads = [head("class"), head("draw")]
    heads += [
        head(text, right=True)
        for text in (
            "images",
            "objects",
            f"boxes over {told.background:.0%} background",
            "median background",
            f"rotated boxes over {told.background:.0%}",
            "median, rotated",
            f"captured by {told.vertices} vertices",
            *(f"vertices for IoU {n.iou:g}" for n in targets),
            "area error",
            "thin",
            "several parts",
            "holes",
            "touching",
        )
    ]
    heads += [head("pilot IoU", right=True)] if piloted else []
    return element(
        "section",
        element("h2", "Class by class", id="classes"),
        table(
            f"Shares of objects, computed; vertices for {told.served:.0%} of the objects",
            heads,
            [_row(c, piloted=piloted) for c in advice.classes],
        ),
        aria_labelledby="classes",
    )


def _row(c: ClassAdvice, *, piloted: bool) -> Markup:
    shares = {
        "over": c.over_share,
        "background": c.background_share,
        "rotated_over": c.rotated_over_share,
        "rotated_background": c.rotated_background_share,
        "captured": c.captured_share,
    }
    rest = {
        "area_error": c.area_error_share,
        "thin": c.thin_share,
        "parts": c.parts_share,
        "holes": c.holes_share,
        "touching": c.merged_share,
    }
    cells = [
        cell(c.drawn if c.enough else f"{c.drawn}?"),
        cell(str(c.images), value=c.images, key="images", right=True),
        cell(str(c.objects), value=c.objects, key="objects", right=True),
        *(cell(percent(v), value=v, key=k, right=True) for k, v in shares.items()),
        *(cell(needed(c, i), right=True) for i in range(len(c.needed))),
        *(cell(percent(v), value=v, key=k, right=True) for k, v in rest.items()),
    ]
    if piloted:
        iou = None if c.measured is None else c.measured.iou
        cells.append(cell("-" if iou is None else f"{iou:.3f}", value=iou, key="pilot", right=True))
    return row(name(c.name), *cells, data_class=c.name)


def _curves(advice: Advice) -> Markup:
    return element(
        "section",
        element("h2", "Vertices and IoU", id="curves"),
        element(
            "p",
            "The best IoU that was found with at most so many vertices, counted on the pixels; all "
            "rings of an object share them. The dashed line is the IoU asked for.",
        ),
        element("div", [_figure(c, advice.settings.iou) for c in advice.classes], class_="classes"),
        aria_labelledby="curves",
    )


def _figure(c: ClassAdvice, iou: float) -> Markup:
    mean = tuple((float(p.vertices), p.mean_iou) for p in c.curve)
    low = tuple((float(p.vertices), p.low_iou) for p in c.curve)
    lines = [
        Curve(label="mean", points=mean),
        Curve(label="nine of ten objects reach", points=low, kind="second"),
    ]
    told = ", ".join(f"{p.vertices} vertices {p.mean_iou:.3f}" for p in c.curve[5:22:4])
    drawing = curves(
        lines,
        said=f"Mean IoU of {c.name}: {told}",
        x_label="vertices",
        y_label="IoU",
        x_ticks=_TICKS,
        y_ticks=_IOU_TICKS,
        marks=(iou,),
    )
    return element(
        "figure",
        element(
            "figcaption",
            element("strong", name(c.name)),
            f": {c.drawn if c.enough else f'{c.drawn}?'}",
            element("ul", [element("li", line) for line in c.evidence]),
        ),
        drawing,
        data_class=c.name,
    )


def _footnotes(advice: Advice) -> Markup:
    few = (
        f"A question mark: fewer than {advice.settings.images} images and "
        f"{advice.settings.objects} objects."
    )
    return joined(
        element(
            "section",
            element("h2", "Where the numbers come from", id="sources"),
            element("ul", [element("li", line) for line in [*source_lines(advice), few]]),
            aria_labelledby="sources",
        ),
        element(
            "section",
            element("h2", "What it cannot know", id="unknowable"),
            element("ul", [element("li", line) for line in UNKNOWABLE]),
            aria_labelledby="unknowable",
        ),
    )
