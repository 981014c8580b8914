"""The kernels in numba: the same integers as ``reference``, bit for bit, faster.

Importing this module imports numba.  Each kernel is compiled at its first call and kept in
numba's cache on disk.
"""

# Kernels carry no annotations: numba infers and checks their types.
# mypy: allow-untyped-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import sys
from typing import Final

import numpy as np
import numpy.typing as npt

from segcore.kernels.arrays import Codes, Counts, Positions, Values
from segcore.kernels.compiled_boundaries import boundary_runs
from segcore.kernels.compiled_counts import decode_counts, runs_from_counts
from segcore.kernels.compiled_curves import class_curves
from segcore.kernels.compiled_instances import match_by_score, overlaps, shared_px
from segcore.kernels.compiled_regions import areas, boxes, continued
from segcore.kernels.compiled_segments import color_runs, number_runs
from segcore.kernels.jit import jit, trailing_zeros
from segcore.kernels.label_runs import LabelRuns

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


CHUNK_WORDS: Final = 1024
"""Words looked through at a time; those with a change are kept in a buffer of the first cache."""


# ------------------------------------------------------------------------------ dense maps


def joint_dense(
    gold: Values, delivery: Values, gold_codes: Codes, delivery_codes: Codes, *, size: int
) -> Counts:
    """As ``reference.joint_dense``."""
    gold, delivery = gold.reshape(-1), delivery.reshape(-1)
    table = np.zeros((size, size), np.int64)
    if not gold.size:
        return table
    whole = gold.size - gold.size % (8 // gold.itemsize)
    if gold.dtype != delivery.dtype or sys.byteorder != "little":
        whole = 0
    _joint_dense(
        gold,
        delivery,
        gold[:whole].view(np.uint64),
        delivery[:whole].view(np.uint64),
        gold_codes.view(np.uint32),
        delivery_codes.view(np.uint32),
        table.reshape(-1),
        np.uint64(size),
    )
    return table


@jit
def _scan(gold, delivery, rows, columns, size, table, start, lo, hi):
    """Count the runs that end before a pixel from ``lo`` to ``hi``; return where the next began."""
    for i in range(lo, hi):
        if gold[i] != gold[i - np.uint64(1)] or delivery[i] != delivery[i - np.uint64(1)]:
            cell = np.uint64(rows[gold[start]]) * size + np.uint64(columns[delivery[start]])
            table[cell] += np.int64(i - start)
            start = i
    return start


@jit
def _joint_dense(gold, delivery, gold_words, delivery_words, rows, columns, table, size):
    """A word holds 8 or 4 pixels; compared with itself moved by one pixel it shows the changes.

    Chunk by chunk: the comparison, which the compiler makes a vector loop; then the words with a
    change are collected without a branch, since one on them could not be predicted; then
    only those are counted.  Unsigned indices spare the test for negative ones.
    """
    one = np.uint64(1)
    bits = np.uint64(8 * gold.itemsize)
    log_bits = np.uint64(2 + gold.itemsize)
    rest = np.uint64(64) - bits
    lanes = np.uint64(8 // gold.itemsize)
    lane_mask = (one << bits) - one
    changes = np.empty(CHUNK_WORDS, np.uint64)
    hits = np.empty(CHUNK_WORDS, np.uint32)
    pixels = np.uint64(gold.size)
    words = gold_words.size
    # The first word has none before it.
    start = _scan(gold, delivery, rows, columns, size, table, np.uint64(0), one, min(lanes, pixels))
    for chunk in range(1, words, CHUNK_WORDS):
        n = min(CHUNK_WORDS, words - chunk)
        gold_here = gold_words[chunk : chunk + n]
        gold_before = gold_words[chunk - 1 : chunk - 1 + n]
        delivery_here = delivery_words[chunk : chunk + n]
        delivery_before = delivery_words[chunk - 1 : chunk - 1 + n]
        for k in range(n):
            a = gold_here[k]
            b = delivery_here[k]
            a ^= (a << bits) | (gold_before[k] >> rest)
            b ^= (b << bits) | (delivery_before[k] >> rest)
            changes[k] = a | b
        found = np.uint64(0)
        for k in range(np.uint32(n)):
            hits[found] = k
            found += np.uint64(changes[k] != 0)
        for h in range(found):
            changed = changes[hits[h]]
            base = (np.uint64(chunk) + np.uint64(hits[h])) * lanes
            while changed != 0:
                lane = trailing_zeros(changed) >> log_bits
                cell = np.uint64(rows[gold[start]]) * size + np.uint64(columns[delivery[start]])
                table[cell] += np.int64(base + lane - start)
                start = base + lane
                changed &= ~(lane_mask << (lane << log_bits))
    seen = max(lanes, np.uint64(words) * lanes)
    if seen < pixels:
        start = _scan(gold, delivery, rows, columns, size, table, start, seen, pixels)
    cell = np.uint64(rows[gold[start]]) * size + np.uint64(columns[delivery[start]])
    table[cell] += np.int64(pixels - start)


def dense_runs(values: Values, codes: Codes) -> LabelRuns:
    """As ``reference.dense_runs``."""
    starts, found = _dense_runs(values, codes)
    return LabelRuns(pixels=values.size, starts=starts, codes=found)


@jit
def _dense_runs(values, codes):
    height, width = values.shape
    if values.size == 0:
        return np.empty(0, np.int32), np.empty(0, np.int32)
    # Rows are read in memory order.  First the changes of each column are counted, which gives
    # the place of its runs; then they are put there.
    place = np.zeros(width + 1, np.int64)
    for y in range(1, height):
        for x in range(width):
            place[x + 1] += values[y, x] != values[y - 1, x]
    for x in range(width):
        place[x + 1] += place[x] + 1
    starts = np.empty(place[width], np.int32)
    found = np.empty(place[width], np.int32)
    for x in range(width):
        starts[place[x]] = x * height
        found[place[x]] = codes[values[0, x]]
        place[x] += 1
    for y in range(1, height):
        for x in range(width):
            if values[y, x] != values[y - 1, x]:
                starts[place[x]] = x * height + y
                found[place[x]] = codes[values[y, x]]
                place[x] += 1
    n = 1
    for i in range(1, starts.size):
        if found[i] != found[n - 1]:
            starts[n] = starts[i]
            found[n] = found[i]
            n += 1
    return starts[:n].copy(), found[:n].copy()


def joint_runs_dense(
    runs: LabelRuns, values: Values, codes: Codes, *, size: int, runs_are_gold: bool
) -> Counts:
    """As ``reference.joint_runs_dense``."""
    dense = dense_runs(values, codes)
    return joint_runs(runs, dense, size=size) if runs_are_gold else joint_runs(dense, runs, size=size)


# ------------------------------------------------------------------------------ label runs


def joint_runs(gold: LabelRuns, delivery: LabelRuns, *, size: int) -> Counts:
    """As ``reference.joint_runs``."""
    table = np.zeros((size, size), np.int64)
    if gold.pixels:
        _joint_runs(gold.starts, gold.codes, delivery.starts, delivery.codes, gold.pixels, table)
    return table


@jit
def _joint_runs(gold_starts, gold_codes, delivery_starts, delivery_codes, pixels, table):
    i = j = np.int64(0)
    position = np.int64(0)
    # Which side goes on first cannot be predicted, so this part has no branch for it.
    while i + 1 < gold_starts.size and j + 1 < delivery_starts.size:
        gold_next, delivery_next = gold_starts[i + 1], delivery_starts[j + 1]
        end = np.int64(min(gold_next, delivery_next))
        table[gold_codes[i], delivery_codes[j]] += end - position
        position = end
        i += gold_next <= delivery_next
        j += delivery_next <= gold_next
    while i + 1 < gold_starts.size:
        table[gold_codes[i], delivery_codes[j]] += gold_starts[i + 1] - position
        i += 1
        position = np.int64(gold_starts[i])
    while j + 1 < delivery_starts.size:
        table[gold_codes[i], delivery_codes[j]] += delivery_starts[j + 1] - position
        j += 1
        position = np.int64(delivery_starts[j])
    table[gold_codes[i], delivery_codes[j]] += pixels - position


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
    """As ``reference.paint``."""
    bounds, found = _paint(starts, ends, offsets, priority, codes, pixels, background)
    return LabelRuns(pixels=pixels, starts=bounds, codes=found)


@jit
def _order(positions, pixels):
    """``position << 32 | index``, sorted: a radix sort in two passes, linear whatever the input."""
    n = positions.size
    bits = 1
    while (np.int64(1) << (2 * bits)) <= pixels:
        bits += 1
    mask = (np.int64(1) << bits) - 1
    low = np.zeros(mask + 2, np.int64)
    high = np.zeros(mask + 2, np.int64)
    for i in range(n):
        low[(positions[i] & mask) + 1] += 1
        high[((positions[i] >> bits) & mask) + 1] += 1
    for i in range(mask + 1):
        low[i + 1] += low[i]
        high[i + 1] += high[i]
    first = np.empty(n, np.int64)
    for i in range(n):
        digit = positions[i] & mask
        first[low[digit]] = (np.int64(positions[i]) << 32) | i
        low[digit] += 1
    second = np.empty(n, np.int64)
    for i in range(n):
        digit = (first[i] >> (32 + bits)) & mask
        second[high[digit]] = first[i]
        high[digit] += 1
    return second


@jit
def _owners(offsets):
    owner = np.empty(offsets[-1], np.int32)
    for r in range(offsets.size - 1):
        owner[offsets[r] : offsets[r + 1]] = r
    return owner


@jit
def _push(heap, size, rank, run):
    i = size
    while i > 0 and rank[heap[(i - 1) >> 1]] < rank[run]:
        heap[i] = heap[(i - 1) >> 1]
        i = (i - 1) >> 1
    heap[i] = run


@jit
def _drop_top(heap, size, rank):
    """Remove the first of ``size`` entries."""
    run = heap[size - 1]
    i = 0
    while True:
        child = 2 * i + 1
        if child >= size - 1:
            break
        if child + 1 < size - 1 and rank[heap[child + 1]] > rank[heap[child]]:
            child += 1
        if rank[heap[child]] <= rank[run]:
            break
        heap[i] = heap[child]
        i = child
    heap[i] = run


@jit
def _overlapping(order, ends):
    for k in range(1, order.size):  # noqa: SIM110 - numba compiles loops
        if order[k] >> 32 < ends[order[k - 1] & 0xFFFFFFFF]:
            return True
    return False


@jit
def _lay_out(order, ends, owner, codes, pixels, background):
    """Runs that do not overlap, one after the other, with background between them."""
    bounds = np.empty(2 * order.size + 1, np.int32)
    found = np.empty(2 * order.size + 1, np.int32)
    n = 0
    position = np.int64(0)
    for k in range(order.size):
        run = order[k] & 0xFFFFFFFF
        start = order[k] >> 32
        if start > position and (n == 0 or found[n - 1] != background):
            bounds[n] = position
            found[n] = background
            n += 1
        code = codes[owner[run]]
        if n == 0 or found[n - 1] != code:
            bounds[n] = start
            found[n] = code
            n += 1
        position = np.int64(ends[run])
    if position < pixels and (n == 0 or found[n - 1] != background):
        bounds[n] = position
        found[n] = background
        n += 1
    return bounds[:n].copy(), found[:n].copy()


@jit
def _paint(starts, ends, offsets, priority, codes, pixels, background):
    """Sweep over the runs by start.  ``top`` owns the position, ``heap`` holds who comes after it."""
    runs = starts.size
    if pixels == 0:
        return np.empty(0, np.int32), np.empty(0, np.int32)
    order = _order(starts, pixels)
    owner = _owners(offsets)
    if not _overlapping(order, ends):
        return _lay_out(order, ends, owner, codes, pixels, background)
    rank = np.empty(runs, np.int32)
    for i in range(runs):
        rank[i] = priority[owner[i]]
    heap = np.empty(runs, np.int32)
    size = 0
    top = -1
    position = np.int64(0)
    bounds = np.empty(2 * runs + 1, np.int32)
    found = np.empty(2 * runs + 1, np.int32)
    n = 0
    for k in range(runs + 1):
        run = -1
        start = np.int64(pixels)
        if k < runs:
            run = np.int64(order[k] & 0xFFFFFFFF)
            start = order[k] >> 32
        while position < start:
            code = background
            end = start
            if top >= 0:
                code = np.int64(codes[owner[top]])
                end = min(start, np.int64(ends[top]))
            if n == 0 or found[n - 1] != code:
                bounds[n] = position
                found[n] = code
                n += 1
            position = end
            if top >= 0 and ends[top] <= position:
                top = -1
                while size > 0 and top < 0:
                    if ends[heap[0]] > position:
                        top = np.int64(heap[0])
                    _drop_top(heap, size, rank)
                    size -= 1
        if run >= 0:
            if top < 0:
                top = run
            elif rank[run] > rank[top]:
                _push(heap, size, rank, top)
                size += 1
                top = run
            else:
                _push(heap, size, rank, run)
                size += 1
    return bounds[:n].copy(), found[:n].copy()
