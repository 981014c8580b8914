"""Precision over recall: the twin of ``reference_curves``."""

# Kernels carry no annotations: numba infers and checks their types.
# mypy: allow-untyped-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from segcore.kernels.arrays import Counts
from segcore.kernels.class_curves import ClassCurves
from segcore.kernels.jit import jit

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
    """As ``reference.class_curves``."""
    bands, thresholds, _ = states.shape
    points = min(1, rows.size) if one_point else rows.size
    curves = ClassCurves(
        np.zeros((bands, thresholds, points)),
        np.zeros((bands, thresholds), np.int64),
        np.zeros((limits.size, thresholds), np.int64),
    )
    by_object = np.ascontiguousarray(states.transpose(2, 0, 1))
    _class_curves(by_object, rows, places, outside, wanted, recalls, limits, one_point, *curves)
    return curves


@jit
def _recall_steps(wanted, recalls):
    """How many of the recalls are reached with the first, second and so on of ``wanted`` objects."""
    steps = np.zeros(wanted + 1, np.int64)
    if wanted == 0:
        return steps
    needed = 1  # a recall of 0, too, has a precision only where one is found
    for recall in recalls:
        while needed < wanted and needed / wanted < recall:
            needed += 1
        if needed / wanted >= recall:
            steps[needed] += 1
    return steps


@jit
def _class_curves(
    states, rows, places, outside, wanted, recalls, limits, one_point, terms, found, limited
):  # fmt: skip
    """The best precision from a point on is that where an object was found: others are left out."""
    _, bands, thresholds = states.shape
    points = np.flatnonzero(places[rows] < limits[-1])
    kept = rows[points]
    own_states = np.empty((bands, thresholds, kept.size), np.uint8)
    for i in range(kept.size):
        for band in range(bands):
            for threshold in range(thresholds):
                own_states[band, threshold, i] = states[kept[i], band, threshold]
    at = np.empty(kept.size + 1, np.int64)
    counted_at = np.empty(kept.size + 1, np.int64)
    for band in range(bands):
        steps = _recall_steps(wanted[band], recalls)
        counts = ~outside[band][kept]
        for threshold in range(thresholds):
            own = own_states[band, threshold]
            curve = terms[band, threshold]
            right = counted = 0
            for i in range(kept.size):  # without a branch, which could not be predicted
                counted += (own[i] == 1) | ((own[i] == 0) & counts[i])
                at[right] = i
                counted_at[right] = counted
                right += own[i] == 1
            if right > wanted[band]:
                raise ValueError("more objects were found than there are")
            found[band, threshold] = right
            if band == 0:
                for k in range(right):
                    for m in range(limits.size):
                        limited[m, threshold] += places[kept[at[k]]] < limits[m]
            if one_point:
                if rows.size:
                    curve[0] = right / max(counted, 1) * steps[: right + 1].sum()
                continue
            best = 0.0
            for k in range(right - 1, -1, -1):
                best = max(best, (k + 1) / counted_at[k])
                curve[points[at[k]]] = best * steps[k + 1]
