"""Is it the guideline or an annotator: who disagrees with whom about a class.

The rule, of a class and an agreement that is enough (``agree_at``, an IoU):

1. the mean IoU of all pairs reaches it: ``agreed``;
2. fewer than three annotators marked it: ``unknown``, as of two nobody can tell who is right;
3. without one annotator the mean of the remaining pairs reaches it, that of this annotator with the
   others does not, and the gap between the two means is above 0 at one-sided 95 % by the images:
   ``annotator``, that one (of several, the one with the largest gap);
4. no pair reaches it: ``guideline``, as everybody disagrees with everybody;
5. else ``mixed``: some agree, and it is not one against the rest, or too few images show it.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from segcore.agreement.ceiling import Floats, Integers, jackknife, mean_iou
from segcore.agreement.pairs import PairTable

__all__ = ["AGREE_AT", "Cause", "Finding", "find_cause"]

AGREE_AT: Final = 0.75
"""Enough where nobody says otherwise: a proposal, as the threshold of a class belongs in a policy."""


class Cause(enum.StrEnum):
    """Why annotators disagree about a class."""

    AGREED = "agreed"
    ANNOTATOR = "annotator"
    GUIDELINE = "guideline"
    MIXED = "mixed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What the rule says of one class.

    Attributes
    ----------
    cause : Cause
    annotator : int or None
        The one against the rest.
    own, rest : float or None
        The mean IoU of that one with the others, and of the others with each other.
    gap_lower : float or None
        The least gap between the two that the images allow.
    """

    cause: Cause
    annotator: int | None = None
    own: float | None = None
    rest: float | None = None
    gap_lower: float | None = None

    def to_json(self, names: tuple[str, ...]) -> dict[str, Any]:
        """Plain values, the annotator by name."""
        return {
            "cause": self.cause.value,
            "annotator": None if self.annotator is None else names[self.annotator],
            "own": self.own,
            "rest": self.rest,
            "gap_lower": self.gap_lower,
        }


def find_cause(table: PairTable, index: int, *, agree_at: float = AGREE_AT) -> Finding:
    """Apply the rule to a class.

    Parameters
    ----------
    table : PairTable
    index : int
        Of the class.
    agree_at : float
        The IoU from which on two annotators agree.
    """
    shared, union = table.of_class(index)
    sums = shared.sum(axis=1), union.sum(axis=1)
    mean = float(mean_iou(*sums))
    if math.isnan(mean):
        return Finding(cause=Cause.UNKNOWN)
    if mean >= agree_at:
        return Finding(cause=Cause.AGREED)
    there = [at for at, px in enumerate(sums[1]) if px]
    who = sorted({one for at in there for one in table.pairs[at]})
    if len(who) < 3:
        return Finding(cause=Cause.UNKNOWN)
    found = []
    for one in who:
        others = [other for other in who if other != one]
        mine = table.between(one, others)
        theirs = [at for at in there if one not in table.pairs[at]]
        own = float(mean_iou(sums[0][mine], sums[1][mine]))
        rest = float(mean_iou(sums[0][theirs], sums[1][theirs]))
        if math.isnan(own) or math.isnan(rest) or not (own < agree_at <= rest):
            continue
        chosen = [*mine, *theirs]
        bounds = jackknife(shared[chosen], union[chosen], _Gap(len(mine)))
        if bounds is not None and bounds[0] > 0:
            found.append((rest - own, -one, own, rest, bounds[0]))
    if found:
        _, place, own, rest, lower = max(found)
        return Finding(cause=Cause.ANNOTATOR, annotator=-place, own=own, rest=rest, gap_lower=lower)
    each = [shared_px / union_px for shared_px, union_px in zip(*sums, strict=True) if union_px]
    return Finding(cause=Cause.MIXED if max(each) >= agree_at else Cause.GUIDELINE)


class _Gap:
    """How much better the others agree with each other; the first ``mine`` pairs are of the one."""

    def __init__(self, mine: int) -> None:
        self._mine = mine

    def __call__(self, shared: Integers, union: Integers) -> Floats:
        at = self._mine
        own = mean_iou(shared[..., :at], union[..., :at])
        return np.asarray(mean_iou(shared[..., at:], union[..., at:]) - own)
