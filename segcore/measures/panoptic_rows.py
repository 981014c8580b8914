"""The segments of many images as one table, whatever order they come in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt

from segcore.dilation import Dilation
from segcore.instance_tally import Boundaries, InstanceTable, Objects
from segcore.kernels import Overlaps
from segcore.measures.segments import Segments

__all__ = ["NOTHING", "NO_OVERLAPS", "SegmentPair", "objects_of", "tabulated"]

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SegmentPair:
    """One image; None is a side that was not delivered, or refused.

    Attributes
    ----------
    gold, delivery : Segments or None
    overlaps : Overlaps
        Every pair that shares a pixel.
    boundaries : Boundaries or None
        Where they were asked for; in the order of the segments and of the overlaps.
    """

    gold: Segments | None
    delivery: Segments | None
    overlaps: Overlaps
    boundaries: Boundaries | None = None


_NO_COUNTS = np.empty(0, np.int64)
NO_OVERLAPS = Overlaps(_NO_COUNTS, _NO_COUNTS, _NO_COUNTS)
NOTHING = SegmentPair(gold=None, delivery=None, overlaps=NO_OVERLAPS)
_NO_BOUNDARIES = Boundaries(gold_px=_NO_COUNTS, delivery_px=_NO_COUNTS, shared_px=_NO_COUNTS)


def tabulated(
    pairs: Iterable[tuple[str, SegmentPair]], *, dilation: Dilation | None = None
) -> InstanceTable:
    """The counts of images as one table, given in any order.

    Parameters
    ----------
    pairs : iterable of (str, SegmentPair)
        Image keys and what was counted.
    dilation : Dilation or None
        How wide the boundaries are that were counted; None for none.
    """
    rows = sorted(pairs, key=lambda row: row[0])
    gold, gold_offsets, gold_place = objects_of([pair.gold for _, pair in rows])
    delivery, delivery_offsets, delivery_place = objects_of([pair.delivery for _, pair in rows])
    counts = np.array([len(pair.overlaps.gold) for _, pair in rows], np.int64)
    image = np.repeat(np.arange(len(rows)), counts)
    found = [
        np.concatenate([_NO_COUNTS, *columns])
        for columns in zip(NO_OVERLAPS, *(pair.overlaps for _, pair in rows), strict=True)
    ]
    left = gold_place[found[0] + gold_offsets[image]]
    right = delivery_place[found[1] + delivery_offsets[image]]
    # Segments are numbered image by image, and no pair comes twice.
    order = np.argsort(left * (1 + len(delivery)) + right)
    left, right = left - gold_offsets[image], right - delivery_offsets[image]
    boundaries = None
    if dilation is not None:
        held = [_NO_BOUNDARIES, *(b for _, pair in rows if (b := pair.boundaries) is not None)]
        unordered = Boundaries.joined(held)
        boundaries = Boundaries(
            gold_px=unordered.gold_px[np.argsort(gold_place)],
            delivery_px=unordered.delivery_px[np.argsort(delivery_place)],
            shared_px=unordered.shared_px[order],
        )
    return InstanceTable(
        keys=tuple(key for key, _ in rows),
        gold=gold,
        delivery=delivery,
        overlaps=Overlaps(left[order], right[order], found[2][order]),
        gold_offsets=gold_offsets,
        delivery_offsets=delivery_offsets,
        overlap_offsets=np.append(0, np.cumsum(counts)),
        boundaries=boundaries,
    )


def objects_of(images: list[Segments | None]) -> tuple[Objects, Integers, npt.NDArray[np.intp]]:
    """All segments of one side by image and class, the larger first, then by position.

    With the offsets of the images, and the place each segment got.
    """
    held = [segments for segments in images if segments is not None]
    offsets = np.append(0, np.cumsum([0 if s is None else len(s) for s in images])).astype(np.int64)
    areas = np.concatenate([_NO_COUNTS, *(s.areas_px for s in held)])
    objects = Objects(
        classes=np.concatenate([np.empty(0, np.int32), *(s.classes for s in held)]),
        areas_px=areas,
        stated_areas_px=areas.astype(np.float64),
        crowd=np.concatenate([np.empty(0, np.bool_), *(s.crowd for s in held)]),
        scores=np.full(len(areas), np.nan),
        ids=tuple(chain.from_iterable(s.ids for s in held)),
    )
    image = np.repeat(np.arange(len(images)), np.diff(offsets))
    keys = np.stack([-areas, objects.classes, image])
    order = np.lexsort(keys)
    ordered = keys[:, order]
    if (ordered[:, 1:] == ordered[:, :-1]).all(axis=0).any():
        first = np.concatenate([_NO_COUNTS, *(s.first_positions() for s in held)])
        names = {name: n for n, name in enumerate(sorted(set(map(str, objects.ids))))}
        # Nothing but their ids tells those without a pixel from one another.
        own = np.array([names[str(own_id)] for own_id in objects.ids])
        order = np.lexsort([own, first, *keys])
    place = np.empty(len(order), np.intp)
    place[order] = np.arange(len(order))
    return objects.take(order), offsets, place
