"""What a sample of images says about the share of all images that are bad: exact binomial bounds.

Each image is bad or it is not, so the number of bad ones is binomial and nothing has to be assumed of
how bad they are, or how large.  Bounds are those of Clopper and Pearson (1934), each one-sided at the
confidence that is asked for: the true share is above the upper one with a probability of at most 1 -
confidence, whatever it is.  Where rounding could decide whether a limit is kept, integers do.

Where the images were drawn without replacement from a population with an end, the number of bad ones is
hypergeometric.  How many images of the population hold the class is not known, only how many may: those
that were looked at and do, and all that were not.  One image is added to what the bounds allow, so that
they hold for any smaller number, too; without an end nothing is added.

References: Hanley and Lippman-Hand 1983 (none bad in n images still allows about 3 / n); Cochran,
Sampling Techniques, 3rd ed., ch. 3 (limits of a finite population).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from segcore.incomplete_beta import beta_fraction
from segcore_gates.hypergeometric import Drawn

__all__ = ["Proportion", "fewest_images"]

_DOUBTFUL: Final = 1e-7
"""Probabilities that differ by less than this of themselves are compared exactly."""


@dataclass(frozen=True, slots=True)
class Proportion:
    """So many bad ones of so many images; ``0 <= bad <= images``.

    Attributes
    ----------
    bad, images : int
    population : int or None
        How many images hold the class at most, looked at or not; None is without an end.
    """

    bad: int
    images: int
    population: int | None = None

    def drawn_from(self, population: int, *, drawn: int) -> Proportion:
        """The same images, drawn without replacement, with all others of the class that were drawn.

        Parameters
        ----------
        population : int
            How many there are of all images, with the class or without.
        drawn : int
            How many were drawn of all images, ``images <= drawn <= population``.
        """
        return replace(self, population=self.images + population - drawn)

    @property
    def unseen(self) -> int | None:
        """How many images may hold the class and were not looked at; None is without an end."""
        return None if self.population is None else self.population - self.images

    @property
    def effective_images(self) -> float | None:
        """The number of images, which all weigh the same; None for no image."""
        return float(self.images) or None

    def upper(self, confidence: float) -> float | None:
        """The least share they exclude from above; 1.0 if all are bad, None for no image."""
        if not self.images:
            return None
        if self.population is not None:
            return self._drawn().upper(_alpha(confidence))
        if self.bad == self.images:
            return 1.0
        alpha = float(_alpha(confidence))
        if not self.bad:
            return -math.expm1(math.log(alpha) / self.images)
        return _root(lambda p: _at_most(self.bad, self.images, p) > alpha, self.bad / self.images, 1.0)

    def lower(self, confidence: float) -> float | None:
        """The largest share they exclude from below; 0.0 if none is bad, None for no image."""
        if not self.images:
            return None
        if self.population is not None:
            return self._drawn().lower(_alpha(confidence))
        if not self.bad:
            return 0.0
        alpha = float(_alpha(confidence))
        if self.bad == self.images:
            return math.exp(math.log(alpha) / self.images)
        return _root(lambda p: _at_least(self.bad, self.images, p) <= alpha, 0.0, self.bad / self.images)

    def keeps(self, limit: Fraction, confidence: float) -> bool:
        """Whether the upper bound does not exceed ``limit``; False for no image."""
        if not self.images:
            return False
        if limit >= 1:
            return True
        if self.population is not None:
            return self._drawn().keeps(limit, _alpha(confidence))
        if self.bad == self.images or limit <= 0:
            return False
        alpha = _alpha(confidence)
        p = _at_most(self.bad, self.images, float(limit))
        if abs(p - float(alpha)) > _DOUBTFUL * float(alpha):
            return p < alpha
        return _exactly_at_most(self.bad, self.images, limit) <= alpha

    def breaks(self, limit: Fraction, confidence: float) -> bool:
        """Whether the lower bound exceeds ``limit``; False for no image."""
        if not self.bad or limit >= 1:
            return False
        if self.population is not None:
            return self._drawn().breaks(limit, _alpha(confidence))
        alpha = _alpha(confidence)
        p = _at_least(self.bad, self.images, float(limit))
        if abs(p - float(alpha)) > _DOUBTFUL * float(alpha):
            return p < alpha
        return 1 - _exactly_at_most(self.bad - 1, self.images, limit) < alpha

    def p_above(self, limit: Fraction) -> float | None:
        """P value of "the true share is at most ``limit``"; None for no image."""
        if not self.images:
            return None
        if self.population is not None:
            return self._drawn().p_above(limit)
        return _at_least(self.bad, self.images, float(limit))

    def _drawn(self) -> Drawn:
        return Drawn(self.bad, self.images, self.population or self.images)

    def fewest(self, limit: Fraction, confidence: float) -> int | None:
        """With how many images, none of them bad, the upper bound first does not exceed ``limit``.

        Fewer cannot keep it, whatever they show.  None where no number can.
        """
        if self.population is None:
            return fewest_images(limit, confidence)
        low, high = 1, self.population
        while low < high:
            middle = (low + high) // 2
            kept = Proportion(0, middle, self.population).keeps(limit, confidence)
            low, high = (low, middle) if kept else (middle + 1, high)
        return high

    def images_needed(self, limit: Fraction, confidence: float, *, power: float = 0.8) -> int | None:
        """Roughly how many images certify ``limit`` with this power, were the share found the truth.

        None where no number would: the share is not below the limit, or there is no image.
        """
        fewest = self.fewest(limit, confidence)
        if fewest is None or not self.images or Fraction(self.bad, self.images) >= limit:
            return None
        if not self.bad:
            return max(fewest, self.images + 1)
        from statistics import NormalDist

        share, most = self.bad / self.images, float(limit)
        normal = NormalDist()
        spread = normal.inv_cdf(confidence) * math.sqrt(most * (1 - most))
        spread += normal.inv_cdf(power) * math.sqrt(share * (1 - share))
        needed = math.ceil((spread / (most - share)) ** 2)
        if self.population is not None:  # Cochran, ch. 4
            needed = math.ceil(needed / (1 + needed / self.population))
        return max(needed, fewest, self.images + 1)


def fewest_images(limit: Fraction, confidence: float) -> int | None:
    """With how many images, none of them bad, the upper bound first does not exceed ``limit``.

    Fewer cannot keep it, whatever they show.  None where no number can, which is at 0.
    """
    if limit <= 0:
        return None
    if limit >= 1:
        return 1
    near = math.log(_alpha(confidence)) / math.log1p(-float(limit))
    fewest = max(math.floor(near * (1 - 1e-12)), 1)
    while not Proportion(0, fewest).keeps(limit, confidence):
        fewest += 1
    return fewest


def _alpha(confidence: float) -> Fraction:
    """1 - confidence as it is written: .05 for .95."""
    return 1 - Fraction(str(confidence))


def _at_most(bad: int, images: int, p: float) -> float:
    """The probability of no more bad ones, for ``bad < images``."""
    return _incomplete_beta(images - bad, bad + 1, 1 - p, p)


def _at_least(bad: int, images: int, p: float) -> float:
    """The probability of as many bad ones or more."""
    return _incomplete_beta(bad, images - bad + 1, p, 1 - p) if bad else 1.0


def _exactly_at_most(bad: int, images: int, p: Fraction) -> Fraction:
    """The same as :func:`_at_most`, in integers."""
    yes, whole = p.numerator, p.denominator
    no = whole - yes
    # Horner's rule over sum C(n, k) yes^k no^(n - k), from the last term to the first.
    ways, total = math.comb(images, bad), 0
    for k in range(bad, -1, -1):
        total = total * yes + ways * no ** (bad - k)
        ways = ways * k // (images - k + 1)
    return Fraction(total * no ** (images - bad), whole**images)


def _incomplete_beta(a: int, b: int, x: float, y: float) -> float:
    """``I_x(a, b)`` with ``y = 1 - x``."""
    if x <= 0 or y <= 0:
        return float(x > 0)
    scale = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    front = math.exp(scale + a * math.log(x) + b * math.log(y))
    if x < (a + 1) / (a + b + 2):
        return front * beta_fraction(a, b, x) / a
    return 1 - front * beta_fraction(b, a, y) / b


def _root(holds: Callable[[float], bool], low: float, high: float) -> float:
    """Where ``holds``, true from ``low`` on, ends to be true before ``high``, to the last bit."""
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if holds(middle) else (low, middle)
    return high
