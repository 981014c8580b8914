"""How many gold images it takes until ``judge: bound`` can certify a class.

Every image counts that holds the class on either side.  How many it takes depends on how far the class
lies above its floor, and on how much images differ; the second is not known before there are some, so a
plan without data names an assumption for it, and one with a pilot measures it.

References: Cochran, Sampling Techniques, 3rd ed., ch. 4 and 6 (sample size of a ratio); Fieller 1954.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from segcore_gates.student import quantile

__all__ = ["SPREADS", "GoldPlan", "fewest_perfect", "fewest_whatever", "plan_gold"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How much images of a class differ: standard deviation of I - t U, in mean unions.

    Attributes
    ----------
    low, high : float
    what : str
        Of which simulated batches it is.
    """

    low: float
    high: float
    what: str


SPREADS: Final = {
    "tight": Spread(low=0.04, high=0.10, what="objects alike in size, none missed"),
    "blunder": Spread(low=0.20, high=0.27, what="objects alike in size, 4 % missed"),
    "typical": Spread(low=0.37, high=0.37, what="sizes as in COCO, 2 % missed, 1 % extra"),
    "heavy": Spread(low=1.0, high=1.0, what="sizes very uneven, 6 % missed, 3 % extra"),
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
    *, floor: float, expected: float, spread: tuple[float, float], confidence: float, power: float
) -> GoldPlan:
    """Images of a class until it is certified with a chance of ``power``, in closed form.

    ``((z_confidence + z_power) spread / (expected - floor))**2 + n_min``, where ``n_min`` is
    :func:`fewest_whatever`; the normal approximation of the ratio, with room for the hypothetical miss.

    Raises
    ------
    ValueError
        The floor is not below what is expected, or not in (0, 1).
    """
    if not 0 < floor < expected <= 1:
        raise ValueError("the floor must be above 0 and below what is expected, at most 1")
    least = fewest_perfect(floor, confidence)
    z = _normal(confidence) + _normal(power)

    def images(tau: float) -> int:
        wanted = (z * tau / (expected - floor)) ** 2 + fewest_whatever(floor, confidence)
        return max(least, math.ceil(wanted))

    low, high = spread
    return GoldPlan(
        floor=floor,
        expected=expected,
        confidence=confidence,
        power=power,
        low=images(low),
        high=images(high),
        least=least,
    )


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


def _normal(probability: float) -> float:
    from statistics import NormalDist

    return NormalDist().inv_cdf(probability)
