"""What it costs to replace a stretch of a ring by a straight edge."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from segcore.advice.outlines import Outline

__all__ = ["Chords"]

_F = npt.NDArray[np.float64]
_I = npt.NDArray[np.int64]

_STEPS: float = 1 / 12
"""Variance of a straight edge drawn in pixels, in px^2: its steps are no shape."""


class Chords:
    """Sums along the rings, by which the cost of any chord is found at once.

    Parameters
    ----------
    outline : Outline

    Notes
    -----
    Positions in a ring may run past its end; a chord from ``i`` to ``j`` replaces the corners between
    them.  What goes wrong is the area between the two.  :meth:`cost` follows the stretch for it.
    :meth:`estimate` takes no longer for a long stretch than for a short one: it goes by two integrals
    along the stretch, the area between them with its sign, which is exact where the stretch stays on one
    side, and the variance of the distance, for a stretch that winds around the chord.  It takes too
    little where a stretch leads far away from a short chord.
    """

    def __init__(self, outline: Outline) -> None:
        sizes = np.diff(outline.offsets)
        self.sizes = sizes
        self.begin = outline.offsets[:-1]
        ring = np.repeat(np.arange(len(sizes)), sizes)
        nxt = np.arange(1, len(ring) + 1)
        nxt[outline.offsets[1:] - 1] = outline.offsets[:-1]
        # Around the first corner of each ring, so that the sums stay small.
        u = (outline.u - outline.u[self.begin][ring]).astype(np.float64)
        v = (outline.v - outline.v[self.begin][ring]).astype(np.float64)
        self.u, self.v = u, v
        p, q = u[nxt], v[nxt]
        self._middle_u, self._middle_v = (u + p) / 2, (v + q) / 2
        self._step_u, self._step_v = p - u, q - v
        length = np.abs(p - u) + np.abs(q - v)  # every edge lies along an axis
        moments = np.stack(
            [
                u * q - p * v,
                length,
                length * (u + p) / 2,
                length * (v + q) / 2,
                length * (u * u + u * p + p * p) / 3,
                length * (v * v + v * q + q * q) / 3,
                length * (2 * u * v + u * q + p * v + 2 * p * q) / 6,
            ],
            axis=1,
        )
        total = np.concatenate([np.zeros((1, 7)), np.cumsum(moments, axis=0)])
        self._around = total[outline.offsets[1:]] - total[outline.offsets[:-1]]
        self._sums = total[:-1] - total[self.begin][ring]

    def cost(self, ring: _I, i: _I, j: _I) -> _F:
        """The area, in px^2, that goes wrong between corner ``i`` and ``j`` of a ring, ``i < j``."""
        size, begin = self.sizes[ring], self.begin[ring]
        a, b = begin + i % size, begin + j % size
        count = j - i
        heads = np.cumsum(count) - count
        chord = np.repeat(np.arange(len(ring)), count)
        here = (i % size - heads)[chord] + np.arange(len(chord))
        here = begin[chord] + np.where(here >= size[chord], here - size[chord], here)
        du, dv = (self.u[b] - self.u[a])[chord], (self.v[b] - self.v[a])[chord]
        across = (self._middle_v[here] - self.v[a][chord]) * du
        across -= (self._middle_u[here] - self.u[a][chord]) * dv
        along = self._step_u[here] * du + self._step_v[here] * dv
        if not len(ring):
            return np.zeros(0)
        # Between two crossings of the chord the stretch stays on one side, out and back again.
        side = across > 0
        lobe = np.ones(len(side), np.bool_)
        lobe[1:] = side[1:] != side[:-1]
        lobe[heads] = True
        lobes = np.flatnonzero(lobe)
        areas = np.abs(np.add.reduceat(across * along, lobes))
        wrong = np.add.reduceat(areas, np.searchsorted(lobes, heads))
        square = (self.u[b] - self.u[a]) ** 2 + (self.v[b] - self.v[a]) ** 2
        around = np.abs(self._around[ring, 0]) / 2
        return np.where(square > 0, wrong / np.maximum(square, 1), around)

    def estimate(self, ring: _I, i: _I, j: _I) -> _F:
        """About as much as :meth:`cost`, ``i <= j``."""
        size, begin = self.sizes[ring], self.begin[ring]
        turns_i, turns_j = i // size, j // size
        a, b = begin + i - turns_i * size, begin + j - turns_j * size
        sums = self._sums[b] - self._sums[a]
        around = turns_j != turns_i
        if around.any():
            sums[around] += self._around[ring[around]] * (turns_j - turns_i)[around, None]
        twice, length, su, sv, suu, svv, suv = sums.T
        u, v = self.u[a], self.v[a]
        du, dv = self.u[b] - u, self.v[b] - v
        square = du * du + dv * dv
        signed = (twice + self.u[b] * v - u * self.v[b]) / 2
        # Distances times the length of the chord: (dv * (x - u) - du * (y - v)).
        uu = suu - 2 * u * su + u * u * length
        vv = svv - 2 * v * sv + v * v * length
        uv = suv - u * sv - v * su + u * v * length
        spread = (dv * dv * uu - 2 * du * dv * uv + du * du * vv) / np.maximum(length, 1)
        winding = np.maximum(spread - signed * signed - _STEPS * square, 0)
        return np.sqrt(signed * signed + winding)
