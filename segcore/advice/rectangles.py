"""The smallest rectangle around each mask, at any angle."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from segcore.advice.masks import Masks

__all__ = ["smallest_rectangles"]

_F = npt.NDArray[np.float64]
_Point = tuple[int, int]


def smallest_rectangles(masks: Masks) -> _F:
    """The area of the smallest rectangle around the pixels of every mask, in px^2.

    One of its sides lies along an edge of the convex hull (Freeman and Shapira 1975; what rotating
    calipers go by, Toussaint 1983).  The hull is that of the corners of the pixels, so a rectangle of
    pixels along the axes has its own area.
    """
    outline = masks.outline
    owner = np.repeat(outline.owner, np.diff(outline.offsets))
    order = np.lexsort((outline.v, outline.u, owner))
    owner, u, v = owner[order], outline.u[order], outline.v[order]
    # On each line the first and the last point are enough.
    new = (np.diff(owner, prepend=-1) != 0) | (np.diff(u, prepend=-1) != 0)
    ends = new | np.append(new[1:], True)[: len(new)]
    owner, points = owner[ends], np.column_stack([u[ends], v[ends]])
    cuts = np.searchsorted(owner, np.arange(len(masks) + 1))
    found = np.zeros(len(masks), np.float64)
    for i in range(len(masks)):
        found[i] = _smallest(_hull(points[cuts[i] : cuts[i + 1]]))
    return found


def _hull(points: npt.NDArray[np.int64]) -> _F:
    """The convex hull of points in order, (n, 2), counter-clockwise (Andrew 1979)."""
    listed: list[_Point] = list(map(tuple, points.tolist()))
    return np.array(_half(listed)[:-1] + _half(listed[::-1])[:-1], np.float64)


def _half(points: list[_Point]) -> list[_Point]:
    kept: list[_Point] = []
    for x, y in points:
        while len(kept) > 1:
            (ax, ay), (bx, by) = kept[-2], kept[-1]
            if (bx - ax) * (y - ay) - (by - ay) * (x - ax) > 0:
                break
            kept.pop()
        kept.append((x, y))
    return kept


def _smallest(hull: _F) -> float:
    edges = np.roll(hull, -1, axis=0) - hull
    edges /= np.hypot(edges[:, 0], edges[:, 1])[:, None]
    along = hull @ edges.T
    across = hull @ np.stack([-edges[:, 1], edges[:, 0]])
    return float((np.ptp(along, axis=0) * np.ptp(across, axis=0)).min())
