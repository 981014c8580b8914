"""The shapes CVAT writes, as masks: polygon, mask, ellipse and, where they are asked for, boxes.

Coordinates are pixels, (0, 0) is the upper left corner of the upper left pixel.  Polygons and boxes
are filled by the COCO rule, like the polygons of every other source; an ellipse covers the pixels
whose centres lie in it.  Boxes and ellipses turn clockwise about their centre.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from segcore.errors import RefusedMaskError
from segcore.masks.batch import MaskBatch, MaskProblem
from segcore.masks.crops import Crop, decode_crops
from segcore.masks.ellipses import Ellipse, draw_ellipses, turn
from segcore.masks.polygons import rasterize_polygons
from segcore.sources.cvat_labels import INTEGER
from segcore.strict_xml import XmlElement
from segcore.wording import show

__all__ = ["draw_shapes", "ring_points"]

_Attributes = Mapping[str, str]

_NUMERALS: Final = "0123456789+-.eE \t"
"""What numbers are written with; what else Python reads as a number is only let through as NaN."""

_LONGEST_NUMBER: Final = 400


def draw_shapes(elements: Sequence[XmlElement], *, height: int, width: int) -> MaskBatch:
    """The masks of the shapes of one image.

    Parameters
    ----------
    elements : sequence of XmlElement
        Called polygon, mask, ellipse or box.
    height, width : int
        Size of the image in pixels.

    Returns
    -------
    MaskBatch
        One mask a shape, in the same order.
    """
    found = _Found()
    for item, element in enumerate(elements):
        try:
            _READERS[element.name](element.attributes, item, found)
        except RefusedMaskError as error:
            found.refuse(item, error)
    parts: list[tuple[Sequence[int], MaskBatch]] = []
    steps = 0.0
    if found.ellipses:
        drawn = draw_ellipses(list(found.ellipses.values()), height=height, width=width)
        steps = drawn.steps
        parts.append((list(found.ellipses), drawn))
    if found.rings:
        rings = list(found.rings.values())
        drawn = rasterize_polygons(rings, height=height, width=width, steps_before=steps)
        parts.append((list(found.rings), drawn))
    if found.crops:
        drawn = decode_crops(list(found.crops.values()), height=height, width=width)
        parts.append((list(found.crops), drawn))
    batch = MaskBatch.assemble(parts, count=len(elements))
    problems = sorted([*found.problems, *batch.problems], key=lambda problem: problem.item)
    return replace(batch, problems=tuple(problems))


def ring_points(element: XmlElement) -> int:
    """Points of a polygon; 0 for shapes that are none."""
    if element.name != "polygon":
        return 0
    return element.attributes.get("points", "").count(";") + 1


class _Found:
    """What was read of each shape, by its place."""

    def __init__(self) -> None:
        self.rings: dict[int, list[list[float]]] = {}
        self.ellipses: dict[int, Ellipse] = {}
        self.crops: dict[int, Crop] = {}
        self.problems: list[MaskProblem] = []

    def refuse(self, item: int, error: RefusedMaskError) -> None:
        self.problems.append(
            MaskProblem(item=item, code=error.code, expected=error.expected, got=error.got)
        )


# ---- what the attributes say


def _polygon(attributes: _Attributes, item: int, found: _Found) -> None:
    ring: list[float] = []
    for at, pair in enumerate(_text(attributes, "points").split(";")):
        x, comma, y = pair.partition(",")
        try:
            if not comma:
                raise ValueError
            ring += (_float(x), _float(y))
        except ValueError:
            got = f"{show(pair)} at point {at}"
            raise RefusedMaskError("cvat.bad_value", "points: x,y;x,y;...", got) from None
    found.rings[item] = [ring]


def _box(attributes: _Attributes, item: int, found: _Found) -> None:
    left, top, right, bottom = (_number(attributes, name) for name in ("xtl", "ytl", "xbr", "ybr"))
    x, y = (left + right) / 2, (top + bottom) / 2
    cos, sin = turn(_number(attributes, "rotation", default=0.0))
    ring: list[float] = []
    for corner in ((left, top), (right, top), (right, bottom), (left, bottom)):
        dx, dy = corner[0] - x, corner[1] - y
        ring += (x + dx * cos - dy * sin, y + dx * sin + dy * cos)
    found.rings[item] = [ring]


def _ellipse(attributes: _Attributes, item: int, found: _Found) -> None:
    x, y, rx, ry = (_number(attributes, name) for name in ("cx", "cy", "rx", "ry"))
    cos, sin = turn(_number(attributes, "rotation", default=0.0))
    found.ellipses[item] = Ellipse(x=x, y=y, rx=rx, ry=ry, cos=cos, sin=sin)


def _mask(attributes: _Attributes, item: int, found: _Found) -> None:
    left, top, width, height = (_integer(attributes, n) for n in ("left", "top", "width", "height"))
    text = _text(attributes, "rle")
    if text.strip("0123456789, -\t"):
        stranger = text.strip("0123456789, -\t")[:20]
        raise RefusedMaskError("cvat.bad_value", "rle: integers and commas", show(stranger))
    try:
        counts = [int(number) for number in text.split(",")]
    except ValueError:
        raise RefusedMaskError("cvat.bad_value", "rle: integers and commas", show(text)) from None
    found.crops[item] = Crop(left=left, top=top, width=width, height=height, counts=counts)


_READERS: Final[dict[str, Callable[[_Attributes, int, _Found], None]]] = {
    "box": _box,
    "ellipse": _ellipse,
    "mask": _mask,
    "polygon": _polygon,
}


def _text(attributes: _Attributes, name: str) -> str:
    if name not in attributes:
        raise RefusedMaskError("cvat.missing_field", name, "no such attribute")
    return attributes[name]


def _integer(attributes: _Attributes, name: str) -> int:
    text = _text(attributes, name)
    if INTEGER.fullmatch(text) is None:
        raise RefusedMaskError("cvat.bad_value", f"{name}: an integer", show(text))
    return int(text)


def _number(attributes: _Attributes, name: str, *, default: float | None = None) -> float:
    """A finite number."""
    if default is not None and name not in attributes:
        return default
    text = _text(attributes, name)
    try:
        number = _float(text)
    except ValueError:
        raise RefusedMaskError("cvat.bad_value", f"{name}: a number", show(text)) from None
    if not math.isfinite(number):
        raise RefusedMaskError("poly.not_finite", f"{name}: a finite number", show(text))
    return number


def _float(text: str) -> float:
    """A number; raises ValueError for what only Python takes for one, such as ``1_0``."""
    number = float(text) if len(text) <= _LONGEST_NUMBER else math.nan
    if math.isfinite(number) and text.strip(_NUMERALS):
        raise ValueError
    return number
