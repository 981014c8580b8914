"""Which masks are thin: nowhere as wide as a small square, and much longer than it."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from segcore.advice.masks import Masks
from segcore.lints.layers import Runs

__all__ = ["THIN_LENGTH", "THIN_PX", "thin"]

THIN_PX: Final = 5
"""A mask into which no square of this side fits is thin, if it is long enough."""

THIN_LENGTH: Final = 3
"""So many times the side of that square is the longer side of its box at least."""

_I = npt.NDArray[np.int64]


def thin(masks: Masks) -> npt.NDArray[np.bool_]:
    """Masks that are thin structures: bool (n_masks,)."""
    single = masks.runs
    wide = single.ends - single.starts >= THIN_PX
    column = Runs(
        starts=single.starts[wide], ends=single.ends[wide] - (THIN_PX - 1), owner=single.owner[wide]
    )
    two = _both(column, _lower(column, masks.step, 1))
    four = _both(two, _lower(two, masks.step, 2))
    five = _both(four, _lower(column, masks.step, 4))
    holds = np.bincount(five.owner, minlength=len(masks)) > 0
    longest = np.maximum(masks.lines, masks.step - 1)
    return ~holds & (longest >= THIN_LENGTH * THIN_PX)


def _lower(runs: Runs, step: _I, lines: int) -> Runs:
    """The runs, some lines earlier."""
    shift = lines * step[runs.owner]
    return Runs(starts=runs.starts - shift, ends=runs.ends - shift, owner=runs.owner)


def _both(one: Runs, other: Runs) -> Runs:
    """What lies in the runs of both, of the same mask; runs in each do not touch."""
    n, m = len(one), len(other)
    at = np.concatenate([one.starts, other.starts, one.ends, other.ends])
    change = np.repeat(np.array([1, -1], np.int8), n + m)
    owner = np.concatenate([one.owner, other.owner, one.owner, other.owner])
    # By mask first: lines before the first one of a mask lie on places of the mask before it.
    order = np.lexsort((change, at, owner))
    depth = np.cumsum(change[order])
    begin = np.flatnonzero(depth[:-1] == 2)
    return Runs(starts=at[order][begin], ends=at[order][begin + 1], owner=owner[order][begin])
