"""Where a dense label map has its boundaries, for all classes at once.

These kernels are NumPy only: the band of a map of 2 million pixels takes as long as comparing its
neighbours, whatever its width, and that NumPy does at the speed of memory.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from segcore.kernels.arrays import Values

__all__ = ["band", "surface"]

BLOCK_PX: Final = 1 << 17
"""Pixels compared at a time: their scratch stays in the cache of a core."""

Bools = npt.NDArray[np.bool_]
Words = npt.NDArray[np.uint64]


def band(codes: Values, *, width_px: int) -> Bools:
    """The pixels at most ``width_px`` from one with another code, or from the outside of the map.

    Parameters
    ----------
    codes : uint8 or uint16 (H, W)
        What every pixel holds.
    width_px : int
        Chebyshev distance, 1 or more.

    Returns
    -------
    bool (H, W)
        False for pixels deep inside; all pixels of a map no larger than twice the width are True.

    Notes
    -----
    For the mask of any one code, this is what ``width_px`` erosions with a 3 x 3 square take away
    where the outside counts as background: the boundary of Cheng et al., CVPR 2021.

    A corner of pixels is mixed if the (up to four) pixels around it differ.  A pixel is in the band
    if one of the ``2 * width_px`` x ``2 * width_px`` corners around it is mixed.  The corners are
    held as bits, 64 in a word, so that the union over a window costs little: it doubles with
    each step, along columns and then along rows.
    """
    if width_px < 1:
        raise ValueError(f"expected a width of 1 or more, got {width_px}")
    height, width = codes.shape
    if 2 * width_px >= min(height, width):
        return np.ones(codes.shape, np.bool_)
    window = 2 * width_px
    corners = _mixed_corners(codes, margin=width_px - 1)
    reach = 1
    while reach < window:
        step = min(reach, window - reach)
        corners = corners[:-step] | corners[step:]
        reach += step
    # Row after row as one stream of bits: what a shift brings in from the next row lies behind the
    # last pixel.
    stream: Words = corners.reshape(-1)
    reach = 1
    while reach < window:
        step = min(reach, window - reach)
        stream = stream | _shifted(stream, step)
        reach += step
    flags = np.unpackbits(
        stream.view(np.uint8).reshape(height, -1), axis=1, count=width, bitorder="little"
    )
    return flags.view(np.bool_)


def _mixed_corners(codes: Values, *, margin: int) -> Words:
    """The corners as bits, with ``margin`` empty ones around them: (H + 1 + 2 * margin, words).

    The lowest bit of a word is its first; the corners of the border are mixed.
    """
    height, width = codes.shape
    words = -(-(width + 2 * margin + 2) // 64)
    found = np.zeros((height + 1 + 2 * margin, words), "<u8")
    packed = found.view(np.uint8)
    rows = max(1, BLOCK_PX // width)
    flags = np.zeros((rows, 64 * words), np.bool_)
    flags[0, margin : margin + width + 1] = True
    packed[margin] = packed[margin + height] = np.packbits(flags[0], bitorder="little")
    flags[:] = False
    flags[:, [margin, margin + width]] = True
    inner = flags[:, margin + 1 : margin + width]
    for first in range(1, height, rows):
        last = min(first + rows, height)
        block, mixed = codes[first - 1 : last], inner[: last - first]
        beside = block[:, 1:] != block[:, :-1]
        below = block[1:] != block[:-1]
        # Three of the four pairs of neighbours around a corner decide on the fourth.
        np.logical_or(beside[1:], beside[:-1], out=mixed)
        mixed |= below[:, 1:]
        packed[margin + first : margin + last] = np.packbits(
            flags[: last - first], axis=1, bitorder="little"
        )
    return found.astype(np.uint64, copy=False)


def _shifted(stream: Words, bits: int) -> Words:
    """Every bit takes the place of the one that stands ``bits`` before it."""
    words, bits = divmod(bits, 64)
    found = np.zeros_like(stream)
    moved = stream[words:]
    np.right_shift(moved, np.uint64(bits), out=found[: moved.size])
    if bits:
        found[: max(moved.size - 1, 0)] |= moved[1:] << np.uint64(64 - bits)
    return found


def surface(codes: Values) -> Bools:
    """The pixels with one of four neighbours of another code, or outside the map.

    Parameters
    ----------
    codes : uint8 or uint16 (H, W)
        What every pixel holds.

    Returns
    -------
    bool (H, W)
        For the mask of any one code, its surface as MONAI and Metrics Reloaded have it: what one
        erosion with a cross takes away.
    """
    found = np.zeros(codes.shape, np.bool_)
    differs = codes[:, 1:] != codes[:, :-1]
    found[:, 1:] = differs
    found[:, :-1] |= differs
    differs = codes[1:] != codes[:-1]
    found[1:] |= differs
    found[:-1] |= differs
    found[:1] = found[-1:] = True
    found[:, :1] = found[:, -1:] = True
    return found
