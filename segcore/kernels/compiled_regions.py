"""Where regions lie and how they go on: twins of ``reference_regions``."""

# Kernels carry no annotations: numba infers and checks their types.
# mypy: allow-untyped-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from segcore.kernels.arrays import Counts, Positions
from segcore.kernels.jit import jit
from segcore.kernels.region_runs import RegionRuns

__all__ = ["areas", "box_table", "boxes", "continued"]


def areas(starts: Positions, ends: Positions, offsets: Counts) -> Counts:
    """As ``reference.areas``."""
    found: Counts = _areas(starts, ends, offsets)
    return found


@jit
def _areas(starts, ends, offsets):
    found = np.zeros(offsets.size - 1, np.int64)
    for r in range(found.size):
        for i in range(offsets[r], offsets[r + 1]):
            found[r] += ends[i] - starts[i]
    return found


def boxes(regions: RegionRuns, *, heights: Counts) -> Counts:
    """As ``reference.boxes``."""
    found: Counts = box_table(*regions, heights)
    return found


@jit
def box_table(starts, ends, offsets, images, heights):
    """First and last column, first and last row of every region."""
    table = np.empty((offsets.size - 1, 4), np.int64)
    for image in range(heights.size):
        height = heights[image]
        for r in range(images[image], images[image + 1]):
            lo, hi = offsets[r], offsets[r + 1]
            if lo == hi:
                table[r, 0] = table[r, 2] = np.iinfo(np.int64).max
                table[r, 1] = table[r, 3] = -1
                continue
            table[r, 0] = starts[lo] // height
            table[r, 1] = (ends[hi - 1] - 1) // height
            table[r, 2], table[r, 3] = _rows(starts[lo:hi], ends[lo:hi], height)
    return table


@jit
def _rows(starts, ends, height):
    """First and last row.  A division by multiplication may be off by one, which is put right."""
    inverse = 1.0 / height
    top, bottom = height, np.int64(-1)
    for i in range(starts.size):
        start = np.int64(starts[i])
        first = start - np.int64(start * inverse) * height
        first += height if first < 0 else 0
        first -= height if first >= height else 0
        last = first + (np.int64(ends[i]) - start) - 1
        over = last >= height  # the end of a column: its last row, and the first of the next
        top = min(top, 0 if over else first)
        bottom = max(bottom, height - 1 if over else last)
    return top, bottom


def continued(
    starts: Positions, ends: Positions, offsets: Counts, chosen: Counts, shifts: Counts, *, at_most: int
) -> Counts:
    """As ``reference.continued``."""
    found: Counts = _continued(starts, ends, offsets, chosen, shifts, at_most)
    return found


@jit
def _continued(starts, ends, offsets, chosen, shifts, at_most):
    found = np.zeros((chosen.size, 3), np.int64)
    for m in range(chosen.size):
        lo, hi = offsets[chosen[m]], offsets[chosen[m] + 1]
        step = (hi - lo + at_most - 1) // at_most
        begun = lo
        for i in range(lo, hi):
            found[m, 2] += ends[i] - starts[i]
        for i in range(lo, hi, max(step, 1)):
            first = starts[i] + shifts[m]
            last = ends[i] + shifts[m]
            found[m, 1] += last - first
            while begun < hi and ends[begun] <= first:
                begun += 1
            run = begun
            while run < hi and starts[run] < last:
                found[m, 0] += min(last, np.int64(ends[run])) - max(first, np.int64(starts[run]))
                run += 1
    return found
