"""The kernels in numba: the same integers as ``reference``, bit for bit, faster.

Importing this module imports numba.  Each kernel is compiled at its first call and kept in
numba's cache on disk.  Indices come from arguments the facade has checked.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final, TypeVar

import numba
import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from segcore.kernels.decoded_counts import (
    BAD_CHAR,
    MAX_NUMBER_CHARS,
    NEGATIVE_RUN,
    RUN_TOO_LARGE,
    SUM_MISMATCH,
    TRUNCATED,
    DecodedCounts,
)
from segcore.kernels.label_runs import LabelRuns

__all__ = [
    "cross_overlap",
    "decode_counts",
    "dense_runs",
    "joint_dense",
    "joint_runs",
    "joint_runs_dense",
    "paint",
    "runs_from_counts",
]

Codes = npt.NDArray[np.int32]
Counts = npt.NDArray[np.int64]
Positions = npt.NDArray[np.int32]
Values = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]

CHUNK_WORDS: Final = 1024
"""Words looked through at a time; those with a change are kept in a buffer of the first cache."""

_F = TypeVar("_F", bound=Callable[..., Any])


def _compile(function: _F) -> _F:
    return numba.njit(cache=True, nogil=True, boundscheck=False)(function)  # type: ignore[no-any-return]


@intrinsic  # type: ignore[untyped-decorator]
def _trailing_zeros(typing_context: Any, word: Any) -> Any:
    """Number of zero bits below the lowest set bit of a uint64 that is not 0."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), emit


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


@_compile
def _scan(gold, delivery, rows, columns, size, table, start, lo, hi):  # type: ignore[no-untyped-def]
    """Count the runs that end before a pixel from ``lo`` to ``hi``; return where the next began."""
    for i in range(lo, hi):
        if gold[i] != gold[i - np.uint64(1)] or delivery[i] != delivery[i - np.uint64(1)]:
            cell = np.uint64(rows[gold[start]]) * size + np.uint64(columns[delivery[start]])
            table[cell] += np.int64(i - start)
            start = i
    return start


@_compile
def _joint_dense(gold, delivery, gold_words, delivery_words, rows, columns, table, size):  # type: ignore[no-untyped-def]
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
    start = _scan(
        gold, delivery, rows, columns, size, table, np.uint64(0), one, min(lanes, pixels)
    )
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
                lane = _trailing_zeros(changed) >> log_bits
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


@_compile
def _dense_runs(values, codes):  # type: ignore[no-untyped-def]
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


@_compile
def _joint_runs(gold_starts, gold_codes, delivery_starts, delivery_codes, pixels, table):  # type: ignore[no-untyped-def]
    i = j = 0
    position = np.int64(0)
    gold_end = np.int64(gold_starts[1]) if gold_starts.size > 1 else pixels
    delivery_end = np.int64(delivery_starts[1]) if delivery_starts.size > 1 else pixels
    while position < pixels:
        end = min(gold_end, delivery_end)
        table[gold_codes[i], delivery_codes[j]] += end - position
        position = end
        if gold_end == end:
            i += 1
            gold_end = np.int64(gold_starts[i + 1]) if i + 1 < gold_starts.size else pixels
        if delivery_end == end:
            j += 1
            delivery_end = np.int64(delivery_starts[j + 1]) if j + 1 < delivery_starts.size else pixels


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


@_compile
def _order(positions, pixels):  # type: ignore[no-untyped-def]
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


@_compile
def _owners(offsets):  # type: ignore[no-untyped-def]
    owner = np.empty(offsets[-1], np.int32)
    for r in range(offsets.size - 1):
        owner[offsets[r] : offsets[r + 1]] = r
    return owner


@_compile
def _push(heap, size, rank, run):  # type: ignore[no-untyped-def]
    i = size
    while i > 0 and rank[heap[(i - 1) >> 1]] < rank[run]:
        heap[i] = heap[(i - 1) >> 1]
        i = (i - 1) >> 1
    heap[i] = run


@_compile
def _drop_top(heap, size, rank):  # type: ignore[no-untyped-def]
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


@_compile
def _paint(starts, ends, offsets, priority, codes, pixels, background):  # type: ignore[no-untyped-def]
    """Sweep over the runs by start.  ``top`` owns the position, ``heap`` holds who comes after it."""
    runs = starts.size
    if pixels == 0:
        return np.empty(0, np.int32), np.empty(0, np.int32)
    order = _order(starts, pixels)
    owner = _owners(offsets)
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


def cross_overlap(
    starts: Positions, ends: Positions, offsets: Counts, codes: Codes, *, pixels: int
) -> int:
    """As ``reference.cross_overlap``."""
    distinct, code_index = np.unique(codes, return_inverse=True)
    return int(_cross_overlap(starts, ends, offsets, code_index, distinct.size, pixels))


@_compile
def _cross_overlap(starts, ends, offsets, codes, distinct, pixels):  # type: ignore[no-untyped-def]
    runs = starts.size
    by_start = _order(starts, pixels)
    overlap = False
    for k in range(1, runs):
        if by_start[k] >> 32 < ends[by_start[k - 1] & 0xFFFFFFFF]:
            overlap = True
            break
    if not overlap:
        return 0
    by_end = _order(ends, pixels)
    owner = _owners(offsets)
    depth = np.zeros(distinct, np.int64)
    covering = 0
    total = np.int64(0)
    position = np.int64(0)
    i = 0
    for k in range(runs):
        ending = by_end[k] >> 32
        while i < runs and by_start[i] >> 32 < ending:
            start = by_start[i] >> 32
            if covering > 1:
                total += start - position
            position = start
            code = codes[owner[by_start[i] & 0xFFFFFFFF]]
            covering += depth[code] == 0
            depth[code] += 1
            i += 1
        if covering > 1:
            total += ending - position
        position = ending
        code = codes[owner[by_end[k] & 0xFFFFFFFF]]
        depth[code] -= 1
        covering -= depth[code] == 0
    return total


# ------------------------------------------------------------------------------ COCO counts


def decode_counts(data: npt.NDArray[np.uint8], offsets: Counts, *, pixels: int) -> DecodedCounts:
    """As ``reference.decode_counts``."""
    starts, ends, places, status, detail = _decode_counts(data, offsets, pixels)
    return DecodedCounts(starts=starts, ends=ends, offsets=places, status=status, detail=detail)


@_compile
def _classify(data, pixels):  # type: ignore[no-untyped-def]
    """Status and detail of one mask whose counts are not sound."""
    for i in range(data.size):
        if data[i] < 48 or data[i] > 111:
            return BAD_CHAR, np.int64(i)
    if data.size and data[-1] >= 80:
        return TRUNCATED, np.int64(data.size)
    chars = 0
    for i in range(data.size):
        chars += 1
        if data[i] < 80:
            if chars > MAX_NUMBER_CHARS:
                return RUN_TOO_LARGE, np.int64(-chars)
            chars = 0
    status = SUM_MISMATCH
    total = detail = before = last = np.int64(0)
    i = m = 0
    while i < data.size:
        number = np.int64(0)
        shift = 0
        while True:
            digit = np.int64(data[i]) - 48
            number |= (digit & 31) << shift
            shift += 5
            i += 1
            if digit < 32:
                break
        if digit & 16:
            number -= np.int64(1) << shift
        if m > 2:
            number += before
        before = last
        last = number
        m += 1
        total += number
        if number > pixels:
            return RUN_TOO_LARGE, number
        if number < 0 and status == SUM_MISMATCH:
            status = NEGATIVE_RUN
            detail = number
    if status == SUM_MISMATCH:
        detail = total
    return status, detail


@_compile
def _decode_counts(data, offsets, pixels):  # type: ignore[no-untyped-def]
    masks = offsets.size - 1
    numbers = 0
    for i in range(data.size):
        numbers += data[i] < 80
    starts = np.empty((numbers >> 1) + 1, np.int32)
    ends = np.empty((numbers >> 1) + 1, np.int32)
    places = np.zeros(masks + 1, np.int64)
    status = np.zeros(masks, np.int8)
    detail = np.zeros(masks, np.int64)
    n = 0
    for r in range(masks):
        first = n
        i = offsets[r]
        stop = offsets[r + 1]
        sound = stop == i or data[stop - 1] < 80
        before = last = position = np.int64(0)
        m = 0
        while sound and i < stop:
            digit = np.int64(data[i]) - 48
            number = digit & 31
            shift = 5
            sound = (digit & ~63) == 0
            while digit & 32 and shift <= 40 and i + 1 < stop:
                i += 1
                digit = np.int64(data[i]) - 48
                sound &= (digit & ~63) == 0
                number |= (digit & 31) << shift
                shift += 5
            sound &= shift <= 40
            i += 1
            if digit & 16:
                number -= np.int64(1) << shift
            if m > 2:
                number += before
            before = last
            last = number
            sound &= 0 <= number <= pixels
            if m & 1 and number > 0:
                if n > first and ends[n - 1] == position:
                    ends[n - 1] = position + number
                else:
                    starts[n] = position
                    ends[n] = position + number
                    n += 1
            position += number
            m += 1
        if not sound or position != pixels:
            n = first
            status[r], detail[r] = _classify(data[offsets[r] : stop], pixels)
        places[r + 1] = n
    return starts[:n].copy(), ends[:n].copy(), places, status, detail


def runs_from_counts(counts: Counts, offsets: Counts, *, pixels: int) -> DecodedCounts:
    """As ``reference.runs_from_counts``."""
    starts, ends, places, status, detail = _runs_from_counts(counts, offsets, pixels)
    return DecodedCounts(starts=starts, ends=ends, offsets=places, status=status, detail=detail)


@_compile
def _runs_from_counts(counts, offsets, pixels):  # type: ignore[no-untyped-def]
    masks = offsets.size - 1
    starts = np.empty((counts.size >> 1) + 1, np.int32)
    ends = np.empty((counts.size >> 1) + 1, np.int32)
    places = np.zeros(masks + 1, np.int64)
    status = np.zeros(masks, np.int8)
    detail = np.zeros(masks, np.int64)
    n = 0
    for r in range(masks):
        first = n
        position = np.int64(0)
        for i in range(offsets[r], offsets[r + 1]):
            number = counts[i]
            if number > pixels:
                status[r] = RUN_TOO_LARGE
                detail[r] = number
                break
            if number < 0 and status[r] == 0:
                status[r] = NEGATIVE_RUN
                detail[r] = number
            if (i - offsets[r]) & 1 and number > 0 and status[r] == 0:
                if n > first and ends[n - 1] == position:
                    ends[n - 1] = position + number
                else:
                    starts[n] = position
                    ends[n] = position + number
                    n += 1
            position += number
        if status[r] == 0 and position != pixels:
            status[r] = SUM_MISMATCH
            detail[r] = position
        if status[r] != 0:
            n = first
        places[r + 1] = n
    return starts[:n].copy(), ends[:n].copy(), places, status, detail
