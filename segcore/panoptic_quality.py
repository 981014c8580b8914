"""Panoptic quality: which segments match, and PQ, SQ and RQ of them.

The rules are those of Kirillov et al. (Panoptic Segmentation, CVPR 2019) as ``panopticapi`` counts
them.  A gold and a delivered segment of one class match where their intersection over union is above
.5; pixels the gold leaves void are taken from the delivered segment first.  Crowds of the gold are not
to be found, and a delivered segment of which more than half is void or in crowds of its class is not
counted.  No segment can match twice, since segments do not overlap: nothing depends on an order.

By boundaries, the rules are those of boundary-iou-api (Cheng et al., Boundary IoU, CVPR 2021): what
takes the place of the IoU is the smaller of IoU and boundary IoU, in deciding what matches and in the
sum.  Void is taken from the band of the delivered segment as from the segment, and ends no delivered
segment.  What is not counted is told by the masks.

Everything here follows from areas and shared pixels.  What a delivered segment shares with no gold
segment is void.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from segcore.instance_matching import Pairs
from segcore.instance_tally import InstanceTable

__all__ = ["Quality", "SegmentCounts", "SegmentMatching", "match_segments", "mean_quality"]

Bools = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentCounts:
    """What became of segments of one class.

    Attributes
    ----------
    tp, fp, fn : int
        Matched, extra and missed segments.
    ignored : int
        Delivered segments that are not counted, since most of them lies in void or crowds.
    iou_sum : float
        Of the matches; the exact sum, rounded once.
    """

    tp: int
    fp: int
    fn: int
    ignored: int
    iou_sum: float

    @property
    def _weight(self) -> float:
        return self.tp + self.fp / 2 + self.fn / 2

    @property
    def pq(self) -> float | None:
        """Panoptic quality, ``sq * rq``; None for a class without a segment that counts."""
        return self.iou_sum / self._weight if self._weight else None

    @property
    def sq(self) -> float | None:
        """Segmentation quality, the mean IoU of the matches: 0 without a match, None as ``pq``."""
        if not self._weight:
            return None
        return self.iou_sum / self.tp if self.tp else 0.0

    @property
    def rq(self) -> float | None:
        """Recognition quality, the F1 of the segments; None as ``pq``."""
        return self.tp / self._weight if self._weight else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """Several classes: the means of their qualities, and the sums of their counts.

    Attributes
    ----------
    pq, sq, rq : float or None
        None where no class has a segment that counts.
    classes : int
        Over how many classes the means are: those with a segment that counts.
    tp, fp, fn, ignored : int
    """

    pq: float | None
    sq: float | None
    rq: float | None
    classes: int
    tp: int
    fp: int
    fn: int
    ignored: int


def mean_quality(classes: Iterable[SegmentCounts]) -> Quality:
    """The means over classes, each weighted the same; without classes all is undefined."""
    counts = list(classes)
    defined = [c for c in counts if c.pq is not None]

    def mean(values: Iterable[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return math.fsum(known) / len(known) if known else None

    return Quality(
        pq=mean(c.pq for c in defined),
        sq=mean(c.sq for c in defined),
        rq=mean(c.rq for c in defined),
        classes=len(defined),
        tp=sum(c.tp for c in counts),
        fp=sum(c.fp for c in counts),
        fn=sum(c.fn for c in counts),
        ignored=sum(c.ignored for c in counts),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SegmentMatching:
    """What became of every segment.

    Attributes
    ----------
    table : InstanceTable
    matched : Pairs
        By gold segment.
    near, confused : Pairs
        Missed gold segments and extra delivered ones that share pixels: of one class, and of two
        with an IoU above .5; by gold segment.
    missed, extra, ignored : int64 (n,)
        Gold segments without a match, crowds left out; delivered ones without a match, and those of
        them that are not counted.
    """

    table: InstanceTable
    matched: Pairs
    near: Pairs
    confused: Pairs
    missed: Integers
    extra: Integers
    ignored: Integers

    def counts(self, num_classes: int) -> list[SegmentCounts]:
        """Of every class, over all images."""
        parts = [part % num_classes for part in self._cells(num_classes)]
        rows = [np.bincount(part, minlength=num_classes).tolist() for part in parts]
        return _counted(rows, _sums(parts[0], self.matched.iou, num_classes))

    def image_counts(self, num_classes: int) -> tuple[Integers, Integers, list[SegmentCounts]]:
        """Of every class an image holds: image, class and counts, by image, then class.

        Gold crowds alone make no row.
        """
        parts = self._cells(num_classes)
        cells = np.unique(np.concatenate(parts))
        places = [np.searchsorted(cells, part) for part in parts]
        rows = [np.bincount(place, minlength=len(cells)).tolist() for place in places]
        images, classes = np.divmod(cells, num_classes)
        return images, classes, _counted(rows, _sums(places[0], self.matched.iou, len(cells)))

    def _cells(self, num_classes: int) -> list[Integers]:
        """The image and class of matches, extra, missed and ignored segments, as one number."""
        table = self.table
        gold = table.gold_images * num_classes + table.gold.classes
        delivery = table.delivery_images * num_classes + table.delivery.classes
        return [
            gold[self.matched.gold],
            delivery[self.extra],
            gold[self.missed],
            delivery[self.ignored],
        ]


def match_segments(table: InstanceTable, *, boundary: bool = False) -> SegmentMatching:
    """Match the segments of every image and class.

    Parameters
    ----------
    table : InstanceTable
        Of segments that do not overlap others of their side.
    boundary : bool
        By the smaller of IoU and boundary IoU; the table must hold boundaries.

    Returns
    -------
    SegmentMatching
        Without matches where either side is empty.
    """
    gold, delivery, shared = table.pairs
    areas = table.delivery.areas_px
    # Without overlap, what lies in no gold segment is what is left.
    judged = _totals(delivery, shared, len(areas))
    union = judged[delivery] + table.gold.areas_px[gold] - shared
    same = table.gold.classes[gold] == table.delivery.classes[delivery]
    crowd = table.gold.crowd[gold]
    over_half, iou = (2 * shared > union) & ~crowd, shared / union
    if boundary:
        if table.boundaries is None:
            raise ValueError("expected a table with boundaries")
        bands = table.boundaries
        # A gold segment that shares a pixel has a band, and so the union is never empty.
        union = bands.gold_px[gold] + bands.delivery_px[delivery] - bands.shared_px
        over_half &= 2 * bands.shared_px > union
        iou = np.minimum(iou, bands.shared_px / union)
    every = Pairs(gold=gold, delivery=delivery, iou=iou)
    matched = same & over_half
    missed = ~table.gold.crowd
    missed[gold[matched]] = False
    in_crowd = same & crowd
    uncounted = areas - judged + _totals(delivery[in_crowd], shared[in_crowd], len(areas))
    free = np.ones(len(areas), np.bool_)
    free[delivery[matched]] = False
    ignored = free & (2 * uncounted > areas)
    extra = free & ~ignored
    unmatched = missed[gold] & extra[delivery]
    return SegmentMatching(
        table=table,
        matched=every.where(matched),
        near=every.where(same & unmatched),
        confused=every.where(over_half & ~same & unmatched),
        missed=np.flatnonzero(missed),
        extra=np.flatnonzero(extra),
        ignored=np.flatnonzero(ignored),
    )


def _totals(owners: Integers, pixels: Integers, size: int) -> Integers:
    # The weights are summed as float64, which is exact far beyond the pixels of an image.
    return np.bincount(owners, pixels, minlength=size).astype(np.int64)


def _sums(owners: Integers, values: npt.NDArray[np.float64], size: int) -> list[float]:
    """The exactly rounded sum of the values of every owner: their order has no part in it."""
    order = np.argsort(owners, kind="stable")
    bounds = np.searchsorted(owners[order], np.arange(size + 1)).tolist()
    ordered = values[order].tolist()
    return [math.fsum(ordered[bounds[i] : bounds[i + 1]]) for i in range(size)]


def _counted(rows: list[list[int]], sums: list[float]) -> list[SegmentCounts]:
    return [
        SegmentCounts(tp=tp, fp=fp, fn=fn, ignored=ignored, iou_sum=iou)
        for tp, fp, fn, ignored, iou in zip(*rows, sums, strict=True)
    ]
