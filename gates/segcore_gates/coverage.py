"""The rule that every policy has: the gold images were delivered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from segcore_gates.records import Verdict, WorstImage
from segcore_gates.rules import ExtraImages

if TYPE_CHECKING:
    from segcore.evaluation import MeasuredBatch
    from segcore_gates.rules import Rule

__all__ = ["Delivered", "delivered"]

_MISSING_NAMES: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What was delivered of the gold images.

    Attributes
    ----------
    verdict : Verdict
    reason : str
    share : float or None
        None where there is no gold image.
    images : int
        Of the gold.
    missing : tuple of WorstImage
        Up to ten.
    """

    verdict: Verdict
    reason: str
    images: int
    share: float | None = None
    missing: tuple[WorstImage, ...] = ()


def delivered(rule: Rule, evaluation: MeasuredBatch) -> Delivered:
    """Hold the images of a batch, in whatever view, against the coverage that is asked for."""
    images = evaluation.images
    missing, extra = images.missing_in_delivery, images.extra_in_delivery
    gold = images.gold
    if not gold:
        return Delivered(verdict=Verdict.MISSING, reason="there is no gold image", images=0)
    share = Fraction(gold - len(missing), gold)
    reasons = []
    if missing:
        reasons.append(f"{len(missing)} of {gold} gold images not delivered: {_names(missing)}")
    found = Verdict.PASS if share >= Fraction(str(rule.minimum)) else Verdict.FAIL
    if extra and rule.extra_images is not ExtraImages.ALLOW:
        reasons.append(f"{len(extra)} delivered images are not in the gold: {_names(extra)}")
        if rule.extra_images is ExtraImages.ERROR:
            found = Verdict.FAIL
        elif found is Verdict.PASS:
            found = Verdict.WARN
    return Delivered(
        verdict=found,
        reason="; ".join(reasons),
        images=gold,
        share=float(share),
        missing=tuple(WorstImage(image=key, value=0.0) for key in missing[:_MISSING_NAMES]),
    )


def _names(keys: Sequence[str]) -> str:
    shown = ", ".join(keys[:_MISSING_NAMES])
    more = len(keys) - _MISSING_NAMES
    return shown if more <= 0 else f"{shown} and {more} more"
