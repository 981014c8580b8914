"""The shapes Label Studio draws, as masks: brush, bitmask, polygon, rectangle, ellipse, closed vector.

Outlines are stored in percent of the image's size.  Polygons, rectangles and vectors are filled by
the COCO rule, like the polygons of every other source; an ellipse covers the pixels whose centres
lie in it.  Rotations are clockwise, in degrees, and turn pixels, not percents.

A shape that leaves nothing behind is refused: what the annotator meant is not known.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from segcore.annotation import RunMask
from segcore.errors import RefusedMaskError
from segcore.faults import CODES, Severity
from segcore.limits import (
    MAX_IMAGE_BITMASK_PIXELS,
    MAX_IMAGE_STEPS,
    MAX_MASK_BYTES,
    MAX_PIXELS,
)
from segcore.masks.batch import MaskProblem
from segcore.masks.ellipses import Ellipse, turn
from segcore.masks.rows import runs_of_rows
from segcore.wording import printable, show
from segcore_labelstudio.brush import DrawnMask, decode_brush

__all__ = ["DrawingWork", "draw"]

_Value = Mapping[str, object]

_DATA_URL: Final = "data:image/png;base64,"

_FAR: Final = 1e300
"""Stands for numbers whose pixels no float could hold."""


@dataclass(slots=True, kw_only=True)
class DrawingWork:
    """What the regions of one image have cost so far.

    A few bytes can ask for much work, and many of them in one image for more than anybody waits for.

    Attributes
    ----------
    steps : float
        Pixel steps along outlines, and columns of ellipses.
    bitmask_px : int
        Pixels of bitmask files.
    """

    steps: float = 0.0
    bitmask_px: int = 0

    def add_steps(self, steps: float) -> None:
        """Count work about to be done.

        Raises
        ------
        RefusedMaskError
            ``poly.too_many_points``: this image has had its share.
        """
        self.steps += steps
        if self.steps > MAX_IMAGE_STEPS:
            expected = f"boundaries of at most {MAX_IMAGE_STEPS} px an image"
            raise RefusedMaskError("poly.too_many_points", expected, f"{self.steps:.6g}")

    def add_bitmask(self, pixels: int) -> None:
        """Count a file about to be decoded.

        Raises
        ------
        RefusedMaskError
            ``limits.pixels``: this image has had its share.
        """
        self.bitmask_px += pixels
        if self.bitmask_px > MAX_IMAGE_BITMASK_PIXELS:
            expected = f"bitmasks of at most {MAX_IMAGE_BITMASK_PIXELS} px an image"
            raise RefusedMaskError("limits.pixels", expected, str(self.bitmask_px))


def draw(
    value: _Value, *, width: int, height: int, threshold: int, work: DrawingWork | None = None
) -> DrawnMask:
    """The pixels of one region.

    Parameters
    ----------
    value : mapping
        The field ``value`` of a region.  Which shape it is, its own fields say; labels and
        whatever else stands there is not looked at.
    width, height : int
        Size of the image in pixels, at least 1: ``original_width`` and ``original_height``.
    threshold : int
        1 to 255: the lowest alpha of a brush or bitmask that is foreground.
    work : DrawingWork or None
        What the regions of the same image have cost before; this one is added.

    Returns
    -------
    DrawnMask
        At least one pixel.

    Raises
    ------
    RefusedMaskError
        ``ls.missing_field`` (no shape, or part of one), ``ls.unsupported_type`` (two shapes, open or
        curved paths), ``ls.size_mismatch`` (a bitmask of another size), ``ls.rle_*``, ``seg.empty``
        (no alpha reaches the threshold), ``poly.*``, ``mask.*`` or ``limits.*``.
    """
    if width * height > MAX_PIXELS:
        raise RefusedMaskError("limits.pixels", f"at most {MAX_PIXELS} pixels", f"{width} x {height}")
    fields = [name for name in _SHAPES if name in value]
    shapes = list(dict.fromkeys(_SHAPES[name] for name in fields))
    if not shapes:
        raise RefusedMaskError("ls.missing_field", "a shape", f"only {show(sorted(map(str, value)))}")
    if len(shapes) > 1:
        raise RefusedMaskError("ls.unsupported_type", "one shape", " and ".join(fields))
    return shapes[0](value, width, height, threshold, work or DrawingWork())


# ---- painted


def _brush(value: _Value, width: int, height: int, threshold: int, _: DrawingWork) -> DrawnMask:
    form = value.get("format", "rle")
    if form != "rle":
        raise RefusedMaskError("ls.unsupported_type", "format 'rle'", show(form))
    drawn = decode_brush(value["rle"], width=width, height=height, threshold=threshold)
    return _not_empty(drawn, threshold)


def _bitmask(value: _Value, width: int, height: int, threshold: int, work: DrawingWork) -> DrawnMask:
    # The PNG reader takes longer to load than most exports need, which hold no bitmask.
    from segcore.masks.png import decode_alpha
    from segcore.masks.png_chunks import parse_png

    url = value["imageDataURL"]
    if not isinstance(url, str):
        raise _wrong_type("imageDataURL", "text", url)
    if not url.startswith(_DATA_URL):
        raise RefusedMaskError("mask.not_png", f"{_DATA_URL}...", printable(url, limit=40))
    if len(url) > MAX_MASK_BYTES // 3 * 4:
        raise RefusedMaskError("limits.bytes", f"at most {MAX_MASK_BYTES} bytes", "a longer image")
    try:
        data = base64.b64decode(url[len(_DATA_URL) :], validate=True)
    except ValueError as error:
        raise RefusedMaskError("mask.corrupt", "base64", printable(str(error))) from None
    png = parse_png(data)
    if (png.width, png.height) != (width, height):
        got = f"a bitmask of {png.width} x {png.height}"
        raise RefusedMaskError("ls.size_mismatch", f"{width} x {height}", got)
    work.add_bitmask(width * height)
    alpha = decode_alpha(png)
    soft = (alpha > 0) & (alpha < 255)
    mask = runs_of_rows(alpha >= threshold, height=height)
    return _not_empty(DrawnMask(mask=mask, soft_px=int(np.count_nonzero(soft))), threshold)


def _not_empty(drawn: DrawnMask, threshold: int) -> DrawnMask:
    if len(drawn.mask.starts):
        return drawn
    got = f"none, and {drawn.soft_px} below it" if drawn.soft_px else "none"
    raise RefusedMaskError("seg.empty", f"a pixel of alpha {threshold} or more", got)


# ---- outlined


def _polygon(value: _Value, width: int, height: int, _: int, work: DrawingWork) -> DrawnMask:
    _require_closed(value, default=True)
    points = value["points"]
    if not isinstance(points, list):
        raise _wrong_type("points", "a list of points", points)
    ring: list[float] = []
    for i, point in enumerate(points):
        if not isinstance(point, list) or len(point) != 2:
            got = f"point {i}: {show(point)}"
            raise RefusedMaskError("poly.bad_nesting", "[[x, y], ...]", printable(got))
        for number, size in zip(point, (width, height), strict=True):
            if type(number) not in (int, float):
                got = f"point {i}: {show(number)}"
                raise RefusedMaskError("poly.bad_type", "numbers", printable(got))
            ring.append(_px(number, size))
    return _filled(ring, width, height, work)


def _vector(value: _Value, width: int, height: int, _: int, work: DrawingWork) -> DrawnMask:
    _require_closed(value, default=False)
    vertices = value["vertices"]
    if not isinstance(vertices, list):
        raise _wrong_type("vertices", "a list of vertices", vertices)
    ring: list[float] = []
    last = vertices[-1] if vertices else None
    previous = last.get("id") if isinstance(last, dict) else None
    for i, vertex in enumerate(vertices):
        if not isinstance(vertex, dict):
            raise _wrong_type(f"vertex {i}", "an object", vertex)
        if vertex.get("isBezier"):
            raise RefusedMaskError("ls.unsupported_type", "straight lines", f"a curve at vertex {i}")
        before = vertex.get("prevPointId", previous)
        if before != previous and not (i == 0 and before is None):
            raise RefusedMaskError("ls.unsupported_type", "one path", f"a branch at vertex {i}")
        previous = vertex.get("id")
        ring += [_px(_number(vertex, "x"), width), _px(_number(vertex, "y"), height)]
    return _filled(ring, width, height, work)


def _rectangle(value: _Value, width: int, height: int, _: int, work: DrawingWork) -> DrawnMask:
    x, y = _px(_number(value, "x"), width), _px(_number(value, "y"), height)
    w, h = _px(_extent(value, "width"), width), _px(_extent(value, "height"), height)
    cos, sin = _turn(value)
    # Clockwise on a screen, whose y points down; about the corner that is top left before the turn.
    right, down = (w * cos, w * sin), (-h * sin, h * cos)
    corners = [(x, y), (x + right[0], y + right[1])]
    corners += [(x + right[0] + down[0], y + right[1] + down[1]), (x + down[0], y + down[1])]
    return _filled([number for corner in corners for number in corner], width, height, work)


def _filled(ring: list[float], width: int, height: int, work: DrawingWork) -> DrawnMask:
    from segcore.masks.polygons import rasterize_polygons

    work.add_steps(0)
    batch = rasterize_polygons([[ring]], height=height, width=width, steps_before=work.steps)
    work.steps += batch.steps
    problems = [_without_ring(problem) for problem in batch.problems]
    errors = [
        RefusedMaskError(problem.code, problem.expected, problem.got)
        for problem in problems
        if CODES[problem.code][0] is Severity.ERROR
    ]
    if errors:
        first = errors[0]
        raise RefusedMaskError(first.code, first.expected, first.got, errors[1:])
    mask = RunMask(height=height, width=width, starts=batch.starts, ends=batch.ends)
    return DrawnMask(mask=mask, soft_px=0, warnings=tuple(problems))


def _without_ring(problem: MaskProblem) -> MaskProblem:
    """The problem of a shape that has but one ring."""
    got = problem.got.removeprefix("ring 0").removeprefix(": ")
    return MaskProblem(item=0, code=problem.code, expected=problem.expected, got=got)


def _ellipse(value: _Value, width: int, height: int, _: int, work: DrawingWork) -> DrawnMask:
    x, y = _px(_number(value, "x"), width), _px(_number(value, "y"), height)
    rx, ry = _px(_extent(value, "radiusX"), width), _px(_extent(value, "radiusY"), height)
    cos, sin = _turn(value)
    work.add_steps(0)
    ellipse = Ellipse(x=x, y=y, rx=rx, ry=ry, cos=cos, sin=sin)
    mask = ellipse.fill(height=height, width=width)
    work.add_steps(ellipse.columns(width))
    return DrawnMask(mask=mask, soft_px=0, warnings=ellipse.warnings(height=height, width=width))


_SHAPES: Final[dict[str, Callable[[_Value, int, int, int, DrawingWork], DrawnMask]]] = {
    "rle": _brush,
    "imageDataURL": _bitmask,
    "points": _polygon,
    "vertices": _vector,
    "radiusX": _ellipse,
    "radiusY": _ellipse,
    "width": _rectangle,
    "height": _rectangle,
}
"""The fields that only one kind of shape has."""


# ---- fields


def _number(value: _Value, name: str) -> int | float:
    """A finite number that must be there."""
    if name not in value:
        raise RefusedMaskError("ls.missing_field", name, "no such field")
    number = value[name]
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        raise _wrong_type(name, "a number", number)
    if isinstance(number, float) and not math.isfinite(number):
        raise RefusedMaskError("poly.not_finite", f"{name}: a finite number", f"{number}")
    return number


def _extent(value: _Value, name: str) -> int | float:
    number = _number(value, name)
    if number <= 0:
        raise RefusedMaskError("poly.zero_area", f"{name} above 0", show(number))
    return number


def _turn(value: _Value) -> tuple[float, float]:
    """Cosine and sine of the rotation, exact for quarter turns."""
    if "rotation" not in value:
        return 1.0, 0.0
    return turn(_number(value, "rotation"))


def _px(percent: int | float, size: int) -> float:
    if _FAR < abs(percent) < math.inf:
        return _FAR if percent > 0 else -_FAR
    return float(percent) * size / 100


def _require_closed(value: _Value, *, default: bool) -> None:
    closed = value.get("closed", default)
    if not isinstance(closed, bool):
        raise _wrong_type("closed", "true or false", closed)
    if not closed:
        raise RefusedMaskError("ls.unsupported_type", "a closed path", "an open one")


def _wrong_type(name: str, expected: str, got: object) -> RefusedMaskError:
    return RefusedMaskError("ls.missing_field", f"{name}: {expected}", printable(show(got)))
