"""The instance measure: the objects of gold and delivery of one image, and what they share.

Nothing is matched here.  Which object matches which is a pure function of the tallies: see
:mod:`segcore.average_precision` and :mod:`segcore.instance_matching`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from segcore import kernels, limits
from segcore.annotation import ImageAnnotation, LabelMap, Regions, segment_sums
from segcore.errors import UsageError
from segcore.faults import Fault
from segcore.instance_tally import InstanceTable, Objects
from segcore.kernels import Overlaps, RegionRuns
from segcore.measures.class_map import ClassMap
from segcore.measures.measured import Measured, refused_count, size_mismatch
from segcore.measures.segments import as_objects
from segcore.ontology import Crowd

__all__ = ["Coded", "InstanceMeasure", "InstancePair", "pairs_above_limit", "tabulated"]

Order = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Coded:
    """The regions of one side of an image with their classes in the evaluation.

    Attributes
    ----------
    regions : Regions
    codes : int32 (n_regions,)
    crowd : bool (n_regions,)
        Which count as crowds.
    """

    regions: Regions
    codes: npt.NDArray[np.int32]
    crowd: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class InstancePair:
    """One image; None is a side that was not delivered, or refused."""

    gold: Coded | None
    delivery: Coded | None


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
        own, strange = self._regions(gold, self.gold)
        gold, others, found = replace(gold, content=own), None, list[Fault]()
        if delivery is not None:
            others, found = self._regions(delivery, self.delivery)
            delivery = replace(delivery, content=others)
            if (gold.height, gold.width) != (delivery.height, delivery.width):
                fault = size_mismatch(gold, delivery, file=self.delivery.place(delivery))
                refused = 0, delivery.read - delivery.rejected
                return Measured(
                    tally=InstancePair(gold=None, delivery=None), faults=(fault,), rejected=refused
                )
            if pairs := pairs_above_limit(own, others):
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
        faults = strange + self.gold.name_faults(gold, counted=~ignored)
        right = None
        if others is not None and delivery is not None:
            found += self.delivery.name_faults(delivery) + self._score_faults(delivery, others)
            codes = self.delivery.of_regions(others)
            right = Coded(regions=others, codes=codes, crowd=np.zeros(len(others), np.bool_))
        left = Coded(regions=own, codes=self.gold.of_regions(own), crowd=ignored)
        return Measured(
            tally=InstancePair(gold=left, delivery=right),
            faults=(*faults, *found),
            rejected=(refused_count(faults), refused_count(found)),
            gold_crowd=int(np.count_nonzero(ignored)),
        )

    def _regions(self, annotation: ImageAnnotation, classes: ClassMap) -> tuple[Regions, list[Fault]]:
        """The objects, and the faults of values that are none."""
        if isinstance(annotation.content, Regions):
            return annotation.content, []
        if isinstance(annotation.content, LabelMap) and annotation.content.objects is None:
            raise UsageError(
                f"{classes.place(annotation)}: image {annotation.key!r} is a label map, which does not "
                "tell objects apart; the instance task needs regions (coco:, label-studio:, "
                "fiftyone:), or measure it with task semantic"
            )
        things = classes.things("the instance task takes the things of a mask, and not its stuff")
        regions, unknown = as_objects(annotation.content, things)
        return regions, classes.value_faults(annotation) if unknown else []

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


def pairs_above_limit(gold: Regions, delivery: Regions) -> int:
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
    gold = _Side.of([pair.gold for _, pair in rows])
    delivery = _Side.of([pair.delivery for _, pair in rows])
    heights = [1 if pair.gold is None else max(1, pair.gold.regions.height) for _, pair in rows]
    found = kernels.overlaps(gold.runs, delivery.runs, heights=np.array(heights, np.int64))
    left, right = gold.place[found.gold], delivery.place[found.delivery]
    by = np.lexsort((right, left))
    left, right = left[by], right[by]
    image = np.searchsorted(gold.runs.images, left, side="right") - 1
    return InstanceTable(
        keys=tuple(key for key, _ in rows),
        gold=gold.objects,
        delivery=delivery.objects,
        overlaps=Overlaps(
            left - gold.runs.images[image], right - delivery.runs.images[image], found.shared_px[by]
        ),
        gold_offsets=gold.runs.images,
        delivery_offsets=delivery.runs.images,
        overlap_offsets=np.searchsorted(image, np.arange(len(rows) + 1)),
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
    def of(cls, images: Sequence[Coded | None]) -> _Side:
        held = [image for image in images if image is not None]
        regions = [image.regions for image in held]
        counts = np.array([0 if image is None else len(image.codes) for image in images], np.int64)
        offsets = _offsets(np.concatenate([_NO_COUNTS, *(np.diff(r.offsets) for r in regions)]))
        runs = RegionRuns(
            np.concatenate([_NO_RUNS, *(r.starts for r in regions)]),
            np.concatenate([_NO_RUNS, *(r.ends for r in regions)]),
            offsets,
            _offsets(counts),
        )
        areas = segment_sums(runs.ends - runs.starts, offsets)
        stated, scores = areas.astype(np.float64), np.full(len(areas), np.nan)
        begin = 0
        for r in regions:
            part = slice(begin, begin := begin + len(r))
            if r.stated_areas_px is not None:
                np.copyto(stated[part], r.stated_areas_px, where=np.isfinite(r.stated_areas_px))
            if r.scores is not None:
                scores[part] = r.scores
        unordered = Objects(
            classes=np.concatenate([_NO_RUNS, *(image.codes for image in held)]),
            areas_px=areas,
            stated_areas_px=stated,
            crowd=np.concatenate([np.empty(0, np.bool_), *(image.crowd for image in held)]),
            scores=scores,
            ids=tuple(own for r in regions for own in (r.ids or range(len(r)))),
        )
        order = _canonical(unordered, runs, np.repeat(np.arange(len(images)), counts))
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        return cls(runs=runs, objects=unordered.take(order), place=place)


_NO_RUNS = np.empty(0, np.int32)
_NO_COUNTS = np.empty(0, np.int64)


def _offsets(lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return np.append(0, np.cumsum(lengths))


def _canonical(objects: Objects, runs: RegionRuns, images: npt.NDArray[np.int64]) -> Order:
    """By image and class, then largest first, then by position: whatever order a file has.

    Only objects alike in all a score depends on are left in the order of their ids.
    """
    n, lo, hi = len(objects), runs.offsets[:-1], runs.offsets[1:]
    first = np.full(n, -1, np.int64)
    last = np.full(n, -1, np.int64)
    full = hi > lo
    first[full] = runs.starts[lo[full]]
    last[full] = runs.ends[hi[full] - 1]
    keys = np.stack([last, first, -objects.areas_px, objects.classes, images])
    order: Order = np.lexsort(keys)
    keys = keys[:, order]
    same = (keys[:, 1:] == keys[:, :-1]).all(axis=0)
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
