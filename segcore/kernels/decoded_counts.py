"""What decoding COCO run-length counts gives: runs where they are sound, a reason where not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from segcore.kernels.arrays import Counts

__all__ = [
    "BAD_CHAR",
    "MAX_NUMBER_CHARS",
    "NEGATIVE_RUN",
    "OK",
    "RUN_TOO_LARGE",
    "SUM_MISMATCH",
    "TRUNCATED",
    "DecodedCounts",
    "of_each",
]

OK: Final = 0
BAD_CHAR: Final = 1
TRUNCATED: Final = 2
RUN_TOO_LARGE: Final = 3
NEGATIVE_RUN: Final = 4
SUM_MISMATCH: Final = 5
# Where several hold, the smallest is reported.

MAX_NUMBER_CHARS: Final = 8
"""Characters (of 5 bits) of one number; what is longer is no run of any image."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DecodedCounts:
    """Masks that were decoded together.

    Attributes
    ----------
    starts, ends : int32 (n,)
        Foreground runs of all masks, one mask after the other, each canonical: runs are not
        empty, increase and do not touch.
    offsets : int64 (r + 1,)
        Mask ``i`` owns the runs ``offsets[i]:offsets[i + 1]``; none where its status is not OK.
    status : int8 (r,)
        ``OK``, ``BAD_CHAR``, ``TRUNCATED``, ``RUN_TOO_LARGE``, ``NEGATIVE_RUN`` or
        ``SUM_MISMATCH``; the first of these that holds.
    detail : int64 (r,)
        Position of the bad character, number of characters of the truncated counts, the first
        run that is too large or negative, or the wrong sum; 0 where the status is OK.  Where a
        number has more than ``MAX_NUMBER_CHARS`` characters its run is not known: the detail
        is then minus that number of characters.
    """

    starts: npt.NDArray[np.int32]
    ends: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]
    status: npt.NDArray[np.int8]
    detail: npt.NDArray[np.int64]


def of_each(pixels: int | Counts, offsets: Counts) -> Counts:
    """The pixels of the image of every mask: int64 (r,)."""
    if isinstance(pixels, np.ndarray):
        return pixels
    return np.full(len(offsets) - 1, pixels, np.int64)
