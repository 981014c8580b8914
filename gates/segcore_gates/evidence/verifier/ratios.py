"""What the images of a sample say about a ratio of two sums: Fieller's bounds, exactly.

The lower end counts one hypothetical image that was missed as a whole, of root-mean-square size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from segcore_gates.evidence.verifier.student_t import t_above, t_quantile

__all__ = ["Drawn", "RatioPoints", "adjusted"]

_FEWEST_TO_FAIL = 5


class Drawn:
    """How many images of how many the gold is, drawn without replacement."""

    def __init__(self, images: int, population: int) -> None:
        self.images, self.population = images, population
        self.unseen = Fraction(population - images, max(population - 1, 1))
        """By which the variance of a mean is smaller (Cochran, Sampling Techniques, ch. 2)."""


class RatioPoints:
    """One point an image: ``part`` of ``whole``, which is above 0."""

    def __init__(self, points: Sequence[tuple[int, int]], drawn: Drawn | None = None) -> None:
        self.images = n = len(points)
        i, u = sum(i for i, _ in points), sum(u for _, u in points)
        ii, uu = sum(i * i for i, _ in points), sum(u * u for _, u in points)
        iu = sum(i * u for i, u in points)
        missed = Fraction(math.sqrt(Fraction(uu, n)))
        unseen = Fraction(1) if drawn is None else drawn.unseen
        self.population = None if drawn is None else n + drawn.population - drawn.images
        self.all_seen = not unseen
        self._u, self._uu = u, uu
        self._seen = _Deviations(n, (i, u, ii, uu, iu), unseen)
        self._with_miss = _Deviations(n + 1, (i, u + missed, ii, uu + missed**2, iu), unseen)

    @property
    def effective_images(self) -> float:
        """How many of one size would weigh the same."""
        return self._u**2 / self._uu

    def certifies(self, floor: Fraction, confidence: float) -> bool:
        """Whether the true ratio is at least ``floor``."""
        mean, variance = self._with_miss.of(floor)
        quantile = Fraction(t_quantile(confidence, self.images))
        return mean >= 0 and mean**2 * (self.images + 1) >= quantile**2 * variance

    def excludes(self, floor: Fraction, confidence: float) -> bool:
        """Whether it is below."""
        if self.images < _FEWEST_TO_FAIL:
            return False
        mean, variance = self._seen.of(floor)
        quantile = Fraction(t_quantile(confidence, self.images - 1))
        below = mean < 0 and mean**2 * self.images > quantile**2 * variance
        return below and self._seen.roots(float(quantile))[2]

    def p_value(self, floor: Fraction) -> float | None:
        """Of "the true ratio is at least ``floor``"; None with too few images."""
        if self.images < _FEWEST_TO_FAIL:
            return None
        mean, variance = self._seen.of(floor)
        if not variance:
            return 0.5 if not mean else float(mean > 0)
        return t_above(-float(mean) / math.sqrt(variance / self.images), self.images - 1)

    def interval(self, confidence: float) -> tuple[float, float]:
        """Both bounds, each at ``confidence``."""
        lower = self._with_miss.roots(t_quantile(confidence, self.images))[0]
        if self.images < 2:
            return lower, 1.0
        _, upper, bounded = self._seen.roots(t_quantile(confidence, self.images - 1))
        return lower, min(upper, 1.0) if bounded else 1.0


class _Deviations:
    """Means and variances of ``part - ratio x whole`` over ``n`` points, from sums over them."""

    def __init__(self, n: int, sums: Sequence[int | Fraction], unseen: Fraction) -> None:
        i, u, ii, uu, iu = sums
        self._n, free = n, max(n - 1, 1) / unseen if unseen else 0
        self._i, self._u = Fraction(i) / n, Fraction(u) / n
        scatter = (ii - n * self._i**2, uu - n * self._u**2, iu - n * self._i * self._u)
        self._ii, self._uu, self._iu = (one / free if free else Fraction(0) for one in scatter)

    def of(self, ratio: Fraction) -> tuple[Fraction, Fraction]:
        """Mean and variance."""
        spread = self._ii - 2 * ratio * self._iu + ratio**2 * self._uu
        return self._i - ratio * self._u, spread

    def roots(self, quantile: float) -> tuple[float, float, bool]:
        """The ratios between which the statistic is within the quantile; whether there are two ends."""
        q = Fraction(quantile) ** 2 / self._n
        a = self._u**2 - q * self._uu
        b = self._i * self._u - q * self._iu
        c = self._i**2 - q * self._ii
        root = math.sqrt(max(b * b - a * c, Fraction(0)))
        lower = float(c) / (float(b) + root) if c > 0 else 0.0
        return lower, (float(b) + root) / float(a) if a > 0 else math.inf, a > 0


def adjusted(p_values: dict[str, float]) -> dict[str, float]:
    """P values of tests that were looked at together, by Holm's step-down rule."""
    found, least, left = {}, 0.0, len(p_values)
    for name in sorted(p_values, key=lambda one: p_values[one]):
        least = max(least, min(1.0, p_values[name] * left))
        found[name] = least
        left -= 1
    return found
