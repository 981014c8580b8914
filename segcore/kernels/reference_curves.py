"""Precision over recall, in NumPy."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from segcore.kernels.arrays import Counts
from segcore.kernels.class_curves import ClassCurves

__all__ = ["class_curves"]


def class_curves(
    states: npt.NDArray[np.uint8],
    rows: Counts,
    places: Counts,
    outside: npt.NDArray[np.bool_],
    wanted: Counts,
    recalls: npt.NDArray[np.float64],
    limits: Counts,
    *,
    one_point: bool,
) -> ClassCurves:
    """Running counts of right and wrong; see the facade."""
    bands, thresholds, _ = states.shape
    own = states[:, :, rows]
    kept = places[rows] < limits[-1]
    found = (own == 1) & kept
    wrong = (own == 0) & (kept & ~outside[:, rows])[:, None]
    if (found.sum(axis=-1) > wanted[:, None]).any():
        raise ValueError("more objects were found than there are")
    limited = [found[0][:, places[rows] < limit].sum(axis=1) for limit in limits.tolist()]
    curves = ClassCurves(
        np.zeros((bands, thresholds, min(1, rows.size) if one_point else rows.size)),
        np.zeros((bands, thresholds), np.int64),
        np.array(limited, np.int64).reshape(limits.size, thresholds),
    )
    for band in np.flatnonzero(wanted).tolist() if rows.size else ():
        right = found[band].cumsum(axis=1)
        counted = right + wrong[band].cumsum(axis=1)
        curves.found[band] = right[:, -1]
        if one_point:
            right, counted = right[:, -1:], counted[:, -1:]
        precision = right / np.maximum(counted, 1)
        best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        # Precision at a recall is the best where at least that many are found, 0 where they never are.
        reached = _recalls_reached(int(wanted[band]), recalls.tobytes())[right]
        curves.terms[band] = best * np.diff(reached, axis=1, prepend=0)
    return curves


@lru_cache(maxsize=256)
def _recalls_reached(wanted: int, recalls: bytes) -> Counts:
    """How many recalls are reached with 0, 1 and so on of ``wanted`` objects: int64 (wanted + 1,)."""
    needed = np.searchsorted(np.arange(wanted + 1) / wanted, np.frombuffer(recalls))
    needed = np.maximum(needed, 1)  # a recall of 0, too, has a precision only where one is found
    return np.searchsorted(needed, np.arange(wanted + 1), side="right")
