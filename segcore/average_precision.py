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
from functools import lru_cache
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
    "ScoreRule",
    "average_precision",
    "mean",
]

IOU_THRESHOLDS: Final = tuple(k / 20 for k in range(10, 20))
"""0.5 to 0.95 in steps of 0.05."""

RECALLS: Final = np.linspace(0.0, 1.0, 101)
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
    ranked = _ranked(table, rule)
    states = _matched(table, ranked, num_classes, boundary=boundary)
    limits = np.array(list(BANDS.values()))
    outside = _outside(ranked.areas, limits)
    gold_ignored = _gold_ignored(table, limits)
    shape = (len(BANDS), num_classes, len(IOU_THRESHOLDS))
    precision, recall = np.full(shape, np.nan), np.full(shape, np.nan)
    limited = np.full((len(DETECTION_LIMITS), *shape[1:]), np.nan)
    # All classes side by side, the surest object of each first.
    order = np.lexsort((np.arange(ranked.size), -ranked.scores, ranked.classes))
    bounds = np.searchsorted(ranked.classes[order], np.arange(num_classes + 1))
    kept = ranked.place[order] < DETECTION_LIMITS[-1]
    states = states[:, :, order]
    found = (states == 1) & kept
    wrong = (states == 0) & (kept & ~outside[:, order])[:, None]
    wanted = np.stack([
        np.bincount(table.gold.classes[~ignored], minlength=num_classes)[:num_classes]
        for ignored in gold_ignored
    ])  # fmt: skip
    for c in np.flatnonzero(wanted[0]).tolist():
        own = slice(bounds[c], bounds[c + 1])
        bands = np.flatnonzero(wanted[:, c])
        curve = _curves(found[bands, :, own], wrong[bands, :, own], wanted[bands, c], rule)
        precision[bands, c], recall[bands, c] = curve
        place = ranked.place[order[own]]
        for m, limit in enumerate(DETECTION_LIMITS):
            limited[m, c] = found[0, :, own][:, place < limit].sum(axis=1) / wanted[0, c]
    return AveragePrecision(precision=precision, recall=recall, recall_limited=limited)


def mean(values: Iterable[float]) -> float | None:
    """The mean of the numbers among ``values``, in whatever order; None if there is none."""
    numbers = [value for value in values if not math.isnan(value)]
    return math.fsum(numbers) / len(numbers) if numbers else None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Ranked:
    """The delivered objects by image and class, the surest of each first.

    ``rows`` are their numbers in the table, ``place`` counts within image and class.
    """

    rows: Integers
    groups: Integers
    classes: npt.NDArray[np.int32]
    areas: Integers
    scores: Floats
    place: Integers

    @property
    def size(self) -> int:
        return len(self.rows)


def _ranked(table: InstanceTable, rule: ScoreRule | None) -> _Ranked:
    delivery = table.delivery
    scores: Floats
    if rule is ScoreRule.EQUAL:
        scores = np.zeros(len(delivery))
    elif rule is ScoreRule.AREA:
        scores = delivery.areas_px.astype(np.float64)
    else:
        scores = delivery.scores
    images, rows = table.delivery_images, np.arange(len(delivery))
    rows = np.lexsort((rows, -scores, delivery.classes, images))
    classes, images = delivery.classes[rows], images[rows]
    first = np.append(True, (classes[1:] != classes[:-1]) | (images[1:] != images[:-1]))[: len(rows)]
    groups = np.cumsum(first)
    begins = np.flatnonzero(first)
    place = np.arange(len(rows)) - np.repeat(begins, np.diff(begins, append=len(rows)))
    return _Ranked(
        rows=rows,
        groups=groups,
        classes=classes,
        areas=delivery.areas_px[rows],
        scores=scores[rows],
        place=place,
    )


def _matched(
    table: InstanceTable, ranked: _Ranked, num_classes: int, *, boundary: bool
) -> npt.NDArray[np.uint8]:
    """See :func:`segcore.kernels.match_by_score`: uint8 (4, 10, delivered objects as ranked)."""
    gold, delivery, shared = table.pairs
    number = np.empty(ranked.size, np.int64)
    number[ranked.rows] = np.arange(ranked.size)
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


def _curves(
    found: npt.NDArray[np.bool_],
    wrong: npt.NDArray[np.bool_],
    wanted: Integers,
    rule: ScoreRule | None,
) -> tuple[Floats, Floats]:
    """Mean precision and recall of one class in each band and at each threshold.

    Parameters
    ----------
    found, wrong : bool (bands, thresholds, n)
        By confidence; neither is an object that is not counted.
    wanted : int64 (bands,)
        Gold objects to be found, above 0.
    """
    bands, thresholds, n = found.shape
    if not n:
        return np.zeros((bands, thresholds)), np.zeros((bands, thresholds))
    rows = bands * thresholds
    right = found.reshape(rows, n).cumsum(axis=1)
    counted = right + wrong.reshape(rows, n).cumsum(axis=1)
    recall = right[:, -1].reshape(bands, thresholds) / wanted[:, None]
    if rule is ScoreRule.EQUAL:
        right, counted = right[:, -1:], counted[:, -1:]
    precision = right / np.maximum(counted, 1)
    best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    # Precision at a recall is the best where at least that many are found, 0 where they never are:
    # each point of the curve stands for the recalls it is the first to reach.
    reached = np.stack([_recalls_reached(int(k), int(wanted.max())) for k in wanted])
    reached = np.take_along_axis(np.repeat(reached, thresholds, axis=0), right, axis=1)
    means = (best * np.diff(reached, axis=1, prepend=0)).sum(axis=1) / len(RECALLS)
    return means.reshape(bands, thresholds), recall


@lru_cache(maxsize=128)
def _recalls_reached(wanted: int, size: int) -> Integers:
    """How many recalls are reached with 0, 1 and so on of ``wanted`` objects: int64 (size + 1,)."""
    needed = np.searchsorted(np.arange(wanted + 1) / wanted, RECALLS)
    needed = np.maximum(needed, 1)  # a recall of 0, too, has a precision only where one is found
    return np.searchsorted(needed, np.arange(size + 1), side="right")
