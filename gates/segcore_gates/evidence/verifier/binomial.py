"""So many bad images of so many, in whole numbers: nothing is rounded before a verdict."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

__all__ = ["SharePoints", "at_most"]


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
