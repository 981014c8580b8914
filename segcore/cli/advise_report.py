"""The advice as a table for the terminal."""

from __future__ import annotations

from segcore.advice.advice import Advice, ClassAdvice
from segcore.advice.price_effect import PriceEffect
from segcore.advice.words import count_lines, needed, percent, source_lines
from segcore.cli.output import table_text

__all__ = ["report_text"]


def report_text(advice: Advice, *, price: PriceEffect | None = None) -> str:
    """The table, one row a class in the order of the ontology, and below it the whole."""
    told = advice.settings
    headings = [
        "class",
        "draw",
        "objects",
        f"box >{told.background:.0%} bg",
        "median bg",
        f"rotated >{told.background:.0%}",
        f"{told.vertices} vertices",
        *(f"IoU {n.iou:g}" for n in (advice.classes[0].needed if advice.classes else ())),
        "thin",
        "parts",
        "holes",
        "touch",
    ]
    piloted = any(c.measured is not None for c in advice.classes)
    if piloted:
        headings.append("pilot IoU")
    rows = [_row(c, piloted=piloted) for c in advice.classes]
    notes = [
        f"all together: {advice.task}",
        *(f"  {line}" for line in advice.evidence),
        *([] if price is None else price.lines),
        *count_lines(advice),
        f"?: told by fewer than {told.images} images and {told.objects} objects, a hint",
        f"{told.vertices} vertices: objects a polygon of so many captures; IoU: vertices "
        f"{told.served:.0%} of the objects take for it",
        *source_lines(advice),
        "all shares and vertices: computed from the masks; --json and --html tell why",
    ]
    return table_text(headings, rows, notes=notes)


def _row(c: ClassAdvice, *, piloted: bool) -> list[str]:
    row = [
        c.name,
        c.drawn if c.enough else f"{c.drawn}?",
        str(c.objects),
        percent(c.over_share),
        percent(c.background_share),
        percent(c.rotated_over_share),
        percent(c.captured_share),
        *(needed(c, i) for i in range(len(c.needed))),
        percent(c.thin_share),
        percent(c.parts_share),
        percent(c.holes_share),
        percent(c.merged_share),
    ]
    if piloted:
        iou = None if c.measured is None else c.measured.iou
        row.append("-" if iou is None else f"{iou:.3f}")
    return row
