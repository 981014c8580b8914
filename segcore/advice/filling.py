"""How well polygons fill masks, counted on the pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from segcore.advice.masks import Masks

__all__ = ["Filled", "fill"]

_I = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Filled:
    """Pixels, by mask.

    Attributes
    ----------
    intersection, area_px : int64 (n_masks,)
        Pixels of the polygon that the mask has too, and all pixels of the polygon.
    """

    intersection: _I
    area_px: _I


def fill(masks: Masks, u: _I, v: _I, *, offsets: _I, owner: _I) -> Filled:
    """Fill polygons and compare them with the masks they stand for.

    A pixel is in a polygon if a ray from its centre crosses its rings an odd number of times, holes
    included.  Centres never lie on a grid point, and a centre on an edge belongs to what is behind it.

    Parameters
    ----------
    masks : Masks
    u, v : int64 (n_points,)
        Grid points of the rings, in the frame of their mask and not outside of it.
    offsets : int64 (n_rings + 1,)
        Of the rings.
    owner : int64 (n_rings,)
        The mask of each ring.
    """
    n = len(masks)
    nothing = np.zeros(n, np.int64)
    if not len(u):
        return Filled(intersection=nothing, area_px=nothing)
    sizes = np.diff(offsets)
    nxt = np.arange(1, len(u) + 1)
    full = sizes > 0
    nxt[offsets[1:][full] - 1] = offsets[:-1][full]
    mask = np.repeat(owner, sizes)
    swap = u > u[nxt]
    u0, u1 = np.where(swap, u[nxt], u), np.where(swap, u, u[nxt])
    v0, v1 = np.where(swap, v[nxt], v), np.where(swap, v, v[nxt])
    across = u1 - u0
    edge = np.repeat(np.arange(len(u)), across)
    count = np.cumsum(across) - across
    line = u0[edge] + np.arange(len(edge)) - count[edge]
    # The first pixel whose centre is not before the edge, in whole numbers.
    double = 2 * across[edge]
    rise = (2 * (line - u0[edge]) + 1) * (v1 - v0)[edge] + 2 * v0[edge] * across[edge]
    first = -((across[edge] - rise) // double)
    key = np.sort(masks.base[mask[edge]] + line * masks.step[mask[edge]] + first)
    starts, ends = key[0::2], key[1::2]
    begin = np.searchsorted(starts, masks.base[:-1])
    stop = np.append(begin[1:], len(starts))
    lengths = np.concatenate([np.zeros(1, np.int64), np.cumsum(ends - starts)])
    before = _pixels_before(masks, key)
    both = np.concatenate([np.zeros(1, np.int64), np.cumsum(before[1::2] - before[0::2])])
    return Filled(intersection=both[stop] - both[begin], area_px=lengths[stop] - lengths[begin])


def _pixels_before(masks: Masks, key: _I) -> _I:
    """Pixels of all masks before places on the number line."""
    runs = masks.runs
    total = np.concatenate([np.zeros(1, np.int64), np.cumsum(runs.ends - runs.starts)])
    at = np.searchsorted(runs.starts, key, side="right")
    inside = np.minimum(key, np.append(-1, runs.ends)[at]) - np.append(-1, runs.starts)[at]
    return total[np.maximum(at - 1, 0)] + np.where(at > 0, inside, 0)
