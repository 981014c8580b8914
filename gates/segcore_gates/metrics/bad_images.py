"""The share of images on which a class is simply wrong.

An image counts where gold or the delivery has the class, as for the mean IoU over images: one that only
the delivery has it in is bad, and a delivery cannot gain good images by it.  An image is bad if the IoU
of the class in it is below the limit for images, and good at it; one that was not delivered is bad.

- A class on neither side is missing; ``absent`` in the policy decides.
- A class that only one side has is bad in every image; if only the gold has it, whatever the evidence.

Support is counted in gold images and gold instances, as for the IoU.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from segcore_gates.metrics.finding import Finding, How, class_indices, lowest
from segcore_gates.metrics.pixels import class_pixels
from segcore_gates.proportion import Proportion
from segcore_gates.records import WorstImage
from segcore_gates.views import SEMANTIC

if TYPE_CHECKING:
    from segcore.evaluation import Evaluation
    from segcore.tally import ImageCounts
    from segcore_gates.rules import Rule

__all__ = ["BAD_IMAGE_SHARE"]


def _bad(rule: Rule, counts: ImageCounts) -> list[bool]:
    if rule.below_iou is None:
        raise TypeError(f"{rule.id} does not say below which IoU an image is bad")
    limit = Fraction(str(rule.below_iou))
    pairs = zip(counts.intersection.tolist(), counts.union.tolist(), strict=True)
    return [i * limit.denominator < limit.numerator * u for i, u in pairs]


def _bad_image_share(rule: Rule, evaluation: Evaluation) -> Finding:
    """Bad images / images that hold the class on either side."""
    found = class_pixels(rule, evaluation)
    if found.absent:
        return found
    counts = evaluation.image_counts(*class_indices(rule, evaluation))
    bad = _bad(rule, counts)
    return replace(found, value=Fraction(sum(bad), len(bad)), worst=_worst(counts, bad, evaluation))


def _sample(rule: Rule, evaluation: Evaluation) -> Proportion:
    bad = _bad(rule, evaluation.image_counts(*class_indices(rule, evaluation)))
    return Proportion(sum(bad), len(bad))


def _worst(counts: ImageCounts, bad: list[bool], evaluation: Evaluation) -> tuple[WorstImage, ...]:
    """The bad images of least IoU; among equals the larger union, then the key."""
    undelivered = frozenset(evaluation.images.missing_in_delivery)
    columns = (counts.intersection, counts.union, counts.gold_pixels, counts.delivery_pixels)
    rows = zip(counts.keys, bad, *(column.tolist() for column in columns), strict=True)
    images, unions = [], []
    for key, wrong, both, union, gold, delivered in rows:
        if not wrong:
            continue
        reason = "" if gold and delivered else "only the delivery has it"
        if not delivered:
            reason = "not delivered" if key in undelivered else "only gold has it"
        images.append(WorstImage(image=key, value=both / union, reason=reason))
        unions.append(union)
    return lowest(images, unions)


BAD_IMAGE_SHARE = How(
    title="bad image share",
    view=lambda _: SEMANTIC,
    find=_bad_image_share,
    sample=_sample,
    of_image="IoU",
    judges_pixels=True,
)
