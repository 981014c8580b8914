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
    ring = np.repeat(np.arange(len(rings)), np.diff(rings.offsets))
    forward = (rings.x < next_x) | ((rings.x == next_x) & (rings.y < next_y))
    moves = (rings.x != next_x) | (rings.y != next_y)
    x0, x1 = np.where(forward, rings.x, next_x)[moves], np.where(forward, next_x, rings.x)[moves]
    y0, y1 = np.where(forward, rings.y, next_y)[moves], np.where(forward, next_y, rings.y)[moves]
    ring, way = ring[moves], np.where(forward, 1, -1)[moves]
    twice = np.zeros(len(rings), np.bool_)
    if not len(ring):
        return twice
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
    pairs = np.cumsum(sizes[small] * (sizes[small] - 3) // 2)
    chunks = np.split(small, np.flatnonzero(np.diff(pairs // _PAIRS_AT_ONCE)) + 1)
    for chunk in chunks:
        if len(chunk):
            crosses[chunk] = _crossings_of(rings, chunk, next_x, next_y)
    return crosses


def _crossings_of(rings: Rings, chunk: _I, next_x: _F, next_y: _F) -> _B:
    x, y = rings.x, rings.y
    low_x, high_x = np.minimum(x, next_x), np.maximum(x, next_x)
    low_y, high_y = np.minimum(y, next_y), np.maximum(y, next_y)
    pairs = [_edge_pairs(int(n)) for n in np.diff(rings.offsets)[chunk]]
    counts = np.fromiter((len(i) for i, _ in pairs), np.int64, len(pairs))
    base = np.repeat(rings.offsets[chunk], counts)
    i = np.concatenate([i for i, _ in pairs]) + base
    j = np.concatenate([j for _, j in pairs]) + base
    # Most pairs lie apart: two cheap passes leave few for the orientation test.
    near = np.flatnonzero((low_x[i] < high_x[j]) & (low_x[j] < high_x[i]))
    near = near[(low_y[i[near]] <= high_y[j[near]]) & (low_y[j[near]] <= high_y[i[near]])]
    i, j = i[near], j[near]

    def side(a: _I, px: _F, py: _F) -> _F:
        return np.sign((next_x[a] - x[a]) * (py - y[a]) - (next_y[a] - y[a]) * (px - x[a]))

    cut = (side(i, x[j], y[j]) * side(i, next_x[j], next_y[j]) < 0) & (
        side(j, x[i], y[i]) * side(j, next_x[i], next_y[i]) < 0
    )
    ring = np.repeat(np.arange(len(chunk)), counts)[near[cut]]
    return np.bincount(ring, minlength=len(chunk)) > 0
