"""One side of an image as segments, whatever it was read from; and segments as what other tasks take."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from segcore import kernels
from segcore.annotation import AnnotationId, ImageAnnotation, LabelMap, Regions, SegmentMap
from segcore.kernels import LabelRuns, Overlaps
from segcore.measures.ignored import Reason, annotations_of
from segcore.ontology import IGNORE, UNLABELED

__all__ = [
    "Segments",
    "as_label_map",
    "as_objects",
    "as_regions",
    "as_segments",
    "is_dense",
    "shared_pixels",
    "without_void",
]

Bools = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int32]

MAX_TABLE_CELLS: Final = 1 << 16
"""Pairs of segments counted in a table; of more, only those that occur."""

_ALL_VALUES = {size: np.arange(size, dtype=np.int32) for size in (256, 65536)}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Segments:
    """The segments of one side of an image; no pixel lies in two.

    Attributes
    ----------
    runs : LabelRuns
        The number of the segment at every position, from 1; 0 is void.
    areas_px : int64 (n,)
        Pixels of every segment.
    classes : int32 (n,)
        Class index in the ontology of the evaluation.
    crowd : bool (n,)
    ids : tuple
        The annotation ids of the file; of several regions that are one segment, the first.
    unknown : bool
        Whether some values are no class of the evaluation; they are void here.
    """

    runs: LabelRuns
    areas_px: npt.NDArray[np.int64]
    classes: Codes
    crowd: Bools
    ids: tuple[AnnotationId, ...]
    unknown: bool = False

    def __len__(self) -> int:
        return len(self.classes)

    def first_positions(self) -> npt.NDArray[np.int64]:
        """The first position of every segment, int64 (n,); that behind the last for an empty one."""
        first = np.full(len(self) + 1, self.runs.pixels, np.int64)
        # Written from the last to the first, the first stays.
        first[self.runs.codes[::-1]] = self.runs.starts[::-1]
        return first[1:]


def is_dense(annotation: ImageAnnotation) -> bool:
    """Whether its pixels are at hand row by row."""
    return not isinstance(annotation.content, Regions)


def without_void(annotation: ImageAnnotation) -> tuple[ImageAnnotation, Counter[str]]:
    """The annotation without regions that are ignored or background, and how many annotations they are.

    They are no objects, and their pixels are as void as if nobody had drawn them.  Masks are given
    as they are.
    """
    content = annotation.content
    if not isinstance(content, Regions) or not (content.classes < 0).any():
        return annotation, Counter()
    left_out = Counter[str]()
    left_out[Reason.VOID] = annotations_of(content, content.classes == IGNORE)
    left_out[Reason.BACKGROUND] = annotations_of(content, content.classes == UNLABELED)
    kept = content.take(np.flatnonzero(content.classes >= 0))
    return replace(annotation, content=kept), left_out


def as_segments(
    content: LabelMap | SegmentMap | Regions,
    codes: Codes,
    things: Bools,
    *,
    row_major: bool,
    groups: bool,
) -> Segments:
    """One side as segments.

    Parameters
    ----------
    content : LabelMap, SegmentMap or Regions
        Regions that belong to different segments must not overlap.
    codes : int32 (n_regions,), (n_segments,) or (n_values,)
        The code in the evaluation of every region, segment or value: K of ``things``, then other
        and ignored, which are void, and unknown.
    things : bool (K,)
        Which classes are things.
    row_major : bool
        The order of the positions; regions have column-major ones only.
    groups : bool
        Whether crowds are groups, or segments like any other.
    """
    if isinstance(content, LabelMap):
        return _of_values(content, codes, things, row_major=row_major, groups=groups)
    crowd = content.crowd if groups else np.zeros(len(content), np.bool_)
    if isinstance(content, Regions):
        return _of_regions(content, codes, crowd, things)
    pixels = content.height * content.width
    runs = LabelRuns(pixels=pixels, starts=content.starts, codes=content.numbers)
    if not row_major:
        runs = _columns(content)
    return Segments(runs=runs, areas_px=content.areas_px, classes=codes, crowd=crowd, ids=content.ids)


def _areas_px(runs: LabelRuns, count: int) -> npt.NDArray[np.int64]:
    """Pixels of the segments 1 to ``count``."""
    lengths = np.diff(runs.starts, append=np.int32(runs.pixels))
    # The weights are summed as float64, which is exact far beyond the pixels of an image.
    return np.bincount(runs.codes, lengths, minlength=count + 1)[1:].astype(np.int64)


def segment_numbers(classes: Codes, crowd: Bools, things: Bools) -> tuple[npt.NDArray[np.int64], int]:
    """The segment of every region, from 0: each thing its own, a stuff class one; and their number."""
    n = len(classes)
    stuff = ~things[classes]
    keys = np.where(stuff, n + 2 * classes.astype(np.int64) + crowd, np.arange(n))
    unique, numbers = np.unique(keys, return_inverse=True)
    return numbers, len(unique)


def _of_regions(regions: Regions, codes: Codes, crowd: Bools, things: Bools) -> Segments:
    numbers, count = segment_numbers(codes, crowd, things)
    runs = kernels.paint(
        regions.starts,
        regions.ends,
        regions.offsets,
        np.arange(len(regions), dtype=np.int32),
        (numbers + 1).astype(np.int32),
        pixels=regions.height * regions.width,
        background=0,
    )
    first = np.full(len(regions), np.iinfo(np.int64).max)
    full = np.flatnonzero(np.diff(regions.offsets))
    first[full] = regions.starts[regions.offsets[full]]
    ids = regions.ids or tuple(range(len(regions)))
    order = sorted(range(len(regions)), key=lambda i: (int(first[i]), str(ids[i])), reverse=True)
    member = np.zeros(count, np.int64)
    member[numbers[order]] = order
    return Segments(
        runs=runs,
        areas_px=_areas_px(runs, count),
        classes=codes[member],
        crowd=crowd[member],
        ids=tuple(ids[i] for i in member.tolist()),
    )


def _of_values(
    label_map: LabelMap, codes: Codes, things: Bools, *, row_major: bool, groups: bool
) -> Segments:
    values = label_map.values
    found = kernels.dense_runs(
        values.reshape(-1, 1) if row_major else values, _ALL_VALUES[len(label_map.lookup)]
    )
    present = np.unique(found.codes)
    unknown = bool((codes[present] == len(things) + 2).any())
    present = present[codes[present] < len(things)]
    classes = codes[present]
    crowd: Bools = np.zeros(len(present), np.bool_)
    if groups and label_map.objects is not None:
        # A value that means things, but not one of them, is a group of them.
        crowd = things[classes] & ~label_map.objects[present]
    numbers, count = segment_numbers(classes, crowd, things)
    of_value = np.zeros(len(codes), np.int32)
    of_value[present] = numbers + 1
    member = np.zeros(count, np.int64)
    member[numbers[::-1]] = np.arange(len(present))[::-1]
    runs = LabelRuns(pixels=found.pixels, starts=found.starts, codes=of_value[found.codes])
    return Segments(
        runs=runs,
        areas_px=_areas_px(runs, count),
        classes=classes[member],
        crowd=crowd[member],
        ids=tuple(present[member].tolist()),
        unknown=unknown,
    )


def _columns(segments: SegmentMap) -> LabelRuns:
    values = segments.to_array()
    return kernels.dense_runs(values, _ALL_VALUES[1 << 8 * values.itemsize])


def as_label_map(annotation: ImageAnnotation, *, void: int, ignored: Bools | None) -> ImageAnnotation:
    """Segments as a label map; other contents as they are.

    Parameters
    ----------
    annotation : ImageAnnotation
    void : int
        What pixels of no segment are: IGNORE or UNLABELED.
    ignored : bool (n_segments,) or None
        Segments that are ignored.
    """
    segments = annotation.content
    if not isinstance(segments, SegmentMap):
        return annotation
    values = segments.to_array()
    lookup = np.full(1 << 8 * values.itemsize, void, np.int32)
    classes = segments.classes if ignored is None else np.where(ignored, IGNORE, segments.classes)
    lookup[1 : len(segments) + 1] = classes
    return replace(annotation, content=LabelMap(values=values, lookup=lookup))


def as_objects(content: LabelMap | SegmentMap, things: Bools) -> tuple[Regions, Segments]:
    """The things of a dense mask as regions, and all of its segments.

    Parameters
    ----------
    content : LabelMap or SegmentMap
        One that tells them apart.
    things : bool (n_classes,)
        Which classes of the source are things.
    """
    if isinstance(content, LabelMap):
        height, width = content.values.shape
        # Negative indices as the codes behind the classes: other, ignored, unknown.
        codes = np.where(content.lookup < 0, len(things) - 1 - content.lookup, content.lookup)
    else:
        height, width, codes = content.height, content.width, content.classes
    found = as_segments(content, codes, things, row_major=False, groups=True)
    regions = as_regions(found, height=height, width=width, chosen=things[found.classes])
    return regions, found


def as_regions(segments: Segments, *, height: int, width: int, chosen: Bools | None = None) -> Regions:
    """Segments as regions, in their order.

    Parameters
    ----------
    segments : Segments
    height, width : int
        Of the image; the other way round where the positions are row-major.
    chosen : bool (n,) or None
        Which of them; None is all.
    """
    if chosen is None:
        chosen = np.ones(len(segments), np.bool_)
    starts, numbers = segments.runs.starts, segments.runs.codes
    # Several values of a mask may be one segment; its runs must not touch.
    heads = np.flatnonzero(np.diff(numbers, prepend=-1))
    starts, numbers = starts[heads], numbers[heads]
    ends = np.append(starts[1:], np.int32(segments.runs.pixels)).astype(np.int32)
    kept = np.flatnonzero(np.append(False, chosen)[numbers])
    order = kept[np.argsort(numbers[kept], kind="stable")]
    rows = np.flatnonzero(chosen)
    return Regions(
        height=height,
        width=width,
        starts=starts[order],
        ends=ends[order],
        offsets=np.append(np.searchsorted(numbers[order], rows + 1), len(order)).astype(np.int64),
        classes=segments.classes[rows],
        crowd=segments.crowd[rows],
        ids=tuple(segments.ids[i] for i in rows.tolist()),
    )


def shared_pixels(gold: LabelRuns, delivery: LabelRuns, *, segments: int) -> Overlaps:
    """Count the pixels of every pair of segments, void left out.

    Parameters
    ----------
    gold, delivery : LabelRuns
        Of the same number of pixels, in the same order; 0 is void.
    segments : int
        How many there are on either side at most.

    Returns
    -------
    Overlaps
        Segments count from 0.
    """
    size = 1 + segments
    if size * size <= MAX_TABLE_CELLS:
        table = kernels.joint_runs(gold, delivery, size=size)[1:, 1:]
        left, right = np.nonzero(table)
        return Overlaps(left, right, table[left, right])
    starts = np.union1d(gold.starts, delivery.starts)
    lengths = np.diff(starts, append=gold.pixels)
    left, right = (
        runs.codes[np.searchsorted(runs.starts, starts, side="right") - 1].astype(np.int64)
        for runs in (gold, delivery)
    )
    both = np.flatnonzero((left > 0) & (right > 0))
    cells, place = np.unique((left * size + right)[both], return_inverse=True)
    shared = np.bincount(place, lengths[both], minlength=len(cells)).astype(np.int64)
    left, right = np.divmod(cells, size)
    return Overlaps(left - 1, right - 1, shared)
