"""Masks to polygons along the edges of their pixels.

Vertices are corners of pixels, so that filling the rings by the COCO rule gives the mask back, pixel
for pixel.  A ring of COCO's cannot have a hole; where a mask has holes it is cut at their left ends,
so that no ring surrounds background.  What touches only at a corner is two rings.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from segcore.annotation import RunMask

__all__ = ["holes_of", "joined", "rings_of", "simplified"]

Ring = npt.NDArray[np.float64]
"""Vertices, float64 (n, 2): x and y in pixels."""

_B = npt.NDArray[np.bool_]
_I = npt.NDArray[np.int64]


def rings_of(mask: RunMask, *, tolerance_px: float = 0.0) -> list[Ring]:
    """The rings of a mask, none inside another; their union is the mask.

    Parameters
    ----------
    mask : RunMask
    tolerance_px : float
        How far a vertex that is left out may lie from the ring; 0 leaves out none, and is exact.

    Returns
    -------
    list of float64 (n, 2)
        From left to right; empty for an empty mask.
    """
    if not len(mask.starts):
        return []
    drawn, left = _cropped(mask)
    rings, holes = _traced(drawn)
    if holes:
        cuts = sorted({int(hole[:, 0].min()) for hole in holes})
        bounds = [0, *cuts, drawn.shape[1]]
        rings = []
        for begin, end in pairwise(bounds):
            found, _ = _traced(drawn[:, begin:end])
            rings += [ring + np.array([begin, 0]) for ring in found]
    shifted = [ring + np.array([left, 0.0]) for ring in rings]
    if tolerance_px <= 0:
        return shifted
    return [simplified(ring, tolerance_px=tolerance_px) for ring in shifted]


def joined(rings: list[Ring]) -> Ring:
    """One ring through all of them, by bridges that are walked there and back and enclose nothing.

    Formats with one ring an object take it; readers that fill even-odd see the same pixels.
    """
    there = [part for ring in rings for part in (ring, ring[:1])]
    back = [ring[:1] for ring in reversed(rings[1:-1])]
    return np.concatenate([*there, *back] if len(rings) > 1 else rings)


def simplified(ring: Ring, *, tolerance_px: float) -> Ring:
    """The ring without vertices that lie within a distance of it (Douglas and Peucker, 1973).

    It keeps at least three vertices, or all of those it had.
    """
    n = len(ring)
    far = int(np.argmax(((ring - ring[0]) ** 2).sum(axis=1)))
    keep = np.zeros(n + 1, np.bool_)
    keep[[0, far, n]] = True
    closed = np.concatenate([ring, ring[:1]])
    pending = [(0, far), (far, n)]
    while pending:
        a, b = pending.pop()
        if b - a < 2:
            continue
        distance = _distances(closed[a + 1 : b], closed[a], closed[b])
        at = int(np.argmax(distance))
        if distance[at] > tolerance_px:
            keep[a + 1 + at] = True
            pending += [(a, a + 1 + at), (a + 1 + at, b)]
    kept = ring[keep[:n]]
    # What encloses less than a pixel may hold the centre of none: then the object would be gone.
    return kept if len(kept) >= 3 and _enclosed_px(kept) >= 1 else ring


def holes_of(mask: RunMask) -> list[Ring]:
    """The rings around the holes of a mask: background no step leads out of, not a diagonal one."""
    if len(mask.starts) < 2:  # background between foreground cuts a run in two
        return []
    drawn, left = _cropped(mask)
    return [ring + np.array([left, 0.0]) for ring in _traced(drawn)[1]]


def _enclosed_px(ring: Ring) -> float:
    x, y = ring.T
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2


def _distances(points: Ring, a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> Ring:
    """How far points are from the stretch from ``a`` to ``b``."""
    along = b - a
    length = float((along**2).sum())
    share = ((points - a) @ along / length).clip(0, 1) if length else np.zeros(len(points))
    apart: Ring = np.hypot(*(points - a - share[:, None] * along).T)
    return apart


def _traced(drawn: _B) -> tuple[list[Ring], list[Ring]]:
    """The outer rings and the holes of a mask; pixels that touch at a corner only are apart."""
    around = np.pad(drawn, 1)
    tl, tr = around[:-1, :-1], around[:-1, 1:]
    bl, br = around[1:, :-1], around[1:, 1:]
    once = tl ^ tr ^ bl ^ br
    falling = tl & br & ~tr & ~bl
    rising = tr & bl & ~tl & ~br
    y, x = np.nonzero(once | falling | rising)
    twice = (falling | rising)[y, x]
    # Where four pixels meet crosswise there are two vertices: of the left pixel and of the right one.
    y, x = np.repeat(y, 1 + twice), np.repeat(x, 1 + twice)
    second = np.zeros(len(x), np.bool_)
    second[1:] = (y[1:] == y[:-1]) & (x[1:] == x[:-1])
    across = _partners(np.arange(len(x)))
    # Along a column a rising pair meets its right pixel above, a falling one its left pixel.
    lower = np.where(rising[y, x], ~second, second)
    down = np.lexsort((lower, y, x))
    along = np.empty(len(x), np.int64)
    along[down] = down[_partners(np.arange(len(x)))]
    outer: list[Ring] = []
    holes: list[Ring] = []
    seen = np.zeros(len(x), np.bool_)
    next_across, next_along = across.tolist(), along.tolist()
    for start in np.lexsort((y, x)).tolist():
        if seen[start]:
            continue
        ring: list[int] = []
        at = start
        while not seen[at]:
            seen[at] = True
            other = next_across[at]
            seen[other] = True
            ring += (at, other)
            at = next_along[other]
        points = np.stack([x[ring], y[ring]], axis=1).astype(np.float64)
        # The first vertex is the upper left one of its ring: right below it lies what is enclosed.
        (outer if drawn[y[start], x[start]] else holes).append(points)
    return outer, holes


def _cropped(mask: RunMask) -> tuple[_B, int]:
    """The columns of a mask that hold something, and the first of them."""
    left = int(mask.starts[0]) // mask.height
    right = (int(mask.ends[-1]) - 1) // mask.height + 1
    shift = np.int32(left * mask.height)
    part = RunMask(
        height=mask.height, width=right - left, starts=mask.starts - shift, ends=mask.ends - shift
    )
    return part.to_array(), left


def _partners(order: _I) -> _I:
    """The other one of each pair of neighbours: 1 0 3 2 ..."""
    return order ^ 1
