"""What the objects of two sides share, and which matches which, in NumPy."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from segcore.kernels.arrays import Counts
from segcore.kernels.reference_regions import boxes
from segcore.kernels.region_runs import Overlaps, RegionRuns

__all__ = ["match_by_score", "overlaps", "shared_px"]

BLOCK_CELLS: Final = 1 << 20
"""Pairs of boxes compared at a time."""

BLOCK_RUNS: Final = 1 << 18
"""Runs looked up at a time."""

Bools = npt.NDArray[np.bool_]
States = npt.NDArray[np.uint8]


def overlaps(gold: RegionRuns, delivery: RegionRuns, *, heights: Counts) -> Overlaps:
    """Compare boxes, then look up the runs of one region among those of the other."""
    found: list[Counts] = [np.empty((3, 0), np.int64)]
    gold_boxes = boxes(gold, heights=heights).T
    delivery_boxes = boxes(delivery, heights=heights).T
    image = np.repeat(np.arange(heights.size), np.diff(gold.images))
    candidates = np.diff(delivery.images)[image]
    ends = np.cumsum(candidates)
    first = 0
    while first < image.size:
        begun = ends[first - 1] if first else 0
        last = max(first + 1, int(np.searchsorted(ends, begun + BLOCK_CELLS, "right")))
        n = candidates[first:last]
        heads = ends[first:last] - n - begun
        i = np.repeat(np.arange(first, last), n)
        j = np.repeat(delivery.images[image[first:last]] - heads, n) + np.arange(i.size)
        left, right, top, bottom = gold_boxes
        meet = (left[i] <= delivery_boxes[1][j]) & (delivery_boxes[0][j] <= right[i])
        meet &= (top[i] <= delivery_boxes[3][j]) & (delivery_boxes[2][j] <= bottom[i])
        i, j = i[meet], j[meet]
        shared = shared_px(gold, i, delivery, j)
        found.append(np.stack([i, j, shared])[:, shared > 0])
        first = last
    return Overlaps(*np.concatenate(found, axis=1))


def shared_px(a: RegionRuns, i: Counts, b: RegionRuns, j: Counts) -> Counts:
    """Look up the runs of the region with fewer of them among those of the other."""
    sizes, others = np.diff(a.offsets)[i], np.diff(b.offsets)[j]
    shared = np.zeros(i.size, np.int64)
    for own in (sizes <= others) & (sizes > 0), (others < sizes) & (others > 0):
        shared[own] = _shared(a, i[own], b, j[own])
        a, b, i, j = b, a, j, i
    return shared


def _shared(a: RegionRuns, i: Counts, b: RegionRuns, j: Counts) -> Counts:
    """Pixels that region ``i[n]`` of ``a`` and region ``j[n]`` of ``b`` share; each has a run."""
    shared = np.empty(i.size, np.int64)
    span = 1 + max(int(regions.ends.max(initial=0)) for regions in (a, b))
    owners = np.repeat(np.arange(b.offsets.size - 1), np.diff(b.offsets))
    keys = b.starts + owners * span
    before = np.zeros(b.starts.size + 1, np.int64)
    np.cumsum(b.ends - b.starts, out=before[1:])
    sizes = np.diff(a.offsets)[i]
    ends = np.cumsum(sizes)
    first = 0
    while first < i.size:
        begun = ends[first - 1] if first else 0
        last = max(first + 1, int(np.searchsorted(ends, begun + BLOCK_RUNS, "right")))
        part = slice(first, last)
        heads = ends[part] - sizes[part] - begun
        runs = np.repeat(a.offsets[i[part]] - heads, sizes[part]) + np.arange(ends[last - 1] - begun)
        region = np.repeat(j[part], sizes[part])
        covered = _covered_before(a.ends[runs], region, b, keys, before, span)
        covered -= _covered_before(a.starts[runs], region, b, keys, before, span)
        shared[part] = np.add.reduceat(covered, heads)
        first = last
    return shared


def _covered_before(
    position: npt.NDArray[np.int32],
    region: Counts,
    b: RegionRuns,
    keys: Counts,
    before: Counts,
    span: int,
) -> Counts:
    """Pixels of ``region`` below ``position``, and all of the regions before it."""
    run = np.searchsorted(keys, region * span + position)
    covered = before[run]
    # The last run that begins below may reach beyond.
    own = run > b.offsets[region]
    covered[own] -= np.maximum(b.ends[run[own] - 1] - position[own], 0)
    return covered


def match_by_score(
    delivery: Counts,
    gold: Counts,
    levels: npt.NDArray[np.int8],
    groups: Counts,
    gold_ignored: Bools,
    gold_crowd: Bools,
    *,
    thresholds: int,
    size: int,
) -> States:
    """All groups at once, the first delivered object with a candidate of each, then the second."""
    bands = len(gold_ignored)
    states = np.zeros((bands, thresholds, size), np.uint8)
    if not delivery.size:
        return states
    taken = np.zeros((bands, thresholds, gold_crowd.size), np.bool_)
    heads = np.flatnonzero(np.append(True, delivery[1:] != delivery[:-1]))
    sizes = np.diff(heads, append=delivery.size)
    group = groups[delivery[heads]]
    begins = np.flatnonzero(np.append(True, group[1:] != group[:-1]))
    turn = np.arange(heads.size) - np.repeat(begins, np.diff(begins, append=heads.size))
    by_turn = np.argsort(turn, kind="stable")
    ends = np.searchsorted(turn[by_turn], np.arange(int(turn.max()) + 2))
    below = np.arange(thresholds)[:, None]
    preferred = np.int64(delivery.size)  # added to candidates that are not ignored: they win
    for first, last in pairwise(ends.tolist()):
        now = by_turn[first:last]
        n = sizes[now]
        starts = np.cumsum(n) - n
        pairs = np.repeat(heads[now] - starts, n) + np.arange(int(n.sum()))
        target = gold[pairs]
        free = (below < levels[pairs]) & (~taken[:, :, target] | gold_crowd[target])
        value = np.where(gold_ignored[:, None, target], pairs + 1, pairs + 1 + preferred)
        best = np.maximum.reduceat(np.where(free, value, 0), starts, axis=-1)
        ignored = best <= preferred
        band, threshold, place = (best > 0).nonzero()
        won = best[band, threshold, place]
        chosen = gold[np.where(won > preferred, won - preferred, won) - 1]
        taken[band, threshold, chosen] = True
        states[band, threshold, delivery[heads[now[place]]]] = 1 + ignored[band, threshold, place]
    return states
