"""The continued fraction of the incomplete beta function, behind Student's t and the binomial.

Lentz 1976; DiDonato and Morris 1992.  A library for it takes longer to load than a hundred images take
to judge.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

__all__ = ["beta_fraction"]

_TINY: Final = 1e-300


def beta_fraction(a: float, b: float, x: float) -> float:
    """``I_x(a, b) a B(a, b) / (x^a (1 - x)^b)``, for ``x`` between 0 and ``(a + 1) / (a + b + 2)``.

    Above that it converges slowly: use ``I_x(a, b) = 1 - I_(1 - x)(b, a)``.
    """
    numerators = _numerators(a, b, x)
    d = 1 / _nonzero(1 + next(numerators))
    c, value = 1.0, d
    for numerator in numerators:
        d = 1 / _nonzero(1 + numerator * d)
        c = _nonzero(1 + numerator / c)
        value *= c * d
        if abs(c * d - 1) < 4e-16:  # two roundings
            break
    return value


def _numerators(a: float, b: float, x: float) -> Iterator[float]:
    yield -(a + b) * x / (a + 1)
    m = 1
    while True:
        yield m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        yield -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        m += 1


def _nonzero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
