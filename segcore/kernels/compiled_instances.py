"""What the objects of two sides share, and which matches which: twins of ``reference_instances``."""

# Kernels carry no annotations: numba infers and checks their types.
# mypy: allow-untyped-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from segcore.kernels.arrays import Counts
from segcore.kernels.compiled_regions import box_table
from segcore.kernels.jit import jit
from segcore.kernels.region_runs import Overlaps, RegionRuns

__all__ = ["match_by_score", "overlaps", "shared_px"]

SIDE_BY_SIDE: Final = 8
"""Runs compared at once: what fits in one register."""


def overlaps(gold: RegionRuns, delivery: RegionRuns, *, heights: Counts) -> Overlaps:
    """As ``reference.overlaps``."""
    return Overlaps(*_overlaps(*gold, *delivery, heights))


def shared_px(a: RegionRuns, i: Counts, b: RegionRuns, j: Counts) -> Counts:
    """As ``reference.shared_px``."""
    shared = np.empty(i.size, np.int64)
    _shared_px(a.starts, a.ends, a.offsets, i, b.starts, b.ends, b.offsets, j, shared)
    return shared


@jit
def _skip(ends, i, hi, position):
    """The first run from ``i`` on that ends above ``position``: steps that double, then halve."""
    step = 1
    while i + step < hi and ends[i + step] <= position:
        i += step
        step *= 2
    while step:
        if i + step < hi and ends[i + step] <= position:
            i += step
        step //= 2
    return i if ends[i] > position else i + 1


@jit
def _shared(a_starts, a_ends, i, i_end, b_starts, b_ends, j, j_end):
    """Pixels of both regions.

    Most regions have one run a column, and so does what they share: then run by run, several at a
    time.  Where a run reaches beyond the next one of the other region, the ends decide who is next.
    """
    shared = np.int64(0)
    i = _skip(a_ends, i, i_end, b_starts[j])
    if i < i_end:
        j = _skip(b_ends, j, j_end, a_starts[i])
    while i < i_end and j < j_end:
        while i + SIDE_BY_SIDE < i_end and j + SIDE_BY_SIDE < j_end:
            together = crossed = np.int32(0)
            for k in range(SIDE_BY_SIDE):
                a_start, a_end = a_starts[i + k], a_ends[i + k]
                b_start, b_end = b_starts[j + k], b_ends[j + k]
                common = np.int32(min(a_end, b_end) - max(a_start, b_start))
                together += max(common, np.int32(0))
                crossed |= np.int32(a_end > b_starts[j + k + 1])
                crossed |= np.int32(b_end > a_starts[i + k + 1])
            if crossed:
                break
            shared += together
            i += SIDE_BY_SIDE
            j += SIDE_BY_SIDE
        for _ in range(SIDE_BY_SIDE):
            a_end, b_end = a_ends[i], b_ends[j]
            common = np.int64(min(a_end, b_end)) - np.int64(max(a_starts[i], b_starts[j]))
            shared += max(common, 0)
            i += a_end <= b_end
            j += b_end <= a_end
            if i >= i_end or j >= j_end:
                return shared
        while i < i_end and a_ends[i] <= b_starts[j]:
            i += 1
        while i < i_end and j < j_end and b_ends[j] <= a_starts[i]:
            j += 1
    return shared


@jit
def _shared_px(a_starts, a_ends, a_offsets, i, b_starts, b_ends, b_offsets, j, shared):
    for n in range(i.size):
        first, last = a_offsets[i[n]], a_offsets[i[n] + 1]
        other, other_last = b_offsets[j[n]], b_offsets[j[n] + 1]
        if first == last or other == other_last:
            shared[n] = 0
        else:
            shared[n] = _shared(a_starts, a_ends, first, last, b_starts, b_ends, other, other_last)


@jit
def _overlaps(
    a_starts, a_ends, a_offsets, a_images, b_starts, b_ends, b_offsets, b_images, heights
):  # fmt: skip
    a_boxes = box_table(a_starts, a_ends, a_offsets, a_images, heights)
    b_boxes = box_table(b_starts, b_ends, b_offsets, b_images, heights)
    found = np.empty((3, 16), np.int64)
    n = 0
    for image in range(heights.size):
        for a in range(a_images[image], a_images[image + 1]):
            for b in range(b_images[image], b_images[image + 1]):
                if (
                    a_boxes[a, 0] > b_boxes[b, 1]
                    or b_boxes[b, 0] > a_boxes[a, 1]
                    or a_boxes[a, 2] > b_boxes[b, 3]
                    or b_boxes[b, 2] > a_boxes[a, 3]
                ):
                    continue
                shared = _shared(
                    a_starts, a_ends, a_offsets[a], a_offsets[a + 1],
                    b_starts, b_ends, b_offsets[b], b_offsets[b + 1],
                )  # fmt: skip
                if shared > 0:
                    if n == found.shape[1]:
                        grown = np.empty((3, 2 * n), np.int64)
                        grown[:, :n] = found
                        found = grown
                    found[0, n] = a
                    found[1, n] = b
                    found[2, n] = shared
                    n += 1
    return found[0, :n].copy(), found[1, :n].copy(), found[2, :n].copy()


def match_by_score(
    delivery: Counts,
    gold: Counts,
    levels: npt.NDArray[np.int8],
    groups: Counts,  # noqa: ARG001
    gold_ignored: npt.NDArray[np.bool_],
    gold_crowd: npt.NDArray[np.bool_],
    *,
    thresholds: int,
    size: int,
) -> npt.NDArray[np.uint8]:
    """As ``reference.match_by_score``."""
    # What is read together, all states of one object, lies together.
    states = np.zeros((size, len(gold_ignored), thresholds), np.uint8)
    _match_by_score(delivery, gold, levels, gold_ignored, gold_crowd, states)
    return states.transpose(1, 2, 0)


@jit
def _match_by_score(delivery, gold, levels, gold_ignored, gold_crowd, states):
    _, bands, thresholds = states.shape
    taken = np.zeros((bands, thresholds, gold_crowd.size), np.bool_)
    first = 0
    while first < delivery.size:
        last = first + 1
        while last < delivery.size and delivery[last] == delivery[first]:
            last += 1
        for band in range(bands):
            for threshold in range(thresholds):
                best = -1
                for pair in range(last - 1, first - 1, -1):
                    g = gold[pair]
                    if levels[pair] <= threshold or (taken[band, threshold, g] and not gold_crowd[g]):
                        continue
                    if not gold_ignored[band, g]:
                        best = pair
                        break
                    if best < 0:
                        best = pair
                if best >= 0:
                    g = gold[best]
                    taken[band, threshold, g] = True
                    states[delivery[first], band, threshold] = 2 if gold_ignored[band, g] else 1
        first = last
