"""In which images a class fails a gate on objects or segments, and which objects are to blame.

In one image a metric is what it is in the batch, with the objects of that image alone.  AP ranks the
objects of all images together: of an image it is F1, and AR recall, each the mean over the overlaps of
the gate.  An image fails where that is below the limit that the batch fails; where no image is, every
image with an object to blame does.

To blame are the objects that lower the metric: missed ones for recall, extra ones for precision, both
for F1, AP and PQ.  Objects that belong together, matched at IoU .5 or above, are to blame as a pair:
where the gate asks for more, and where a gate that goes by the IoU of what is found (matched IoU, PQ,
SQ, AP, AR) counts them with less than its limit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from segcore.instance_matching import Pairs
from segcore_gates.limits import exact
from segcore_gates.metrics.finding import Counts, Credit, class_indices

if TYPE_CHECKING:
    from segcore.evaluation import MeasuredBatch
    from segcore.instance_evaluation import InstanceEvaluation
    from segcore.panoptic_evaluation import PanopticEvaluation
    from segcore_gates.metrics.object_counts import ClassObjects
    from segcore_gates.rules import Metric, Rule

    _Evaluation = InstanceEvaluation | PanopticEvaluation

__all__ = ["FailingImage", "failing_images"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_NONE: Final = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FailingImage:
    """One class in one image in which it fails a gate.

    Attributes
    ----------
    rule_id : str
    metric : Metric
    class_name : str
    image : str
        Its key in the evaluation.
    value : float
        The metric in this image.
    evaluation : InstanceEvaluation or PanopticEvaluation
        Whose objects are meant.
    missed, extra : int64 (n,)
        Gold objects and delivered ones to blame, by their numbers in the table of the evaluation.
    pairs : Pairs
        Objects that belong together and are too different; in neither of the two.
    """

    rule_id: str
    metric: Metric
    class_name: str
    image: str
    value: float
    evaluation: InstanceEvaluation | PanopticEvaluation
    missed: Integers
    extra: Integers
    pairs: Pairs


def failing_images(rule: Rule, evaluation: MeasuredBatch, counts: Counts) -> Iterator[FailingImage]:
    """The images in which a rule that fails is not met, class by class, by key.

    Parameters
    ----------
    rule : Rule
    evaluation : MeasuredBatch
        Of the batch, in the view of the rule.
    counts : Counts
        Of its metric.

    Raises
    ------
    TypeError
        The evaluation is not of objects or segments.
    """
    known = _of_objects(rule, evaluation)
    held = [_ClassBlame(rule, known, name, objects, counts) for name, objects in _classes(rule, known)]
    limit = Fraction(str(rule.minimum))
    if not any(blame.images_below(limit) for blame in held):
        limit = Fraction(1)
    for blame in held:
        yield from blame.failing(limit)


def _of_objects(rule: Rule, evaluation: MeasuredBatch) -> _Evaluation:
    from segcore.instance_evaluation import InstanceEvaluation
    from segcore.panoptic_evaluation import PanopticEvaluation

    if not isinstance(evaluation, (InstanceEvaluation, PanopticEvaluation)):
        raise TypeError(f"{rule.id}: the {evaluation.task} evaluation knows no objects")
    return evaluation


def _classes(rule: Rule, evaluation: _Evaluation) -> list[tuple[str, ClassObjects]]:
    """The classes a rule is about, with their objects as it counts them."""
    from segcore.instance_evaluation import InstanceEvaluation
    from segcore_gates.metrics.objects import counted
    from segcore_gates.metrics.segments import segments_of

    if isinstance(evaluation, InstanceEvaluation):
        return [(rule.class_name or "", counted(rule, evaluation))]
    if rule.class_name is not None:
        return [(rule.class_name, segments_of(evaluation, class_indices(rule, evaluation)))]
    wanted = {"all": (True, False), "things": (True,), "stuff": (False,)}[rule.kinds]
    return [
        (c.name, segments_of(evaluation, (c.index,))) for c in evaluation.classes if c.thing in wanted
    ]


def _worth(rule: Rule, ious: Floats, credit: Credit) -> Floats:
    """What each matched object is worth, up to 1."""
    if credit is Credit.IOU:
        return ious
    if credit is Credit.OVERLAPS:
        reached: Floats = (ious[:, None] >= np.array(rule.ious)).mean(axis=1)
        return reached
    return np.ones(len(ious))


def _rows_of(images: Integers) -> Callable[[int], Integers]:
    """A function from an image to the rows that are in it, rising."""
    order = np.argsort(images, kind="stable")
    ordered = images[order]

    def rows(image: int) -> Integers:
        low, high = np.searchsorted(ordered, (image, image + 1)).tolist()
        return order[low:high]

    return rows


class _ClassBlame:
    """One class: what it is worth in each image, and which of its objects are to blame."""

    def __init__(
        self, rule: Rule, evaluation: _Evaluation, name: str, objects: ClassObjects, counts: Counts
    ) -> None:
        self._rule, self._evaluation, self._name, self._objects = rule, evaluation, name, objects
        self._worth = _worth(rule, objects.found.iou, counts.credit)
        parts, wholes = self._parts(counts)
        if not (objects.in_gold and objects.in_delivery) or not wholes.any():
            # It is 0 in the batch, whatever the metric counts.
            counts = Counts(missed=True, extra=True)
            parts, wholes = self._parts(counts)
        self._counts = counts
        at = np.flatnonzero(wholes).tolist()
        self._values = {i: exact(parts[i].item() / wholes[i].item()) for i in at}

    def _parts(self, counts: Counts) -> tuple[Floats, Integers]:
        """What is right in each image and what there is to be right; their ratio is the metric."""
        objects = self._objects
        of = self._evaluation.tallies.gold_images[objects.found.gold]
        right: Floats = np.bincount(of, self._worth, minlength=len(objects.keys)).astype(np.float64)
        wholes = objects.matched.copy()
        if counts.missed and counts.extra:
            right, wholes = 2 * right, 2 * wholes
        if counts.missed:
            wholes += objects.missed
        if counts.extra:
            wholes += objects.extra
        return right, wholes

    def images_below(self, limit: Fraction) -> list[int]:
        """Where it is worth less, by place among the keys."""
        return [image for image, value in self._values.items() if value < limit]

    def failing(self, limit: Fraction) -> Iterator[FailingImage]:
        """The images where it is worth less, with the objects to blame."""
        objects, table = self._objects, self._evaluation.tallies
        missed = objects.missed_gold if self._counts.missed else _NONE
        extra = objects.extra_delivered if self._counts.extra else _NONE
        near = objects.near
        near = near.where(np.isin(near.gold, missed) | np.isin(near.delivery, extra))
        loose = objects.found.where(np.array([exact(w) < limit for w in self._worth.tolist()], np.bool_))
        pairs = Pairs(
            gold=np.append(near.gold, loose.gold),
            delivery=np.append(near.delivery, loose.delivery),
            iou=np.append(near.iou, loose.iou),
        )
        missed, extra = np.setdiff1d(missed, near.gold), np.setdiff1d(extra, near.delivery)
        missed_in = _rows_of(table.gold_images[missed])
        extra_in = _rows_of(table.delivery_images[extra])
        pairs_in = _rows_of(table.gold_images[pairs.gold])
        for image in self.images_below(limit):
            yield FailingImage(
                rule_id=self._rule.id,
                metric=self._rule.metric,
                class_name=self._name,
                image=table.keys[image],
                value=float(self._values[image]),
                evaluation=self._evaluation,
                missed=missed[missed_in(image)],
                extra=extra[extra_in(image)],
                pairs=pairs.take(pairs_in(image)),
            )
