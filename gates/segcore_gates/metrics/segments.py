"""Metrics of segments: PQ, SQ and RQ of a class, and the mean PQ of several.

Segments match and count by :mod:`segcore.panoptic_quality`.  What the metrics of a class have in common:

- Crowds of the gold are neither found nor missed.  Delivered segments that lie mostly in void or in
  crowds of their class are ignored: they are neither right nor wrong.
- A class without a segment that counts on either side is missing; ``absent`` in the policy decides.
- A class that only the gold has is 0, whatever the evidence.  So is one that only the delivery has.
- An image without a segment of the class that counts plays no part; all segments of one that was not
  delivered are missed.

Support is counted in gold images and gold segments.  There are no size bands: of a stuff class all of an
image is one segment.

PQ and RQ are ratios of sums over images: twice the IoU of the matches, or twice their number, over
``2 TP + FP + FN``.  So ``judge: bound`` takes the bounds of all such ratios, with the image as sampling
unit; sums of IoUs enter it at twelve decimals.  SQ leaves it to the delivery what is averaged.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from segcore_gates.metrics.finding import Counts, Credit, Finding, How, class_indices
from segcore_gates.metrics.object_counts import ClassObjects, confusions_of
from segcore_gates.metrics.objects import f1_parts, one_sided
from segcore_gates.statistics import Sample
from segcore_gates.views import View

if TYPE_CHECKING:
    from segcore.panoptic_evaluation import PanopticEvaluation
    from segcore_gates.rules import Rule

    Numbers = npt.NDArray[np.float64] | npt.NDArray[np.int64]

__all__ = ["MEAN_PQ", "PQ", "RQ", "SQ", "segments_of"]

_PANOPTIC: Final = View(task="panoptic")
_BOTH: Final = Counts(missed=True, extra=True)
_BY_IOU: Final = Counts(missed=True, extra=True, credit=Credit.IOU)
_FIXED_POINT: Final = 10**12

_KNOWN: WeakKeyDictionary[PanopticEvaluation, dict[tuple[int, ...], ClassObjects]] = WeakKeyDictionary()
"""PQ, SQ and RQ of a class ask for the same."""


def segments_of(evaluation: PanopticEvaluation, indices: tuple[int, ...]) -> ClassObjects:
    """The segments of one class, or of several together."""
    known = _KNOWN.setdefault(evaluation, {})
    if indices not in known:
        known[indices] = _counted(evaluation, indices)
    return known[indices]


def _counted(evaluation: PanopticEvaluation, indices: tuple[int, ...]) -> ClassObjects:
    table, found = evaluation.tallies, evaluation.matching
    of_gold, of_delivery = (np.isin(side.classes, indices) for side in (table.gold, table.delivery))
    pairs = found.matched.where(of_gold[found.matched.gold])
    missed, extra = found.missed[of_gold[found.missed]], found.extra[of_delivery[found.extra]]

    def by_image(images: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        return np.bincount(images, minlength=len(table))

    iou_sums = np.zeros(len(table))
    np.add.at(iou_sums, table.gold_images[pairs.gold], pairs.iou)
    return ClassObjects(
        keys=table.keys,
        matched=by_image(table.gold_images[pairs.gold]),
        missed=by_image(table.gold_images[missed]),
        extra=by_image(table.delivery_images[extra]),
        iou_sums=iou_sums,
        found=pairs,
        near=pairs.where(np.zeros(len(pairs), np.bool_)),
        missed_gold=missed,
        extra_delivered=extra,
        confusions=confusions_of(evaluation, found.confused, missed, extra, noun="segments"),
        in_gold=bool((of_gold & ~table.gold.crowd).any()),
        in_delivery=bool(of_delivery.any()),
        curved=False,
    )


def _judged(
    rule: Rule,
    evaluation: PanopticEvaluation,
    value: Callable[[ClassObjects], Fraction | float],
    parts: Callable[[ClassObjects], tuple[Numbers, npt.NDArray[np.int64]]],
) -> Finding:
    """A class by what counts in both sides, where extra segments count."""
    segments = segments_of(evaluation, class_indices(rule, evaluation))
    known = one_sided(rule, segments, extra_counts=True, noun="segments")
    if known is not None:
        return known
    return Finding(
        value=value(segments),
        images=segments.support_images,
        instances=segments.support_instances,
        confusions=segments.confusions,
        worst=segments.lowest(*parts(segments)),
    )


def _pq_parts(segments: ClassObjects) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    return 2 * segments.iou_sums, f1_parts(segments)[1]


def _pq(rule: Rule, evaluation: PanopticEvaluation) -> Finding:
    """Sum of the IoUs of the matches / (TP + FP / 2 + FN / 2)."""

    def value(segments: ClassObjects) -> float:
        return 2 * math.fsum(segments.found.iou.tolist()) / int(f1_parts(segments)[1].sum())

    return _judged(rule, evaluation, value, _pq_parts)


def _pq_sample(rule: Rule, evaluation: PanopticEvaluation) -> Sample:
    parts, wholes = _pq_parts(segments_of(evaluation, class_indices(rule, evaluation)))
    return Sample(
        [round(part * _FIXED_POINT) for part in parts[wholes > 0].tolist()],
        [whole * _FIXED_POINT for whole in wholes[wholes > 0].tolist()],
    )


PQ = How(title="PQ", view=lambda _: _PANOPTIC, find=_pq, sample=_pq_sample, objects=_BY_IOU)


def _rq(rule: Rule, evaluation: PanopticEvaluation) -> Finding:
    """TP / (TP + FP / 2 + FN / 2), the F1 of the segments."""

    def value(segments: ClassObjects) -> Fraction:
        part, whole = f1_parts(segments)
        return Fraction(int(part.sum()), int(whole.sum()))

    return _judged(rule, evaluation, value, f1_parts)


def _rq_sample(rule: Rule, evaluation: PanopticEvaluation) -> Sample:
    part, whole = f1_parts(segments_of(evaluation, class_indices(rule, evaluation)))
    return Sample(part[whole > 0], whole[whole > 0])


RQ = How(title="RQ", view=lambda _: _PANOPTIC, find=_rq, sample=_rq_sample, objects=_BOTH)


def _sq(rule: Rule, evaluation: PanopticEvaluation) -> Finding:
    """Mean IoU of the matches, each counting the same; 0 where there is none, whatever the evidence.

    Missed and extra segments do not count, so gate PQ or RQ beside it.
    """
    segments = segments_of(evaluation, class_indices(rule, evaluation))
    known = one_sided(rule, segments, extra_counts=False, noun="segments")
    if known is not None:
        return known
    found = len(segments.found)
    return Finding(
        value=math.fsum(segments.found.iou.tolist()) / found if found else Fraction(0),
        images=segments.support_images,
        instances=segments.support_instances,
        settled="" if found else f"no {rule.class_name} segment has a match",
        confusions=segments.confusions,
        worst=segments.lowest(segments.iou_sums, segments.matched)
        if found
        else segments.lowest(*f1_parts(segments)),
    )


SQ = How(
    title="SQ",
    view=lambda _: _PANOPTIC,
    find=_sq,
    objects=Counts(credit=Credit.IOU),
    no_bound="SQ has no bound, because the delivery decides which segments match: "
    "write `judge: estimate`, or gate pq",
)


def _mean_pq(rule: Rule, evaluation: PanopticEvaluation) -> Finding:
    """Mean of the PQ of all classes, of things or of stuff, over those with a segment that counts.

    A class that only one side has counts as 0.  Missing where no class has such a segment.
    """
    quality = getattr(evaluation.overall, rule.kinds)
    images = evaluation.images.gold
    if quality.pq is None:
        kinds = "class" if rule.kinds == "all" else f"class of {rule.kinds}"
        return Finding(absent=f"no {kinds} has a segment in gold or delivery", images=images)
    return Finding(value=quality.pq, images=images)


MEAN_PQ = How(
    title="mean PQ",
    view=lambda _: _PANOPTIC,
    find=_mean_pq,
    objects=_BY_IOU,
    no_bound="a mean has no bound: write `judge: estimate`",
)
