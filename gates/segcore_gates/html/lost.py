"""What the classes lose IoU to, as a table with bars."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from segcore.page.markup import Markup, element, joined, name
from segcore.page.tables import cell, head, row, table

if TYPE_CHECKING:
    from segcore.breakdown import Breakdown, LostIoU

__all__ = ["lost_iou"]

PARTS: Final = {
    "missing": "missing",
    "extra": "extra",
    "wrong_class": "wrong class",
    "boundary": "boundary",
}
_WIDTH: Final = 200
_NAMES: Final = 2
_FEWEST_ALIKE: Final = 3


def lost_iou(found: Breakdown, *, anchor: str) -> Markup | None:
    """The classes that lose something, the lowest IoU first; None if none does."""
    losing = sorted(
        (lost for lost in found.classes if lost.lost), key=lambda one: (one.iou or 0.0, one.index)
    )
    if not losing:
        return None
    heads = [
        head("class"),
        head("IoU", right=True),
        head("lost of the union"),
        *(
            head([element("span", class_=f"key {part}"), title], right=True)
            for part, title in PARTS.items()
        ),
        head("IoU if shifted", right=True),
        head("most confused"),
    ]
    said = (
        "The pixels between intersection and union, split without overlap. Boundary is within "
        f"{_band(found)} of the outlines of both sides, the other parts lie away from them; tight "
        "pixels are missed, loose ones extra. IoU if shifted is no part of the split: it is the IoU "
        f"were the masks of each image moved to fit best, by up to {found.reach_px} px in x and in y, "
        "and below it the one move that fits all images best."
    )
    said_of_all = _shifted_alike(losing)
    return element(
        "section",
        element("h3", "Where IoU is lost", id=f"{anchor}-h"),
        element("p", said),
        element("p", said_of_all, class_="note") if said_of_all else None,
        table("Lost pixels of each class, by what is wrong with them", heads, map(_row, losing)),
        id=anchor,
        aria_labelledby=f"{anchor}-h",
    )


def _shifted_alike(losing: list[LostIoU]) -> str:
    """What to say where most classes fit best by one and the same move: the delivery may be shifted."""
    counted = Counter((lost.shift.dx, lost.shift.dy) for lost in losing)
    (dx, dy), times = counted.most_common(1)[0]
    if not (dx or dy) or times < _FEWEST_ALIKE or 2 * times <= len(losing):
        return ""
    return (
        f"{times} of {len(losing)} classes fit best if all their masks are moved by {dx:+d} px in x and "
        f"{dy:+d} px in y: the delivery may be shifted as a whole."
    )


def _row(lost: LostIoU) -> Markup:
    return row(
        name(lost.name),
        cell(_share(lost.iou), value=lost.iou, key="iou", right=True),
        cell([_bar(lost), f"{lost.lost} px, {_percent(lost.lost, lost.union)}"]),
        *(
            cell(
                [str(px), element("br"), _percent(px, lost.lost), _tight_loose(lost, part)],
                value=px,
                key=part,
                right=True,
            )
            for part, px in lost.parts.items()
        ),
        cell(
            [_share(lost.iou_if_shifted), element("br"), _everywhere(lost)],
            value=lost.iou_if_shifted,
            key="iou_if_shifted",
            right=True,
        ),
        cell(_confused(lost)),
        data_class=lost.name,
        data_lost=lost.lost,
    )


def _tight_loose(lost: LostIoU, part: str) -> Markup | None:
    if part != "boundary":
        return None
    return joined(element("br"), f"{lost.tight} tight, {lost.loose} loose")


def _everywhere(lost: LostIoU) -> str:
    shift = lost.shift
    if not (shift.dx or shift.dy):
        return "all images: none"
    return f"all by {shift.dx:+d}, {shift.dy:+d}: {_share(shift.iou)}"


def _bar(lost: LostIoU) -> Markup:
    """One bar a class, as long as what it loses of the union."""
    said = ", ".join(f"{PARTS[part]} {_percent(px, lost.lost)}" for part, px in lost.parts.items())
    at, shapes = 0.0, []
    for part, pixels in lost.parts.items():
        width = _WIDTH * pixels / lost.union
        if pixels:
            shapes.append(
                element("rect", class_=part, x=f"{at:.2f}", y=2, width=f"{width:.2f}", height=12)
            )
        at += width
    frame = element("rect", class_="frame", x=0.5, y=1.5, width=_WIDTH - 1, height=13)
    return element(
        "svg",
        shapes,
        frame,
        class_="lost",
        role="img",
        aria_label=f"lost {_percent(lost.lost, lost.union)} of the union: {said}",
        viewBox=f"0 0 {_WIDTH} 16",
        width=_WIDTH,
        height=16,
    )


def _confused(lost: LostIoU) -> Markup | None:
    def most(counted: dict[str, int]) -> list[tuple[str, int]]:
        return sorted(counted.items(), key=lambda item: (-item[1], item[0]))[:_NAMES]

    lines = [joined(f"{px} px as ", name(other)) for other, px in most(lost.missed_to)]
    lines += [joined(f"{px} px instead of ", name(other)) for other, px in most(lost.extra_from)]
    return element("ul", [element("li", line) for line in lines]) if lines else None


def _band(found: Breakdown) -> str:
    dilation = found.dilation
    if dilation.share is None:
        return f"{dilation.px} px"
    return f"{100 * dilation.share:g} % of the diagonal"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %"
