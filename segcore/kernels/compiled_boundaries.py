"""The bands along the outlines of regions: the twin of ``reference_boundaries``."""

# Kernels carry no annotations: numba infers and checks their types.
# mypy: allow-untyped-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from segcore.kernels.arrays import Counts
from segcore.kernels.jit import jit
from segcore.kernels.region_runs import RegionRuns

__all__ = ["boundary_runs"]


def boundary_runs(regions: RegionRuns, *, heights: Counts, widths_px: Counts) -> RegionRuns:
    """As ``reference.boundary_runs``."""
    starts, ends, offsets = _boundary_runs(*regions, heights, widths_px)
    return RegionRuns(starts, ends, offsets, regions.images)


@jit
def _boundary_runs(starts, ends, offsets, images, heights, widths_px):
    new_starts = np.empty(2 * starts.size + 16, np.int32)
    new_ends = np.empty(new_starts.size, np.int32)
    new_offsets = np.zeros(offsets.size, np.int64)
    n = np.int64(0)
    for image in range(heights.size):
        for r in range(images[image], images[image + 1]):
            lo, hi = offsets[r], offsets[r + 1]
            inner_starts, inner_ends = _inner(starts, ends, lo, hi, heights[image], widths_px[image])
            size = n + hi - lo + inner_starts.size
            if size > new_starts.size:
                new_starts, new_ends = _longer(new_starts, n, 2 * size), _longer(new_ends, n, 2 * size)
            _cut(starts, ends, lo, hi, inner_starts, inner_ends, new_starts, new_ends, n)
            n = size
            new_offsets[r + 1] = n
    return new_starts[:n].copy(), new_ends[:n].copy(), new_offsets


@jit
def _longer(values, kept, size):
    grown = np.empty(size, values.dtype)
    grown[:kept] = values[:kept]
    return grown


@jit
def _cut(starts, ends, lo, hi, inner_starts, inner_ends, new_starts, new_ends, n):
    """Write the runs from ``lo`` to ``hi`` without the inner ones, which lie within them."""
    k = 0
    for i in range(lo, hi):
        new_starts[n] = starts[i]
        while k < inner_starts.size and inner_starts[k] < ends[i]:
            new_ends[n] = inner_starts[k]
            n += 1
            new_starts[n] = inner_ends[k]
            k += 1
        new_ends[n] = ends[i]
        n += 1


@jit
def _inner(starts, ends, lo, hi, height, width_px):
    """The runs of one region that lie inside its band."""
    none = np.empty(0, np.int64)
    if lo == hi or height <= 2 * width_px:
        return none, none
    columns = np.int64(ends[hi - 1] - 1) // height - np.int64(starts[lo]) // height + 1
    if columns <= 2 * width_px:
        return none, none
    size = hi - lo + columns
    own_starts, own_ends = _shortened(starts, ends, lo, hi, height, width_px, size)
    window = 1
    while window <= 2 * width_px and own_starts.size:
        further = min(window, 2 * width_px + 1 - window)
        own_starts, own_ends = _intersection(own_starts, own_ends, further * height)
        window += further
    return own_starts + width_px * height, own_ends + width_px * height


@jit
def _shortened(starts, ends, lo, hi, height, width_px, size):
    """The runs, cut where a column ends, without ``width_px`` at either end; at most ``size``."""
    own_starts, own_ends = np.empty(size, np.int64), np.empty(size, np.int64)
    n, bottom = 0, np.int64(0)
    for i in range(lo, hi):
        start, last = np.int64(starts[i]), np.int64(ends[i])
        # Runs increase, so that a step to their column is shorter than a division.
        if start - bottom >= height:
            bottom = (start // height + 1) * height
        elif start >= bottom:
            bottom += height
        while True:
            end = min(last, bottom)
            if end - start > 2 * width_px:
                own_starts[n] = start + width_px
                own_ends[n] = end - width_px
                n += 1
            if end == last:
                break
            start = end
            bottom += height
    return own_starts[:n], own_ends[:n]


@jit
def _intersection(starts, ends, shift):
    """What the runs and the same runs, ``shift`` further to the front, have in common."""
    size = starts.size
    new_starts, new_ends = np.empty(2 * size, np.int64), np.empty(2 * size, np.int64)
    i, j, n = 0, 0, 0
    while i < size and j < size:
        end, other_end = ends[i], ends[j] - shift
        start = max(starts[i], starts[j] - shift)
        if start < min(end, other_end):
            new_starts[n] = start
            new_ends[n] = min(end, other_end)
            n += 1
        i += end <= other_end
        j += other_end <= end
    return new_starts[:n], new_ends[:n]
