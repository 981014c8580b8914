"""What comparing the objects or segments of an image may cost, told before anything is compared."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from segcore import limits
from segcore.annotation import LabelMap, Regions, SegmentMap, segment_sums
from segcore.kernels.arrays import Values
from segcore.region_block import RegionBlock

__all__ = [
    "band_runs_above_limit",
    "band_steps_above_limit",
    "bands_are_few",
    "mask_runs_above_limit",
    "pairs_above_limit",
]

Counts = npt.NDArray[np.int64]


def mask_runs_above_limit(content: LabelMap | SegmentMap | Regions, *, row_major: bool) -> int:
    """How many runs of one value a mask has in this order, where that is too many; else 0.

    A mask of stripes or dots is a few bytes in its file.  Regions are held as runs: whoever read
    them has looked at their number.
    """
    if isinstance(content, Regions):
        return 0
    pixels = content.values.size if isinstance(content, LabelMap) else content.height * content.width
    if pixels <= limits.MAX_IMAGE_RUNS:
        return 0
    if row_major and isinstance(content, SegmentMap):
        runs = len(content.starts)
    else:
        values = content.values if isinstance(content, LabelMap) else content.to_array()
        runs = _runs(values if row_major else values.T)
    return runs if runs > limits.MAX_IMAGE_RUNS else 0


def _runs(lines: Values) -> int:
    """Runs of one value along the lines of a mask, one line after the other."""
    within = np.count_nonzero(lines[:, 1:] != lines[:, :-1])
    return 1 + int(within) + int(np.count_nonzero(lines[1:, 0] != lines[:-1, -1]))


def pairs_above_limit(gold: Regions, delivery: Regions) -> int:
    """How many pairs may overlap, where that is too many to compare; else 0.

    Those whose columns overlap, and a small share of all: to rule a pair out takes time, too.
    """
    every = len(gold) * len(delivery)
    if every <= limits.MAX_OBJECT_PAIRS:
        return 0
    pairs = max(int(_met(gold, delivery).sum()), every >> 8)
    return pairs if pairs > limits.MAX_OBJECT_PAIRS else 0


def band_runs_above_limit(regions: Regions, width_px: int) -> int:
    """How many runs the boundaries of all objects may have, where that is too many; else 0."""
    runs = int(_band_runs(regions, width_px).sum())
    return runs if runs > limits.MAX_BOUNDARY_RUNS else 0


def band_steps_above_limit(gold: Regions, delivery: Regions, width_px: int) -> int:
    """How many runs of boundaries may be compared, where that is too many; else 0."""
    own, other = _band_runs(gold, width_px), _band_runs(delivery, width_px)
    if int(own.sum()) * len(delivery) + int(other.sum()) * len(gold) <= limits.MAX_BOUNDARY_STEPS:
        return 0
    steps = int(own @ _met(gold, delivery)) + int(other @ _met(delivery, gold))
    return steps if steps > limits.MAX_BOUNDARY_STEPS else 0


def bands_are_few(gold: RegionBlock, delivery: RegionBlock, width_px: int) -> bool:
    """Whether all images together stay below the limits of one, by a coarse count.

    Parameters
    ----------
    gold, delivery : RegionBlock
        The same images.
    width_px : int
        The least width of a band in any of them.
    """
    runs, objects = [], []
    for block in (gold, delivery):
        areas = segment_sums(block.ends - block.starts, block.offsets)
        runs.append(len(block.starts) + int((areas // (2 * width_px + 1)).sum()))
        objects.append(int(np.diff(block.images).max(initial=0)))
    steps = runs[0] * objects[1] + runs[1] * objects[0]
    return max(runs) <= limits.MAX_BOUNDARY_RUNS and steps <= limits.MAX_BOUNDARY_STEPS


def _met(regions: Regions, others: Regions) -> Counts:
    """With how many of the others each region has columns, or nearly, in common: int64 (n,)."""
    full = np.diff(regions.offsets) > 0
    found = np.zeros(len(regions), np.int64)
    starts, ends = _spans(regions)
    other_starts, other_ends = _spans(others)
    found[full] = np.searchsorted(np.sort(other_starts), ends)
    found[full] -= np.searchsorted(np.sort(other_ends), starts, side="right")
    return found


def _spans(regions: Regions) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Where each region that has a run begins and ends."""
    full = np.flatnonzero(np.diff(regions.offsets))
    return regions.starts[regions.offsets[full]], regions.ends[regions.offsets[full + 1] - 1]


def _band_runs(regions: Regions, width_px: int) -> Counts:
    """The most runs the boundary of each region may have: int64 (n,).

    Those of the region, and those inside its boundary.  Each of the latter stands for a window of
    pixels down its column; and in a column there is one, and one more for each gap within a window to
    either side.
    """
    runs = np.diff(regions.offsets)
    if not len(regions.starts) or regions.height <= 2 * width_px:
        return runs
    inner = regions.areas_px() // (2 * width_px + 1)
    if int(inner.sum()) <= limits.MAX_BOUNDARY_RUNS >> 8:
        return runs + inner
    first, last = regions.starts // regions.height, (regions.ends - 1) // regions.height
    gaps = np.append(last[:-1] == first[1:], False)
    gaps[regions.offsets[1:-1] - 1] = False  # not between two regions; the last is none anyway
    pieces = segment_sums(last - first + 1 + 2 * width_px * gaps.astype(np.int64), regions.offsets)
    bound: Counts = runs + np.minimum(inner, pieces)
    return bound
