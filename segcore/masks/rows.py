"""Pixels that come row by row, as runs along the columns."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from segcore.annotation import RunMask

__all__ = ["runs_of_rows"]

_BLOCK_PX: Final = 1 << 20
"""Pixels turned from rows to columns at a time."""


def runs_of_rows(drawn: npt.NDArray[np.bool_], *, height: int, top: int = 0) -> RunMask:
    """The runs of a mask of which only some rows are at hand.

    Parameters
    ----------
    drawn : bool (rows, W)
        The rows from ``top``; all others are background.
    height : int
        Rows of the mask.
    top : int
        Row of the mask that ``drawn`` begins with.  Unless all rows are there, the first or the
        last one must be empty.
    """
    rows, width = drawn.shape
    # Stripes cost next to nothing to announce, and every pixel may be an edge: a few columns at a time.
    step = max(_BLOCK_PX // rows, 1)
    starts, ends = [], []
    inside = False
    for x in range(0, width, step):
        block = drawn[:, x : x + step].T
        line = np.empty(block.size + 1, np.bool_)
        line[0] = inside
        line[1:].reshape(block.shape)[:] = block
        edges = np.flatnonzero(line[1:] != line[:-1])
        # An edge belongs to the column of the foreground pixel beside it: for an end the one before.
        is_end = np.arange(len(edges)) + inside & 1
        column = x + (edges - is_end) // rows
        edges = (edges + x * rows + column * (height - rows) + top).astype(np.int32)
        starts.append(edges[int(inside) :: 2])
        ends.append(edges[int(not inside) :: 2])
        inside = bool(line[-1])
    if inside:
        ends.append(np.array([height * width], np.int32))
    return RunMask(height=height, width=width, starts=np.concatenate(starts), ends=np.concatenate(ends))
