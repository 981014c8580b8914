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
)
from segcore.kernels.jit import jit

__all__ = ["decode_counts", "runs_from_counts"]


def decode_counts(data: npt.NDArray[np.uint8], offsets: Counts, *, pixels: int) -> DecodedCounts:
    """As ``reference.decode_counts``."""
    starts, ends, places, status, detail = _decode_counts(data, offsets, pixels)
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
def _decode_counts(data, offsets, pixels):
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
