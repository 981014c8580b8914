"""The panoptic measure: the segments of gold and delivery of one image, and what they share.

Every pixel lies in one segment at most: an object of a thing class, all of a stuff class, or none
(void).  Nothing is matched here; see :mod:`segcore.panoptic_quality`.  Where boundaries are asked for,
the bands along the outlines are counted in the same way.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from segcore import kernels, limits
from segcore.annotation import ImageAnnotation, LabelMap, Regions
from segcore.dilation import Dilation
from segcore.errors import UsageError
from segcore.faults import Fault
from segcore.kernels import RegionRuns
from segcore.measures.class_map import ClassMap
from segcore.measures.ignored import Reason, annotations_of
from segcore.measures.measured import (
    TELLING_APART,
    Measured,
    lost_count,
    size_mismatch,
    too_many_runs,
)
from segcore.measures.object_limits import (
    band_runs_above_limit,
    mask_runs_above_limit,
    pairs_above_limit,
)
from segcore.measures.panoptic_rows import NO_OVERLAPS, NOTHING, SegmentPair, objects_of
from segcore.measures.segment_bands import Bands, compared_bands
from segcore.measures.segments import (
    Segments,
    as_regions,
    as_segments,
    is_dense,
    segment_numbers,
    shared_pixels,
    without_void,
)
from segcore.ontology import Crowd

__all__ = ["PanopticMeasure"]

MAX_NAMED_OVERLAPS: Final = 100
"""Pairs of overlapping segments of an image that are named one by one."""

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _OneSide:
    """The segments of an image, or None and why there are none; the others as in :class:`Measured`."""

    segments: Segments | None = None
    faults: list[Fault] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    more: int = 0


@dataclass(kw_only=True, eq=False)
class PanopticMeasure:
    """Counts what the segments of an image share.

    Parameters
    ----------
    gold, delivery : ClassMap
        How either side's classes become those of the evaluation.
    crowd
        Whether crowd segments of the gold are groups, which are neither found nor missed, or
        segments like any other.  In a delivery they are segments.
    dilation : Dilation or None
        How wide the boundaries are that are compared as well.
    """

    gold: ClassMap
    delivery: ClassMap
    crowd: Crowd
    dilation: Dilation | None = None

    def __post_init__(self) -> None:
        self._things = self.gold.target.things("segments are of things and of stuff")

    def __call__(self, gold: ImageAnnotation, delivery: ImageAnnotation | None) -> Measured[SegmentPair]:
        """Count one image.

        Parameters
        ----------
        gold : ImageAnnotation
        delivery : ImageAnnotation or None
            None for an image that was not delivered: all its gold segments are missed.

        Raises
        ------
        UsageError
            Either side is a label map, which does not tell things apart, and there are things.
        """
        if delivery is not None:
            gold, delivery = gold.sized_like(delivery), delivery.sized_like(gold)
            if (gold.height, gold.width) != (delivery.height, delivery.width):
                fault = size_mismatch(gold, delivery, file=self.delivery.place(delivery))
                refused = 0, delivery.read - delivery.rejected
                return Measured(tally=NOTHING, faults=(fault,), rejected=refused)
        row_major = is_dense(gold) and (delivery is None or is_dense(delivery))
        own = self._segments(gold, self.gold, row_major=row_major)
        other = _OneSide()
        if delivery is not None:
            other = self._segments(delivery, self.delivery, row_major=row_major)
        left, right, faults, found = own.segments, other.segments, own.faults, other.faults
        problems = (*faults, *found)
        rejected = lost_count(gold, faults), 0 if delivery is None else lost_count(delivery, found)
        if left is None or (delivery is not None and right is None):
            return Measured(tally=NOTHING, faults=problems, rejected=rejected)
        overlaps, boundaries = NO_OVERLAPS, None
        if right is not None:
            overlaps = shared_pixels(left.runs, right.runs, segments=max(len(left), len(right)))
        if self.dilation is not None:
            width_px = self.dilation.of(height=gold.height, width=gold.width)
            bands = _bands(left, gold, self.gold, width_px=width_px, row_major=row_major)
            if isinstance(bands, Fault):
                refused = gold.read - gold.rejected, 0
                return Measured(tally=NOTHING, faults=(*problems, bands), rejected=refused)
            answer: Bands | None = None
            if right is not None and delivery is not None:
                drawn = _bands(right, delivery, self.delivery, width_px=width_px, row_major=row_major)
                if isinstance(drawn, Fault):
                    refused = 0, delivery.read - delivery.rejected
                    return Measured(tally=NOTHING, faults=(*problems, drawn), rejected=refused)
                answer = drawn
            boundaries = compared_bands(left, overlaps, gold_bands=bands, delivery_bands=answer)
        return Measured(
            tally=SegmentPair(gold=left, delivery=right, overlaps=overlaps, boundaries=boundaries),
            faults=problems,
            rejected=rejected,
            ignored=(own.ignored, other.ignored),
            more=(own.more, other.more),
        )

    def objects(self, gold: ImageAnnotation, delivery: ImageAnnotation) -> tuple[Regions, Regions]:
        """What was counted of an image, segment by segment: their masks, in the order of the table.

        Faults are not looked for; the pair is one that was counted before.

        Returns
        -------
        gold, delivery : Regions
            Of one size, with the class indices of the evaluation.

        Raises
        ------
        UsageError
            As for counting, or there are faults all the same.
        """
        gold, delivery = gold.sized_like(delivery), delivery.sized_like(gold)
        row_major = is_dense(gold) and is_dense(delivery)
        left, right = (
            self._ordered(annotation, classes, row_major=row_major)
            for annotation, classes in ((gold, self.gold), (delivery, self.delivery))
        )
        return left, right

    def _ordered(self, annotation: ImageAnnotation, classes: ClassMap, *, row_major: bool) -> Regions:
        # The order goes by the positions that were counted, the masks by those of regions.
        counted = drawn = self._segments(annotation, classes, row_major=row_major).segments
        if row_major:
            drawn = self._segments(annotation, classes, row_major=False).segments
        if counted is None or drawn is None:
            place = classes.place(annotation)
            raise UsageError(f"{place}: image {annotation.key!r} has faults that it had not before")
        _, _, order = objects_of([counted])
        regions = as_regions(drawn, height=annotation.height, width=annotation.width)
        return regions.take(np.argsort(order))

    def _segments(self, annotation: ImageAnnotation, classes: ClassMap, *, row_major: bool) -> _OneSide:
        annotation, ignored = without_void(annotation)
        content = annotation.content
        groups = classes is self.gold and self.crowd is Crowd.IGNORE
        if isinstance(content, LabelMap):
            if content.objects is None and self._things.any():
                raise self._not_told_apart(annotation, classes)
            codes = classes.of_values(content)
        else:
            codes = classes.of_regions(content)
            if classes.unknown(codes).any():
                return _OneSide(faults=classes.name_faults(annotation))
            if groups:
                ignored[Reason.CROWD] = annotations_of(content, content.crowd)
            if isinstance(content, Regions):
                numbers, _ = segment_numbers(codes, content.crowd & groups, self._things)
                place = classes.place(annotation)
                if faults := _overlap_faults(annotation, content, numbers, file=place):
                    return _OneSide(faults=faults)
        if runs := mask_runs_above_limit(content, row_major=row_major):
            return _OneSide(faults=[too_many_runs(annotation, runs, file=classes.place(annotation))])
        found = as_segments(content, codes, self._things, row_major=row_major, groups=groups)
        if found.unknown:
            return _OneSide(segments=found, faults=classes.value_faults(annotation))
        more = 0
        if isinstance(content, LabelMap) and content.objects is not None:
            more, ignored[Reason.CROWD] = len(found) - 1, int(np.count_nonzero(found.crowd))
        return _OneSide(segments=found, ignored=ignored, more=more)

    def _not_told_apart(self, annotation: ImageAnnotation, classes: ClassMap) -> UsageError:
        names = [c.name for c in self.gold.target.classes if c.thing is True]
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        return UsageError(
            f"{classes.place(annotation)}: image {annotation.key!r} is a label map, which does not tell "
            f"one {names[0]!r} from the next; the panoptic task needs what does ({TELLING_APART}) as "
            f"soon as the ontology has things ({', '.join(map(repr, names[:3]))}{more}), or measure it "
            "with task semantic"
        )


def _bands(
    segments: Segments,
    annotation: ImageAnnotation,
    classes: ClassMap,
    *,
    width_px: int,
    row_major: bool,
) -> Bands | Fault:
    """The bands along the outlines of segments, or that they would be too many."""
    height, width = annotation.height, annotation.width
    if row_major:
        height, width = width, height
    regions = as_regions(segments, height=height, width=width)
    if runs := band_runs_above_limit(regions, width_px):
        return Fault(
            code="limits.annotations",
            file=classes.place(annotation),
            image=annotation.key,
            expected=f"at most {limits.MAX_BOUNDARY_RUNS} runs along the boundaries of all segments",
            got=str(runs),
        )
    return Bands.of(regions, width_px=width_px)


def _overlap_faults(
    annotation: ImageAnnotation, regions: Regions, numbers: Integers, *, file: str
) -> list[Fault]:
    """A fault for every two regions of different segments that share pixels."""
    if int((regions.ends - regions.starts).sum(dtype=np.int64)) == _covered(regions):
        return []
    key = annotation.key
    if pairs := pairs_above_limit(regions, regions):
        expected = f"at most {limits.MAX_OBJECT_PAIRS} pairs of regions that may overlap"
        got = f"{len(regions)} regions, {pairs} pairs"
        fault = Fault(code="limits.annotations", file=file, image=key, expected=expected, got=got)
        return [fault]
    images = np.array([0, len(regions)], np.int64)
    runs = RegionRuns(regions.starts, regions.ends, regions.offsets, images)
    found = kernels.overlaps(runs, runs, heights=np.array([max(1, regions.height)], np.int64))
    wrong = (found.gold < found.delivery) & (numbers[found.gold] != numbers[found.delivery])
    places = np.flatnonzero(wrong)
    ids = regions.ids or tuple(range(len(regions)))
    expected = "one segment a pixel"
    faults = []
    named = (column[places[:MAX_NAMED_OVERLAPS]].tolist() for column in found)
    for a, b, shared in zip(*named, strict=True):
        x, y = divmod(_first_shared(regions, a, b), regions.height)
        faults.append(
            Fault(
                code="panoptic.overlap",
                file=file,
                image=key,
                annotation=ids[b],
                expected=expected,
                got=f"{shared} px shared with annotation {ids[a]}, first at x={x} y={y}",
            )
        )
    if (more := len(places) - MAX_NAMED_OVERLAPS) > 0:
        got = f"{more} more pairs that overlap"
        fault = Fault(code="panoptic.overlap", file=file, image=key, expected=expected, got=got)
        faults.append(fault)
    return faults


def _covered(regions: Regions) -> int:
    """Pixels that lie in any region."""
    if not len(regions.starts):
        return 0
    order = np.argsort(regions.starts, kind="stable")
    starts, ends = regions.starts[order], np.maximum.accumulate(regions.ends[order])
    ahead = np.maximum(starts[1:], ends[:-1])
    return int(ends[0] - starts[0]) + int((np.maximum(ends[1:], ahead) - ahead).sum(dtype=np.int64))


def _first_shared(regions: Regions, a: int, b: int) -> int:
    """The first position two regions share."""
    (starts, ends), (other_starts, other_ends) = (
        (regions.starts[part], regions.ends[part])
        for part in (slice(*regions.offsets[i : i + 2].tolist()) for i in (a, b))
    )
    place = np.searchsorted(other_ends, starts, side="right")
    inside = np.flatnonzero(place < len(other_ends))
    begin = np.maximum(starts[inside], other_starts[place[inside]])
    return int(begin[begin < ends[inside]][0])
