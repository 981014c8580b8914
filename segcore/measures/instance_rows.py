"""The objects of many images as one table, and what they share, whatever order they come in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt

from segcore import kernels
from segcore.dilation import Dilation
from segcore.instance_tally import Boundaries, InstanceTable, Objects
from segcore.kernels import Overlaps, RegionRuns
from segcore.region_block import RegionBlock

__all__ = ["Coded", "InstancePair", "Side", "tabulated"]

Order = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Coded:
    """The regions of one side of some images with their classes in the evaluation.

    Attributes
    ----------
    regions : RegionBlock
    codes : int32 (n_regions,)
    crowd : bool (n_regions,)
        Which count as crowds.
    """

    regions: RegionBlock
    codes: npt.NDArray[np.int32]
    crowd: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class InstancePair:
    """One image, or several whose ``keys`` it names.

    None is a side that was not delivered, or refused; only that of one image can be.
    """

    gold: Coded | None
    delivery: Coded | None
    keys: tuple[str, ...] = ()

    @property
    def images(self) -> int:
        """How many there are."""
        return len(self.keys) or 1


def tabulated(
    pairs: Iterable[tuple[str, InstancePair]], *, dilation: Dilation | None = None
) -> InstanceTable:
    """Count what the objects of images share; all images at once, given in any order.

    Parameters
    ----------
    pairs : iterable of (str, InstancePair)
        Image keys and their regions.
    dilation : Dilation or None
        How wide boundaries are; None counts none.
    """
    rows = sorted(pairs, key=lambda row: row[0])
    keys = tuple(chain.from_iterable(pair.keys or (key,) for key, pair in rows))
    gold = Side.of([(pair.gold, pair.images) for _, pair in rows])
    delivery = Side.of([(pair.delivery, pair.images) for _, pair in rows])
    sizes = [_NO_SIZE if pair.gold is None else pair.gold.regions.sizes for _, pair in rows]
    known = np.maximum(np.concatenate([_NO_SIZE[:0], *sizes]), 1)
    heights, widths = np.ascontiguousarray(known.T)
    found = kernels.overlaps(gold.runs, delivery.runs, heights=heights)
    left, right = gold.place[found.gold], delivery.place[found.delivery]
    by = np.argsort(left * (1 + len(delivery.objects)) + right)
    boundaries = None
    if dilation is not None:
        images = zip(heights.tolist(), widths.tolist(), strict=True)
        widths_px = np.array([dilation.of(height=h, width=w) for h, w in images], np.int64)
        own, others = (
            kernels.boundary_runs(side.runs, heights=heights, widths_px=widths_px)
            for side in (gold, delivery)
        )
        boundaries = Boundaries(
            gold_px=gold.placed(kernels.areas(own.starts, own.ends, own.offsets)),
            delivery_px=delivery.placed(kernels.areas(others.starts, others.ends, others.offsets)),
            shared_px=kernels.shared_px(own, found.gold, others, found.delivery)[by],
        )
    left, right = left[by], right[by]
    image = np.searchsorted(gold.runs.images, left, side="right") - 1
    return InstanceTable(
        keys=keys,
        gold=gold.objects,
        delivery=delivery.objects,
        overlaps=Overlaps(
            left - gold.runs.images[image], right - delivery.runs.images[image], found.shared_px[by]
        ),
        gold_offsets=gold.runs.images,
        delivery_offsets=delivery.runs.images,
        overlap_offsets=np.searchsorted(image, np.arange(len(keys) + 1)),
        boundaries=boundaries,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Side:
    """The regions of many images as they were read, and the objects in an order of their own.

    ``place`` says which object each region became.
    """

    runs: RegionRuns
    objects: Objects
    place: npt.NDArray[np.int64]

    @classmethod
    def of(cls, parts: Sequence[tuple[Coded | None, int]]) -> Side:
        """One side of some rows, each None or of so many images."""
        held = [coded for coded, _ in parts if coded is not None]
        regions = [coded.regions for coded in held]
        counts = np.concatenate([
            _NO_COUNTS,
            *(np.zeros(n, np.int64) if c is None else np.diff(c.regions.images) for c, n in parts),
        ])  # fmt: skip
        offsets = _offsets(np.concatenate([_NO_COUNTS, *(np.diff(r.offsets) for r in regions)]))
        runs = RegionRuns(
            np.concatenate([_NO_RUNS, *(r.starts for r in regions)]),
            np.concatenate([_NO_RUNS, *(r.ends for r in regions)]),
            offsets,
            _offsets(counts),
        )
        areas = kernels.areas(runs.starts, runs.ends, offsets)
        stated, scores = areas.astype(np.float64), np.full(len(areas), np.nan)
        begin = 0
        for r in regions:
            part = slice(begin, begin := begin + len(r.classes))
            if r.stated_areas_px is not None:
                np.copyto(stated[part], r.stated_areas_px, where=np.isfinite(r.stated_areas_px))
            if r.scores is not None:
                scores[part] = r.scores
        unordered = Objects(
            classes=np.concatenate([_NO_RUNS, *(coded.codes for coded in held)]),
            areas_px=areas,
            stated_areas_px=stated,
            crowd=np.concatenate([np.empty(0, np.bool_), *(coded.crowd for coded in held)]),
            scores=scores,
            ids=tuple(chain.from_iterable(r.names() for r in regions)),
        )
        order = _canonical(unordered, runs, np.repeat(np.arange(len(counts)), counts))
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        return cls(runs=runs, objects=unordered.take(order), place=place)

    def placed(self, values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Values of the regions as values of the objects."""
        moved = np.empty_like(values)
        moved[self.place] = values
        return moved


_NO_RUNS = np.empty(0, np.int32)
_NO_COUNTS = np.empty(0, np.int64)
_NO_SIZE = np.ones((1, 2), np.int64)


def _offsets(lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return np.append(0, np.cumsum(lengths))


def _canonical(objects: Objects, runs: RegionRuns, images: npt.NDArray[np.int64]) -> Order:
    """By image and class, then largest first, then by position: whatever order a file has.

    Only objects alike in all a score depends on are left in the order of their ids.
    """
    n, lo, hi = len(objects), runs.offsets[:-1], runs.offsets[1:]
    position = np.full(n, -1, np.int64)
    full = hi > lo
    # Of where an object begins and where it ends, what is the same number for the same place.
    position[full] = (runs.starts[lo[full]].astype(np.int64) << 32) | runs.ends[hi[full] - 1]
    groups = images * (1 + int(objects.classes.max(initial=0))) + objects.classes
    order: Order = np.argsort((groups << 31) - objects.areas_px)  # an area has less than 31 bits
    alike = _alike(groups[order], objects.areas_px[order])
    if not alike.any():
        return order
    # Few are as large as another of their class.
    rows = np.flatnonzero(np.append(alike, False) | np.append(False, alike))
    some = order[rows]
    order[rows] = some[np.lexsort((position[some], -objects.areas_px[some], groups[some]))]
    same = _alike(groups[order], objects.areas_px[order], position[order])
    if not same.any():
        return order

    def rest(i: int) -> tuple[object, ...]:
        own, score, name = slice(int(lo[i]), int(hi[i])), objects.scores[i], objects.ids[i]
        return (
            runs.starts[own].tolist(),
            runs.ends[own].tolist(),
            bool(objects.crowd[i]),
            float(objects.stated_areas_px[i]),
            0.0 if np.isnan(score) else -float(score),
            () if name is None else (type(name).__name__, name),
        )

    begins = np.flatnonzero(np.append(True, ~same))
    for begin, end in zip(begins, np.append(begins[1:], n), strict=True):
        if end - begin > 1:
            order[begin:end] = sorted(order[begin:end].tolist(), key=rest)
    return order


def _alike(*columns: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Which rows are like the next one: bool (n - 1,)."""
    alike: npt.NDArray[np.bool_] = np.logical_and.reduce([c[1:] == c[:-1] for c in columns])
    return alike
