"""An image of any content as layers of runs: one layer a region, a segment or a class."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from segcore import kernels, limits
from segcore.annotation import AnnotationId, ImageAnnotation, LabelMap, Regions, SegmentMap
from segcore.errors import InvalidInputError
from segcore.faults import Fault
from segcore.masks.batch import union_of_runs
from segcore.measures.object_limits import mask_runs_above_limit
from segcore.ontology import IGNORE, UNLABELED

__all__ = ["Layers", "Runs", "layers_of", "refused"]

Bools = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.int64]

_NOBODY, _VOID, _FIRST = 0, 1, 2
"""Codes of a label map: what nobody claims, what is void, and the first class."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Runs:
    """Runs of several masks, by owner and position; those of one mask do not touch.

    Attributes
    ----------
    starts, ends : int64 (n,)
        Half-open ranges of positions.
    owner : int64 (n,)
        Whose run it is; never decreases.
    """

    starts: Counts
    ends: Counts
    owner: Counts

    def __len__(self) -> int:
        return len(self.starts)


@dataclass(frozen=True, kw_only=True, eq=False)
class Layers:
    """One image.

    Attributes
    ----------
    line : int
        Positions of a line: the height where positions are column-major, else the width.
    lines : int
        How many lines there are.
    by_row : bool
        Whether the lines are rows.
    runs : Runs
        Of everything that has a class; the owners are the layers.
    classes : int32 (n_layers,)
        Class index in the source's ontology.
    crowd : bool (n_layers,)
    ids : tuple
        The annotation of each layer; None where it is all of one class.
    objects : bool (n_layers,)
        Layers that are one region or segment of the file.
    unclaimed : Runs
        Of a single owner: pixels that nobody claims.
    apart : bool
        Whether no pixel can lie in two layers.
    """

    line: int
    lines: int
    by_row: bool
    runs: Runs
    classes: npt.NDArray[np.int32]
    crowd: Bools
    ids: tuple[AnnotationId, ...]
    objects: Bools
    unclaimed: Runs
    apart: bool

    def __len__(self) -> int:
        return len(self.classes)

    @property
    def pixels(self) -> int:
        """Of the image."""
        return self.line * self.lines

    @cached_property
    def areas_px(self) -> Counts:
        """Pixels of every layer."""
        runs = self.runs
        # The weights are summed as float64, which is exact far beyond the pixels of an image.
        summed = np.bincount(runs.owner, runs.ends - runs.starts, minlength=len(self))
        return summed.astype(np.int64)

    def place(self, position: int) -> str:
        """``x=3 y=5``."""
        line, within = divmod(int(position), self.line)
        x, y = (within, line) if self.by_row else (line, within)
        return f"x={x} y={y}"


def layers_of(annotation: ImageAnnotation) -> Layers:
    """The layers of one image, whatever it was read from.

    Raises
    ------
    InvalidInputError
        ``limits.entries``: a mask of so many runs that taking it apart would take the machine's memory.
    """
    content = annotation.content
    if isinstance(content, Regions):
        return _of_regions(content)
    if runs := mask_runs_above_limit(content, row_major=isinstance(content, SegmentMap)):
        raise refused(annotation, f"at most {limits.MAX_IMAGE_RUNS} runs of pixels in one image", runs)
    return _of_segments(content) if isinstance(content, SegmentMap) else _of_values(content)


def refused(annotation: ImageAnnotation, expected: str, got: int) -> InvalidInputError:
    """An image that would take too much."""
    fault = Fault(
        code="limits.entries",
        file=annotation.file,
        image=annotation.key,
        expected=expected,
        got=f"{got}",
    )
    return InvalidInputError([fault])


def _of_regions(regions: Regions) -> Layers:
    kept = np.flatnonzero(regions.classes >= 0)
    chosen = regions if len(kept) == len(regions) else regions.take(kept)
    lengths = np.diff(chosen.offsets)
    runs = Runs(
        starts=chosen.starts.astype(np.int64),
        ends=chosen.ends.astype(np.int64),
        owner=np.repeat(np.arange(len(chosen)), lengths),
    )
    claiming = np.repeat(regions.classes != UNLABELED, np.diff(regions.offsets))
    pixels = regions.height * regions.width
    begin, end, _ = union_of_runs(
        regions.starts[claiming],
        regions.ends[claiming],
        np.zeros(int(claiming.sum()), np.int64),
        owners=1,
        pixels=pixels,
    )
    return Layers(
        line=regions.height,
        lines=regions.width,
        by_row=False,
        runs=runs,
        classes=chosen.classes,
        crowd=chosen.crowd,
        ids=chosen.ids or tuple(kept.tolist()),
        objects=np.ones(len(chosen), np.bool_),
        unclaimed=_between(begin, end, pixels),
        apart=False,
    )


def _of_segments(segments: SegmentMap) -> Layers:
    pixels = segments.height * segments.width
    ends = np.append(segments.starts[1:], np.int32(pixels))[: len(segments.starts)]
    runs, unclaimed = _grouped(segments.starts, ends, segments.numbers.astype(np.int64) - 1)
    return Layers(
        line=segments.width,
        lines=segments.height,
        by_row=True,
        runs=runs,
        classes=segments.classes,
        crowd=segments.crowd,
        ids=segments.ids,
        objects=np.ones(len(segments), np.bool_),
        unclaimed=unclaimed,
        apart=True,
    )


def _of_values(label_map: LabelMap) -> Layers:
    lookup = label_map.lookup
    codes = np.where(lookup >= 0, lookup + np.int32(_FIRST), np.int32(_VOID))
    codes[lookup == UNLABELED] = _NOBODY
    alone: Bools = np.zeros(len(lookup), np.bool_)
    if label_map.objects is not None:
        # A value that means one object is a layer of its own.
        alone = label_map.objects & (lookup >= 0)
        last = int(lookup.max(initial=0)) + 1 + _FIRST
        codes = np.where(alone, last + np.arange(len(lookup), dtype=np.int32), codes)
    found = kernels.dense_runs(label_map.values, codes.astype(np.int32))
    ends = np.append(found.starts[1:], np.int32(found.pixels))[: len(found.starts)]
    present = np.unique(found.codes)
    present = present[present >= _FIRST]
    number = np.full(int(codes.max()) + 1, -1, np.int64)
    number[present] = np.arange(len(present))
    number[_VOID] = -2
    of_code = np.full(int(codes.max()) + 1, IGNORE, np.int32)
    of_code[codes] = lookup
    values = np.full(int(codes.max()) + 1, -1, np.int64)
    values[codes[alone]] = np.flatnonzero(alone)
    runs, unclaimed = _grouped(found.starts, ends, number[found.codes])
    own = values[present].tolist()
    height, width = label_map.values.shape
    return Layers(
        line=height,
        lines=width,
        by_row=False,
        runs=runs,
        classes=of_code[present],
        crowd=np.zeros(len(present), np.bool_),
        ids=tuple(None if value < 0 else value for value in own),
        objects=values[present] >= 0,
        unclaimed=unclaimed,
        apart=True,
    )


def _grouped(
    starts: npt.NDArray[np.int32], ends: npt.NDArray[np.int32], owner: Counts
) -> tuple[Runs, Runs]:
    """The runs of the layers from 0 on, and those of nobody, -1."""
    nobody = np.flatnonzero(owner == -1)
    kept = np.flatnonzero(owner >= 0)
    kept = kept[np.argsort(owner[kept], kind="stable")]
    runs = Runs(
        starts=starts[kept].astype(np.int64), ends=ends[kept].astype(np.int64), owner=owner[kept]
    )
    return runs, _of_one(starts[nobody].astype(np.int64), ends[nobody].astype(np.int64))


def _between(begin: npt.NDArray[np.int32], end: npt.NDArray[np.int32], pixels: int) -> Runs:
    """What lies between runs that do not touch."""
    starts = np.append(0, end).astype(np.int64)
    ends = np.append(begin, pixels).astype(np.int64)
    full = starts < ends
    return _of_one(starts[full], ends[full])


def _of_one(starts: Counts, ends: Counts) -> Runs:
    return Runs(starts=starts, ends=ends, owner=np.zeros(len(starts), np.int64))
