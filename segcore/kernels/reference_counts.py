"""COCO run-length counts in NumPy: the strict decoder the compiled one is held to."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from segcore.kernels.arrays import Counts
from segcore.kernels.decoded_counts import (
    BAD_CHAR,
    MAX_NUMBER_CHARS,
    NEGATIVE_RUN,
    RUN_TOO_LARGE,
    SUM_MISMATCH,
    TRUNCATED,
    DecodedCounts,
    of_each,
)

__all__ = ["decode_counts", "running_sum", "runs_from_counts"]

Indices = npt.NDArray[np.intp]
Integers = npt.NDArray[np.signedinteger[Any]]


def decode_counts(
    data: npt.NDArray[np.uint8], offsets: Counts, *, pixels: int | Counts
) -> DecodedCounts:
    """Decode the numbers of all masks at once; see the facade."""
    sizes_px = of_each(pixels, offsets)
    digits = data - np.uint8(48)
    lengths = np.diff(offsets)
    status = np.zeros(lengths.size, np.int8)
    detail = np.zeros(lengths.size, np.int64)

    def refuse(masks: Integers, code: int, details: Integers) -> None:
        """Record a fault of ``masks`` and go on as if their counts were empty."""
        nonlocal digits, lengths, offsets
        status[masks] = code
        detail[masks] = details
        good = np.ones(lengths.size, np.bool_)
        good[masks] = False
        digits = digits[np.repeat(good, lengths)]
        lengths = np.where(good, lengths, 0)
        offsets = np.append(0, np.cumsum(lengths))

    if digits.size and int(digits.max()) > 63:
        bad = np.flatnonzero(digits > 63)
        masks, first = _first_of_each(offsets, bad)
        refuse(masks, BAD_CHAR, bad[first] - offsets[masks])
    filled = np.flatnonzero(lengths)
    masks = filled[digits[offsets[filled + 1] - 1] > 31]
    if masks.size:
        refuse(masks, TRUNCATED, lengths[masks])
    numbers, last, long = _numbers(digits)
    if long.size:
        masks, first = np.unique(
            np.searchsorted(offsets, last[long], side="right") - 1, return_index=True
        )
        refuse(masks, RUN_TOO_LARGE, -np.diff(last, prepend=-1)[long[first]])
        numbers, last, _ = _numbers(digits)

    firsts = np.searchsorted(last, offsets)
    pairs, rows = _pairs(numbers, firsts)
    sizes = np.diff(rows)
    filled = np.flatnonzero(sizes)
    heads = rows[filled]
    # From the fourth on, a number is the difference to the one two before it.
    leads = pairs[heads, 0]
    pairs[heads, 0] = 0
    sums = np.cumsum(pairs, axis=0)
    sums -= np.repeat(sums[heads] - pairs[heads], sizes[filled], axis=0)
    sums[heads, 0] = leads
    sums[rows[1:][np.diff(firsts) & 1 == 1] - 1, 1] = 0
    decoded = _runs(sums, rows, sizes_px)
    refused = status != 0
    decoded.status[refused] = status[refused]
    decoded.detail[refused] = detail[refused]
    return decoded


def _first_of_each(offsets: Counts, positions: Indices) -> tuple[Indices, Indices]:
    """The masks that own ``positions``, which increase, and the index of the first in each."""
    return np.unique(np.searchsorted(offsets, positions, side="right") - 1, return_index=True)


def _numbers(digits: npt.NDArray[np.uint8]) -> tuple[Counts, Indices, Indices]:
    """The numbers, where the last character of each is, and which have too many characters.

    Most have one or two characters: these are put together in narrow integers, all at once.
    """
    last = np.flatnonzero(digits < 32)
    padded = np.zeros(digits.size + MAX_NUMBER_CHARS, np.uint8)
    padded[MAX_NUMBER_CHARS:] = digits
    top = digits.take(last)
    top ^= 16
    below = padded[MAX_NUMBER_CHARS - 1 :].take(last)
    continued = below >> 5
    short = (top.view(np.int8) - np.int8(16)).astype(np.int16)
    short *= continued * np.uint8(31) + np.uint8(1)
    short += (below & 31) * continued
    numbers = short.astype(np.int64)
    continued &= padded[MAX_NUMBER_CHARS - 2 :].take(last) >> 5
    longer = np.flatnonzero(continued.view(np.bool_))
    for place in range(2, MAX_NUMBER_CHARS):
        if not longer.size:
            break
        below = padded[MAX_NUMBER_CHARS - place :].take(last.take(longer))
        numbers[longer] = (numbers.take(longer) << 5) | (below & 31)
        longer = longer.compress(padded[MAX_NUMBER_CHARS - place - 1 :].take(last.take(longer)) > 31)
    return numbers, last, longer


def runs_from_counts(counts: Counts, offsets: Counts, *, pixels: int | Counts) -> DecodedCounts:
    """Runs of uncompressed counts; see the facade."""
    pairs, rows = _pairs(counts, offsets)
    return _runs(pairs, rows, of_each(pixels, offsets))


def _pairs(numbers: Counts, offsets: Counts) -> tuple[Counts, Counts]:
    """Counts as rows of (background, foreground); a mask that ends in background gets a 0."""
    sizes = np.diff(offsets)
    rows = np.zeros(offsets.size, np.int64)
    np.cumsum((sizes + 1) >> 1, out=rows[1:])
    pairs = np.zeros((int(rows[-1]), 2), np.int64)
    given = np.ones(pairs.size, np.bool_)
    given[2 * rows[1:][sizes & 1 == 1] - 1] = False
    pairs.reshape(-1)[given] = numbers
    return pairs, rows


def _runs(pairs: Counts, rows: Counts, pixels: Counts) -> DecodedCounts:
    """Canonical runs of the sound masks; wrapping sums of the others stay among themselves."""
    sizes = np.diff(rows)
    status = np.zeros(sizes.size, np.int8)
    detail = np.zeros(sizes.size, np.int64)
    flat = pairs.reshape(-1)
    bounds = running_sum(pairs[:, 0] + pairs[:, 1])
    at = np.zeros(rows.size, np.int64)
    at[rows > 0] = bounds[rows[rows > 0] - 1]
    totals = np.diff(at)
    wrong = totals != pixels
    status[wrong] = SUM_MISMATCH
    detail[wrong] = totals[wrong]
    if flat.size and (int(flat.min()) < 0 or int(flat.max()) > int(pixels.min())):
        limit = np.repeat(pixels, 2 * sizes)
        for code, found in ((NEGATIVE_RUN, flat < 0), (RUN_TOO_LARGE, flat > limit)):
            where = np.flatnonzero(found)
            owner, first = _first_of_each(rows, where >> 1)
            status[owner] = code
            detail[owner] = flat[where[first]]
    bounds -= np.repeat(at[:-1], sizes)
    keep = pairs[:, 1] > 0
    if status.any():
        keep &= np.repeat(status == 0, sizes)
    kept = np.flatnonzero(keep)
    ends = bounds.take(kept).astype(np.int32)
    starts = ends - pairs[:, 1].take(kept).astype(np.int32)
    offsets = np.searchsorted(kept, rows)
    # A background run of no length joins two runs of one mask.
    apart = np.ones(kept.size + 1, np.bool_)
    np.not_equal(starts[1:], ends[:-1], out=apart[1:-1])
    apart[offsets] = True
    if not apart.all():
        starts, ends = starts.compress(apart[:-1]), ends.compress(apart[1:])
        offsets = np.searchsorted(np.flatnonzero(apart), offsets)
    return DecodedCounts(starts=starts, ends=ends, offsets=offsets, status=status, detail=detail)


def running_sum(numbers: Counts) -> Counts:
    """``np.cumsum`` into every second place of an array.

    NumPy's loop over contiguous results waits on memory at each step; this is four times faster.
    """
    return np.cumsum(numbers, out=np.empty((numbers.size, 2), np.int64)[:, 0])
