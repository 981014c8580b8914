"""The rings of all polygons of an image, and what their geometry says about them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["CROSSING_POINTS", "Rings", "crossings", "offsets_of", "traced_twice"]

CROSSING_POINTS: Final = 128
"""Rings of up to this many points are tested edge against edge."""

_PAIRS_AT_ONCE: Final = 1 << 18

_F = npt.NDArray[np.float64]
_B = npt.NDArray[np.bool_]
_I = npt.NDArray[np.int64]


@dataclass(slots=True)
class Rings:
    """All rings of an image: ring ``r`` has the points ``offsets[r]:offsets[r + 1]``."""

    x: _F
    y: _F
    offsets: _I
    owner: _I
    """The annotation of each ring."""
    number: _I
    """Its position among the rings of the annotation."""
    area: _F = field(default_factory=lambda: np.empty(0))
    """What the vertices enclose (shoelace, absolute), in px^2; the three below as well after checks."""
    length: _F = field(default_factory=lambda: np.empty(0))
    leaves: _B = field(default_factory=lambda: np.empty(0, np.bool_))
    """Reaches out of the image."""
    crosses: _B = field(default_factory=lambda: np.empty(0, np.bool_))

    def __len__(self) -> int:
        return len(self.owner)

    def keep(self, wanted: _B) -> Rings:
        """The rings that are wanted, bool (n_rings,)."""
        if wanted.all():
            return self
        sizes = np.diff(self.offsets)
        points = np.repeat(wanted, sizes)
        return Rings(
            x=self.x[points],
            y=self.y[points],
            offsets=offsets_of(sizes[wanted]),
            owner=self.owner[wanted],
            number=self.number[wanted],
            area=self.area[wanted],
            length=self.length[wanted],
            leaves=self.leaves[wanted],
            crosses=self.crosses[wanted],
        )


def offsets_of(sizes: _I) -> _I:
    """Where each of consecutive segments begins, and where the last one ends."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])


def traced_twice(rings: Rings, next_x: _F, next_y: _F) -> _B:
    """Rings with an edge that is passed an even number of times more one way than the other.

    The even-odd fill sees no boundary there, although the ring goes around twice.
    """
    twice = np.zeros(len(rings), np.bool_)
    x, y = rings.x, rings.y
    ring = np.repeat(np.arange(len(rings)), np.diff(rings.offsets))
    # Equal edges, whichever way they go, have equal sums; hardly any others do.
    sums = 0.61803 * (x + next_x) + 0.41421 * (y + next_y) + 0.73205 * np.abs(x - next_x) + 7.5 * ring
    in_order = np.sort(sums)
    repeated = in_order[1:][in_order[1:] == in_order[:-1]]
    if not len(repeated):
        return twice
    some = np.isin(sums, repeated) & ((x != next_x) | (y != next_y))
    x, y, next_x, next_y, ring = x[some], y[some], next_x[some], next_y[some], ring[some]
    if not len(ring):
        return twice
    forward = (x < next_x) | ((x == next_x) & (y < next_y))
    x0, x1 = np.where(forward, x, next_x), np.where(forward, next_x, x)
    y0, y1 = np.where(forward, y, next_y), np.where(forward, next_y, y)
    way = np.where(forward, 1, -1)
    order = np.lexsort((y1, x1, y0, x0, ring))
    columns = [column[order] for column in (ring, x0, y0, x1, y1)]
    new = np.ones(len(ring), np.bool_)
    new[1:] = np.logical_or.reduce([column[1:] != column[:-1] for column in columns])
    if new.all():
        return twice
    at = np.flatnonzero(new)
    net = np.add.reduceat(way[order], at)
    twice[columns[0][at][(net != 0) & (net % 2 == 0)]] = True
    return twice


@lru_cache(maxsize=CROSSING_POINTS)
def _edge_pairs(n: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """All pairs of edges of a ring of ``n`` that share no vertex."""
    i, j = np.triu_indices(n, 2)
    apart = ~((i == 0) & (j == n - 1))
    return i[apart].astype(np.int32), j[apart].astype(np.int32)


def crossings(rings: Rings, next_x: _F, next_y: _F) -> _B:
    """Rings of up to 128 points of which two edges properly cross."""
    crosses = np.zeros(len(rings), np.bool_)
    sizes = np.diff(rings.offsets)
    small = np.flatnonzero((sizes <= CROSSING_POINTS) & (sizes > 3))
    if not len(small):
        return crosses
    edges = _Edges(rings.x, rings.y, next_x, next_y)
    pairs = np.cumsum(sizes[small] * (sizes[small] - 3) // 2)
    cuts = np.flatnonzero(np.diff(pairs // _PAIRS_AT_ONCE)) + 1
    for chunk in np.split(small, cuts) if len(cuts) else [small]:
        crosses[chunk] = edges.cross(rings.offsets[chunk], sizes[chunk])
    return crosses


class _Edges:
    """From ``(x, y)`` to ``(next_x, next_y)`` each, with their extents."""

    def __init__(self, x: _F, y: _F, next_x: _F, next_y: _F) -> None:
        self.x, self.y, self.next_x, self.next_y = x, y, next_x, next_y
        self.low_x, self.high_x = np.minimum(x, next_x), np.maximum(x, next_x)
        self.low_y, self.high_y = np.minimum(y, next_y), np.maximum(y, next_y)

    def cross(self, first: _I, sizes: _I) -> _B:
        """Whether two edges cross in the rings that begin at edge ``first`` and have ``sizes``."""
        pairs = [_edge_pairs(n) for n in sizes.tolist()]
        counts = sizes * (sizes - 3) // 2
        base = np.repeat(first, counts)
        i = np.concatenate([pair[0] for pair in pairs]) + base
        j = np.concatenate([pair[1] for pair in pairs]) + base
        # Most pairs lie apart: two cheap passes leave few for the orientation test.
        near = np.flatnonzero((self.low_x[i] < self.high_x[j]) & (self.low_x[j] < self.high_x[i]))
        i, j = i[near], j[near]
        meet = (self.low_y[i] <= self.high_y[j]) & (self.low_y[j] <= self.high_y[i])
        i, j, near = i[meet], j[meet], near[meet]
        cut = self._parts(i, j) & self._parts(j, i)
        ring = np.repeat(np.arange(len(sizes)), counts)[near[cut]]
        return np.bincount(ring, minlength=len(sizes)) > 0

    def _parts(self, a: _I, b: _I) -> _B:
        """Whether the ends of edge ``b`` lie on different sides of the line through edge ``a``."""
        x, y, dx, dy = self.x[a], self.y[a], self.next_x[a] - self.x[a], self.next_y[a] - self.y[a]
        begin = dx * (self.y[b] - y) - dy * (self.x[b] - x)
        end = dx * (self.next_y[b] - y) - dy * (self.next_x[b] - x)
        return ((begin > 0) & (end < 0)) | ((begin < 0) & (end > 0))
