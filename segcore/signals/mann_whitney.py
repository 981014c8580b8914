"""Whether one sample tends to be larger than another: the test of Mann and Whitney (1947)."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

__all__ = ["p_larger"]

_Floats = npt.NDArray[np.float64]


def p_larger(first: _Floats, second: _Floats) -> float:
    """One-sided p value of "``first`` is not larger than ``second``".

    Parameters
    ----------
    first, second : float64 (n,), (m,)
        Finite; neither is empty.

    Returns
    -------
    float
        By the normal approximation with correction for ties and for continuity, which is good from
        about eight values a side on; 1.0 where all values are the same.
    """
    n, m = len(first), len(second)
    values, inverse, counts = np.unique(
        np.concatenate([first, second]), return_inverse=True, return_counts=True
    )
    if len(values) == 1:
        return 1.0
    last = np.cumsum(counts)
    ranks = (2 * last - counts + 1) / 2
    u = math.fsum(ranks[inverse[:n]].tolist()) - n * (n + 1) / 2
    total = n + m
    ties = int((counts.astype(object) ** 3 - counts).sum())
    spread = math.sqrt(n * m / 12 * (total + 1 - ties / (total * (total - 1))))
    z = (u - n * m / 2 - 0.5) / spread
    return min(1.0, math.erfc(z / math.sqrt(2)) / 2)
