"""A value against a limit, as exactly as both are known."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from segcore_gates.rules import LimitKind

__all__ = ["beyond", "exact", "written"]

_DECIMALS: Final = 12


def exact(value: Fraction | float) -> Fraction:
    """The number that is compared with a limit.

    A float stands for what was meant to twelve decimals: the sums behind AP and the mean of IoUs are
    rounded some hundred times, each time by less than 2e-16, and a class must pass at its limit.  A
    limit is the decimal that was written: .8 is 4/5.
    """
    return value if isinstance(value, Fraction) else Fraction(f"{value:.{_DECIMALS}f}")


def written(limit: float) -> Fraction:
    """The decimal as it was written: .8 is 4/5, so a class passes at its threshold."""
    return Fraction(str(limit))


def beyond(value: Fraction | float, kind: LimitKind, limit: float) -> bool:
    """Whether the limit is broken; at it, it is kept."""
    measured, wanted = exact(value), written(limit)
    return measured < wanted if kind.at_least else measured > wanted
