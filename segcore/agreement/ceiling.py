"""How far people agree on a class: the mean IoU of every two of them, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from segcore import student

__all__ = ["CONFIDENCE", "HumanCeiling", "human_ceiling", "jackknife", "mean_iou"]

CONFIDENCE: Final = 0.95
"""Of each of the two bounds by itself."""

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanCeiling:
    """What two annotators reach against each other on one class.

    Attributes
    ----------
    iou : float or None
        The mean over the pairs of their IoU, each pooled over the images both annotated; None where
        nobody marks the class.
    lower, upper : float or None
        Bounds, each one-sided at :data:`CONFIDENCE`, by the images; None for fewer than two.
    images : int
        On which a pair could agree or not.
    pairs : int
        With a union.
    """

    iou: float | None
    lower: float | None
    upper: float | None
    images: int
    pairs: int

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def mean_iou(shared: Integers, union: Integers) -> Floats:
    """The mean over pairs of the IoU of sums: ``(..., n_pairs)`` to ``(...)``, NaN without a union."""
    there = union > 0
    each = np.where(there, shared / np.where(there, union, 1), 0.0)
    count = there.sum(axis=-1)
    found: Floats = np.where(count > 0, each.sum(axis=-1) / np.where(count > 0, count, 1), np.nan)
    return found


def human_ceiling(shared: Integers, union: Integers) -> HumanCeiling:
    """The ceiling of a class.

    Parameters
    ----------
    shared, union : int64 (n_pairs, n_images)
    """
    value = float(mean_iou(shared.sum(axis=1), union.sum(axis=1)))
    if math.isnan(value):
        return HumanCeiling(iou=None, lower=None, upper=None, images=0, pairs=0)
    bounds = jackknife(shared, union, mean_iou)
    return HumanCeiling(
        iou=value,
        lower=None if bounds is None else max(0.0, bounds[0]),
        upper=None if bounds is None else min(1.0, bounds[1]),
        images=int((union.sum(axis=0) > 0).sum()),
        pairs=int((union.sum(axis=1) > 0).sum()),
    )


def jackknife(
    shared: Integers, union: Integers, statistic: Callable[[Integers, Integers], Floats]
) -> tuple[float, float] | None:
    """Two one-sided bounds of a statistic, by leaving out one image after the other.

    The delete-one jackknife (Efron and Stein, Annals of Statistics 9, 1981) with Student's t: images
    are taken to be drawn at random from those the number is about.

    Parameters
    ----------
    shared, union : int64 (n_pairs, n_images)
    statistic : callable
        Of sums ``(..., n_pairs)``.

    Returns
    -------
    tuple of float or None
        None for fewer than two images with a union.
    """
    kept = union.sum(axis=0) > 0
    shared, union = shared[:, kept], union[:, kept]
    n = shared.shape[1]
    if n < 2:
        return None
    value = float(statistic(shared.sum(axis=1), union.sum(axis=1)))
    without = statistic((shared.sum(axis=1)[:, None] - shared).T, (union.sum(axis=1)[:, None] - union).T)
    if math.isnan(value) or np.isnan(without).any():
        return None
    variance = (n - 1) / n * math.fsum((without - without.mean()) ** 2)
    reach = student.quantile(CONFIDENCE, n - 1) * math.sqrt(variance)
    return value - reach, value + reach
