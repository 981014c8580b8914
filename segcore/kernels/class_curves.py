"""What matching by score found of one class, as a curve of precision over recall."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from segcore.kernels.arrays import Counts

__all__ = ["ClassCurves"]


class ClassCurves(NamedTuple):
    """One class in every size band and at every threshold.

    Attributes
    ----------
    terms : float64 (bands, thresholds, points)
        Their sum over the points is the sum of the precisions at all recalls: each point of the
        curve stands for the recalls it is the first to reach.
    found : int64 (bands, thresholds)
        Objects of the gold that were found.
    limited : int64 (limits, thresholds)
        In the first band, with only so many delivered objects an image.
    """

    terms: npt.NDArray[np.float64]
    found: Counts
    limited: Counts
