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
    # Division by one number is many times as fast as by an array of them.
    alike = heights.size and (heights == heights[0]).all()
    one = np.int32(min(int(heights[0]), np.iinfo(np.int32).max)) if alike else None
    height = one if one is not None else np.repeat(np.repeat(heights, np.diff(regions.images)), sizes)
    left, right = regions.starts // height, (regions.ends - 1) // height
    top, bottom = regions.starts - left * height, regions.ends - 1 - right * height
    # A run over the end of a column covers its last row and the first of the next.
    over = left != right
    found[full, 0], found[full, 1] = left[first], right[last]
    found[full, 2] = np.minimum.reduceat(np.where(over, 0, top), first)
    found[full, 3] = np.maximum.reduceat(np.where(over, height - 1, bottom), first)
    return found


def continued(
    starts: Positions, ends: Positions, offsets: Counts, chosen: Counts, shifts: Counts, *, at_most: int
) -> Counts:
    """One region after the other; see the facade."""
    found = np.zeros((chosen.size, 3), np.int64)
    for m, (region, shift) in enumerate(zip(chosen.tolist(), shifts.tolist(), strict=True)):
        own = slice(int(offsets[region]), int(offsets[region + 1]))
        if own.start < own.stop:
            found[m] = _continues(starts[own], ends[own], shift, at_most)
    return found


def _continues(
    starts: Positions, ends: Positions, shift: int, at_most: int
) -> tuple[np.int64, np.int64, np.int64]:
    before = np.zeros(starts.size + 1, np.int64)
    np.cumsum(ends - starts, out=before[1:])
    step = -(-starts.size // at_most)
    first, last = starts[::step], ends[::step]

    def pixels_before(position: Positions) -> Counts:
        run = np.searchsorted(starts, position, "right") - 1
        # A position never lies before the first run: it is that of a run, shifted.
        inside = np.minimum(position, ends[run]) - starts[run]
        pixels: Counts = before[run] + inside
        return pixels

    shared = (pixels_before(last + shift) - pixels_before(first + shift)).sum()
    return shared, (last - first).sum(dtype=np.int64), before[-1]
