"""Masks that were enlarged by repeating their pixels: every edge lies on one coarse grid."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from segcore.lints.layers import Runs
from segcore.lints.parts import pieces

__all__ = ["block_sizes"]

Bools = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.int64]

_MAX_BLOCK: Final = 16
_EDGES: Final = 6
"""Rows and columns with an edge that a mask needs: a box has two of each, on some grid by chance."""


def block_sizes(runs: Runs, *, line: int, lines: int, count: int, codes: Counts | None = None) -> Counts:
    """How large the blocks are that each mask is made of.

    Parameters
    ----------
    runs : Runs
    line, lines : int
        Positions of a line, and how many lines there are.
    count : int
        Number of masks.
    codes : int64 (n_runs,) or None
        What the runs hold, where a mask has several values.

    Returns
    -------
    int64 (count,)
        N from 2 to 16 for a mask of N x N blocks, wherever its grid begins; 1 for the others, and for
        those with too few edges to tell.

    Notes
    -----
    The borders of the image are no edges.  A mask drawn by hand has edges in neighbouring rows and
    columns, so that the greatest common divisor of their distances is 1.
    """
    sizes = np.ones(count, np.int64)
    if codes is None:
        codes = np.zeros(len(runs), np.int64)
    # The values of a mask go with its runs through the cutting: as numbers between those of the owners.
    most = int(codes.max(initial=0)) + 1
    joined = Runs(starts=runs.starts, ends=runs.ends, owner=runs.owner * most + codes)
    if most > 1:
        order = np.lexsort((joined.starts, joined.owner))
        joined = Runs(starts=joined.starts[order], ends=joined.ends[order], owner=joined.owner[order])
        _judge(_all_pieces(joined, line), most, line, lines, sizes)
        return sizes
    for cut in pieces(joined, line=line):
        _judge(cut, most, line, lines, sizes)
    return sizes


def _all_pieces(runs: Runs, line: int) -> Runs:
    cut = list(pieces(runs, line=line))
    if len(cut) == 1:
        return cut[0]
    empty = np.empty(0, np.int64)
    return Runs(
        starts=np.concatenate([empty, *(part.starts for part in cut)]),
        ends=np.concatenate([empty, *(part.ends for part in cut)]),
        owner=np.concatenate([empty, *(part.owner for part in cut)]),
    )


def _judge(cut: Runs, most: int, line: int, lines: int, sizes: Counts) -> None:
    """Write the block size of every mask of ``cut``."""
    mask, _ = np.divmod(cut.owner, most)
    number = cut.starts // line
    top = cut.starts - number * line
    bottom = cut.ends - number * line
    # A run that goes on unchanged in the next line ends no line: what is left are the edges.
    reach = (lines + 1) * line
    place = cut.owner * reach + cut.starts
    before = _same(place, top, bottom, line)
    after = _same_after(before, place, line)
    across_owner = np.concatenate([mask[~before], mask[~after]])
    across = np.concatenate([number[~before], number[~after] + 1])
    along_owner = np.concatenate([mask, mask])
    along = np.concatenate([top, bottom])
    first, first_edges = _grid(across_owner, across, lines, len(sizes))
    second, second_edges = _grid(along_owner, along, line, len(sizes))
    both = np.gcd(first, second)
    found = (first_edges >= _EDGES) & (second_edges >= _EDGES) & (both >= 2) & (both <= _MAX_BLOCK)
    sizes[found] = both[found]


def _same(place: Counts, top: Counts, bottom: Counts, line: int) -> Bools:
    """Whether the line before has the same run: ``place`` increases."""
    if not len(place):
        return np.zeros(0, np.bool_)
    at = np.minimum(np.searchsorted(place, place - line), len(place) - 1)
    same: Bools = (place[at] == place - line) & (bottom[at] - top[at] == bottom - top)
    return same


def _same_after(before: Bools, place: Counts, line: int) -> Bools:
    """Whether the line behind has the same run."""
    after = np.zeros(len(before), np.bool_)
    at = np.searchsorted(place, place[before] - line)
    after[at] = True
    return after


def _grid(owner: Counts, edges: Counts, border: int, count: int) -> tuple[Counts, Counts]:
    """The greatest common divisor of the distances of the edges of every mask, and their number."""
    inner = (edges > 0) & (edges < border)
    keys = np.unique(owner[inner] * (border + 1) + edges[inner])
    owner = keys // (border + 1)
    divisors, number = np.zeros(count, np.int64), np.bincount(owner, minlength=count)
    steps = np.diff(keys)
    within = owner[1:] == owner[:-1]
    steps, owner = steps[within], owner[1:][within]
    if len(steps):
        heads = np.flatnonzero(np.diff(owner, prepend=-1))
        divisors[owner[heads]] = np.gcd.reduceat(steps, heads)
    return divisors, number
