"""The words that the table and the page share."""

from __future__ import annotations

from typing import Final

from segcore.advice.advice import Advice, ClassAdvice
from segcore.advice.settings import SOURCES
from segcore.advice.shapes import LEVELS

__all__ = ["UNKNOWABLE", "count_lines", "needed", "percent", "source_lines"]

UNKNOWABLE: Final = (
    "What the masks are right about: drawn badly, they need the vertices of bad masks. Masks that "
    "were drawn as polygons, as COCO's were, need few.",
    "What your model needs. The advice says what captures the shapes; only a model trained both ways "
    "says what that is worth.",
    "How well people click. The vertices are placed as well as the search finds, on corners of the "
    "outline; a hurried annotator needs more.",
    "Classes that are not in the masks, and what few objects hide.",
)
"""What no mask tells."""


def percent(share: float) -> str:
    """``37%``."""
    return f"{share:.0%}"


def needed(one: ClassAdvice, at: int) -> str:
    """Vertices for the share of objects that must be served."""
    most = one.needed[at].most
    return f"over {LEVELS[-1]}" if most is None else str(most)


def count_lines(advice: Advice) -> list[str]:
    """What was looked at, and what was not."""
    objects = sum(c.objects for c in advice.classes)
    lines = [f"{objects} objects of {len(advice.classes)} classes in {advice.inputs[0].images} images"]
    parts = [c.name for c in advice.classes if not c.told and c.thing is not False]
    if parts:
        lines.append(
            "objects are connected parts of the masks, which tell none apart: of "
            f"{', '.join(parts[:6])}{f' and {len(parts) - 6} more' if len(parts) > 6 else ''}"
        )
    small = advice.settings.smallest_px
    what = {"crowds": "groups of objects", "specks": f"connected parts below {small} px"}
    lines += [f"left out: {n} {what[reason]}" for reason, n in advice.left_out.items() if n]
    if advice.absent:
        lines.append(f"no object here, so no advice: {', '.join(advice.absent)}")
    return lines


def source_lines(advice: Advice) -> list[str]:
    """Where the numbers that were gone by come from."""
    told = advice.settings
    values = {
        "background": percent(told.background),
        "vertices": str(told.vertices),
        "iou": f"{told.iou:g}",
        "served": percent(told.served),
        "support": f"{told.images} images or {told.objects} objects",
    }
    return [f"{name} {value}: {SOURCES[name]}" for name, value in values.items()]
