"""Polygons to runs by the COCO rule: checked first, then rasterised by pycocotools.

pycocotools (``rleFrPoly``) converts coordinates to C integers and walks every boundary in steps
of a fifth of a pixel.  NaN and huge numbers crash it, a long boundary exhausts the memory, and
its even-odd fill turns a ring that is traced twice into nothing.  So it only sees rings that
passed :func:`_check`, and only the boundary walk is its work: the union of the rings of one
annotation is taken on our own runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from segcore.annotation import segment_sums
from segcore.limits import MAX_IMAGE_STEPS, MAX_RING_POINTS, MAX_RING_STEPS
from segcore.masks.batch import MaskBatch, MaskProblem, union_of_runs
from segcore.masks.rings import CROSSING_POINTS, Rings, crossings, offsets_of, traced_twice
from segcore.masks.rle import decode_strings
from segcore.wording import show

__all__ = ["rasterize_polygons"]

_FRAME_FACTOR: Final = 4
"""A coordinate beyond this many frame sizes is a mistake, not a polygon that leaves the image."""

_CLIP_SLACK_PX: Final = 1.0
"""Tools round to the border; only what reaches further out is worth a warning."""

_NESTED_RINGS: Final = 32
"""Annotations of more rings than this are not searched for a ring inside another."""

_F = npt.NDArray[np.float64]
_B = npt.NDArray[np.bool_]
_I = npt.NDArray[np.int64]


def rasterize_polygons(
    polygons: Sequence[object], *, height: int, width: int, steps_before: float = 0.0
) -> MaskBatch:
    """Check the polygons of one image and turn them into runs.

    Parameters
    ----------
    polygons : sequence
        One COCO ``segmentation`` list an annotation: ``[[x, y, x, y, ...], ...]``, not empty.
    height, width : int
        Size of the image in pixels.
    steps_before : float
        :attr:`MaskBatch.steps` of what was drawn in the same image before: the limit is on the image.

    Returns
    -------
    MaskBatch
        One mask an annotation, the union of its rings.  An annotation is refused as a whole if
        one of its rings is; every faulty ring is reported, with its first problem.

    Notes
    -----
    ``poly.self_intersection`` is found edge against edge in rings of up to 128 points (edges that
    only touch or overlap do not count), in longer ones that lie inside the image by the
    difference between the area the vertices enclose and the area that was filled.
    ``poly.nested_ring`` is looked for in annotations of up to 32 rings.
    """
    found = _Found()
    rings = _collect(polygons, found)
    if len(rings):
        _check(rings, found, height=height, width=width, steps_before=steps_before)
        rings = rings.keep(~np.isin(rings.owner, list(found.refused)))
    if not len(rings):
        empty = np.empty(0, np.int32)
        return _batch(found, empty, empty, np.zeros(len(polygons) + 1, np.int64))
    starts, ends, offsets = _fill(rings, height=height, width=width)
    filled = segment_sums(ends - starts, offsets)
    run_owner = np.repeat(rings.owner, np.diff(offsets))
    each = starts, ends, offsets
    if len(rings) > len(np.unique(rings.owner)):
        starts, ends, offsets = union_of_runs(
            starts, ends, run_owner, owners=len(polygons), pixels=height * width
        )
    else:
        counts = np.bincount(run_owner, minlength=len(polygons))
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
    rings_of = np.bincount(rings.owner, minlength=len(polygons))
    leaves = np.bincount(rings.owner, rings.leaves, minlength=len(polygons)) > 0
    for item in np.flatnonzero((rings_of > 0) & (np.diff(offsets) == 0)).tolist():
        code = "poly.empty_after_clip" if leaves[item] else "poly.zero_area"
        found.add(item, code, expected="at least one pixel centre inside", got="none")
    _warn(rings, found, filled, each, height=height, width=width)
    return _batch(found, starts, ends, offsets)


@dataclass(slots=True)
class _Found:
    """The problems so far, and the annotations refused by them."""

    problems: list[MaskProblem] = field(default_factory=list)
    refused: set[int] = field(default_factory=set)
    steps: float = 0.0

    def add(
        self, item: int, code: str, *, expected: str = "", got: str = "", error: bool = True
    ) -> None:
        self.problems.append(MaskProblem(item=item, code=code, expected=expected, got=got))
        if error:
            self.refused.add(item)


def _batch(
    found: _Found, starts: npt.NDArray[np.int32], ends: npt.NDArray[np.int32], offsets: _I
) -> MaskBatch:
    refused = np.zeros(len(offsets) - 1, np.bool_)
    refused[list(found.refused)] = True
    problems = tuple(sorted(found.problems, key=lambda problem: problem.item))
    return MaskBatch(
        starts=starts,
        ends=ends,
        offsets=offsets,
        refused=refused,
        problems=problems,
        steps=found.steps,
    )


def _collect(polygons: Sequence[object], found: _Found) -> Rings:
    """The rings whose nesting, length and types are right."""
    rings: list[list[int | float]] = []
    owner: list[int] = []
    number: list[int] = []
    for item, polygon in enumerate(polygons):
        nested = "[[x, y, x, y, ...], ...]"
        if not isinstance(polygon, list) or not polygon:
            found.add(item, "seg.empty" if polygon == [] else "seg.bad_type", expected=nested)
            continue
        if set(map(type, polygon)) <= {int, float}:
            found.add(item, "poly.bad_nesting", expected=nested, got="a flat list of numbers")
            continue
        for k, ring in enumerate(polygon):
            if type(ring) is not list:
                got = f"ring {k}: {type(ring).__name__}"
                found.add(item, "poly.bad_nesting", expected=nested, got=got)
                continue
            kinds = set(map(type, ring))
            if list in kinds or dict in kinds:
                got = f"ring {k}: a list in a ring"
                found.add(item, "poly.bad_nesting", expected=nested, got=got)
            elif not kinds <= {int, float}:
                at, value = next((i, v) for i, v in enumerate(ring) if type(v) not in (int, float))
                got = f"ring {k}: {show(value)} at position {at}"
                found.add(item, "poly.bad_type", expected="numbers", got=got)
            elif len(ring) < 6:
                got = f"ring {k}: {len(ring)} numbers"
                found.add(item, "poly.too_few_points", expected="at least 6 numbers", got=got)
            elif len(ring) % 2:
                got = f"ring {k}: {len(ring)} numbers"
                found.add(item, "poly.odd_length", expected="an even number of numbers", got=got)
            elif len(ring) > 2 * MAX_RING_POINTS:
                got = f"ring {k}: {len(ring) // 2} points"
                found.add(
                    item, "poly.too_many_points", expected=f"at most {MAX_RING_POINTS} points", got=got
                )
            else:
                rings.append(ring)
                owner.append(item)
                number.append(k)
    sizes = np.fromiter(map(len, rings), np.int64, len(rings))
    flat = _floats(rings, int(sizes.sum()))
    return Rings(
        x=flat[0::2].copy(),
        y=flat[1::2].copy(),
        offsets=offsets_of(sizes // 2),
        owner=np.array(owner, np.int64),
        number=np.array(number, np.int64),
    )


def _floats(rings: list[list[int | float]], count: int) -> _F:
    try:
        return np.fromiter(chain.from_iterable(rings), np.float64, count)
    except OverflowError:  # an integer beyond 1.8e308: as far out as it gets
        limit = 1e300
        values = (max(min(v, limit), -limit) if type(v) is int else v for ring in rings for v in ring)
        return np.fromiter(values, np.float64, count)


def _check(rings: Rings, found: _Found, *, height: int, width: int, steps_before: float) -> None:
    """Everything that must hold before pycocotools may see the numbers."""
    first, last = rings.offsets[:-1], rings.offsets[1:] - 1
    sizes = np.diff(rings.offsets)
    good = np.ones(len(rings), np.bool_)

    def refuse(bad: _B, code: str, *, expected: str, got: Sequence[str] | _F | None = None) -> None:
        if not bad.any():
            return
        for r in np.flatnonzero(bad & good).tolist():
            shown = f"ring {rings.number[r]}"
            if got is not None:
                shown += f": {got[r]:.6g}" if isinstance(got, np.ndarray) else f": {got[r]}"
            found.add(int(rings.owner[r]), code, expected=expected, got=shown)
        good[bad] = False

    x, y = rings.x, rings.y
    finite = np.isfinite(x) & np.isfinite(y)
    if not finite.all():
        refuse(~np.logical_and.reduceat(finite, first), "poly.not_finite", expected="finite numbers")
        x = rings.x = np.where(finite, x, 0.0)
        y = rings.y = np.where(finite, y, 0.0)
    left, right = np.minimum.reduceat(x, first), np.maximum.reduceat(x, first)
    top, bottom = np.minimum.reduceat(y, first), np.maximum.reduceat(y, first)
    reach = np.maximum(np.maximum(right, bottom), np.maximum(-left, -top))
    limit = _FRAME_FACTOR * max(height, width)
    refuse(reach > limit, "poly.out_of_bounds", expected=f"coordinates up to {limit}", got=reach)
    outside = (right <= 0) | (bottom <= 0) | (left >= width) | (top >= height)
    boxes = _Boxes(left, right, top, bottom)
    refuse(outside, "poly.empty_after_clip", expected=f"inside {width} x {height}", got=boxes)
    # Rings that failed are kept at the origin, so that nothing below can overflow.
    if not good.all():
        keep = np.repeat(good, sizes)
        x = rings.x = np.where(keep, x, 0.0)
        y = rings.y = np.where(keep, y, 0.0)
    following = np.arange(1, len(x) + 1)
    following[last] = first
    dx, dy = x[following] - x, y[following] - y
    steps = np.add.reduceat(np.maximum(np.abs(dx), np.abs(dy)), first) + sizes / 5
    too_long = f"a boundary of at most {MAX_RING_STEPS} px"
    refuse(steps > MAX_RING_STEPS, "poly.too_many_points", expected=too_long, got=steps)
    counted = np.where(good, steps, 0.0)
    found.steps = float(counted.sum())
    total = steps_before + np.cumsum(counted)
    in_all = f"boundaries of at most {MAX_IMAGE_STEPS} px an image"
    refuse(total > MAX_IMAGE_STEPS, "poly.too_many_points", expected=in_all, got=total)
    # Relative to the first vertex: products of large coordinates lose the last pixels.
    x_from, y_from = x - np.repeat(x[first], sizes), y - np.repeat(y[first], sizes)
    rings.area = np.abs(np.add.reduceat(x_from * dy - y_from * dx, first)) / 2
    rings.length = np.add.reduceat(np.hypot(dx, dy), first)
    rings.leaves = (left < 0) | (top < 0) | (right > width) | (bottom > height)
    next_x, next_y = x[following], y[following]
    rings.crosses = crossings(rings, next_x, next_y)
    flat = (rings.area < 1.0) & ~rings.crosses
    refuse(flat, "poly.zero_area", expected="an area of at least 1 px", got=rings.area)
    twice = traced_twice(rings, next_x, next_y)
    expected = "a boundary traced once: two passes cancel"
    refuse(twice, "poly.zero_area", expected=expected)


class _Boxes(Sequence[str]):
    """Bounding boxes, written out only for the rings that need it."""

    def __init__(self, *edges: _F) -> None:
        self._edges = edges

    def __len__(self) -> int:
        return len(self._edges[0])

    def __getitem__(self, r: int) -> str:  # type: ignore[override]
        left, right, top, bottom = (float(edge[r]) for edge in self._edges)
        return f"x {left:.6g} to {right:.6g}, y {top:.6g} to {bottom:.6g}"


def _fill(
    rings: Rings, *, height: int, width: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], _I]:
    """The runs of every ring by the COCO rule."""
    from pycocotools import mask as coco_mask

    xy = np.stack([rings.x, rings.y], axis=1).ravel()
    cuts = (2 * rings.offsets).tolist()
    parts = [xy[lo:hi] for lo, hi in pairwise(cuts)]
    encoded = coco_mask.frPyObjects(parts, height, width)
    decoded = decode_strings([rle["counts"] for rle in encoded], pixels=height * width)
    return decoded.starts, decoded.ends, decoded.offsets


def _warn(
    rings: Rings,
    found: _Found,
    filled: _I,
    runs: tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], _I],
    *,
    height: int,
    width: int,
) -> None:
    """What is odd about rings that were accepted."""
    first = rings.offsets[:-1]
    kept = ~np.isin(rings.owner, list(found.refused))
    over = np.maximum(
        np.maximum(-np.minimum.reduceat(rings.x, first), -np.minimum.reduceat(rings.y, first)),
        np.maximum(
            np.maximum.reduceat(rings.x, first) - width, np.maximum.reduceat(rings.y, first) - height
        ),
    )
    for r in np.flatnonzero(kept & (over > _CLIP_SLACK_PX)):
        got = f"ring {rings.number[r]}: {over[r]:.6g} px over the border"
        found.add(int(rings.owner[r]), "poly.clipped", expected="inside the image", got=got, error=False)
    # The fill of a simple ring differs from its area by less than a pixel along the boundary.
    gap = np.abs(rings.area - filled) > rings.length + 1
    long = np.diff(rings.offsets) > CROSSING_POINTS
    for r in np.flatnonzero(kept & (rings.crosses | (gap & long & ~rings.leaves))):
        got = f"ring {rings.number[r]}: encloses {rings.area[r]:.6g} px, fills {filled[r]}"
        found.add(int(rings.owner[r]), "poly.self_intersection", got=got, error=False)
    for inner, outer in _nested(rings, runs):
        got = f"ring {rings.number[inner]} in ring {rings.number[outer]}"
        found.add(int(rings.owner[inner]), "poly.nested_ring", got=got, error=False)


def _nested(
    rings: Rings, runs: tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], _I]
) -> list[tuple[int, int]]:
    """Pairs of rings of one annotation whose first covers no pixel the second does not."""
    starts, ends, offsets = runs
    pairs: list[tuple[int, int]] = []
    _, heads, counts = np.unique(rings.owner, return_index=True, return_counts=True)
    for k in np.flatnonzero((counts > 1) & (counts <= _NESTED_RINGS)).tolist():
        group = range(int(heads[k]), int(heads[k] + counts[k]))
        masks = [(starts[offsets[r] : offsets[r + 1]], ends[offsets[r] : offsets[r + 1]]) for r in group]
        for i, (inner_starts, inner_ends) in enumerate(masks):
            for j, (outer_starts, outer_ends) in enumerate(masks):
                if i == j or not len(inner_starts) or not len(outer_starts):
                    continue
                if inner_starts[0] < outer_starts[0] or inner_ends[-1] > outer_ends[-1]:
                    continue
                # Canonical runs: one mask lies in another iff each run lies in a single run.
                at = np.searchsorted(outer_starts, inner_starts, "right") - 1
                if (inner_ends <= outer_ends[at]).all():
                    pairs.append((group[i], group[j]))
                    break
    return pairs
