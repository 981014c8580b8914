"""Masks whose colours are segment ids: what is in one, against what should be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from segcore import kernels, limits
from segcore.errors import RefusedMaskError
from segcore.kernels.arrays import Colors, Counts, Positions

__all__ = ["NumberedRuns", "Stranger", "number_segments"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stranger:
    """A segment of a mask that nobody announced.

    Attributes
    ----------
    id, pixels : int
    x, y : int
        Its first pixel in reading order.
    """

    id: int
    pixels: int
    x: int
    y: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NumberedRuns:
    """The runs of a mask by the number of their segment.

    Attributes
    ----------
    starts : int32 (n_runs,)
        Row-major positions: pixel (x, y) is ``y * width + x``.
    numbers : int32 (n_runs,)
        The place of the segment among the announced ids, from 1; 0 is void or a stranger.
    areas_px : int64 (n_ids,)
        Pixels of every announced segment.
    strangers : tuple of Stranger
        By id.
    """

    starts: Positions
    numbers: npt.NDArray[np.int32]
    areas_px: Counts
    strangers: tuple[Stranger, ...] = ()


def number_segments(pixels: npt.NDArray[np.uint8], ids: Colors) -> NumberedRuns:
    """Find the announced segments in a mask.

    Parameters
    ----------
    pixels : uint8 (H, W, 3), C-contiguous
        Red, green, blue; the id is red + 256 green + 65536 blue, and 0 is void.
    ids : uint32 (n,)
        Sorted, without 0.

    Raises
    ------
    RefusedMaskError
        ``limits.entries``: the mask falls into too many runs.
    """
    height, width = pixels.shape[:2]
    starts, colors = kernels.color_runs(pixels)
    if len(starts) > limits.MAX_IMAGE_RUNS:
        expected = f"at most {limits.MAX_IMAGE_RUNS} runs of pixels"
        raise RefusedMaskError("limits.entries", expected, str(len(starts)))
    numbers, areas, unknown = kernels.number_runs(starts, colors, ids, pixels=height * width)
    strangers: tuple[Stranger, ...] = ()
    if len(unknown):
        found, first, of = np.unique(colors[unknown], return_index=True, return_inverse=True)
        lengths = np.diff(starts, append=np.int32(height * width))[unknown]
        totals = np.bincount(of, lengths).astype(np.int64)
        rows, columns = np.divmod(starts[unknown[first]], width)
        strangers = tuple(
            Stranger(id=own_id, pixels=total, x=x, y=y)
            for own_id, total, x, y in zip(
                found.tolist(), totals.tolist(), columns.tolist(), rows.tolist(), strict=True
            )
        )
    return NumberedRuns(starts=starts, numbers=numbers, areas_px=areas, strangers=strangers)
