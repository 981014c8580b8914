"""Where regions lie and how they go on, in NumPy."""

from __future__ import annotations

import numpy as np

from segcore.annotation import segment_sums
from segcore.kernels.arrays import Counts, Positions
from segcore.kernels.region_runs import RegionRuns

__all__ = ["areas", "boxes", "continued"]


def areas(starts: Positions, ends: Positions, offsets: Counts) -> Counts:
    """Pixels of every region; see the facade."""
    return segment_sums(ends - starts, offsets)


def boxes(regions: RegionRuns, *, heights: Counts) -> Counts:
    """First and last column, first and last row of every region; see the facade."""
    sizes = np.diff(regions.offsets)
    found = np.empty((sizes.size, 4), np.int64)
    found[:, 0::2], found[:, 1::2] = np.iinfo(np.int64).max, -1
    full = np.flatnonzero(sizes)
    if not full.size:
        return found
    first, last = regions.offsets[full], regions.offsets[full + 1] - 1
    height = np.repeat(np.repeat(heights, np.diff(regions.images)), sizes)
    left, top = np.divmod(regions.starts, height)
    right, bottom = np.divmod(regions.ends - 1, height)
    # A run over the end of a column covers its last row and the first of the next.
    over = left != right
    found[full, 0], found[full, 1] = left[first], right[last]
    found[full, 2] = np.minimum.reduceat(np.where(over, 0, top), first)
    found[full, 3] = np.maximum.reduceat(np.where(over, height - 1, bottom), first)
    return found


def continued(
    starts: Positions, ends: Positions, offsets: Counts, chosen: Counts, shifts: Counts, *, at_most: int
) -> Counts:
    """Pixels that are foreground some positions further on, too, of all looked at; see the facade."""
    found = np.zeros((chosen.size, 3), np.int64)
    sizes = np.diff(offsets)[chosen]
    some = np.flatnonzero(sizes)
    if not some.size:
        return found
    sizes = sizes[some]
    heads = np.cumsum(sizes) - sizes
    within = np.arange(int(sizes.sum())) - np.repeat(heads, sizes)
    runs = within + np.repeat(offsets[chosen[some]], sizes)
    # One number line: each region has a stretch of its own.
    span = int(ends.max()) + int(shifts.max()) + 1
    lo, hi = starts[runs].astype(np.int64), ends[runs].astype(np.int64)
    begins = lo + np.repeat(np.arange(some.size) * span, sizes)
    before = np.zeros(runs.size + 1, np.int64)
    np.cumsum(hi - lo, out=before[1:])
    looked_at = within % np.repeat(-(-sizes // at_most), sizes) == 0
    shift = np.repeat(shifts[some], sizes)[looked_at]

    def pixels_before(position: Counts) -> Counts:
        # A position never lies before the first run of its region: it is that of a run, shifted.
        run = np.searchsorted(begins, position, "right") - 1
        inside = np.minimum(position - begins[run], hi[run] - lo[run])
        pixels: Counts = before[run] + inside
        return pixels

    lengths = (hi - lo)[looked_at]
    position = begins[looked_at] + shift
    shared = pixels_before(position + lengths) - pixels_before(position)
    owner = np.repeat(np.arange(some.size), sizes)[looked_at]
    firsts = np.searchsorted(owner, np.arange(some.size))
    found[some, 0] = np.add.reduceat(shared, firsts)
    found[some, 1] = np.add.reduceat(lengths, firsts)
    found[some, 2] = before[heads + sizes] - before[heads]
    return found
