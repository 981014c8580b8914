"""COCO run-length counts in NumPy: the strict decoder the compiled one is held to."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

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

__all__ = ["decode_counts", "runs_from_counts"]

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

    pairs = _Pairs.of(numbers, np.searchsorted(last, offsets))
    # From the fourth on, a number is the difference to the one two before it.
    filled = np.flatnonzero(pairs.sizes)
    heads = pairs.rows[filled]
    leads = pairs.background[heads]
    pairs.background[heads] = 0
    padded = pairs.rows[1:][pairs.padded] - 1
    for column in pairs.background, pairs.foreground:
        first = column[heads]
        np.cumsum(column, out=column)
        column -= np.repeat(column[heads] - first, pairs.sizes[filled])
    pairs.background[heads] = leads
    pairs.foreground[padded] = 0
    decoded = _runs(pairs, sizes_px)
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
    # Beside the bit of 32 that announces another character, one of 64: as did the character before.
    marked = padded.copy()
    twice = padded[1:] & padded[:-1] & 32
    marked[1:] |= twice + twice
    top = digits.take(last)
    top ^= 16
    below = marked[MAX_NUMBER_CHARS - 1 :].take(last)
    short = (top.view(np.int8) - np.int8(16)).astype(np.int16)
    continued = (below >> 5) & 1
    short *= continued * np.uint8(31) + np.uint8(1)
    short += (below & 31) * continued
    numbers = short.astype(np.int64)
    longer = np.flatnonzero(below > 63)
    for place in range(2, MAX_NUMBER_CHARS):
        if not longer.size:
            break
        below = marked[MAX_NUMBER_CHARS - place :].take(last.take(longer))
        numbers[longer] = (numbers.take(longer) << 5) | (below & 31)
        longer = longer.compress(below > 63)
    return numbers, last, longer


def runs_from_counts(counts: Counts, offsets: Counts, *, pixels: int | Counts) -> DecodedCounts:
    """Runs of uncompressed counts; see the facade."""
    return _runs(_Pairs.of(counts, offsets), of_each(pixels, offsets))


class _Pairs(NamedTuple):
    """Counts in turn: background and foreground of every mask, in two columns.

    Attributes
    ----------
    background, foreground : int64 (n,)
    rows : int64 (n_masks + 1,)
        Mask ``i`` owns the pairs ``rows[i]:rows[i + 1]``.
    padded : bool (n_masks,)
        The mask ends in background; a foreground of 0 was put behind it.
    """

    background: Counts
    foreground: Counts
    rows: Counts
    padded: npt.NDArray[np.bool_]

    @property
    def sizes(self) -> Counts:
        """Pairs of each mask."""
        return np.diff(self.rows)

    @classmethod
    def of(cls, numbers: Counts, offsets: Counts) -> Self:
        """Take the numbers of all masks apart."""
        sizes = np.diff(offsets)
        padded = sizes & 1 == 1
        rows = np.zeros(offsets.size, np.int64)
        np.cumsum((sizes + 1) >> 1, out=rows[1:])
        if padded.any():
            numbers = np.insert(numbers, offsets[1:][padded], 0)
        return cls(numbers[0::2].copy(), numbers[1::2].copy(), rows, padded)


def _runs(pairs: _Pairs, pixels: Counts) -> DecodedCounts:
    """Canonical runs of the sound masks; wrapping sums of the others stay among themselves."""
    background, foreground, rows, _ = pairs
    sizes = pairs.sizes
    status = np.zeros(sizes.size, np.int8)
    detail = np.zeros(sizes.size, np.int64)
    bounds = np.zeros(background.size + 1, np.int64)
    np.cumsum(background + foreground, out=bounds[1:])
    at = bounds.take(rows)
    totals = np.diff(at)
    wrong = totals != pixels
    status[wrong] = SUM_MISMATCH
    detail[wrong] = totals[wrong]
    # Read as unsigned, a negative number is above every size.
    smallest = pixels.min(initial=np.iinfo(np.int64).max)
    if any(column.view(np.uint64).max(initial=0) > smallest for column in (background, foreground)):
        flat = np.stack((background, foreground), axis=1).reshape(-1)
        limit = np.repeat(pixels, 2 * sizes)
        for code, found in ((NEGATIVE_RUN, flat < 0), (RUN_TOO_LARGE, flat > limit)):
            where = np.flatnonzero(found)
            owner, first = _first_of_each(rows, where >> 1)
            status[owner] = code
            detail[owner] = flat[where[first]]
    # Sound masks end below 2**31: modulo 2**32 the differences to the first are right.
    ends = bounds[1:].astype(np.int32)
    ends -= np.repeat(at[:-1].astype(np.int32), sizes)
    lengths = foreground.astype(np.int32)
    keep = foreground > 0
    if status.any():
        keep &= np.repeat(status == 0, sizes)
    offsets = rows
    if not keep.all():
        ends, lengths = ends[keep], lengths[keep]
        offsets = np.searchsorted(np.flatnonzero(keep), rows)
    starts = ends - lengths
    # A background run of no length joins two runs of one mask.
    apart = np.ones(ends.size + 1, np.bool_)
    np.not_equal(starts[1:], ends[:-1], out=apart[1:-1])
    apart[offsets] = True
    if not apart.all():
        starts, ends = starts.compress(apart[:-1]), ends.compress(apart[1:])
        offsets = np.searchsorted(np.flatnonzero(apart), offsets)
    return DecodedCounts(starts=starts, ends=ends, offsets=offsets, status=status, detail=detail)
