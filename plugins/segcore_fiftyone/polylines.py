"""Polylines that are areas: closed, filled shapes, of which one inside another is a hole.

FiftyOne fills all shapes of a polyline in one call of ``cv2.fillPoly``
(``fiftyone.core.labels._render_polyline``), which fills what lies inside an odd number of them, and
``Polyline.from_mask`` writes holes that way.  So it is here, but each shape is filled by the COCO
rule, as polygons of every other source are: ``fillPoly`` cuts the coordinates to integers and adds
the pixels its outline touches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from segcore.faults import CODES, Severity
from segcore.masks.batch import MaskBatch, MaskProblem
from segcore.masks.polygons import rasterize_polygons
from segcore.wording import printable, show

__all__ = ["draw_polylines"]


def draw_polylines(polylines: Sequence[Mapping[str, Any]], *, height: int, width: int) -> MaskBatch:
    """The masks of the polylines of one image.

    Parameters
    ----------
    polylines : sequence of mapping
        As the database stores them.
    height, width : int
        Size of the image in pixels.

    Returns
    -------
    MaskBatch
        Problems: ``fo.no_area`` (open or not filled), ``seg.missing``, ``seg.empty`` (no shape, or
        shapes that cancel each other) and ``poly.*``.  One bad shape refuses its polyline.
    """
    problems: list[MaskProblem] = []
    rings: list[object] = []
    owner: list[int] = []
    numbers: list[int] = []
    for item, polyline in enumerate(polylines):
        problem = _shape_problem(polyline)
        if problem is not None:
            problems.append(replace(problem, item=item))
            continue
        for number, points in enumerate(polyline["points"]):
            flat = _flat(points, height=height, width=width)
            if isinstance(flat, MaskProblem):
                problems.append(replace(flat, item=item, got=printable(f"shape {number}: {flat.got}")))
                continue
            rings.append([flat])
            owner.append(item)
            numbers.append(number)
    drawn = rasterize_polygons(rings, height=height, width=width) if rings else None
    for problem in () if drawn is None else drawn.problems:
        # Each shape was handed over alone: what is said of ring 0 is said of this one.
        got = f"shape {numbers[problem.item]}{problem.got.removeprefix('ring 0')}"
        problems.append(replace(problem, item=owner[problem.item], got=got))
    refused = np.zeros(len(polylines), np.bool_)
    refused[[p.item for p in problems if CODES[p.code][0] is Severity.ERROR]] = True
    starts, ends, offsets = _odd(drawn, np.array(owner, np.int64), refused, pixels=height * width)
    for item in np.flatnonzero(~refused & (np.diff(offsets) == 0)).tolist():
        refused[item] = True
        expected = "at least one pixel inside an odd number of shapes"
        problems.append(MaskProblem(item=item, code="seg.empty", expected=expected, got="none"))
    problems.sort(key=lambda problem: problem.item)
    return MaskBatch(
        starts=starts, ends=ends, offsets=offsets, refused=refused, problems=tuple(problems)
    )


def _shape_problem(polyline: Mapping[str, Any]) -> MaskProblem | None:
    is_closed, is_filled = polyline.get("closed"), polyline.get("filled")
    if is_closed is not True or is_filled is not True:
        got = printable(f"closed: {show(is_closed)}, filled: {show(is_filled)}")
        return MaskProblem(item=0, code="fo.no_area", expected="closed and filled", got=got)
    points = polyline.get("points")
    expected = "points: [[[x, y], ...], ...]"
    if points is None:
        return MaskProblem(item=0, code="seg.missing", expected=expected)
    if not isinstance(points, list):
        return MaskProblem(item=0, code="seg.bad_type", expected=expected, got=show(points))
    if not points:
        return MaskProblem(item=0, code="seg.empty", expected=expected, got="[]")
    return None


def _flat(points: object, *, height: int, width: int) -> list[float] | MaskProblem:
    """``[x, y, x, y, ...]`` in pixels."""
    expected = "a list of [x, y]"
    if not isinstance(points, list):
        return MaskProblem(item=0, code="poly.bad_nesting", expected=expected, got=show(points))
    flat: list[float] = []
    for point in points:
        if not isinstance(point, list) or len(point) != 2:
            return MaskProblem(item=0, code="poly.bad_nesting", expected=expected, got=show(point))
        if not set(map(type, point)) <= {int, float}:
            return MaskProblem(item=0, code="poly.bad_type", expected="numbers", got=show(point))
        flat += (point[0] * width, point[1] * height)
    return flat


def _odd(
    drawn: MaskBatch | None,
    owner: npt.NDArray[np.int64],
    refused: npt.NDArray[np.bool_],
    *,
    pixels: int,
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """Canonical runs of the pixels that lie in an odd number of the shapes of one owner."""
    count = len(refused)
    if drawn is None:
        empty = np.empty(0, np.int32)
        return empty, empty, np.zeros(count + 1, np.int64)
    of_run = np.repeat(owner, np.diff(drawn.offsets))
    kept = ~refused[of_run]
    # One number line, a stretch for each owner.  Walking along it every edge changes the parity, so
    # edges at the same place cancel in pairs, and what is left begins and ends runs in turn.
    base = of_run[kept] * (pixels + 1)
    edges = np.concatenate([drawn.starts[kept] + base, drawn.ends[kept] + base])
    places, times = np.unique(edges, return_counts=True)
    edges = places[times % 2 == 1]
    starts, ends = edges[0::2], edges[1::2]
    whose = starts // (pixels + 1)
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.bincount(whose, minlength=count))])
    base = whose * (pixels + 1)
    return (starts - base).astype(np.int32), (ends - base).astype(np.int32), offsets
