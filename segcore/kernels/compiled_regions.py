"""Where regions lie and how they go on: twins of ``reference_regions``."""

# Kernels carry no annotations: numba infers and checks their types.
# mypy: allow-untyped-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from segcore.kernels.arrays import Counts, Positions
from segcore.kernels.jit import jit
from segcore.kernels.region_runs import RegionRuns

__all__ = ["box_table", "boxes", "continued"]


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
            top, bottom = height, np.int64(-1)
            column = np.int64(0)
            for i in range(lo, hi):
                # Runs increase, so that a step to their column is shorter than a division.
                if starts[i] - column >= 2 * height:
                    column = starts[i] // height * height
                elif starts[i] - column >= height:
                    column += height
                first = starts[i] - column
                last = ends[i] - 1 - column
                if last >= height:
                    first = 0
                    last = height - 1
                top = min(top, first)
                bottom = max(bottom, last)
            table[r, 0] = starts[lo] // height
            table[r, 1] = (ends[hi - 1] - 1) // height
            table[r, 2] = top
            table[r, 3] = bottom
    return table


def continued(
    starts: Positions, ends: Positions, offsets: Counts, chosen: Counts, shifts: Counts, *, at_most: int
) -> Counts:
    """As ``reference.continued``."""
    found: Counts = _continued(starts, ends, offsets, chosen, shifts, at_most)
    return found


@jit
def _continued(starts, ends, offsets, chosen, shifts, at_most):
    found = np.zeros((chosen.size, 2), np.int64)
    for m in range(chosen.size):
        lo, hi = offsets[chosen[m]], offsets[chosen[m] + 1]
        step = (hi - lo + at_most - 1) // at_most
        begun = lo
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
