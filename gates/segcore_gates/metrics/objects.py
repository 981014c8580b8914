"""Metrics of objects that need no confidences: F1, precision, recall, the IoU of what was found.

All count objects matched one to one (:mod:`segcore.instance_matching`).  What they have in common:

- Crowds of the gold are neither found nor missed, and what lies in one is not extra.
- A class without an object on either side is missing; ``absent`` in the policy decides.
- A class that only the gold has is 0, whatever the evidence.  So is one that only the delivery has,
  for each of these metrics: it is not left to the precision of others.
- An image without an object of the class on either side does not count; all objects of one that was not
  delivered are missed.
- With ``dilation`` an object is found where the smaller of IoU and boundary IoU reaches the limit;
  crowds go by their masks.
- In a size band, F1 and precision are missing where neither side has such an object, the others where
  the gold has none: they say nothing of extra objects.  ``absent`` below ``sizes`` decides, and where
  the class has no object of any size ``absent`` of the gate.

Support is counted in gold images and gold objects, of the band where there is one.

F1, precision, recall and the share of good objects are ratios of two counts, each summed over images,
so that ``judge: bound`` takes the same bounds as for pixels, with the image as sampling unit: the ratio
estimate of clusters of unequal size (Cochran, Sampling Techniques, 3rd ed., ch. 6 and 9A; Fieller 1954).
The objects of an image are right and wrong together, so they are not counted as so many trials.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING

from segcore_gates.metrics.finding import Counts, Credit, Finding, How, class_indices, no_gold_of, plural
from segcore_gates.metrics.object_counts import Asked, ClassObjects, objects_of
from segcore_gates.statistics import Sample
from segcore_gates.views import View

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from segcore.instance_evaluation import InstanceEvaluation
    from segcore_gates.rules import Rule

    Parts = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]
    """Numerator and denominator of each image."""

__all__ = [
    "F1",
    "GOOD_OBJECT_SHARE",
    "MATCHED_IOU",
    "PRECISION",
    "RECALL",
    "counted",
    "f1_parts",
    "one_sided",
    "what",
    "without_objects",
]


def counted(rule: Rule, evaluation: InstanceEvaluation) -> ClassObjects:
    """The objects of the rule's class, as it asks for them."""
    boundary = rule.dilation is not None
    asked = Asked(curve=rule.curve) if rule.curve else Asked(iou=rule.ious[0], boundary=boundary)
    return objects_of(evaluation, class_indices(rule, evaluation), asked, size=rule.size)


def what(rule: Rule) -> str:
    """``small car``."""
    return f"{rule.class_name}" if rule.size is None else f"{rule.size.value} {rule.class_name}"


def without_objects(rule: Rule, evaluation: InstanceEvaluation) -> Finding | None:
    """Why a class cannot be judged by its objects: it is stuff.

    Where the policy's ontology says so the policy is refused; here the gold does.
    """
    classes = evaluation.ontology.classes
    if all(classes[index].thing is not False for index in class_indices(rule, evaluation)):
        return None
    reason = f"{rule.class_name} is stuff, which has no objects: gate it with iou or pq"
    return Finding(error=reason, images=None)


def one_sided(
    rule: Rule, objects: ClassObjects, *, extra_counts: bool, noun: str = "objects"
) -> Finding | None:
    """What there is to say of a class, or a size band, that is not on both sides.

    Parameters
    ----------
    extra_counts : bool
        Whether the metric is worse for extra objects; then a band that only the delivery has is not
        missing.
    noun : str
        ``objects`` or ``segments``.
    """
    images, instances = objects.support_images, objects.support_instances
    worst = objects.lowest(*f1_parts(objects))
    extra = int(objects.extra.sum())
    if not instances and not (extra and (extra_counts or not objects.in_gold)):
        absent = f"neither gold nor delivery contains {noun} of the class"
        of_size = rule.size is not None and (objects.in_gold or objects.in_delivery)
        if rule.size is not None and of_size:
            absent = no_gold_of(rule.size.value)
        return Finding(absent=absent, of_size=of_size, images=images, instances=instances)
    if not objects.in_gold:
        reason = f"{rule.class_name} is in the delivery and nowhere in the gold"
    elif not objects.in_delivery:
        reason = f"{rule.class_name} is in {plural(images, 'gold image')} and nowhere in the delivery"
    else:
        return None
    return Finding(
        value=Fraction(0),
        images=images,
        instances=instances,
        # What only the delivery has is evidence by itself only for a metric that counts it.
        settled="" if extra_counts and not objects.in_gold else reason,
        failing=reason,
        confusions=objects.confusions,
        worst=worst,
    )


def f1_parts(objects: ClassObjects) -> Parts:
    """Of each image."""
    return 2 * objects.matched, 2 * objects.matched + objects.missed + objects.extra


def _precision_parts(objects: ClassObjects) -> Parts:
    return objects.matched, objects.matched + objects.extra


def _recall_parts(objects: ClassObjects) -> Parts:
    return objects.matched, objects.matched + objects.missed


def _ratio(
    title: str, parts: Callable[[ClassObjects], Parts], counts: Counts, *, about: str
) -> How[InstanceEvaluation]:
    """A metric that is a ratio of two counts, each summed over images."""

    def find(rule: Rule, evaluation: InstanceEvaluation) -> Finding:
        if refused := without_objects(rule, evaluation):
            return refused
        objects = counted(rule, evaluation)
        known = one_sided(rule, objects, extra_counts=counts.extra)
        if known is not None:
            return known
        part, whole = parts(objects)
        total, instances = int(whole.sum()), objects.support_instances
        no_gold = "" if rule.size is None or instances else no_gold_of(rule.size.value)
        return Finding(
            value=Fraction(int(part.sum()), total) if total else Fraction(0),
            images=objects.support_images,
            instances=instances,
            failing=f"{no_gold}, {int(objects.extra.sum())} extra" if no_gold else "",
            settled="" if total else f"no delivered {what(rule)} object counts",
            confusions=objects.confusions,
            worst=objects.lowest(part, whole) if total else objects.lowest(*f1_parts(objects)),
        )

    def sample(rule: Rule, evaluation: InstanceEvaluation) -> Sample:
        part, whole = parts(counted(rule, evaluation))
        return Sample(part[whole > 0], whole[whole > 0])

    find.__doc__ = about
    return How(
        title=title,
        view=lambda rule: View(task="instance", dilation=rule.dilation),
        find=find,
        sample=sample,
        objects=counts,
    )


F1 = _ratio(
    "F1",
    f1_parts,
    Counts(missed=True, extra=True),
    about="2 x matched / (2 x matched + missed + extra): what is missing and what is too much, in one.",
)
PRECISION = _ratio(
    "precision",
    _precision_parts,
    Counts(extra=True),
    about="Matched of the delivered objects; 0 where gold has the class and none delivered counts.",
)
RECALL = _ratio(
    "recall",
    _recall_parts,
    Counts(missed=True),
    about="Matched of the gold objects; extra objects do not count, so gate precision or F1 beside it.",
)
GOOD_OBJECT_SHARE = _ratio(
    "good objects",
    _recall_parts,
    Counts(missed=True),
    about="Gold objects whose match has at least the IoU that objects of their area have to have.",
)


def _matched_iou(rule: Rule, evaluation: InstanceEvaluation) -> Finding:
    """Mean IoU of the objects that were found, each counting the same.

    Where both sides have the class and nothing matches, it is 0 whatever the evidence.  Missed and extra
    objects do not count, so gate F1 beside it.
    """
    if refused := without_objects(rule, evaluation):
        return refused
    objects = counted(rule, evaluation)
    known = one_sided(rule, objects, extra_counts=False)
    if known is not None:
        return known
    found = len(objects.found)
    none = f"no {what(rule)} object has a match at IoU {rule.ious[0]:g}"
    return Finding(
        value=math.fsum(objects.found.iou.tolist()) / found if found else Fraction(0),
        images=objects.support_images,
        instances=objects.support_instances,
        settled="" if found else none,
        confusions=objects.confusions,
        worst=objects.lowest(objects.iou_sums, objects.matched)
        if found
        else objects.lowest(*f1_parts(objects)),
    )


MATCHED_IOU = How(
    title="matched IoU",
    view=lambda _: View(task="instance"),
    find=_matched_iou,
    objects=Counts(credit=Credit.IOU),
    no_bound="the IoU of what was found has no bound, because the delivery decides what is found: "
    "write `judge: estimate`, or gate f1 at a higher IoU",
)
