"""Polygons of fewer and fewer vertices: what is dropped next does the least harm to its object."""

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
_F = npt.NDArray[np.float64]

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

    All rings of an object share its vertices: those of its parts and those of its holes.  What is left
    of a ring is a triangle at least; the whole ring is given up where that does less harm for each
    vertex than any other drop.  The largest ring of an object always stays.

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
        size = np.abs(outline.area2)
        order = np.lexsort((-np.arange(len(sizes)), size, outline.owner))
        self.largest = np.zeros(len(sizes), np.bool_)
        self.largest[order[np.append(np.diff(outline.owner[order]) != 0, True)[: len(order)]]] = True
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
        first, last = self._ends()
        before = np.roll(self.at, 1)
        before[first] = self.at[last]
        behind = np.roll(self.at, -1)
        behind[last] = self.at[first]
        back = (self.at - before) % size
        ahead = (behind - self.at) % size
        return np.where(back == 0, size, back), np.where(ahead == 0, size, ahead)

    def _harm(self, active: _B) -> _F:
        """What is lost by dropping each vertex, in px^2; infinite where it cannot go by itself.

        Of a triangle the first vertex stands for the ring, with what is lost for each of the three.
        """
        harm = np.full(len(self.at), np.inf)
        left = np.bincount(self.ring, minlength=len(self.chords.sizes))
        several = left[self.ring] > _TRIANGLE
        chosen = np.flatnonzero(active & (several | ~self.largest[self.ring]))
        back, ahead = self._neighbours()
        ring, at = self.ring[chosen], self.at[chosen] + self.chords.sizes[self.ring[chosen]]
        low, high = at - back[chosen], at + ahead[chosen]
        behind = self.chords.cost(ring, at, high)
        dropped = several[chosen]
        cost = self.chords.cost(ring[dropped], low[dropped], high[dropped])
        before = self.chords.cost(ring[dropped], low[dropped], at[dropped])
        harm[chosen[dropped]] = cost - before - behind[dropped]
        whole = chosen[~dropped]
        if len(whole):
            wrong = np.bincount(self.ring[whole], behind[~dropped], minlength=len(left))
            first = whole[np.diff(self.ring[whole], prepend=-1) != 0]
            rings = self.ring[first]
            harm[first] = (np.abs(self.outline.area2[rings]) / 2 - wrong[rings]) / _TRIANGLE
        return harm

    def _remove(self, owner: _I, harm: _F, surplus: _I) -> None:
        left = np.bincount(self.ring, minlength=len(self.chords.sizes))
        first, last = self._ends()
        order = np.lexsort((self.at, self.ring, harm, owner))
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order))
        leading = np.diff(owner[order], prepend=-1) != 0
        nth = rank - np.maximum.accumulate(np.where(leading, np.arange(len(order)), 0))[rank]
        # A vertex goes together with others only if both its neighbours stay, and none that stays
        # would do much less harm.
        before, behind = np.roll(rank, 1), np.roll(rank, -1)
        before[first], behind[last] = rank[last], rank[first]
        lowest = (rank < before) & (rank < behind)
        may = (harm < np.inf) & (lowest & (nth < 2 * surplus[owner]) | (nth == 0))
        order = order[may[order]]
        whole = left[self.ring[order]] <= _TRIANGLE
        weight = np.where(whole, _TRIANGLE, 1)
        so_far = np.cumsum(weight) - weight
        begins = np.diff(owner[order], prepend=-1) != 0
        so_far -= np.maximum.accumulate(np.where(begins, so_far, 0))
        fits = so_far < surplus[owner[order]]
        going, whole = order[fits], whole[fits]
        gone = np.zeros(len(left), np.bool_)
        gone[self.ring[going[whole]]] = True
        # Of those that go at once, no ring gives more than it has beyond its triangle.
        by_ring = going[~whole]
        by_ring = by_ring[np.argsort(self.ring[by_ring], kind="stable")]
        rings = self.ring[by_ring]
        heads = np.flatnonzero(np.diff(rings, prepend=-1))
        rank = np.arange(len(rings)) - np.repeat(heads, np.diff(np.append(heads, len(rings))))
        stays = ~gone[self.ring]
        stays[by_ring[rank < left[rings] - _TRIANGLE]] = False
        self.ring, self.at = self.ring[stays], self.at[stays]

    def _ends(self) -> tuple[_I, _I]:
        """The first and the last vertex of every ring that is left."""
        heads = np.diff(self.ring, prepend=-1) != 0
        tails = np.append(heads[1:], True)[: len(heads)]
        return np.flatnonzero(heads), np.flatnonzero(tails)

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
            best = self.chords.estimate(ring, low, at) + self.chords.estimate(ring, at, high)
            moved = at.copy()
            for steps in (*_NEAR, -(back // 4), ahead // 4):
                other = at + steps
                fits = np.flatnonzero((other > low) & (other < high))
                found = self.chords.estimate(ring[fits], low[fits], other[fits])
                found += self.chords.estimate(ring[fits], other[fits], high[fits])
                better = found < best[fits] - 1e-9
                moved[fits[better]] = other[fits[better]]
                best[fits[better]] = found[better]
            # Only where the estimate was right: the move itself has to be found good as well.
            changed = np.flatnonzero(moved != at)
            args = ring[changed], low[changed], high[changed]
            gain = self._wrong(args[0], args[1], at[changed], args[2])
            gain -= self._wrong(args[0], args[1], moved[changed], args[2])
            worse = changed[gain <= 0]
            moved[worse] = at[worse]
            self.at[chosen] = moved % size

    def _wrong(self, ring: _I, low: _I, at: _I, high: _I) -> _F:
        return self.chords.cost(ring, low, at) + self.chords.cost(ring, at, high)
