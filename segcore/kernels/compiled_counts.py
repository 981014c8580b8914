"""COCO run-length counts in numba: twins of ``reference_counts``."""

# Kernels carry no annotations: numba infers and checks their types.
# mypy: allow-untyped-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

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
from segcore.kernels.jit import jit

__all__ = ["decode_counts", "runs_from_counts"]


def decode_counts(
    data: npt.NDArray[np.uint8], offsets: Counts, *, pixels: int | Counts
) -> DecodedCounts:
    """As ``reference.decode_counts``."""
    starts, ends, places, status, detail = _decode_counts(data, offsets, of_each(pixels, offsets))
    return DecodedCounts(starts=starts, ends=ends, offsets=places, status=status, detail=detail)


@jit
def _classify(data, pixels):
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


@jit
def _number(data, i, stop):
    """The number of several characters at ``i``, where the next begins, and whether it is sound."""
    number = np.int64(0)
    shift = 0
    sound = True
    digit = np.int64(32)
    while digit & 32 and shift <= 40 and i < stop:
        digit = np.int64(data[i]) - 48
        sound &= (digit & ~63) == 0
        number |= (digit & 31) << shift
        shift += 5
        i += 1
    sound &= digit & 32 == 0
    if digit & 16:
        number -= np.int64(1) << shift
    return number, i, sound


@jit
def _decode_counts(data, offsets, pixels):
    """Background and foreground in turn; nearly all numbers have one character."""
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
        limit = np.uint64(pixels[r])
        sound = stop == i or data[stop - 1] < 80
        # From the fourth number on, a number is the difference to the one two before it.
        background = foreground = position = np.int64(0)
        last = np.int64(-1)
        whole = True
        begun = False
        while sound and i < stop:
            digit = data[i] - np.uint8(48)
            if digit < 32:
                number = np.int64(digit & 15) - np.int64(digit & 16)
                i += 1
            else:
                number, i, whole = _number(data, i, stop)
            number += background
            if begun:
                background = number
            begun = True
            position += number
            sound = whole & (np.uint64(number) <= limit)
            if i >= stop:
                break
            digit = data[i] - np.uint8(48)
            if digit < 32:
                number = np.int64(digit & 15) - np.int64(digit & 16)
                i += 1
            else:
                number, i, whole = _number(data, i, stop)
            number += foreground
            foreground = number
            sound &= whole & (np.uint64(number) <= limit)
            if sound & (number > 0):
                if position != last:
                    starts[n] = position
                    n += 1
                position += number
                ends[n - 1] = position
                last = position
        if not sound or position != pixels[r]:
            n = first
            status[r], detail[r] = _classify(data[offsets[r] : stop], pixels[r])
        places[r + 1] = n
    return starts[:n], ends[:n], places, status, detail


def runs_from_counts(counts: Counts, offsets: Counts, *, pixels: int | Counts) -> DecodedCounts:
    """As ``reference.runs_from_counts``."""
    found = _runs_from_counts(counts, offsets, of_each(pixels, offsets))
    starts, ends, places, status, detail = found
    return DecodedCounts(starts=starts, ends=ends, offsets=places, status=status, detail=detail)


@jit
def _runs_from_counts(counts, offsets, pixels):
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
            if number > pixels[r]:
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
        if status[r] == 0 and position != pixels[r]:
            status[r] = SUM_MISMATCH
            detail[r] = position
        if status[r] != 0:
            n = first
        places[r + 1] = n
    return starts[:n].copy(), ends[:n].copy(), places, status, detail
