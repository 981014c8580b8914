"""The page ``segcore agree --html`` writes: the tables of the terminal, and a chart of the ceilings."""

from __future__ import annotations

from collections.abc import Sequence

from segcore.agreement.found import Agreement, ClassAgreement
from segcore.cli.agree_report import (
    ANNOTATORS,
    annotator_rows,
    class_headings,
    class_rows,
    matrix_rows,
    notes,
    ranked,
)
from segcore.page.frame import framed
from segcore.page.markup import Markup, element, name
from segcore.page.tables import cell, head, row, table

__all__ = ["page_text"]

_WIDTH = 420
_ROW = 22
_NAME = 150
_WORDS = frozenset({"drift", "why"})
"""Columns of text, not of numbers."""


def page_text(found: Agreement) -> str:
    """The whole page; the same input gives the same text."""
    names = found.names
    header = element(
        "header",
        element("h1", "Agreement between annotators"),
        element("p", f"{', '.join(names)}: {len(found.images)} images annotated by two or more"),
    )
    main = [
        element("h2", "Classes"),
        _table("The lowest agreement first", class_headings(found), class_rows(found)),
        element("h2", "What people reach"),
        element(
            "p",
            "The human ceiling of each class with its bounds by the images. A threshold to the right "
            "of a bar asks for more than these people reach with each other.",
        ),
        _bars(ranked(found)),
        element("h2", "Annotators"),
        _table("Mean IoU over classes of every two", ["", *names], matrix_rows(found)),
        _table("Each annotator", ANNOTATORS, annotator_rows(found)),
        element("h2", "What the numbers rest on"),
        element("ul", [element("li", line) for line in notes(found)]),
        element(
            "ul",
            [
                element("li", element("strong", f"{topic}: "), text)
                for topic, text in sorted(found.conventions.items())
            ],
        ),
    ]
    return framed(title="Agreement between annotators", header=header, main=main)


def _table(caption: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Markup:
    right = [place > 0 and text not in _WORDS for place, text in enumerate(headings)]
    heads = [head(text, right=side) for text, side in zip(headings, right, strict=True)]
    body = [
        row(name(first), [cell(text, right=side) for text, side in zip(rest, right[1:], strict=True)])
        for first, *rest in rows
    ]
    return table(caption, heads, body)


def _bars(classes: Sequence[ClassAgreement]) -> Markup:
    """A bar a class, its bounds as a line across; the table above says the same in numbers."""
    drawn: list[Markup] = []
    for place, one in enumerate(classes):
        y, value = place * _ROW, one.ceiling.iou or 0.0
        drawn.append(
            element("text", one.name, x=_NAME - 8, y=y + 15, text_anchor="end", fill="currentColor")
        )
        drawn.append(
            element("rect", x=_NAME, y=y + 4, width=round(value * _WIDTH, 1), height=14, fill="#4477aa")
        )
        low, high = one.ceiling.lower, one.ceiling.upper
        if low is not None and high is not None:
            ends = [round(_NAME + bound * _WIDTH, 1) for bound in (low, high)]
            drawn.append(
                element(
                    "line", x1=ends[0], x2=ends[1], y1=y + 11, y2=y + 11, stroke="currentColor",
                    stroke_width=2,
                )
            )  # fmt: skip
    height = len(classes) * _ROW + 24
    for tick in (0, 0.25, 0.5, 0.75, 1):
        x = _NAME + tick * _WIDTH
        drawn.append(
            element("line", x1=x, x2=x, y1=0, y2=height - 22, stroke="currentColor", opacity=0.25)
        )
        drawn.append(
            element("text", f"{tick:g}", x=x, y=height - 6, text_anchor="middle", fill="currentColor")
        )
    svg = element(
        "svg",
        element("title", "Human ceiling of every class"),
        drawn,
        viewBox=f"0 0 {_NAME + _WIDTH + 20} {height}",
        width=_NAME + _WIDTH + 20,
        role="img",
        font_size=13,
    )
    return element("div", svg, class_="scroll", tabindex=0)
