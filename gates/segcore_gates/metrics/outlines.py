"""Metrics of outlines: boundary IoU, NSD, boundary F1, HD95 and ASSD of a class.

They are measured in pixels of label maps (:mod:`segcore.measures.outline`).  What they have in common:

- A class on neither side is missing; ``absent`` in the policy decides.
- A class that only the gold has is as bad as can be, whatever the evidence: 0, or for distances the
  diagonal of the images.  So is one that only the delivery has.
- An image without the class on either side does not count; one that was not delivered counts with all of
  its outline missed, and one where only one side has the class with a distance of its diagonal.
- Confusions are those of whole masks: which classes missed and extra pixels were given to.

Support is counted in gold images and gold instances, as for the IoU.

Boundary IoU and NSD are ratios of two counts, each summed over images, and have the bounds of the pixel
IoU with the image as unit: NSD is the share of all outline pixels of an image, on both sides, that lie
near the other outline.  Boundary F1 is made of two such ratios with denominators of their own, HD95 and
ASSD are means over images of lengths without an upper end: they have no bound.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from segcore.surface_scores import Tolerance, assd, hd95, mean_of
from segcore_gates.metrics.finding import Finding, How, class_indices, highest, lowest
from segcore_gates.metrics.pixels import class_pixels, worst_of
from segcore_gates.records import WorstImage
from segcore_gates.statistics import Sample
from segcore_gates.views import View

if TYPE_CHECKING:
    import numpy.typing as npt

    from segcore.evaluation import Evaluation
    from segcore.surface_tally import ImageSurfaces
    from segcore.tally import ImageCounts
    from segcore_gates.rules import Rule

    Integers = npt.NDArray[np.int64]

__all__ = [
    "ASSD",
    "BOUNDARY_F1",
    "BOUNDARY_IOU",
    "HD95",
    "NSD",
    "Outlines",
    "outline_f1",
    "outlines_of",
    "surfaces_of",
]


def _bands(rule: Rule, evaluation: Evaluation) -> ImageCounts:
    """The bands of the rule's class, image by image."""
    if evaluation.boundary is None:
        raise TypeError("the view of a rule on boundaries has none")
    return evaluation.boundary.image_counts(*class_indices(rule, evaluation))


def _boundary_iou(rule: Rule, evaluation: Evaluation) -> Finding:
    """IoU of the bands inside the outlines of gold and delivery, summed over all images first."""
    found = class_pixels(rule, evaluation)
    if found.absent:
        return found
    bands = _bands(rule, evaluation)
    both, either = int(bands.intersection.sum()), int(bands.union.sum())
    return replace(found, value=Fraction(both, either), worst=worst_of(bands))


def _band_sample(rule: Rule, evaluation: Evaluation) -> Sample:
    bands = _bands(rule, evaluation)
    return Sample(bands.intersection, bands.union)


BOUNDARY_IOU = How(
    title="boundary IoU",
    view=lambda rule: View(dilation=rule.dilation),
    find=_boundary_iou,
    sample=_band_sample,
)


def surfaces_of(index: int, evaluation: Evaluation) -> ImageSurfaces:
    """The outlines of a class, image by image."""
    if evaluation.surfaces is None:
        raise TypeError("the view of a rule on outlines has none")
    return evaluation.surfaces.image_surfaces(index)


def _view(_: Rule) -> View:
    return View(surfaces=True)


def _one_sided(gold: Integers, delivery: Integers) -> list[str]:
    """Of each image, which side alone has the class, if one does."""
    pairs = zip(gold.tolist(), delivery.tolist(), strict=True)
    return ["only gold has it" if not d else "" if g else "only the delivery has it" for g, d in pairs]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outlines:
    """Surface pixels by image, of a class or of the classes of a group together: all and those near.

    Near are those within the tolerance of the other side's surface of the same class.
    """

    keys: tuple[str, ...]
    gold: Integers
    gold_near: Integers
    delivery: Integers
    delivery_near: Integers


def outlines_of(rule: Rule, evaluation: Evaluation) -> Outlines:
    """The outlines of the class or group of a rule, by the tolerance of the rule."""
    squared_px = Tolerance(distance=rule.tolerance_px or 0.0).squared_px
    parts = [surfaces_of(index, evaluation) for index in class_indices(rule, evaluation)]
    keys, place = np.unique([key for part in parts for key in part.keys], return_inverse=True)

    def by_image(columns: list[Integers]) -> Integers:
        sums = np.zeros(len(keys), np.int64)
        np.add.at(sums, place, np.concatenate(columns))
        return sums

    return Outlines(
        keys=tuple(keys.tolist()),
        gold=by_image([part.gold.totals() for part in parts]),
        gold_near=by_image([part.gold.within(squared_px) for part in parts]),
        delivery=by_image([part.delivery.totals() for part in parts]),
        delivery_near=by_image([part.delivery.within(squared_px) for part in parts]),
    )


def _nsd_parts(images: Outlines) -> tuple[Integers, Integers]:
    return images.gold_near + images.delivery_near, images.gold + images.delivery


def _nsd(rule: Rule, evaluation: Evaluation) -> Finding:
    """Share of the surface pixels of both sides within the tolerance, summed over all images first."""
    found = class_pixels(rule, evaluation)
    if found.absent:
        return found
    images = outlines_of(rule, evaluation)
    near, all_of_them = _nsd_parts(images)
    values = [Fraction(*pair) for pair in zip(near.tolist(), all_of_them.tolist(), strict=True)]
    return replace(
        found,
        value=Fraction(int(near.sum()), int(all_of_them.sum())),
        worst=_worst_shares(images, values),
    )


def _nsd_sample(rule: Rule, evaluation: Evaluation) -> Sample:
    return Sample(*_nsd_parts(outlines_of(rule, evaluation)))


NSD = How(title="NSD", view=_view, find=_nsd, sample=_nsd_sample)


def outline_f1(gold_near: int, gold: int, delivery_near: int, delivery: int) -> Fraction:
    """2 P R / (P + R) with P = delivery_near / delivery and R = gold_near / gold; 0 where both are."""
    below = gold_near * delivery + delivery_near * gold
    return Fraction(2 * gold_near * delivery_near, below) if below else Fraction(0)


def _boundary_f1(rule: Rule, evaluation: Evaluation) -> Finding:
    """Harmonic mean of the shares of either surface near the other, each summed over images first."""
    found = class_pixels(rule, evaluation)
    if found.absent:
        return found
    images = outlines_of(rule, evaluation)
    columns = [images.gold_near, images.gold, images.delivery_near, images.delivery]
    values = [outline_f1(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]
    return replace(
        found,
        value=outline_f1(*(int(column.sum()) for column in columns)),
        worst=_worst_shares(images, values),
    )


BOUNDARY_F1 = How(
    title="boundary F1",
    view=_view,
    find=_boundary_f1,
    no_bound="boundary F1 has no bound, because it is made of two shares, of gold's outline and of the "
    "delivered one: write `judge: estimate`, or gate nsd",
)


def _worst_shares(images: Outlines, values: list[Fraction]) -> tuple[WorstImage, ...]:
    """The images of least value; among equals the one with more outline, then the key."""
    sides, pixels = _one_sided(images.gold, images.delivery), images.gold + images.delivery
    rows = zip(images.keys, values, sides, pixels.tolist(), strict=True)
    imperfect = [
        (WorstImage(image=key, value=float(value), reason=reason), n)
        for key, value, reason, n in rows
        if value < 1
    ]
    return lowest([image for image, _ in imperfect], [n for _, n in imperfect])


def _distance(
    title: str, of: Callable[[ImageSurfaces], npt.NDArray[np.float64]], about: str
) -> How[Evaluation]:
    """A mean over images of a distance in pixels, of which less is better."""

    def find(rule: Rule, evaluation: Evaluation) -> Finding:
        found = class_pixels(rule, evaluation)
        if found.absent:
            return found
        (index,) = class_indices(rule, evaluation)
        images = surfaces_of(index, evaluation)
        values = of(images).tolist()
        sides = _one_sided(images.gold.totals(), images.delivery.totals())
        rows = zip(images.keys, values, sides, strict=True)
        apart = [WorstImage(image=key, value=v, reason=reason) for key, v, reason in rows if v > 0]
        return replace(found, value=mean_of(values), worst=highest(apart))

    find.__doc__ = about
    return How(
        title=title,
        view=_view,
        find=find,
        no_bound=f"{title} has no bound, because it is a mean of distances that may be as long as an "
        "image: write `judge: estimate`, or gate nsd",
        unit="px",
    )


HD95 = _distance(
    "HD95",
    hd95,
    "The larger 95th percentile of the distances between the surfaces; mean over the images.",
)
ASSD = _distance(
    "ASSD",
    assd,
    "The mean distance of all surface pixels of both sides to the other surface; mean over the images.",
)
