"""Student's t with a whole number of degrees of freedom, by its finite series.

Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4: no gamma function and no
continued fraction, so that it shares nothing with the way the judge takes.
"""

from __future__ import annotations

import math
from functools import cache

__all__ = ["t_above", "t_quantile"]


def t_above(t: float, degrees: int) -> float:
    """The probability of a value above ``t``."""
    if math.isinf(t):
        return 0.0 if t > 0 else 1.0
    angle = math.atan2(abs(t), math.sqrt(degrees))
    square = math.cos(angle) ** 2
    odd = degrees % 2
    term = math.cos(angle) if odd else 1.0
    terms = [term] if degrees > 1 else []
    for k in range(2 + odd, degrees, 2):
        term *= square * (k - 1) / k
        terms.append(term)
    within = math.sin(angle) * math.fsum(terms)
    if odd:
        within = 2 / math.pi * (angle + within)
    tail = (1 - within) / 2
    return tail if t >= 0 else 1 - tail


@cache
def t_quantile(probability: float, degrees: int) -> float:
    """The value that is exceeded with the probability 1 - ``probability``, which is above one half."""
    low, high = 0.0, 1.0
    while t_above(high, degrees) > 1 - probability:
        low, high = high, high * 2
    while low < (low + high) / 2 < high:
        middle = (low + high) / 2
        if t_above(middle, degrees) > 1 - probability:
            low = middle
        else:
            high = middle
    return high
