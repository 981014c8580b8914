"""One gold object, one delivered object: the matching that needs no confidences.

Within an image and a class the pair with the highest intersection over union is matched first,
then the next whose objects are both free, and so on; of equal pairs that with the larger gold
object, then the one that begins further left and up.  Where no two objects of one side overlap and
the overlap asked for is above 0.5 there is only one matching, and this is it.  Matching from
the top also means that the matches at 0.75 are those at 0.5 that reach 0.75.

Neither the order of a file nor its ids have a part in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from segcore.instance_tally import InstanceTable

__all__ = ["MATCH_IOU", "MatchCounts", "ObjectMatching", "Pairs", "match_objects"]

MATCH_IOU: Final = 0.5
"""From this overlap on an object counts as found."""

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pairs:
    """Gold and delivered objects by their numbers in an :class:`InstanceTable`.

    Attributes
    ----------
    gold, delivery : int64 (n,)
    iou : float64 (n,)
    """

    gold: Integers
    delivery: Integers
    iou: Floats

    def __len__(self) -> int:
        return len(self.gold)

    def take(self, rows: Integers) -> Pairs:
        """Those in the given places, in that order."""
        return Pairs(gold=self.gold[rows], delivery=self.delivery[rows], iou=self.iou[rows])

    def where(self, chosen: Bools) -> Pairs:
        """Some of them."""
        return Pairs(gold=self.gold[chosen], delivery=self.delivery[chosen], iou=self.iou[chosen])


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchCounts:
    """How many objects were found, missed and added at one overlap.

    Attributes
    ----------
    matched, missed, extra : int
        Crowds of the gold are none of them, nor are delivered objects that lie in one.
    """

    matched: int
    missed: int
    extra: int

    @property
    def precision(self) -> float | None:
        """Share of the delivered objects that are right; None where none was delivered."""
        delivered = self.matched + self.extra
        return self.matched / delivered if delivered else None

    @property
    def recall(self) -> float | None:
        """Share of the gold objects that were found; None where gold has none."""
        wanted = self.matched + self.missed
        return self.matched / wanted if wanted else None

    @property
    def f1(self) -> float | None:
        """Harmonic mean of both; None for a class neither side holds, 0 if only one does."""
        objects = 2 * self.matched + self.missed + self.extra
        return 2 * self.matched / objects if objects else None


@dataclass(frozen=True, kw_only=True, eq=False)
class ObjectMatching:
    """What became of every object.

    Attributes
    ----------
    table : InstanceTable
    pairs : Pairs
        Matched one to one, by falling IoU, down to the least overlap: see :meth:`at`.
    merged : Pairs
        Delivered objects that cover at least half of several gold ones: those the delivered
        object was matched with, and missed ones.  By delivered object.
    split : Pairs
        Gold objects of which several delivered ones are parts, each with at least half of itself
        in the gold object: the one that was matched, and extra ones.  By gold object.
    confused : Pairs
        Missed gold objects and extra delivered ones of another class, matched alike.
    crowd_share : float64 (delivered objects,)
        The largest share of each that lies in a crowd of its class.
    """

    table: InstanceTable
    pairs: Pairs
    merged: Pairs
    split: Pairs
    confused: Pairs
    crowd_share: Floats

    def at(self, iou: float) -> Pairs:
        """The objects matched with at least this IoU."""
        return self.pairs.where(self.pairs.iou >= iou)

    def missed_gold(self, iou: float = MATCH_IOU) -> Integers:
        """The gold objects without a match, crowds left out."""
        free = ~self.table.gold.crowd
        free[self.at(iou).gold] = False
        return np.flatnonzero(free)

    def extra_delivered(self, iou: float = MATCH_IOU) -> Integers:
        """The delivered objects without a match, but for those that lie in a crowd."""
        free = self.crowd_share < iou
        free[self.at(iou).delivery] = False
        return np.flatnonzero(free)

    def counts(self, num_classes: int, iou: float = MATCH_IOU) -> list[MatchCounts]:
        """Of every class."""

        def by_class(codes: npt.NDArray[np.int32]) -> list[int]:
            counted: list[int] = np.bincount(codes, minlength=num_classes)[:num_classes].tolist()
            return counted

        gold, delivery = self.table.gold.classes, self.table.delivery.classes
        matched = by_class(gold[self.at(iou).gold])
        missed, extra = (
            by_class(gold[self.missed_gold(iou)]),
            by_class(delivery[self.extra_delivered(iou)]),
        )
        return [
            MatchCounts(matched=m, missed=s, extra=e)
            for m, s, e in zip(matched, missed, extra, strict=True)
        ]


def match_objects(table: InstanceTable, *, boundary: bool = False) -> ObjectMatching:
    """Match the objects of every image and class one to one.

    Parameters
    ----------
    table : InstanceTable
    boundary : bool
        Match by the smaller of IoU and boundary IoU, which then is the ``iou`` of every pair; what
        lies in a crowd is told by the masks alone.  The table must hold boundaries.

    Returns
    -------
    ObjectMatching
        Without pairs where either side is empty.
    """
    gold, delivery, shared = table.pairs
    gold_areas, delivery_areas = table.gold.areas_px[gold], table.delivery.areas_px[delivery]
    crowd = table.gold.crowd[gold]
    same = table.gold.classes[gold] == table.delivery.classes[delivery]
    iou = shared / (gold_areas + delivery_areas - shared)
    if boundary:
        iou = np.minimum(iou, table.boundary_iou(gold, delivery))
    every = Pairs(gold=gold, delivery=delivery, iou=iou)
    pairs = _one_to_one(every.where(same & ~crowd), table)
    crowd_share = np.zeros(len(table.delivery))
    inside = same & crowd
    np.maximum.at(crowd_share, delivery[inside], (shared / delivery_areas)[inside])

    # From here on, what was found at MATCH_IOU.
    found = pairs.where(pairs.iou >= MATCH_IOU)
    partner = np.full(len(table.delivery), -1, np.int64)
    partner[found.delivery] = found.gold
    missed = ~table.gold.crowd
    missed[found.gold] = False
    extra = (partner < 0) & (crowd_share < MATCH_IOU)
    matched = partner[delivery] == gold
    part = same & ~crowd & (every.iou < MATCH_IOU)
    merged = (2 * shared >= gold_areas) & (matched | (part & missed[gold]))
    split = (2 * shared >= delivery_areas) & (matched | (part & extra[delivery]))
    wrong = ~same & ~crowd & missed[gold] & extra[delivery] & (every.iou >= MATCH_IOU)
    return ObjectMatching(
        table=table,
        pairs=pairs,
        merged=_several(every.where(merged), by="delivery"),
        split=_several(every.where(split), by="gold"),
        confused=_one_to_one(every.where(wrong), table),
        crowd_share=crowd_share,
    )


def _one_to_one(pairs: Pairs, table: InstanceTable) -> Pairs:
    order = np.lexsort((pairs.delivery, pairs.gold, -pairs.iou))
    gold_taken, delivery_taken = bytearray(len(table.gold)), bytearray(len(table.delivery))
    chosen = []
    gold, delivery = pairs.gold[order].tolist(), pairs.delivery[order].tolist()
    for place, g, d in zip(order.tolist(), gold, delivery, strict=True):
        if not (gold_taken[g] or delivery_taken[d]):
            gold_taken[g] = delivery_taken[d] = 1
            chosen.append(place)
    return pairs.take(np.array(chosen, np.int64))


def _several(pairs: Pairs, *, by: str) -> Pairs:
    """The pairs of objects that stand in two or more, by this object, then the other."""
    key, other = (pairs.gold, pairs.delivery) if by == "gold" else (pairs.delivery, pairs.gold)
    order = np.lexsort((other, key))
    _, place, count = np.unique(key, return_inverse=True, return_counts=True)
    return pairs.take(order[count[place[order]] > 1])
