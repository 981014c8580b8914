"""The outlines of masks held as runs: rings along the edges of pixels, without rasterising."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from segcore.lints.layers import Runs

__all__ = ["Outline", "outlines"]

_I = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outline:
    """The rings of several masks; their corners are corners of pixels.

    Attributes
    ----------
    u, v : int64 (n_points,)
        Corners in the order of the ring: the line, and the position within it.
    offsets : int64 (n_rings + 1,)
        Ring ``r`` has the corners ``offsets[r]:offsets[r + 1]``.
    owner : int64 (n_rings,)
        The mask of each ring; never decreases.
    area2 : int64 (n_rings,)
        Twice the area the ring encloses, positive for an outer ring, negative for a hole.
    """

    u: _I
    v: _I
    offsets: _I
    owner: _I
    area2: _I


def outlines(runs: Runs, *, line: int) -> Outline:
    """The rings around every mask.

    Parameters
    ----------
    runs : Runs
        Cut at the ends of the lines; by owner and position.
    line : int
        Positions of a line.

    Notes
    -----
    Each run has two edges across its line, at its start and at its end.  On the grid line between two
    lines of pixels the ends of those edges, by position, are the ends of the stretches where only one
    side is in the mask, by turns; each stretch joins two edges.  Starts come before ends at the same
    position, so that pixels that share a corner are in one ring and a hole in another.  Twice the area
    of a ring is never 0, and all rings of a mask add up to twice its pixels.
    """
    n = len(runs)
    number = runs.starts // line
    begin = runs.starts - number * line
    end = runs.ends - number * line
    lines = int(number.max(initial=0)) + 2
    # Edges 0..n-1 are starts and go up by one line, n..2n-1 are ends and come down again.
    at = np.concatenate([begin, end])
    owner = np.concatenate([runs.owner, runs.owner])
    low = np.concatenate([number, number])
    kind = np.repeat(np.arange(2), n)
    grid = np.concatenate([low, low + 1])
    where = ((np.tile(owner, 2) * lines + grid) * (line + 1) + np.tile(at, 2)) * 2 + np.tile(kind, 2)
    edge = np.tile(np.arange(2 * n), 2)
    leaves = np.concatenate([kind == 1, kind == 0])
    order = np.argsort(where, kind="stable")
    one, other = order[0::2], order[1::2]
    forward = leaves[one]
    source = np.where(forward, edge[one], edge[other])
    target = np.where(forward, edge[other], edge[one])
    follows = np.empty(2 * n, np.int64)
    follows[source] = target
    ring, rank = _ranked(follows)
    in_order = np.lexsort((rank, ring))
    nxt = follows[in_order]
    turns = at[in_order] != at[nxt]
    here, there = in_order[turns], nxt[turns]
    crossing = np.where(kind[here] == 0, low[here] + 1, low[here])
    u = np.repeat(crossing, 2)
    v = np.column_stack([at[here], at[there]]).ravel()
    of = np.repeat(ring[here], 2)
    heads = np.flatnonzero(np.diff(of, prepend=-1))
    offsets = np.append(heads, len(of))
    area2 = _area2(u, v, offsets)
    return Outline(u=u, v=v, offsets=offsets, owner=owner[of[heads]], area2=area2)


def _ranked(follows: _I) -> tuple[_I, _I]:
    """The lowest member of the cycle of every edge, and how many steps behind it the edge comes.

    By doubling: in round k each edge knows the lowest of the next 2**k edges and how far it is.
    """
    size = len(follows)
    lowest = np.arange(size)
    distance = np.zeros(size, np.int64)
    jump, step = follows, 1
    while True:
        ahead = lowest[jump]
        better = ahead < lowest
        if not better.any():  # then what lies ahead of that is no lower either
            break
        distance = np.where(better, distance[jump] + step, distance)
        lowest = np.where(better, ahead, lowest)
        jump, step = jump[jump], step * 2
    length = np.bincount(lowest, minlength=size)[lowest]
    return lowest, (length - distance) % length


def _area2(u: _I, v: _I, offsets: _I) -> _I:
    if not len(u):
        return np.zeros(0, np.int64)
    nxt = np.arange(1, len(u) + 1)
    nxt[offsets[1:] - 1] = offsets[:-1]
    # Stretches along a line and across: only the first enclose.
    return np.add.reduceat(u * v[nxt] - u[nxt] * v, offsets[:-1])
