"""A label map as runs: what regions are painted into, and what two of them are compared by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["LabelRuns"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelRuns:
    """A piecewise constant label map over column-major pixel positions.

    Run ``i`` gives code ``codes[i]`` to the positions from ``starts[i]`` up to the next start, or
    up to ``pixels``.  The kernels return canonical maps, in which neighbouring runs differ.

    Attributes
    ----------
    pixels : int
        Number of positions (height x width).
    starts : int32 (n,)
        Strictly increasing, ``starts[0] == 0``; empty where ``pixels`` is 0.
    codes : int32 (n,)
        What the positions of each run hold.
    """

    pixels: int
    starts: npt.NDArray[np.int32]
    codes: npt.NDArray[np.int32]
