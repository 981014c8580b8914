"""The runs of a mask whose colours are segment ids, in NumPy."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from segcore.kernels.arrays import Colors, Counts, Positions

__all__ = ["color_runs", "number_runs"]

BLOCK_BYTES: Final = 3 << 17
"""Bytes compared at a time, a multiple of 24: their scratch stays in the cache of a core."""


def color_runs(pixels: npt.NDArray[np.uint8]) -> tuple[Positions, Colors]:
    """Compare every byte with the one three before, block by block; see the facade."""
    flat = pixels.reshape(-1)
    parts: list[Positions] = [np.zeros(min(flat.size, 1), np.int32)]
    for start in range(3, flat.size, BLOCK_BYTES):
        changes = _changed_pixels(flat[start - 3 : start + BLOCK_BYTES])
        changes += start // 3
        parts.append(changes)
    starts = np.concatenate(parts)
    at = starts.astype(np.intp)
    at *= 3
    colors: Colors = flat.take(at).astype(np.uint32)
    for shift in (8, 16):
        at += 1
        colors |= flat.take(at).astype(np.uint32) << np.uint32(shift)
    return starts, colors


def _changed_pixels(flat: npt.NDArray[np.uint8]) -> Positions:
    """Which pixels differ from the one before, counted from the second."""
    size = flat.size - 3
    changed = np.empty((size + 7) & ~7, np.bool_)
    np.not_equal(flat[3:], flat[:-3], out=changed[:size])
    changed[size:] = False
    words = changed.view(np.uint64)
    # Two levels: the words with a change, then the bytes in them.
    (hit,) = (words != 0).nonzero()
    (inner,) = words.take(hit).view(np.bool_).nonzero()
    found = hit.take(inner >> 3)
    found <<= 3
    found |= inner & 7
    # Divided as 32-bit numbers, which is several times as fast.
    changes = (found.astype(np.uint32) // np.uint32(3)).view(np.int32)
    first = np.ones(changes.size, np.bool_)
    np.not_equal(changes[1:], changes[:-1], out=first[1:])
    kept: Positions = changes[first]
    return kept


def number_runs(
    starts: Positions, colors: Colors, ids: Colors, *, pixels: int
) -> tuple[Positions, Counts, Counts]:
    """Look every colour up; see the facade."""
    numbers = np.zeros(colors.size, np.int32)
    if ids.size:
        slots = np.searchsorted(ids, colors)
        np.minimum(slots, ids.size - 1, out=slots)
        np.add(slots, 1, out=numbers, where=ids.take(slots) == colors, casting="same_kind")
    # The weights are summed as float64, which is exact far beyond the pixels of an image.
    areas = np.bincount(numbers, np.diff(starts, append=pixels), minlength=ids.size + 1)
    nobody = np.flatnonzero(numbers == 0)
    return numbers, areas[1:].astype(np.int64), nobody[colors[nobody] != 0]
