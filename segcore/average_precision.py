"""Average precision and recall as COCO defines them, as a pure function of counted overlaps.

Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014, as ``COCOeval`` of cocoapi
computes it: matching class by class in order of confidence, precision at 101 recalls, the mean over
ten overlaps.  It differs in what COCOeval leaves to chance:

- Nothing depends on the order of a file or on ids.  Of equal confidences the image with the smaller
  key comes first, in an image the larger object, then the one that begins further left and up.
- Ids have no meaning, so that an object with the id 0 can be matched.
- Precision is a quotient of integers: a perfect delivery has exactly 1.0.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from segcore import kernels
from segcore.instance_tally import InstanceTable

__all__ = [
    "BANDS",
    "DETECTION_LIMITS",
    "IOU_THRESHOLDS",
    "AveragePrecision",
    "Ranking",
    "ScoreRule",
    "average_precision",
    "mean",
    "rank_objects",
]

IOU_THRESHOLDS: Final = tuple(k / 20 for k in range(10, 20))
"""0.5 to 0.95 in steps of 0.05."""

RECALLS: Final = np.linspace(0.0, 1.0, 101, dtype=np.float64)
"""The recalls at which precision is read.  Some, such as 0.35000000000000003, are not quite
hundredths; COCO has these very numbers, and published results depend on them."""

BANDS: Final = {
    "all": (0.0, 1e10),
    "small": (0.0, 32.0**2),
    "medium": (32.0**2, 96.0**2),
    "large": (96.0**2, 1e10),
}
"""Areas in pixels of each size band; both ends belong to it, as COCO has it."""

DETECTION_LIMITS: Final = (1, 10, 100)
"""Delivered objects counted in each image and class: those of the highest confidence."""

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


class ScoreRule(enum.StrEnum):
    """What stands for the confidence of objects that have none."""

    EQUAL = "equal"
    """All are as sure: one point of precision and recall, and no order among them."""
    AREA = "area"
    """The larger, the surer."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AveragePrecision:
    """Precision and recall of every class; NaN where the gold has no object to be found.

    Attributes
    ----------
    precision : float64 (4, classes, 10)
        Mean precision over 101 recalls, by :data:`BANDS` and :data:`IOU_THRESHOLDS`, of up to 100
        objects an image and class.
    recall : float64 (4, classes, 10)
        Share of the gold objects found, likewise.
    recall_limited : float64 (3, classes, 10)
        The same for all sizes, by :data:`DETECTION_LIMITS`.
    """

    precision: Floats
    recall: Floats
    recall_limited: Floats


def average_precision(
    table: InstanceTable,
    *,
    num_classes: int,
    rule: ScoreRule | None = None,
    boundary: bool = False,
) -> AveragePrecision:
    """Match and score all classes.

    Parameters
    ----------
    table : InstanceTable
    num_classes : int
        K.
    rule : ScoreRule or None
        What stands for confidences; None takes those of the delivery, which must all be numbers.
    boundary : bool
        Go by the smaller of IoU and boundary IoU, in crowds by IoU: boundary AP of Cheng et al.,
        "Boundary IoU", CVPR 2021.  The table must hold boundaries.
    """
    found = rank_objects(table, num_classes=num_classes, rule=rule, boundary=boundary)
    ranked, wanted = found.ranked, found.wanted
    shape = (len(BANDS), num_classes, len(IOU_THRESHOLDS))
    precision, recall = np.full(shape, np.nan), np.full(shape, np.nan)
    limited = np.full((len(DETECTION_LIMITS), *shape[1:]), np.nan)
    for c in np.flatnonzero(wanted[0]).tolist():
        bands = np.flatnonzero(wanted[:, c])
        curves = kernels.class_curves(
            found.states,
            ranked.of_class(c),
            ranked.place,
            found.outside,
            wanted[:, c],
            RECALLS,
            np.array(DETECTION_LIMITS),
            one_point=rule is ScoreRule.EQUAL,
        )
        precision[bands, c] = (curves.terms.sum(axis=-1) / len(RECALLS))[bands]
        recall[bands, c] = curves.found[bands] / wanted[bands, c, None]
        limited[:, c] = curves.limited / wanted[0, c]
    return AveragePrecision(precision=precision, recall=recall, recall_limited=limited)


def mean(values: Iterable[float]) -> float | None:
    """The mean of the numbers among ``values``, in whatever order; None if there is none."""
    numbers = [value for value in values if not math.isnan(value)]
    return math.fsum(numbers) / len(numbers) if numbers else None


def rank_objects(
    table: InstanceTable,
    *,
    num_classes: int,
    rule: ScoreRule | None = None,
    boundary: bool = False,
) -> Ranking:
    """Match all classes; parameters as of :func:`average_precision`."""
    ranked = _ranked(table, rule, num_classes)
    limits = np.array(list(BANDS.values()))
    wanted = np.stack([
        np.bincount(table.gold.classes[~ignored], minlength=num_classes)[:num_classes]
        for ignored in _gold_ignored(table, limits)
    ])  # fmt: skip
    return Ranking(
        ranked=ranked,
        states=_matched(table, ranked, num_classes, boundary=boundary),
        outside=_outside(ranked.areas, limits),
        wanted=wanted,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ranking:
    """What became of every delivered object, from which precision and recall follow.

    Attributes
    ----------
    ranked : _Ranked
        The objects in order.
    states : uint8 (4, 10, n)
        See :func:`segcore.kernels.match_by_score`.
    outside : bool (4, n)
        Which are of another size.
    wanted : int64 (4, classes)
        Gold objects to be found.
    """

    ranked: _Ranked
    states: npt.NDArray[np.uint8]
    outside: npt.NDArray[np.bool_]
    wanted: Integers

    def outcomes(self, class_index: int, *, band: int, threshold: int) -> npt.NDArray[np.bool_]:
        """Right or wrong, the surest object of the class first; those that do not count are left out."""
        rows = self.ranked.of_class(class_index)
        kept = self.ranked.place[rows] < DETECTION_LIMITS[-1]
        own = self.states[band, threshold, rows]
        found = (own == 1) & kept
        wrong = (own == 0) & kept & ~self.outside[band, rows]
        counted: npt.NDArray[np.bool_] = found[found | wrong]
        return counted


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Ranked:
    """The delivered objects by image and class, the surest of each first.

    ``number`` is the place of each object of the table among them, ``place`` counts within image
    and class.  ``surest`` are all of them class by class, from ``bounds[c]`` to ``bounds[c + 1]``.
    """

    number: Integers
    groups: Integers
    areas: Integers
    place: Integers
    surest: Integers
    bounds: Integers

    @property
    def size(self) -> int:
        return len(self.number)

    def of_class(self, c: int) -> Integers:
        """The objects of a class, the surest first."""
        return self.surest[self.bounds[c] : self.bounds[c + 1]]


def _ranked(table: InstanceTable, rule: ScoreRule | None, num_classes: int) -> _Ranked:
    delivery = table.delivery
    surest: Integers = np.arange(len(delivery))
    if rule is not ScoreRule.EQUAL:
        scores = -delivery.areas_px if rule is ScoreRule.AREA else -delivery.scores
        surest = np.argsort(scores, kind="stable")
    span = 1 + int(delivery.classes.max(initial=0))
    groups = table.delivery_images * span + delivery.classes
    rank = np.empty(len(surest), np.int64)
    rank[surest] = np.arange(len(surest))
    rows = np.argsort(groups * len(surest) + rank)
    groups = groups[rows]
    begins = np.flatnonzero(np.append(True, groups[1:] != groups[:-1])[: len(rows)])
    number = np.empty(len(rows), np.int64)
    number[rows] = np.arange(len(rows))
    classes = delivery.classes[surest]
    by_class = np.argsort(classes.astype(np.uint16), kind="stable")  # in two passes
    return _Ranked(
        number=number,
        groups=groups,
        areas=delivery.areas_px[rows],
        place=np.arange(len(rows)) - np.repeat(begins, np.diff(begins, append=len(rows))),
        surest=number[surest[by_class]],
        bounds=np.searchsorted(classes[by_class], np.arange(num_classes + 1)),
    )


def _matched(
    table: InstanceTable, ranked: _Ranked, num_classes: int, *, boundary: bool
) -> npt.NDArray[np.uint8]:
    """See :func:`segcore.kernels.match_by_score`: uint8 (4, 10, delivered objects as ranked)."""
    gold, delivery, shared = table.pairs
    number = ranked.number
    codes = table.gold.classes[gold]
    counted = (codes == table.delivery.classes[delivery]) & (codes < num_classes)
    counted &= ranked.place[number[delivery]] < DETECTION_LIMITS[-1]
    gold, delivery, shared = gold[counted], delivery[counted], shared[counted]
    iou = _iou(table, gold, delivery, shared)
    if boundary:
        own = ~table.gold.crowd[gold]
        iou[own] = np.minimum(iou[own], table.boundary_iou(gold[own], delivery[own]))
    levels = np.searchsorted(np.array(IOU_THRESHOLDS), iou, side="right").astype(np.int8)
    near = levels > 0
    gold, delivery, iou, levels = gold[near], number[delivery[near]], iou[near], levels[near]
    order = np.lexsort((-gold, iou, delivery))
    return kernels.match_by_score(
        delivery[order],
        gold[order],
        levels[order],
        ranked.groups,
        _gold_ignored(table, np.array(list(BANDS.values()))),
        table.gold.crowd,
        thresholds=len(IOU_THRESHOLDS),
        size=ranked.size,
    )


def _iou(table: InstanceTable, gold: Integers, delivery: Integers, shared: Integers) -> Floats:
    """Intersection over union of pairs; over the delivered object alone where the gold is a crowd."""
    areas = table.delivery.areas_px[delivery]
    union = np.where(table.gold.crowd[gold], areas, table.gold.areas_px[gold] + areas - shared)
    iou: Floats = shared / union
    return iou


def _gold_ignored(table: InstanceTable, limits: Floats) -> npt.NDArray[np.bool_]:
    return table.gold.crowd | _outside(table.gold.stated_areas_px, limits)


def _outside(areas: Floats | Integers, limits: Floats) -> npt.NDArray[np.bool_]:
    """Which objects are of another size, by band: bool (bands, n)."""
    outside: npt.NDArray[np.bool_] = (areas < limits[:, :1]) | (areas > limits[:, 1:])
    return outside
