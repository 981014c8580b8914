"""The runs of a mask whose colours are segment ids: the twin of ``reference_segments``."""

# Kernels carry no annotations: numba infers and checks their types.
# mypy: allow-untyped-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import sys
from typing import Final

import numpy as np
import numpy.typing as npt

from segcore.kernels.arrays import Colors, Counts, Positions
from segcore.kernels.jit import jit

__all__ = ["color_runs", "number_runs"]

CHUNK_GROUPS: Final = 512
"""Groups of 8 pixels looked through at a time."""


def color_runs(pixels: npt.NDArray[np.uint8]) -> tuple[Positions, Colors]:
    """As ``reference.color_runs``."""
    flat = pixels.reshape(-1)
    starts: Positions
    colors: Colors
    starts, colors = _color_runs(flat, flat.size // 24 if sys.byteorder == "little" else 0)
    return starts, colors


@jit
def _color_runs(flat, groups):
    pixels = flat.size // 3
    starts, colors = np.empty(8192, np.int32), np.empty(8192, np.uint32)
    n = np.int64(min(pixels, 1))
    starts[0] = 0
    n, starts = _scan(flat, starts, n, 1, min(8, pixels))
    _read(flat, starts, colors, 0, n)
    n, starts, colors = _groups(flat, groups, starts, colors, n)
    before = n
    n, starts = _scan(flat, starts, n, max(8, 8 * groups), pixels)
    colors = _grown(colors, before, n - before)
    _read(flat, starts, colors, before, n)
    return starts[:n].copy(), colors[:n].copy()


@jit
def _read(flat, starts, colors, lo, hi):
    """The colours of the runs from ``lo`` to ``hi``."""
    for i in range(lo, hi):
        at = 3 * np.int64(starts[i])
        colors[i] = flat[at] | np.uint32(flat[at + 1]) << 8 | np.uint32(flat[at + 2]) << 16


@jit
def _grown(starts, n, room):
    """The same array, or a larger copy where ``room`` more do not fit."""
    if n + room <= starts.size:
        return starts
    grown = np.empty(2 * starts.size + room, starts.dtype)
    grown[:n] = starts[:n]
    return grown


@jit
def _scan(flat, starts, n, lo, hi):
    """Add the pixels from ``lo`` to ``hi`` that differ from the one before."""
    starts = _grown(starts, n, max(hi - lo, 0))
    for pixel in range(lo, hi):
        at = 3 * pixel
        if (
            flat[at] != flat[at - 3]
            or flat[at + 1] != flat[at - 2]
            or flat[at + 2] != flat[at - 1]
        ):  # fmt: skip
            starts[n] = pixel
            n += 1
    return n, starts


@jit
def _groups(flat, groups, starts, colors, n):
    """Bytes compared with those of the pixel before show the changes; 8 pixels are three words.

    Groups with a change are collected without a branch, which could not be predicted, and so are
    the pixels in them.  The first group has none before it.
    """
    pixel = np.uint64(0xFFFFFF)
    moved = np.empty(24 * CHUNK_GROUPS, np.uint8)
    words = moved.view(np.uint64)
    hits = np.empty(CHUNK_GROUPS, np.uint32)
    for chunk in range(1, groups, CHUNK_GROUPS):
        size = min(CHUNK_GROUPS, groups - chunk)
        here = flat[24 * chunk : 24 * (chunk + size)]
        before = flat[24 * chunk - 3 : 24 * (chunk + size) - 3]
        for i in range(here.size):
            moved[i] = here[i] ^ before[i]
        found = np.int64(0)
        for k in range(np.uint32(size)):
            hits[found] = k
            found += (words[3 * k] | words[3 * k + 1] | words[3 * k + 2]) != 0
        starts, colors = _grown(starts, n, 8 * found), _grown(colors, n, 8 * found)
        before = n
        for hit in hits[:found]:
            k = 3 * np.int64(hit)
            a, b, c = words[k], words[k + 1], words[k + 2]
            first = np.int32(8 * (chunk + np.int64(hit)))
            starts[n] = first
            n += (a & pixel) != 0
            starts[n] = first + 1
            n += ((a >> np.uint64(24)) & pixel) != 0
            starts[n] = first + 2
            n += ((a >> np.uint64(48) | b << np.uint64(16)) & pixel) != 0
            starts[n] = first + 3
            n += ((b >> np.uint64(8)) & pixel) != 0
            starts[n] = first + 4
            n += ((b >> np.uint64(32)) & pixel) != 0
            starts[n] = first + 5
            n += ((b >> np.uint64(56) | c << np.uint64(8)) & pixel) != 0
            starts[n] = first + 6
            n += ((c >> np.uint64(16)) & pixel) != 0
            starts[n] = first + 7
            n += (c >> np.uint64(40)) != 0
        # Now, while the pixels are in the cache.
        _read(flat, starts, colors, before, n)
    return n, starts, colors


def number_runs(
    starts: Positions, colors: Colors, ids: Colors, *, pixels: int
) -> tuple[Positions, Counts, Counts]:
    """As ``reference.number_runs``."""
    # A table eight times as large as what is in it, so that few ids share a place.
    bits = max(4, 3 + int(ids.size).bit_length())
    table = np.zeros(1 << bits, np.int32)
    numbers: Positions
    areas: Counts
    strangers: Counts
    numbers, areas, strangers = _number_runs(starts, colors, ids, pixels, table, np.uint64(64 - bits))
    return numbers, areas, strangers


@jit
def _number_runs(starts, colors, ids, pixels, table, shift):
    """Find each colour in a hash table; ids that share a place follow one another in it."""
    last = np.uint64(table.size - 1)
    spread = np.uint64(0x9E3779B97F4A7C15)
    for i in range(ids.size):
        place = (np.uint64(ids[i]) * spread) >> shift
        while table[place] != 0:
            place = (place + np.uint64(1)) & last
        table[place] = i + 1
    numbers = np.empty(colors.size, np.int32)
    areas = np.zeros(ids.size + 1, np.int64)
    strange = 0
    for i in range(colors.size):
        place = (np.uint64(colors[i]) * spread) >> shift
        while table[place] != 0 and ids[table[place] - 1] != colors[i]:
            place = (place + np.uint64(1)) & last
        number = table[place]
        numbers[i] = number
        end = np.int64(starts[i + 1]) if i + 1 < starts.size else np.int64(pixels)
        areas[number] += end - starts[i]
        strange += number == 0 and colors[i] != 0
    strangers = np.empty(strange, np.int64)
    if strange:
        n = 0
        for i in range(colors.size):
            if numbers[i] == 0 and colors[i] != 0:
                strangers[n] = i
                n += 1
    return numbers, areas[1:], strangers
