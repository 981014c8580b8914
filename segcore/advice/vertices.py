"""Polygons of fewer and fewer vertices: those that are dropped next do the least harm to their object."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from segcore.advice.chords import Chords
from segcore.advice.outlines import Outline

__all__ = ["Kept", "coarser"]

_I = npt.NDArray[np.int64]
_B = npt.NDArray[np.bool_]

_TRIANGLE: Final = 3
_MOVED_BELOW: Final = 64
"""Vertices of objects that have no more than this are moved along the outline as well."""

_NEAR: Final = (-3, -2, -1, 1, 2, 3)
"""Corners tried around a vertex; a quarter of the way to each neighbour is tried too."""

_SWEEPS: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Kept:
    """The vertices that are left.

    Attributes
    ----------
    at : int64 (n,)
        Corners of the outline, ring after ring, in the order of the ring.
    offsets : int64 (n_rings + 1,)
    """

    at: _I
    offsets: _I


def coarser(
    outline: Outline, *, objects: int, levels: Sequence[int], most: int = 1 << 60
) -> Iterator[tuple[int, Kept]]:
    """Drop vertices until every object has at most as many as a level allows.

    All rings of an object share its vertices.  Each keeps three, however small it is, as long as the
    level allows three for each; below that the rings that enclose least go.

    Parameters
    ----------
    outline : Outline
    objects : int
        The number of masks.
    levels : sequence of int
        Falling, none below 3.
    most : int
        Objects with more corners than this lose all of them.

    Yields
    ------
    (int, Kept)
        Each level with the vertices left.
    """
    state = _State(outline, objects, most)
    for level in levels:
        while state.drop(level):
            pass
        yield level, state.kept()


class _State:
    def __init__(self, outline: Outline, objects: int, most: int) -> None:
        self.outline = outline
        self.objects = objects
        self.chords = Chords(outline)
        sizes = np.diff(outline.offsets)
        self.ring = np.repeat(np.arange(len(sizes)), sizes)
        self.at = np.arange(len(self.ring)) - outline.offsets[:-1][self.ring]
        stays = (np.bincount(outline.owner, sizes, minlength=objects) <= most)[outline.owner[self.ring]]
        self.ring, self.at = self.ring[stays], self.at[stays]

    def kept(self) -> Kept:
        rings = len(self.outline.owner)
        counts = np.bincount(self.ring, minlength=rings)
        return Kept(
            at=self.outline.offsets[:-1][self.ring] + self.at,
            offsets=np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)]),
        )

    def drop(self, level: int) -> bool:
        """Drop some of what the level does not allow; whether there was any."""
        owner = self.outline.owner[self.ring]
        counts = np.bincount(owner, minlength=self.objects)
        if (counts <= level).all():
            return False
        self._drop_rings(level)
        owner = self.outline.owner[self.ring]
        counts = np.bincount(owner, minlength=self.objects)
        surplus = np.maximum(counts - level, 0)
        # Many at once where there are many, because one of hundreds hardly matters.
        surplus = np.minimum(surplus, np.maximum(counts // 8, 1))
        active = (surplus > 0)[owner]
        harm = self._harm(active)
        self._remove(owner, harm, surplus)
        for _ in range(_SWEEPS):
            self._move(surplus > 0)
        return True

    def _neighbours(self) -> tuple[_I, _I]:
        """The vertices before and behind each, as steps along the ring."""
        size = self.chords.sizes[self.ring]
        heads = np.diff(self.ring, prepend=-1) != 0
        tails = np.append(heads[1:], True)[: len(heads)]
        first, last = np.flatnonzero(heads), np.flatnonzero(tails)
        before = np.roll(self.at, 1)
        before[first] = self.at[last]
        behind = np.roll(self.at, -1)
        behind[last] = self.at[first]
        back = (self.at - before) % size
        ahead = (behind - self.at) % size
        return np.where(back == 0, size, back), np.where(ahead == 0, size, ahead)

    def _harm(self, active: _B) -> npt.NDArray[np.float64]:
        """What is lost by dropping each vertex; infinite where the ring needs it."""
        harm = np.full(len(self.at), np.inf)
        left = np.bincount(self.ring, minlength=len(self.chords.sizes))
        chosen = np.flatnonzero(active & (left[self.ring] > _TRIANGLE))
        back, ahead = self._neighbours()
        ring, at = self.ring[chosen], self.at[chosen] + self.chords.sizes[self.ring[chosen]]
        low, high = at - back[chosen], at + ahead[chosen]
        cost = self.chords.cost
        harm[chosen] = cost(ring, low, high) - cost(ring, low, at) - cost(ring, at, high)
        return harm

    def _remove(self, owner: _I, harm: npt.NDArray[np.float64], surplus: _I) -> None:
        left = np.bincount(self.ring, minlength=len(self.chords.sizes))
        single = surplus[owner] == 1
        # A vertex goes together with others only if both its neighbours stay.
        heads = np.diff(self.ring, prepend=-1) != 0
        tails = np.append(heads[1:], True)[: len(heads)]
        first, last = np.flatnonzero(heads), np.flatnonzero(tails)
        before, behind = np.roll(harm, 1), np.roll(harm, -1)
        before[first], behind[last] = harm[last], harm[first]
        lowest = (harm < before) & (harm <= behind) & (harm < np.inf)
        # Around a ring of equal harm none is the lowest; one vertex of each object always may go.
        order = np.lexsort((self.at, harm, owner))
        leading = order[np.flatnonzero(np.diff(owner[order], prepend=-1))]
        may = lowest & ~single
        may[leading] = harm[leading] < np.inf
        order = order[may[order]]
        heads_of = np.flatnonzero(np.diff(owner[order], prepend=-1))
        place = np.arange(len(order)) - np.repeat(heads_of, np.diff(np.append(heads_of, len(order))))
        going = order[place < surplus[owner[order]]]
        # No ring below its triangle: of those that go at once, only as many as it can spare.
        by_ring = going[np.argsort(self.ring[going], kind="stable")]
        rings = self.ring[by_ring]
        heads_of = np.flatnonzero(np.diff(rings, prepend=-1))
        place = np.arange(len(rings)) - np.repeat(heads_of, np.diff(np.append(heads_of, len(rings))))
        going = by_ring[place < left[rings] - _TRIANGLE]
        stays = np.ones(len(self.at), np.bool_)
        stays[going] = False
        self.ring, self.at = self.ring[stays], self.at[stays]

    def _drop_rings(self, level: int) -> None:
        """Leave out the smallest rings of objects that have more than the level has triangles for."""
        left = np.bincount(self.ring, minlength=len(self.chords.sizes)) > 0
        owner = self.outline.owner
        counts = np.bincount(owner[left], minlength=self.objects)
        if (counts * _TRIANGLE <= level).all():
            return
        rings = np.flatnonzero(left)
        size = np.abs(self.outline.area2[rings])
        order = rings[np.lexsort((rings, -size, owner[rings]))]
        heads = np.flatnonzero(np.diff(owner[order], prepend=-1))
        place = np.arange(len(order)) - np.repeat(heads, np.diff(np.append(heads, len(order))))
        gone = np.zeros(len(left), np.bool_)
        gone[order[place >= level // _TRIANGLE]] = True
        stays = ~gone[self.ring]
        self.ring, self.at = self.ring[stays], self.at[stays]

    def _move(self, changed: _B) -> None:
        """Move every other vertex to where its two edges go wrong least, then the others."""
        owner = self.outline.owner[self.ring]
        counts = np.bincount(owner, minlength=self.objects)
        wanted = changed[owner] & (counts[owner] <= _MOVED_BELOW)
        heads = np.flatnonzero(np.diff(self.ring, prepend=-1))
        place = np.arange(len(self.ring)) - np.repeat(heads, np.diff(np.append(heads, len(self.ring))))
        for parity in (0, 1):
            chosen = np.flatnonzero(wanted & (place % 2 == parity))
            if not len(chosen):
                continue
            back, ahead = (steps[chosen] for steps in self._neighbours())
            ring = self.ring[chosen]
            size = self.chords.sizes[ring]
            at = self.at[chosen] + size
            low, high = at - back, at + ahead
            best = self.chords.cost(ring, low, at) + self.chords.cost(ring, at, high)
            moved = at
            for steps in (*_NEAR, -(back // 4), ahead // 4):
                other = at + steps
                fits = np.flatnonzero((other > low) & (other < high))
                found = self.chords.cost(ring[fits], low[fits], other[fits]) + self.chords.cost(
                    ring[fits], other[fits], high[fits]
                )
                better = found < best[fits] - 1e-9
                moved = moved.copy()
                moved[fits[better]] = other[fits[better]]
                best[fits[better]] = found[better]
            self.at[chosen] = moved % size
