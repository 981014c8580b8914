"""How many gold images it takes until ``judge: bound`` can certify a class.

Every image counts that holds the class on either side.  How many it takes depends on how far the class
lies above its floor, and on how much images differ; the second is not known before there are some, so a
plan without data names an assumption for it, and one with a pilot measures it.

The usual form, ((z_confidence + z_power) spread / above)^2 + n_min, leaves out what the hypothetical
miss of the judge takes, and is far too low where images are alike; see the simulation in the tests.

References: Cochran, Sampling Techniques, 3rd ed., ch. 4 and 6 (sample size of a ratio); Fieller 1954.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

from segcore.student import quantile

__all__ = [
    "SPREADS",
    "GoldPlan",
    "Spread",
    "fewest_perfect",
    "fewest_whatever",
    "images_until",
    "plan_gold",
]

_MOST: Final = 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How much images of a class differ: standard deviation of I - t U, in mean unions.

    Attributes
    ----------
    low, high : float
    size : float
        The root mean square of the unions, in mean unions: the size of the hypothetical miss.
    what : str
        Of which simulated batches it is.
    """

    low: float
    high: float
    size: float
    what: str


SPREADS: Final = {
    "tight": Spread(low=0.04, high=0.10, size=1.38, what="objects alike in size, none missed"),
    "blunder": Spread(low=0.20, high=0.27, size=1.38, what="objects alike in size, 4 % missed"),
    "typical": Spread(low=0.37, high=0.37, size=2.05, what="sizes as in COCO, 2 % missed, 1 % extra"),
    "heavy": Spread(low=1.0, high=1.0, size=3.6, what="sizes very uneven, 6 % missed, 3 % extra"),
}
"""Of simulated batches; how often real ones are like which is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldPlan:
    """Images of a class for one floor.

    Attributes
    ----------
    floor, expected : float
        The limit, and the IoU that is thought to be true.
    confidence, power : float
        Of the bound, and the chance to certify.
    low, high : int
        Images with the class, over the spread that was assumed.
    least : int
        What no batch can do with less: perfect images of equal size.
    """

    floor: float
    expected: float
    confidence: float
    power: float
    low: int
    high: int
    least: int


def plan_gold(
    *, floor: float, expected: float, spread: Spread, confidence: float, power: float
) -> GoldPlan:
    """Images of a class until it is certified with a chance of ``power``; see :func:`images_until`.

    Raises
    ------
    ValueError
        The floor is not below what is expected, or not in (0, 1).
    """
    if not 0 < floor < expected <= 1:
        raise ValueError("the floor must be above 0 and below what is expected, at most 1")
    low, high = (
        images_until(
            floor=floor,
            above=expected - floor,
            spread=tau,
            size=spread.size,
            confidence=confidence,
            power=power,
        )
        for tau in (spread.low, spread.high)
    )
    return GoldPlan(
        floor=floor,
        expected=expected,
        confidence=confidence,
        power=power,
        low=low,
        high=high,
        least=fewest_perfect(floor, confidence),
    )


def images_until(
    *, floor: float, above: float, spread: float, size: float, confidence: float, power: float
) -> int:
    """Images until the bound is likely to reach the floor, were the assumptions true.

    The mean and the variance of ``I - t U`` over ``n`` images and the hypothetical miss are put into the
    statistic of the judge, with room for the chance that the images drawn are worse than the rest:

    ``n above - t size >= q sqrt((n + 1) spread^2 + (above + t size)^2) + z sqrt(n) spread``

    with Student's quantile ``q`` of the confidence and the normal quantile ``z`` of the power.  For
    perfect images of equal size this is :func:`fewest_perfect`; never less than :func:`fewest_whatever`.

    Parameters
    ----------
    floor : float
        ``t``, the limit.
    above : float
        How far the IoU lies above it.
    spread : float
        Standard deviation of ``I - t U`` from image to image, in mean unions.
    size : float
        Root mean square of the unions, in mean unions; at least 1.
    confidence, power : float
        Of the bound, and the chance to certify.
    """
    z = NormalDist().inv_cdf(power)

    def enough(n: int) -> bool:
        sd = math.sqrt((n + 1) * spread * spread + (above + floor * size) ** 2)
        return n * above - floor * size >= quantile(confidence, n) * sd + z * math.sqrt(n) * spread

    high = 2
    while not enough(high) and high < _MOST:
        high *= 2
    low = high // 2
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle + 1, high)
    return max(high, fewest_whatever(floor, confidence))


def fewest_perfect(floor: float, confidence: float) -> int:
    """Perfect images of equal size that certify a floor: fewer cannot, however good they are."""
    n = 1
    # with one missed image beside n perfect ones the statistic is n (1 - t) - t
    while n * (1 - floor) - floor < quantile(confidence, n):
        n += 1
    return n


def fewest_whatever(floor: float, confidence: float) -> int:
    """What any valid rule takes.

    Someone perfect on a share ``floor`` of the images, and blank on the rest,
    shows so many perfect ones in a row with a probability of ``1 - confidence``.
    """
    return math.ceil(math.log(1 - confidence) / math.log(floor) - 1e-12)
