"""So many bad images of so many, in whole numbers: nothing is rounded before a verdict."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

__all__ = ["DrawnShare", "SharePoints", "at_most"]


def at_most(bad: int, images: int, share: Fraction) -> Fraction:
    """The probability of no more than ``bad`` of ``images`` where each is bad with this probability."""
    yes, whole = share.numerator, share.denominator
    no = whole - yes
    if not no:
        return Fraction(int(bad >= images))
    # term = C(n, k) yes^k no^(n - k), all over whole^n
    term = total = no**images
    for k in range(min(bad, images)):
        term = term * (images - k) * yes // ((k + 1) * no)
        total += term
    return Fraction(total, whole**images)


def _log_at_most(bad: int, images: int, share: float) -> float:
    """The same as a float; ``0 < share < 1``."""
    yes, no = math.log(share), math.log1p(-share)
    logs = [math.log(math.comb(images, k)) + k * yes + (images - k) * no for k in range(bad + 1)]
    top = max(logs)
    return math.exp(top) * math.fsum(math.exp(one - top) for one in logs)


class SharePoints:
    """The images of a class, each good or bad; bounds are those of Clopper and Pearson."""

    population: int | None = None
    all_seen = False

    def __init__(self, bad: int, images: int) -> None:
        self.bad, self.images = bad, images

    @property
    def effective_images(self) -> float:
        """All weigh the same."""
        return float(self.images)

    def keeps(self, ceiling: Fraction, alpha: Fraction) -> bool:
        """Whether the true share is at most ``ceiling``: more bad ones would have been seen."""
        if ceiling >= 1:
            return True
        return ceiling > 0 and at_most(self.bad, self.images, ceiling) <= alpha

    def breaks(self, ceiling: Fraction, alpha: Fraction) -> bool:
        """Whether the true share is above it."""
        return ceiling < 1 and self.p_value(ceiling) < alpha

    def p_value(self, ceiling: Fraction) -> Fraction:
        """Of "the true share is at most ``ceiling``": that of so many bad ones or more."""
        if not self.bad:
            return Fraction(1)
        return 1 - at_most(self.bad - 1, self.images, min(max(ceiling, Fraction(0)), Fraction(1)))

    def interval(self, alpha: Fraction) -> tuple[float, float]:
        """Both bounds, each at 1 - alpha."""
        bad, images, level = self.bad, self.images, float(alpha)
        lower, upper = 0.0, 1.0
        if bad:
            lower = _crossing(lambda p: 1 - _log_at_most(bad - 1, images, p) > level)
        if bad < images:
            upper = _crossing(lambda p: _log_at_most(bad, images, p) <= level)
        return lower, upper


class DrawnShare(SharePoints):
    """The same of images drawn without replacement from a population with an end: hypergeometric.

    ``population`` is how many images may hold the class.  The bounds are one image wider than the
    distribution asks for, so that they hold if fewer do.
    """

    def __init__(self, bad: int, images: int, population: int) -> None:
        super().__init__(bad, images)
        self.population = self._population = population
        self.all_seen = population == images
        self._most = population - images + bad

    def _so_few(self, among: int, bad: int) -> Fraction:
        """The probability to draw no more than ``bad`` where ``among`` of the population are."""
        good = self._population - among
        ways = sum(math.comb(among, k) * math.comb(good, self.images - k) for k in range(bad + 1))
        return Fraction(ways, math.comb(self._population, self.images))

    def _too_few(self, among: int, alpha: Fraction) -> bool:
        return among > self.bad and self._so_few(among, self.bad) <= alpha

    def _too_many(self, among: int, alpha: Fraction) -> bool:
        return among < self.bad or 1 - self._so_few(among, self.bad - 1) < alpha

    def keeps(self, ceiling: Fraction, alpha: Fraction) -> bool:
        """Whether the true share is at most ``ceiling``."""
        allowed = math.floor(ceiling * self._population)
        return ceiling >= 1 or allowed >= self._most or self._too_few(allowed, alpha)

    def breaks(self, ceiling: Fraction, alpha: Fraction) -> bool:
        """Whether it is above."""
        allowed = math.floor(ceiling * self._population)
        if not self.bad or ceiling >= 1:
            return False
        return allowed < self.bad or self._too_many(allowed + 1, alpha)

    def p_value(self, ceiling: Fraction) -> Fraction:
        """Of "the true share is at most ``ceiling``"."""
        allowed = math.floor(ceiling * self._population)
        if allowed < self.bad or allowed >= self._most:
            return Fraction(int(allowed >= self.bad))
        return 1 - self._so_few(allowed + 1, self.bad - 1)

    def interval(self, alpha: Fraction) -> tuple[float, float]:
        """Both bounds, each at 1 - alpha."""
        low, high = (
            self._first(lambda m: not self._too_many(m, alpha)),
            self._first(lambda m: self._too_few(m, alpha)),
        )
        return max(low - 1, self.bad) / self._population, high / self._population

    def _first(self, holds: Callable[[int], bool]) -> int:
        low, high = self.bad, self._most
        while low < high:
            middle = (low + high) // 2
            if holds(middle):
                high = middle
            else:
                low = middle + 1
        return low


def _crossing(reached: Callable[[float], bool]) -> float:
    """From which share on."""
    low, high = 0.0, 1.0
    while low < (low + high) / 2 < high:
        middle = (low + high) / 2
        if reached(middle):
            high = middle
        else:
            low = middle
    return high
