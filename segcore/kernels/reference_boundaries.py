"""The bands along the outlines of regions, in NumPy.

Nothing is rasterised.  A pixel lies inside the band where the square of ``2 d + 1`` pixels around it
is in the region.  Down a column that shortens every run by ``d`` at both ends; across columns it is an
intersection of ``2 d + 1`` neighbours, made of ever longer ones: those of 1, 2, 4, 8, ... columns.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from segcore.kernels.arrays import Counts, Positions
from segcore.kernels.region_runs import RegionRuns

__all__ = ["boundary_runs"]

BLOCK_RUNS: Final = 1 << 18
"""Runs of single columns worked on at a time."""


def boundary_runs(regions: RegionRuns, *, heights: Counts, widths_px: Counts) -> RegionRuns:
    """Cut the inner runs out of those of the region."""
    image = np.repeat(np.arange(heights.size), np.diff(regions.images))
    height, width_px = heights[image], widths_px[image]
    sizes = np.diff(regions.offsets)
    owner = np.repeat(np.arange(sizes.size), sizes)
    first, last = regions.starts // height[owner], (regions.ends - 1) // height[owner]
    full = np.flatnonzero(sizes)
    columns = np.zeros(sizes.size, np.int64)
    columns[full] = last[regions.offsets[full + 1] - 1] - first[regions.offsets[full]] + 1
    thick = (height > 2 * width_px) & (columns > 2 * width_px)
    pieces = np.where(thick[owner], last - first + 1, 0)
    before = np.append(0, np.cumsum(pieces))[regions.offsets]
    inner, found = np.zeros(sizes.size, np.int64), [(regions.starts[:0], regions.ends[:0])]
    begin = 0
    while begin < sizes.size:
        end = max(begin + 1, int(np.searchsorted(before, before[begin] + BLOCK_RUNS, "right")) - 1)
        runs = slice(regions.offsets[begin], regions.offsets[end])
        whole = _Runs(regions.starts[runs], regions.ends[runs], owner[runs])
        # Each region has a line to itself, with room for a shift by its window.
        span = 2 * (int(whole.ends.max(initial=0)) + 1)
        base = np.arange(sizes.size) * span - begin * span
        own = _by_column(whole, first[runs], pieces[runs], height)
        own = _inner(_moved(own, base), height, width_px)
        inner[begin:end] = np.bincount(own.owner - begin, minlength=end - begin)
        whole = _moved(whole, base)
        # An inner run lies within a run of the region and touches neither end of it.
        starts = np.sort(np.concatenate([whole.starts, own.ends]), kind="stable")
        ends = np.sort(np.concatenate([whole.ends, own.starts]), kind="stable")
        back = np.repeat(base[begin:end], sizes[begin:end] + inner[begin:end])
        found.append(((starts - back).astype(np.int32), (ends - back).astype(np.int32)))
        begin = end
    return RegionRuns(
        np.concatenate([starts for starts, _ in found]),
        np.concatenate([ends for _, ends in found]),
        regions.offsets + np.append(0, np.cumsum(inner)),
        regions.images,
    )


class _Runs(NamedTuple):
    """Runs of several regions and which region each belongs to, by region, then position."""

    starts: Counts | Positions
    ends: Counts | Positions
    owner: Counts


def _moved(runs: _Runs, by: Counts) -> _Runs:
    """All runs of a region moved by the same distance."""
    way = by[runs.owner]
    return _Runs(runs.starts + way, runs.ends + way, runs.owner)


def _by_column(runs: _Runs, first: Counts, pieces: Counts, height: Counts) -> _Runs:
    """Runs cut where a column ends; ``pieces`` says into how many, 0 for those not wanted."""
    run = np.repeat(np.arange(pieces.size), pieces)
    heads = np.cumsum(pieces) - pieces
    column = first[run] + np.arange(run.size) - heads[run]
    owner = runs.owner[run]
    top = column * height[owner]
    starts = np.maximum(runs.starts[run], top)
    return _Runs(starts, np.minimum(runs.ends[run], top + height[owner]), owner)


def _inner(runs: _Runs, height: Counts, width_px: Counts) -> _Runs:
    """What lies inside the band: runs of single columns, shortened and intersected."""
    reach = width_px[runs.owner]
    starts, ends = runs.starts + reach, runs.ends - reach
    left = starts < ends
    runs = _Runs(starts[left], ends[left], runs.owner[left])
    window = np.ones(height.size, np.int64)
    while runs.owner.size:
        further = np.minimum(window, 2 * width_px + 1 - window)
        if not further[runs.owner].any():
            break
        runs = _intersection(runs, _moved(runs, -further * height))
        window += further
    return _moved(runs, width_px * height)


def _intersection(a: _Runs, b: _Runs) -> _Runs:
    """The parts of the runs of ``a`` that runs of ``b`` cover; a region stays on its line."""
    begin = np.searchsorted(b.ends, a.starts, "right")
    n = np.searchsorted(b.starts, a.ends, "left") - begin
    i = np.repeat(np.arange(n.size), n)
    j = np.repeat(begin - (np.cumsum(n) - n), n) + np.arange(i.size)
    return _Runs(np.maximum(a.starts[i], b.starts[j]), np.minimum(a.ends[i], b.ends[j]), a.owner[i])
