"""Objects of one class, image by image: found, missed and extra, of all sizes or of one band."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from segcore.average_precision import BANDS
from segcore.instance_matching import MATCH_IOU, Pairs
from segcore_gates.metrics.finding import largest, lowest
from segcore_gates.records import Confusion, WorstImage

if TYPE_CHECKING:
    from segcore.instance_evaluation import InstanceEvaluation
    from segcore.instance_matching import ObjectMatching
    from segcore.panoptic_evaluation import PanopticEvaluation
    from segcore_gates.rules import Curve, Size

__all__ = ["Asked", "ClassObjects", "confusions_of", "least_iou", "objects_of"]

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_NEAR: Final = 1e-9
"""Closer to its limit than this, an IoU is compared with it once more, exactly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """From when on an object counts as found: one IoU, or one by the area of the gold object.

    With ``boundary`` the smaller of IoU and boundary IoU has to reach it.
    """

    iou: float = 0.0
    boundary: bool = False
    curve: Curve = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClassObjects:
    """One class in each image.

    Attributes
    ----------
    keys : tuple of str
        Image keys.
    matched, missed, extra : int64 (n_images,)
        Crowds of the gold are none of them, nor are delivered objects that lie in one.
    iou_sums : float64 (n_images,)
        Of the matched objects.
    found : Pairs
        The matched objects, by their numbers in the table of the evaluation.
    near : Pairs
        Those of IoU .5 and above that do not count as matched, whatever their size.
    missed_gold, extra_delivered : int64 (n,)
        The missed and the extra ones, by their numbers.
    confusions : tuple of Confusion
        Which other classes missed objects were delivered as, and extra ones are in the gold.
    in_gold, in_delivery : bool
        Whether the gold has an object of the class that is no crowd, and the delivery has any, whatever
        their sizes.
    curved : bool
        Whether matched means good enough for its size.
    """

    keys: tuple[str, ...]
    matched: Integers
    missed: Integers
    extra: Integers
    iou_sums: Floats
    found: Pairs
    near: Pairs
    missed_gold: Integers
    extra_delivered: Integers
    confusions: tuple[Confusion, ...]
    in_gold: bool
    in_delivery: bool
    curved: bool

    @property
    def support_images(self) -> int:
        """Gold images that hold such an object."""
        return int(np.count_nonzero(self.matched + self.missed))

    @property
    def support_instances(self) -> int:
        """Such objects of the gold."""
        return int(self.matched.sum() + self.missed.sum())

    def lowest(self, parts: Integers | Floats, wholes: Integers) -> tuple[WorstImage, ...]:
        """The images of least ``parts / wholes``, those left out where it is 1 or undefined."""
        at = np.flatnonzero(parts < wholes).tolist()
        images = [
            WorstImage(
                image=self.keys[i],
                value=float(parts[i] / wholes[i]),
                reason=f"{self.matched[i]} good, {self.missed[i]} not"
                if self.curved
                else f"{self.matched[i]} matched, {self.missed[i]} missed, {self.extra[i]} extra",
            )
            for i in at
        ]
        return lowest(images, [int(wholes[i]) for i in at])


def objects_of(
    evaluation: InstanceEvaluation, indices: tuple[int, ...], asked: Asked, *, size: Size | None = None
) -> ClassObjects:
    """Count one class, or several together.

    Parameters
    ----------
    evaluation : InstanceEvaluation
    indices : tuple of int
        Of the classes.
    asked : Asked
    size : Size or None
        Of gold objects by the area the gold states (COCO's rule, both ends of a band belong to it); an
        extra object is of the band of its own area.  None is all.
    """
    table, found = evaluation.tallies, _found(evaluation, asked)
    images = len(table)
    gold, delivery = map(np.concatenate, zip(*map(found.rows, indices), strict=True))
    gold = gold[~table.gold.crowd[gold]]
    near = gold[~found.gold[gold] & (found.ious[gold] >= MATCH_IOU)]
    extra = delivery[found.extra[delivery]]
    in_gold = bool(len(gold))
    in_delivery = bool(len(delivery))
    if size is not None:
        low, high = BANDS[size.value]
        stated, own = table.gold.stated_areas_px[gold], table.delivery.areas_px[extra]
        gold, extra = gold[(stated >= low) & (stated <= high)], extra[(own >= low) & (own <= high)]
    matched, missed = gold[found.gold[gold]], gold[~found.gold[gold]]

    def by_image(rows: Integers, of: Integers) -> Integers:
        return np.bincount(of[rows], minlength=images)

    iou_sums = np.zeros(images)
    np.add.at(iou_sums, table.gold_images[matched], found.ious[matched])
    return ClassObjects(
        keys=table.keys,
        matched=by_image(matched, table.gold_images),
        missed=by_image(missed, table.gold_images),
        extra=by_image(extra, table.delivery_images),
        iou_sums=iou_sums,
        found=found.pairs(matched),
        near=found.pairs(near),
        missed_gold=missed,
        extra_delivered=extra,
        # What is drawn too badly for its size need not be missed, so it was taken for nothing else.
        confusions=()
        if asked.curve
        else confusions_of(evaluation, _matching(evaluation, asked).confused, missed, extra),
        in_gold=in_gold,
        in_delivery=in_delivery,
        curved=bool(asked.curve),
    )


def least_iou(area_px: int, curve: Curve) -> Fraction:
    """What a curve asks of a gold object: linear between its points, constant beyond them."""
    points = [(Fraction(area), Fraction(str(share))) for area, share in curve]
    for (left, low), (right, high) in pairwise(points):
        if left <= area_px <= right:
            return low + (high - low) * (area_px - left) / (right - left)
    return points[0][1] if area_px < points[0][0] else points[-1][1]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Found:
    """What became of every object, and where those of each class are.

    ``gold`` says which gold objects were found, ``extra`` which delivered objects belong to none.
    ``partners`` and ``ious`` say what each gold object is matched with and how well, found or not; -1
    and 0 where it is with nothing.
    """

    gold: Bools
    partners: Integers
    ious: Floats
    extra: Bools
    gold_by_class: tuple[Integers, Integers]
    delivery_by_class: tuple[Integers, Integers]

    def rows(self, index: int) -> tuple[Integers, Integers]:
        """The gold and the delivered objects of a class."""
        (gold, begins), (delivery, starts) = self.gold_by_class, self.delivery_by_class
        return gold[begins[index] : begins[index + 1]], delivery[starts[index] : starts[index + 1]]

    def pairs(self, gold: Integers) -> Pairs:
        """Gold objects with their partners."""
        return Pairs(gold=gold, delivery=self.partners[gold], iou=self.ious[gold])


_KNOWN: WeakKeyDictionary[InstanceEvaluation, dict[Asked, _Found]] = WeakKeyDictionary()
"""A policy asks for each class of an evaluation; what concerns all of them is found once."""


def _found(evaluation: InstanceEvaluation, asked: Asked) -> _Found:
    known = _KNOWN.setdefault(evaluation, {})
    if asked not in known:
        table = evaluation.tallies
        matching = _matching(evaluation, asked)
        every = matching.pairs
        partners, ious = np.full(len(table.gold), -1, np.int64), np.zeros(len(table.gold))
        partners[every.gold], ious[every.gold] = every.delivery, every.iou
        reached = _reach(evaluation, every, asked.curve) if asked.curve else every.iou >= asked.iou
        pairs = every.where(reached)
        outside = matching.crowd_share < (MATCH_IOU if asked.curve else asked.iou)
        gold = np.zeros(len(table.gold), np.bool_)
        gold[pairs.gold] = True
        outside[pairs.delivery] = False
        k = len(evaluation.ontology)
        known[asked] = _Found(
            gold=gold,
            partners=partners,
            ious=ious,
            extra=outside,
            gold_by_class=_by_class(table.gold.classes, k),
            delivery_by_class=_by_class(table.delivery.classes, k),
        )
    return known[asked]


def _matching(evaluation: InstanceEvaluation, asked: Asked) -> ObjectMatching:
    return evaluation.boundary_matching if asked.boundary else evaluation.matching


def _by_class(classes: npt.NDArray[np.int32], k: int) -> tuple[Integers, Integers]:
    order = np.argsort(classes, kind="stable")
    return order, np.searchsorted(classes[order], np.arange(k + 1))


def _reach(evaluation: InstanceEvaluation, pairs: Pairs, curve: Curve) -> Bools:
    """Which pairs have at least the IoU the curve asks for."""
    table = evaluation.tallies
    gold, delivery = table.gold.areas_px[pairs.gold], table.delivery.areas_px[pairs.delivery]
    wanted = np.interp(gold, [area for area, _ in curve], [share for _, share in curve])
    reached: Bools = pairs.iou >= wanted
    for i in np.flatnonzero(np.abs(pairs.iou - wanted) < _NEAR).tolist():
        both = int(gold[i]) + int(delivery[i])
        # IoU = shared / (both - shared), in integers again.
        shared = round(pairs.iou[i] * both / (1 + pairs.iou[i]))
        reached[i] = Fraction(shared, both - shared) >= least_iou(int(gold[i]), curve)
    return reached


def confusions_of(
    evaluation: InstanceEvaluation | PanopticEvaluation,
    confused: Pairs,
    missed: Integers,
    extra: Integers,
    *,
    noun: str = "objects",
) -> tuple[Confusion, ...]:
    """Which other classes missed objects were delivered as, and extra ones are in the gold.

    Parameters
    ----------
    evaluation : InstanceEvaluation or PanopticEvaluation
    confused : Pairs
        Of two classes each.
    missed, extra : int64 (n,)
        Of one class, by their numbers in the table.
    noun : str
        ``objects`` or ``segments``, as :class:`Confusion` counts them.
    """
    table, names = evaluation.tallies, evaluation.ontology.names
    gold_classes = table.gold.classes[confused.gold]
    delivery_classes = table.delivery.classes[confused.delivery]
    went = delivery_classes[np.isin(confused.gold, missed)]
    came = gold_classes[np.isin(confused.delivery, extra)]
    return largest([
        *_shares(went.tolist(), len(missed), names, extra=False, noun=noun),
        *_shares(came.tolist(), len(extra), names, extra=True, noun=noun),
    ])  # fmt: skip


def _shares(
    classes: Sequence[int], total: int, names: Sequence[str], *, extra: bool, noun: str
) -> list[Confusion]:
    counted = {k: classes.count(k) for k in sorted(set(classes))}
    return [
        Confusion(class_name=names[k], extra=extra, share=n / total, **{noun: n})
        for k, n in counted.items()
    ]
