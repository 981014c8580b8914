"""The kernels in NumPy: complete by themselves, and what the compiled ones are held to."""

from __future__ import annotations

import threading
from typing import Final

import numpy as np
import numpy.typing as npt

from segcore.kernels.arrays import Codes, Counts, Positions, Values
from segcore.kernels.label_runs import LabelRuns
from segcore.kernels.reference_boundaries import boundary_runs
from segcore.kernels.reference_counts import decode_counts, runs_from_counts
from segcore.kernels.reference_curves import class_curves
from segcore.kernels.reference_instances import match_by_score, overlaps, shared_px
from segcore.kernels.reference_regions import areas, boxes, continued
from segcore.kernels.reference_segments import color_runs, number_runs

__all__ = [
    "areas",
    "boundary_runs",
    "boxes",
    "class_curves",
    "color_runs",
    "continued",
    "decode_counts",
    "dense_runs",
    "joint_dense",
    "joint_runs",
    "joint_runs_dense",
    "match_by_score",
    "number_runs",
    "overlaps",
    "paint",
    "runs_from_counts",
    "shared_px",
]

Bools = npt.NDArray[np.bool_]

BLOCK_PX: Final = 3 << 16
"""Pixels compared at a time: their scratch stays in the cache of a core."""

MAX_BLOCK_PX: Final = 1 << 21
"""With many classes a block grows up to this, so that its table does not outweigh it."""

BUSY_SHARE: Final = 0.5
"""From this share of 8-pixel words with a change on, counting pixels beats finding runs."""

SORT_SHARE: Final = 0.1
"""Up to this share of changed pixels, sorting their positions beats transposing the map."""


class _Scratch(threading.local):
    """Arrays that outlive a call, a set for each thread: fresh ones cost page faults."""

    def __init__(self) -> None:
        self._gold = np.zeros(0, np.bool_)
        self._delivery = np.zeros(0, np.bool_)
        self._numbers = np.arange(0)

    def flags(self, size: int) -> tuple[Bools, Bools]:
        """Two arrays with anything in them, to be written to."""
        if size > self._gold.size:
            self._gold = np.zeros(size, np.bool_)
            self._delivery = np.zeros(size, np.bool_)
        return self._gold[:size], self._delivery[:size]

    def numbers(self, size: int) -> npt.NDArray[np.intp]:
        """0, 1, 2 and so on, not to be written to."""
        if size > self._numbers.size:
            self._numbers = np.arange(size)
        return self._numbers[:size]


_scratch = _Scratch()


# ------------------------------------------------------------------------------ dense maps


def joint_dense(
    gold: Values, delivery: Values, gold_codes: Codes, delivery_codes: Codes, *, size: int
) -> Counts:
    """Count the runs both maps have in common, block by block; see the facade."""
    rows = gold_codes.astype(np.intp)
    rows *= size
    columns = delivery_codes.astype(np.intp)
    gold, delivery = gold.reshape(-1), delivery.reshape(-1)
    table = np.zeros(size * size)  # weights are summed in float64, exact up to 2**53 pixels
    step = min(max(BLOCK_PX, 4 * table.size), MAX_BLOCK_PX)
    for start in range(0, gold.size, step):
        block = slice(start, start + step)
        _count_block(gold[block], delivery[block], rows, columns, table)
    return table.astype(np.int64).reshape(size, size)


def _count_block(
    gold: Values,
    delivery: Values,
    rows: npt.NDArray[np.intp],
    columns: npt.NDArray[np.intp],
    table: npt.NDArray[np.float64],
) -> None:
    """Add the pixels of one block to ``table``; a run that crosses blocks counts in parts."""
    last = gold.size - 1
    changed, other = _scratch.flags((gold.size + 7) & ~7)
    np.not_equal(gold[1:], gold[:-1], out=changed[:last])
    np.not_equal(delivery[1:], delivery[:-1], out=other[:last])
    changed[last] = True
    changed[last + 1 :] = other[last:] = False
    words = changed.view(np.uint64)
    np.bitwise_or(words, other.view(np.uint64), out=words)
    # Two levels: the words with a change, then the changes in them.
    (hit,) = (words != 0).nonzero()
    if hit.size > BUSY_SHARE * words.size:
        _count_pixels(gold, delivery, rows, columns, table)
        return
    (inner,) = words.take(hit).view(np.bool_).nonzero()
    # Word ``hit[n]`` of the block is word n here, so its changes move by the difference.
    hit -= _scratch.numbers(hit.size)
    hit <<= 3
    run_ends = hit.take(inner >> 3)
    run_ends += inner
    lengths = inner
    lengths[0] = run_ends[0] + 1
    np.subtract(run_ends[1:], run_ends[:-1], out=lengths[1:])
    cells = rows.take(gold.take(run_ends))
    cells += columns.take(delivery.take(run_ends))
    table += np.bincount(cells, weights=lengths, minlength=table.size)


def _count_pixels(
    gold: Values,
    delivery: Values,
    rows: npt.NDArray[np.intp],
    columns: npt.NDArray[np.intp],
    table: npt.NDArray[np.float64],
) -> None:
    cells = rows.take(gold)
    cells += columns.take(delivery)
    table += np.bincount(cells, minlength=table.size)


def dense_runs(values: Values, codes: Codes) -> LabelRuns:
    """Find the changes along columns in row-major memory; see the facade."""
    height, width = values.shape
    if not values.size:
        return _label_runs(np.empty(0, np.int32), np.empty(0, np.int32), 0)
    # Neighbours along a column are compared in the row-major memory; only the few positions
    # where they differ are put in column-major order.
    changed = np.empty((height, width), np.bool_)
    np.not_equal(values[1:], values[:-1], out=changed[1:])
    changed[0, 0] = True
    np.not_equal(values[0, 1:], values[-1, :-1], out=changed[0, 1:])
    if np.count_nonzero(changed) > SORT_SHARE * values.size:
        flags = changed.ravel(order="F")
        starts = np.flatnonzero(flags).astype(np.int32)
        found = codes[values.ravel(order="F")[starts]]
    else:
        y, x = np.divmod(np.flatnonzero(changed), width)
        starts = (x * height + y).astype(np.int32)
        starts.sort()
        x, y = np.divmod(starts, height)
        found = codes[values[y, x]]
    return _label_runs(starts, found, values.size)


def joint_runs_dense(
    runs: LabelRuns, values: Values, codes: Codes, *, size: int, runs_are_gold: bool
) -> Counts:
    """Join the runs of both; see the facade."""
    dense = dense_runs(values, codes)
    return joint_runs(runs, dense, size=size) if runs_are_gold else joint_runs(dense, runs, size=size)


# ------------------------------------------------------------------------------ label runs


def joint_runs(gold: LabelRuns, delivery: LabelRuns, *, size: int) -> Counts:
    """Merge the starts of both sides; see the facade."""
    if not gold.pixels:
        return np.zeros((size, size), np.int64)
    n = gold.starts.size
    events = np.empty(n + delivery.starts.size, np.uint32)
    np.left_shift(gold.starts.view(np.uint32), 1, out=events[:n])
    np.left_shift(delivery.starts.view(np.uint32), 1, out=events[n:])
    events[n:] |= 1
    events.sort(kind="stable")  # two sorted sequences: a merge
    # The first event is gold's at 0; there delivery's -1, its last run, gets a segment of no length.
    in_delivery = np.cumsum(events & 1, dtype=np.int64)
    in_gold = np.arange(events.size) - in_delivery
    in_delivery -= 1
    cells = gold.codes.astype(np.intp).take(in_gold)
    cells *= size
    cells += delivery.codes.take(in_delivery)
    events >>= 1
    lengths = np.diff(events, append=np.uint32(gold.pixels))
    counts = np.bincount(cells, weights=lengths, minlength=size * size)
    return counts.astype(np.int64).reshape(size, size)


def paint(
    starts: Positions,
    ends: Positions,
    offsets: Counts,
    priority: npt.NDArray[np.int32],
    codes: Codes,
    *,
    pixels: int,
    background: int,
) -> LabelRuns:
    """Sort the runs and fill the gaps; where runs overlap, paint the segments between their bounds."""
    if not pixels:
        return _label_runs(np.empty(0, np.int32), np.empty(0, np.int32), 0)
    regions = np.repeat(np.arange(codes.size), np.diff(offsets))
    order = _order(starts)
    # One run after the other: where each begins, and where the one before has ended.
    begun = np.append(starts.take(order), np.int32(pixels))
    ended = np.append(np.int32(0), ends.take(order))
    if (begun < ended).any():
        return _paint_overlapping(
            starts, ends, priority.take(regions), priority, codes, pixels=pixels, background=background
        )
    bounds = begun[:-1]
    found = codes.take(regions.take(order))
    (gaps,) = (ended < begun).nonzero()
    if gaps.size:
        bounds = np.insert(bounds, gaps, ended.take(gaps))
        found = np.insert(found, gaps, background)
    return _label_runs(bounds, found, pixels)


def _order(positions: Positions) -> npt.NDArray[np.intp]:
    """What sorts positions: a radix sort, the lower 16 bits first, linear whatever the input."""
    order = positions.astype(np.uint16).argsort(kind="stable")
    upper = positions >> 16
    if upper.any():
        order = order.take(upper.astype(np.uint16).take(order).argsort(kind="stable"))
    return order


def _paint_overlapping(
    starts: Positions,
    ends: Positions,
    run_priority: npt.NDArray[np.int32],
    priority: npt.NDArray[np.int32],
    codes: Codes,
    *,
    pixels: int,
    background: int,
) -> LabelRuns:
    """The largest rank over every segment between two boundaries, in O(T log T) time and O(T) memory.

    A run of ``n`` segments is the union of two ranges of ``2**k <= n`` segments.  From the longest
    ranges down, each range hands its rank to its two halves.
    """
    order = np.argsort(priority)
    rank_of_run = np.searchsorted(priority[order], run_priority).astype(np.int32)
    bounds = np.unique(np.concatenate((np.zeros(1, np.int32), starts, ends)))
    first = np.searchsorted(bounds, starts)
    count = np.searchsorted(bounds, ends) - first
    level = np.frexp(count)[1] - 1
    top = np.full(bounds.size, -1, np.int32)
    for k in range(int(level.max()), -1, -1):
        here = np.flatnonzero(level == k)
        np.maximum.at(top, first[here], rank_of_run[here])
        np.maximum.at(top, first[here] + count[here] - (1 << k), rank_of_run[here])
        if k:
            half = 1 << (k - 1)
            handed = top[:-half].copy()
            np.maximum(top[half:], handed, out=top[half:])
    by_rank = np.append(codes[order], np.int32(background))
    return _label_runs(bounds, by_rank[top], pixels)


def _label_runs(starts: Positions, codes: Codes, pixels: int) -> LabelRuns:
    """Canonical runs: drop those of no length, join neighbours of one code."""
    if not starts.size:
        return LabelRuns(pixels=pixels, starts=starts, codes=codes)
    keep = np.empty(starts.size, np.bool_)
    np.less(starts[:-1], starts[1:], out=keep[:-1])
    keep[-1] = starts[-1] < pixels
    if not keep.all():
        starts, codes = starts[keep], codes[keep]
    keep = np.empty(starts.size, np.bool_)
    keep[0] = True
    np.not_equal(codes[:-1], codes[1:], out=keep[1:])
    if not keep.all():
        starts, codes = starts[keep], codes[keep]
    return LabelRuns(pixels=pixels, starts=starts, codes=codes)
