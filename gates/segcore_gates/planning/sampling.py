"""Sampling plans by attributes: look at n, accept with at most c bad ones; both risks of it.

A unit is whatever is counted: an image, or an object, that is bad or is not.  The number of bad ones in
a sample is binomial, or hypergeometric where the lot is small enough to matter.

References: Schilling and Neubauer, Acceptance Sampling in Quality Control, 3rd ed., ch. 5 (OC curves);
Hanley and Lippman-Hand 1983 (none bad in n); ISO 2859-1 (code letters and acceptance numbers).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from segcore_gates.hypergeometric import at_most

__all__ = ["SINGLE_PLANS", "SamplingPlan", "half_width", "plan_by_aql", "smallest_plan", "unseen"]

_MAX_SAMPLE: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingPlan:
    """Look at so many, accept with at most so many bad ones.

    Attributes
    ----------
    sample : int
        Units looked at, at least 1.
    accept : int
        Bad ones with which the lot is still accepted.
    lot : int or None
        Units in the lot; None is without an end.
    """

    sample: int
    accept: int
    lot: int | None = None

    def accepts(self, share: float) -> float:
        """The probability that a lot with such a share of bad units is accepted.

        Of a lot with an end the bad units are counted: the share times the lot, to the nearest.
        """
        if self.lot is None:
            return _at_most(self.accept, self.sample, share)
        bad = min(self.lot, math.floor(share * self.lot + 0.5))
        return at_most(self.accept, self.sample, bad, self.lot)

    def producer_risk(self, share: float) -> float:
        """The probability that a lot with so few bad units is rejected."""
        return 1 - self.accepts(share)

    def limiting_share(self, risk: float) -> float:
        """The share of bad units that is accepted with this probability: LQ10 at a risk of 0.10."""
        if self.lot is not None:
            bad = _first(lambda n: at_most(self.accept, self.sample, n, self._end) <= risk, 0, self.lot)
            return bad / self.lot
        low, high = 0.0, 1.0
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if self.accepts(middle) > risk else (low, middle)
        return high

    @property
    def _end(self) -> int:
        return self.lot or 0


def smallest_plan(
    *, limit: float, risk: float, accept: int = 0, lot: int | None = None
) -> SamplingPlan | None:
    """The smallest sample with which a lot at the limit is accepted with at most the risk.

    Parameters
    ----------
    limit : float
        Share of bad units that must not pass, in (0, 1].
    risk : float
        The consumer's: 0.05 is a confidence of 95 %.
    accept : int
        Bad ones that are let pass; 0 is a zero-failure plan.
    lot : int, optional
        Units in the lot.

    Returns
    -------
    SamplingPlan or None
        None where a lot at the limit holds no more bad ones than are let pass.
    """
    if lot is None:
        sample = _first(lambda n: _at_most(accept, n, limit) <= risk, accept + 1, _MAX_SAMPLE)
        return SamplingPlan(sample=sample, accept=accept)
    # a lot breaks the limit from this many bad ones on; less cannot be told from it by counting
    bad = math.ceil(Fraction(str(limit)) * lot)
    if bad <= accept:
        return None
    sample = _first(lambda n: at_most(accept, n, bad, lot) <= risk, accept + 1, lot)
    return SamplingPlan(sample=sample, accept=accept, lot=lot)


def unseen(sample: int, share: float) -> float:
    """The probability that a sample shows none of so many bad units: spot checks."""
    return float((1 - share) ** sample)


def half_width(sample: int, share: float) -> float:
    """Half of the usual 95 % interval of a share (Wald), to see what a sample can tell."""
    return 1.959963984540054 * math.sqrt(share * (1 - share) / sample)


_LETTERS: Final = (
    (2, 8, "A", 2), (9, 15, "B", 3), (16, 25, "C", 5), (26, 50, "D", 8), (51, 90, "E", 13),
    (91, 150, "F", 20), (151, 280, "G", 32), (281, 500, "H", 50), (501, 1_200, "J", 80),
    (1_201, 3_200, "K", 125), (3_201, 10_000, "L", 200), (10_001, 35_000, "M", 315),
    (35_001, 150_000, "N", 500),
)  # fmt: skip
"""Lots, code letter and sample of general inspection level II."""

SINGLE_PLANS: Final = {
    (50, 1.0): 1, (50, 2.5): 3, (50, 4.0): 5,
    (80, 1.0): 2, (80, 2.5): 5, (80, 4.0): 7,
    (125, 1.0): 3, (125, 2.5): 7, (125, 4.0): 10,
    (200, 1.0): 5, (200, 2.5): 10, (200, 4.0): 14,
    (315, 1.0): 7, (315, 2.5): 14, (315, 4.0): 21,
}  # fmt: skip
"""Acceptance numbers of normal inspection by sample and AQL in per cent."""


def plan_by_aql(*, lot: int, aql: float) -> tuple[str, SamplingPlan] | None:
    """The single plan of ISO 2859-1 for normal inspection, level II: its code letter and numbers.

    Its risks are computed without an end of the lot, as those of the standard are.

    Returns
    -------
    (str, SamplingPlan) or None
        None where the table here has no such plan: it holds the samples of 50 to 315 for AQL 1.0, 2.5
        and 4.0.
    """
    for low, high, letter, sample in _LETTERS:
        if low <= lot <= high and (sample, aql) in SINGLE_PLANS:
            return letter, SamplingPlan(sample=sample, accept=SINGLE_PLANS[sample, aql])
    return None


def _at_most(bad: int, sample: int, share: float) -> float:
    """The binomial distribution function."""
    if bad >= sample or share <= 0:
        return 1.0
    if share >= 1:
        return 0.0
    logs = math.log(share), math.log1p(-share)
    terms = (
        math.lgamma(sample + 1)
        - math.lgamma(k + 1)
        - math.lgamma(sample - k + 1)
        + k * logs[0]
        + (sample - k) * logs[1]
        for k in range(bad + 1)
    )
    return min(1.0, math.fsum(map(math.exp, terms)))


def _first(holds: Callable[[int], bool], low: int, high: int) -> int:
    """The smallest number that holds, where all above it hold; ``high`` if none does."""
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low
