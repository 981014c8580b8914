"""What images drawn without replacement say about the share of bad ones among all of them.

The bounds are those of the hypergeometric distribution, one-sided at 1 - alpha, and one image wider:
they hold whatever part of the population the class is in, see :mod:`segcore_gates.proportion`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

__all__ = ["Drawn", "at_most"]

_DOUBTFUL: Final = 1e-7
"""Probabilities that differ by less than this of themselves are compared exactly."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """So many bad ones of so many images drawn of a population; ``bad <= images <= population``."""

    bad: int
    images: int
    population: int

    @property
    def _most(self) -> int:
        """As many may be bad: those that were found, and all that were not looked at."""
        return self.population - self.images + self.bad

    def upper(self, alpha: Fraction) -> float:
        """The least share they exclude from above."""
        excluded = _first(lambda m: self._rarely_so_few(m, alpha), self.bad, self._most)
        return excluded / self.population

    def lower(self, alpha: Fraction) -> float:
        """The largest share they exclude from below."""
        possible = _first(lambda m: not self._rarely_so_many(m, alpha), self.bad, self._most)
        return max(possible - 1, self.bad) / self.population

    def keeps(self, limit: Fraction, alpha: Fraction) -> bool:
        """Whether the upper bound does not exceed ``limit``."""
        kept = math.floor(limit * self.population)
        return kept >= self._most or self._rarely_so_few(kept, alpha)

    def breaks(self, limit: Fraction, alpha: Fraction) -> bool:
        """Whether the lower bound exceeds ``limit``."""
        kept = math.floor(limit * self.population)
        return kept < self.bad or self._rarely_so_many(kept + 1, alpha)

    def p_above(self, limit: Fraction) -> float:
        """P value of "the true share is at most ``limit``"."""
        kept = math.floor(limit * self.population)
        if kept < self.bad or kept >= self._most:
            return float(kept >= self.bad)
        return 1 - at_most(self.bad - 1, self.images, kept + 1, self.population)

    def _rarely_so_few(self, among: int, alpha: Fraction) -> bool:
        """Whether as few or fewer bad ones would be drawn with a probability of at most ``alpha``."""
        if among <= self.bad:
            return False
        p = at_most(self.bad, self.images, among, self.population)
        if abs(p - float(alpha)) > _DOUBTFUL * float(alpha):
            return p < alpha
        return _exactly_at_most(self.bad, self.images, among, self.population) <= alpha

    def _rarely_so_many(self, among: int, alpha: Fraction) -> bool:
        """Whether as many or more would be, with less than ``alpha``."""
        if among < self.bad:
            return True
        p = 1 - at_most(self.bad - 1, self.images, among, self.population)
        if abs(p - float(alpha)) > _DOUBTFUL * float(alpha):
            return p < alpha
        return 1 - _exactly_at_most(self.bad - 1, self.images, among, self.population) < alpha


def at_most(bad: int, images: int, among: int, population: int) -> float:
    """The probability to draw no more bad ones, if ``among`` of the population are bad."""
    good = population - among
    least = max(0, images - good)
    if bad < least:
        return 0.0
    if bad >= min(images, among):
        return 1.0

    def ways(whole: int, part: int) -> float:
        return math.lgamma(whole + 1) - math.lgamma(part + 1) - math.lgamma(whole - part + 1)

    # The largest term by logarithms, the others by their ratios to it, so that no error adds up.
    peak = min(bad, max(least, (images + 1) * (among + 1) // (population + 2)))
    term = math.exp(ways(among, peak) + ways(good, images - peak) - ways(population, images))
    terms, down, up = [term], term, term
    for k in range(peak, least, -1):
        down *= k * (good - images + k) / ((among - k + 1) * (images - k + 1))
        terms.append(down)
    for k in range(peak, bad):
        up *= (among - k) * (images - k) / ((k + 1) * (good - images + k + 1))
        terms.append(up)
    return min(math.fsum(terms), 1.0)


def _exactly_at_most(bad: int, images: int, among: int, population: int) -> Fraction:
    """The same, in integers."""
    good = population - among
    drawn = sum(math.comb(among, k) * math.comb(good, images - k) for k in range(bad + 1))
    return Fraction(drawn, math.comb(population, images))


def _first(holds: Callable[[int], bool], low: int, high: int) -> int:
    """The least number that holds, false before it and true from it on; ``high`` if none does."""
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low
