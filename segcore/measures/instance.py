"""The instance measure: the objects of gold and delivery of one image, and what they share.

Nothing is matched here.  Which object matches which is a pure function of the tallies: see
:mod:`segcore.average_precision` and :mod:`segcore.instance_matching`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt

from segcore import kernels, limits
from segcore.annotation import AnnotationId, ImageAnnotation, LabelMap, Regions
from segcore.errors import UsageError
from segcore.faults import Fault
from segcore.instance_tally import InstanceTable, Objects
from segcore.kernels import Overlaps, RegionRuns
from segcore.measures.class_map import ClassMap
from segcore.measures.measured import Measured, refused_count, size_mismatch
from segcore.ontology import Crowd
from segcore.region_block import RegionBlock

__all__ = ["Coded", "InstanceMeasure", "InstancePair", "tabulated"]

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


@dataclass(kw_only=True, eq=False)
class InstanceMeasure:
    """Takes the regions of an image; :func:`tabulated` counts what they share, many images at once.

    Parameters
    ----------
    gold, delivery : ClassMap
        How either side's classes become those of the evaluation.
    crowd
        Whether crowd regions of the gold are groups, by COCO's rule, or objects like any other.
        In a delivery they are objects.
    """

    gold: ClassMap
    delivery: ClassMap
    crowd: Crowd

    def __call__(
        self, gold: ImageAnnotation, delivery: ImageAnnotation | None
    ) -> Measured[InstancePair]:
        """Check one image.

        Parameters
        ----------
        gold : ImageAnnotation
        delivery : ImageAnnotation or None
            None for an image that was not delivered: all its gold objects are missed.

        Raises
        ------
        UsageError
            Either side is a label map, which does not tell objects apart.
        """
        if delivery is not None:
            gold, delivery = gold.sized_like(delivery), delivery.sized_like(gold)
        own, others = self._regions(gold, self.gold), None
        if delivery is not None:
            others = self._regions(delivery, self.delivery)
            if (gold.height, gold.width) != (delivery.height, delivery.width):
                fault = size_mismatch(gold, delivery, file=self.delivery.place(delivery))
                refused = 0, delivery.read - delivery.rejected
                return Measured(
                    tally=InstancePair(gold=None, delivery=None), faults=(fault,), rejected=refused
                )
            if pairs := _pairs_above_limit(own, others):
                fault = Fault(
                    code="limits.annotations",
                    file=self.delivery.place(delivery),
                    image=gold.key,
                    expected=f"at most {limits.MAX_OBJECT_PAIRS} pairs of objects that may overlap",
                    got=f"{len(own)} gold and {len(others)} delivered objects, {pairs} pairs",
                )
                refused = 0, delivery.read - delivery.rejected
                return Measured(
                    tally=InstancePair(gold=None, delivery=None), faults=(fault,), rejected=refused
                )
        ignored = own.crowd if self.crowd is Crowd.IGNORE else np.zeros(len(own), np.bool_)
        faults = self.gold.name_faults(gold, counted=~ignored)
        found: list[Fault] = []
        right = None
        if others is not None and delivery is not None:
            found = self.delivery.name_faults(delivery) + self._score_faults(delivery, others)
            codes = self.delivery.of_regions(others)
            right = Coded(
                regions=RegionBlock.of(others), codes=codes, crowd=np.zeros(len(others), np.bool_)
            )
        codes = self.gold.of_regions(own)
        left = Coded(regions=RegionBlock.of(own), codes=codes, crowd=ignored)
        return Measured(
            tally=InstancePair(gold=left, delivery=right),
            faults=(*faults, *found),
            rejected=(refused_count(faults), refused_count(found)),
            gold_crowd=int(np.count_nonzero(ignored)),
        )

    def block(
        self, keys: tuple[str, ...], gold: RegionBlock, delivery: RegionBlock
    ) -> Measured[InstancePair] | None:
        """Check several images at once; None where one of them has to be looked at by itself.

        Parameters
        ----------
        keys : tuple of str
            The images.
        gold, delivery : RegionBlock
            The same images on either side.
        """
        pairs = np.diff(gold.images) * np.diff(delivery.images)
        if not np.array_equal(gold.sizes, delivery.sizes) or pairs.max() > limits.MAX_OBJECT_PAIRS:
            return None
        ignored = gold.crowd if self.crowd is Crowd.IGNORE else np.zeros_like(gold.crowd)
        left = Coded(regions=gold, codes=self.gold.of_regions(gold), crowd=ignored)
        codes = self.delivery.of_regions(delivery)
        right = Coded(regions=delivery, codes=codes, crowd=np.zeros_like(delivery.crowd))
        faulty = (self.gold.unknown(left.codes) & ~ignored).any() or self.delivery.unknown(codes).any()
        if faulty or not (delivery.scores is None or np.isfinite(delivery.scores).all()):
            return None
        return Measured(
            tally=InstancePair(gold=left, delivery=right, keys=keys),
            gold_crowd=int(np.count_nonzero(ignored)),
        )

    def _regions(self, annotation: ImageAnnotation, classes: ClassMap) -> Regions:
        if isinstance(annotation.content, LabelMap):
            raise UsageError(
                f"{classes.place(annotation)}: image {annotation.key!r} is a label map, which does not "
                "tell objects apart; the instance task needs regions (coco:, label-studio:, "
                "fiftyone:), or measure it with task semantic"
            )
        return annotation.content

    def _score_faults(self, annotation: ImageAnnotation, regions: Regions) -> list[Fault]:
        if regions.scores is None:
            return []
        return [
            Fault(
                code="results.bad_score",
                file=self.delivery.place(annotation),
                image=annotation.key,
                annotation=regions.ids[i] if regions.ids else int(i),
                expected="a finite number",
                got=str(regions.scores[i]),
            )
            for i in np.flatnonzero(~np.isfinite(regions.scores))
        ]


def _pairs_above_limit(gold: Regions, delivery: Regions) -> int:
    """How many pairs may overlap, where that is too many to compare; else 0.

    Those whose columns overlap, and a small share of all: to rule a pair out takes time, too.
    """
    every = len(gold) * len(delivery)
    if every <= limits.MAX_OBJECT_PAIRS:
        return 0
    spans = []
    for regions in (gold, delivery):
        full = np.flatnonzero(np.diff(regions.offsets))
        first, last = regions.offsets[full], regions.offsets[full + 1] - 1
        spans.append((regions.starts[first], np.sort(regions.ends[last])))
    (starts, ends), (other_starts, other_ends) = spans
    begun = np.searchsorted(np.sort(other_starts), ends).sum()
    over = np.searchsorted(other_ends, starts, side="right").sum()
    pairs = max(int(begun - over), every >> 8)
    return pairs if pairs > limits.MAX_OBJECT_PAIRS else 0


def tabulated(pairs: Iterable[tuple[str, InstancePair]]) -> InstanceTable:
    """Count what the objects of images share; all images at once, given in any order.

    Parameters
    ----------
    pairs : iterable of (str, InstancePair)
        Image keys and their regions.
    """
    rows = sorted(pairs, key=lambda row: row[0])
    keys = tuple(chain.from_iterable(pair.keys or (key,) for key, pair in rows))
    gold = _Side.of([(pair.gold, pair.images) for _, pair in rows])
    delivery = _Side.of([(pair.delivery, pair.images) for _, pair in rows])
    columns = [_NO_HEIGHT if pair.gold is None else pair.gold.regions.sizes[:, 0] for _, pair in rows]
    heights = np.maximum(np.concatenate([_NO_COUNTS, *columns]), 1)
    found = kernels.overlaps(gold.runs, delivery.runs, heights=heights)
    left, right = gold.place[found.gold], delivery.place[found.delivery]
    by = np.argsort(left * (1 + len(delivery.objects)) + right)
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
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Side:
    """The regions of many images as they were read, and the objects in an order of their own.

    ``place`` says which object each region became.
    """

    runs: RegionRuns
    objects: Objects
    place: npt.NDArray[np.int64]

    @classmethod
    def of(cls, parts: Sequence[tuple[Coded | None, int]]) -> _Side:
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
            ids=tuple(chain.from_iterable(_ids(r) for r in regions)),
        )
        order = _canonical(unordered, runs, np.repeat(np.arange(len(counts)), counts))
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        return cls(runs=runs, objects=unordered.take(order), place=place)


_NO_RUNS = np.empty(0, np.int32)
_NO_COUNTS = np.empty(0, np.int64)
_NO_HEIGHT = np.ones(1, np.int64)


def _ids(regions: RegionBlock) -> Sequence[AnnotationId]:
    """The ids of the file; where it has none, the positions of the regions in their images."""
    if len(regions.ids) == len(regions.classes):
        return regions.ids
    return list(chain.from_iterable(range(n) for n in np.diff(regions.images).tolist()))


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
