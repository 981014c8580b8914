"""The shapes of a LabelMe file as masks.

LabelMe's coordinates count from the left and upper edge of the image.  Polygons and rectangles are
filled by the COCO rule, like the polygons of every other source; a circle covers the pixels whose
centres lie in it; the PNG of a mask is laid into its box.  LabelMe's own ``shape_to_mask`` draws with
Pillow, whose outlines cover the pixels they pass through: its masks are up to a pixel wider.

Lines and points have no area.  Drawn all the same they are as wide as ``shape_to_mask`` makes them.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from segcore.annotation import RunMask
from segcore.errors import RefusedMaskError
from segcore.faults import CODES, Severity
from segcore.limits import MAX_IMAGE_BITMASK_PIXELS, MAX_IMAGE_RUNS, MAX_IMAGE_STEPS
from segcore.masks.batch import MaskProblem
from segcore.masks.ellipses import Ellipse
from segcore.masks.polygons import rasterize_polygons
from segcore.masks.rows import runs_of_rows
from segcore.sources.labelme_shapes import Kind, Shape
from segcore.wording import printable

__all__ = ["LINE_WIDTH_PX", "POINT_RADIUS_PX", "DrawnShapes", "draw_shapes"]

LINE_WIDTH_PX: Final = 10
POINT_RADIUS_PX: Final = 5
"""What ``shape_to_mask`` draws lines and points with."""

_SHORT_PX: Final = 0.5
"""Parts of a line strip shorter than this lie under the joint beside them."""

_FRAME_FACTOR: Final = 4
"""A box beyond this many frame sizes is a mistake, as it is for the coordinates of polygons."""


@dataclass(slots=True, kw_only=True)
class DrawnShapes:
    """The masks of the shapes of one image, in pieces.

    Attributes
    ----------
    height, width : int
        Size of the image in pixels.
    problems : list of MaskProblem
        By shape; errors refuse it.
    """

    height: int
    width: int
    problems: list[MaskProblem] = field(default_factory=list)
    _pieces: list[tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.int64]]] = field(
        default_factory=list
    )
    _steps: float = 0.0
    _bitmask_px: int = 0
    _runs: int = 0

    def runs(
        self,
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.int64]]:
        """Starts, ends and shape of all runs; those of one shape may overlap."""
        empty = np.empty(0, np.int32)
        starts = np.concatenate([empty, *(piece[0] for piece in self._pieces)])
        ends = np.concatenate([empty, *(piece[1] for piece in self._pieces)])
        owner = np.concatenate([np.empty(0, np.int64), *(piece[2] for piece in self._pieces)])
        return starts, ends, owner

    def draw_rings(self, rings: list[list[float]], owners: list[int]) -> None:
        """Fill outlines ``[x, y, x, y, ...]`` by the COCO rule."""
        if not rings:
            return
        batch = rasterize_polygons(
            [[ring] for ring in rings],
            height=self.height,
            width=self.width,
            steps_before=self._steps,
        )
        self._steps += batch.steps
        of_item = np.array(owners, np.int64)
        self._pieces.append((batch.starts, batch.ends, np.repeat(of_item, np.diff(batch.offsets))))
        said: set[tuple[int, str]] = set()
        for problem in batch.problems:
            # A line strip has as many outlines as parts: what is wrong with it is said once.
            if (about := (owners[problem.item], problem.code)) in said:
                continue
            said.add(about)
            got = problem.got.removeprefix("ring 0").removeprefix(": ")
            self._add_problem(owners[problem.item], problem.code, problem.expected, got)

    def draw_disc(self, owner: int, x: float, y: float, radius: float) -> None:
        """Fill a circle."""
        if self._steps > MAX_IMAGE_STEPS:
            expected = f"boundaries of at most {MAX_IMAGE_STEPS} px an image"
            raise RefusedMaskError("poly.too_many_points", expected, f"{self._steps:.6g}")
        disc = Ellipse(x=x, y=y, rx=radius, ry=radius)
        mask = disc.fill(height=self.height, width=self.width)
        self._steps += disc.columns(self.width)
        self._add(owner, mask)
        for warning in disc.warnings(height=self.height, width=self.width):
            self._add_problem(owner, warning.code, warning.expected, warning.got)

    def draw_mask(self, owner: int, shape: Shape) -> None:
        """Lay the PNG of a mask into its box."""
        # Loads later than the rest: most files hold no masks.
        from segcore.masks.png import decode_binary
        from segcore.masks.png_chunks import parse_png

        self._check_runs()
        left, top, right, bottom = self._box(shape)
        try:
            data = base64.b64decode((shape.mask or "").encode("ascii", "replace"), validate=True)
        except ValueError as error:
            raise RefusedMaskError("mask.corrupt", "base64", printable(str(error))) from None
        png = parse_png(data)
        # Corners that are no integers were rounded on their own: the box may be off by one.
        slack = 0 if all(v.is_integer() for point in shape.points for v in point) else 1
        wide, high = right - left + 1, bottom - top + 1
        if max(abs(png.width - wide), abs(png.height - high)) > slack:
            got = f"a PNG of {png.width} x {png.height}"
            raise RefusedMaskError("labelme.mask_size", f"{wide} x {high}, its box", got)
        self._bitmask_px += png.width * png.height
        if self._bitmask_px > MAX_IMAGE_BITMASK_PIXELS:
            expected = f"masks of at most {MAX_IMAGE_BITMASK_PIXELS} px an image"
            raise RefusedMaskError("limits.pixels", expected, f"{self._bitmask_px}")
        drawn = decode_binary(png)
        x, y = max(left, 0), max(top, 0)
        inside = drawn[y - top : max(self.height - top, 0), x - left : max(self.width - left, 0)]
        there, lost = int(np.count_nonzero(inside)), int(np.count_nonzero(drawn))
        if not there:
            got = f"{lost} px, all outside" if lost else "none"
            raise RefusedMaskError("seg.empty", "a pixel that is not 0 inside the image", got)
        self._add(owner, self._placed(inside, x, y))
        if lost > there:
            got = f"{lost - there} px outside"
            self._add_problem(owner, "poly.clipped", "inside the image", got)

    def refuse(self, owner: int, error: RefusedMaskError) -> None:
        """Note why a shape cannot be drawn."""
        for e in (error, *error.also):
            self._add_problem(owner, e.code, e.expected, e.got)

    def _box(self, shape: Shape) -> tuple[int, int, int, int]:
        """Left, top, right and bottom pixel of a mask, as LabelMe rounds them."""
        limit = _FRAME_FACTOR * max(self.height, self.width)
        reach = max(abs(v) for point in shape.points for v in point)
        if reach > limit:
            raise RefusedMaskError("poly.out_of_bounds", f"coordinates up to {limit}", f"{reach:.6g}")
        (left, top), (right, bottom) = shape.points
        return round(left), round(top), round(right), round(bottom)

    def _placed(self, inside: npt.NDArray[np.bool_], x: int, y: int) -> RunMask:
        rows = len(inside)
        if rows < self.height:  # an empty row keeps the columns apart
            above = y + rows == self.height
            inside = np.pad(inside, ((int(above), int(not above)), (0, 0)))
            y -= int(above)
        mask = runs_of_rows(inside, height=self.height, top=y)
        before = np.int32(x * self.height)
        return RunMask(
            height=self.height, width=self.width, starts=mask.starts + before, ends=mask.ends + before
        )

    def _add(self, owner: int, mask: RunMask) -> None:
        self._runs += len(mask.starts)
        self._check_runs()
        self._pieces.append((mask.starts, mask.ends, np.full(len(mask.starts), owner, np.int64)))

    def _check_runs(self) -> None:
        if self._runs > MAX_IMAGE_RUNS:
            expected = f"at most {MAX_IMAGE_RUNS} runs of pixels in one image"
            raise RefusedMaskError("limits.entries", expected, f"{self._runs}")

    def _add_problem(self, item: int, code: str, expected: str, got: str) -> None:
        self.problems.append(MaskProblem(item=item, code=code, expected=expected, got=got))

    def refused(self) -> set[int]:
        """The shapes with a problem that is an error."""
        return {p.item for p in self.problems if CODES[p.code][0] is Severity.ERROR}


def draw_shapes(shapes: Sequence[Shape], *, height: int, width: int) -> DrawnShapes:
    """Draw the sound shapes of one image; the others are passed over.

    Parameters
    ----------
    shapes : sequence of Shape
    height, width : int
        Size of the image in pixels.

    Returns
    -------
    DrawnShapes
        Problems: ``poly.*``, ``mask.*``, ``labelme.mask_size``, ``seg.empty``, ``limits.*``.
    """
    drawn = DrawnShapes(height=height, width=width)
    rings: list[list[float]] = []
    owners: list[int] = []
    for at, shape in enumerate(shapes):
        if shape.kind is None or shape.problems:
            continue
        try:
            for ring in _RINGS.get(shape.kind, _no_rings)(shape):
                rings.append(ring)
                owners.append(at)
            for x, y, radius in _DISCS.get(shape.kind, _no_discs)(shape):
                drawn.draw_disc(at, x, y, radius)
            if shape.kind is Kind.MASK:
                drawn.draw_mask(at, shape)
        except RefusedMaskError as error:
            drawn.refuse(at, error)
    drawn.draw_rings(rings, owners)
    return drawn


# ---- shapes as outlines and discs


def _outline(shape: Shape) -> Iterator[list[float]]:
    yield [v for point in shape.points for v in point]


def _rectangle(shape: Shape) -> Iterator[list[float]]:
    (x0, y0), (x1, y1) = shape.points
    yield [x0, y0, x1, y0, x1, y1, x0, y1]


def _segments(shape: Shape) -> Iterator[list[float]]:
    """Each part of a line as a rectangle about it."""
    found = False
    for (x0, y0), (x1, y1) in pairwise(shape.points):
        length = math.hypot(x1 - x0, y1 - y0)
        if length < _SHORT_PX:
            continue
        found = True
        across = LINE_WIDTH_PX / 2 / length
        dx, dy = -(y1 - y0) * across, (x1 - x0) * across
        yield [x0 + dx, y0 + dy, x1 + dx, y1 + dy, x1 - dx, y1 - dy, x0 - dx, y0 - dy]
    if not found:
        expected = f"points at least {_SHORT_PX} px apart"
        raise RefusedMaskError("poly.zero_area", expected, "points at one place")


def _no_rings(_: Shape) -> Iterator[list[float]]:
    yield from ()


_RINGS: Final[dict[Kind, Callable[[Shape], Iterator[list[float]]]]] = {
    Kind.POLYGON: _outline,
    Kind.ORIENTED_RECTANGLE: _outline,
    Kind.RECTANGLE: _rectangle,
    Kind.LINE: _segments,
    Kind.LINESTRIP: _segments,
}


def _circle(shape: Shape) -> Iterator[tuple[float, float, float]]:
    (x, y), (x1, y1) = shape.points
    yield x, y, math.hypot(x1 - x, y1 - y)


def _point(shape: Shape) -> Iterator[tuple[float, float, float]]:
    ((x, y),) = shape.points
    yield x, y, POINT_RADIUS_PX


def _joints(shape: Shape) -> Iterator[tuple[float, float, float]]:
    for x, y in shape.points[1:-1]:
        yield x, y, LINE_WIDTH_PX / 2


def _no_discs(_: Shape) -> Iterator[tuple[float, float, float]]:
    yield from ()


_DISCS: Final[dict[Kind, Callable[[Shape], Iterator[tuple[float, float, float]]]]] = {
    Kind.CIRCLE: _circle,
    Kind.POINT: _point,
    Kind.LINESTRIP: _joints,
}
