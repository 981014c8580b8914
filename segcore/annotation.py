"""What a source says about one image: a dense label map, a map of segments, or regions of runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

__all__ = [
    "ImageAnnotation",
    "LabelMap",
    "Outlines",
    "Region",
    "Regions",
    "RunMask",
    "SegmentMap",
    "segment_sums",
]

AnnotationId = int | str | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelMap:
    """A dense semantic mask.

    Attributes
    ----------
    values : uint8 or uint16 (H, W), C-contiguous
        What the file stores, unchanged.
    lookup : int32 (256,) or (65536,)
        Class index in the source's ontology of every value, or UNLABELED, IGNORE, UNKNOWN.
    objects : bool (256,) or (65536,), or None
        Values that each mean one object, of those that mean a class; the other values of a thing
        class mean groups of them.  None where values mean classes only.
    """

    values: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
    lookup: npt.NDArray[np.int32]
    objects: npt.NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SegmentMap:
    """A panoptic mask: every pixel belongs to one segment or to none.

    Attributes
    ----------
    height, width : int
        Size of the image in pixels.
    starts : int32 (n_runs,)
        Where each run begins, over row-major positions: pixel (x, y) is ``y * width + x``.
        Strictly increasing from 0; empty for an empty image.
    numbers : int32 (n_runs,)
        The segment of each run, counted from 1; 0 is void.
    areas_px : int64 (n_segments,)
        Pixels of every segment.
    classes : int32 (n_segments,)
        Class index in the source's ontology.
    crowd : bool (n_segments,)
        COCO's ``iscrowd``.
    ids : tuple
        The segment ids of the file.

    Notes
    -----
    Runs, because a pair of maps is then counted without a pass over its pixels: they are found
    where the colours change, which takes a fifth of what numbering each pixel would.
    """

    height: int
    width: int
    starts: npt.NDArray[np.int32]
    numbers: npt.NDArray[np.int32]
    areas_px: npt.NDArray[np.int64]
    classes: npt.NDArray[np.int32]
    crowd: npt.NDArray[np.bool_]
    ids: tuple[AnnotationId, ...]

    def __len__(self) -> int:
        return len(self.classes)

    def to_array(self) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint16]:
        """The number of every pixel, (H, W); 16 bits where there are more than 255 segments."""
        numbers = self.numbers.astype(np.uint8 if len(self) < 256 else np.uint16)
        lengths = np.diff(self.starts, append=np.int32(self.height * self.width))
        return np.repeat(numbers, lengths).reshape(self.height, self.width)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RunMask:
    """A binary mask as foreground runs over column-major (Fortran) pixel positions.

    Canonical: runs are non-empty, increasing and do not touch, so equal masks have equal runs.

    Attributes
    ----------
    height, width : int
        Size of the image in pixels.
    starts, ends : int32 (n,)
        Half-open position ranges: pixel (x, y) has position ``x * height + y``.
    """

    height: int
    width: int
    starts: npt.NDArray[np.int32]
    ends: npt.NDArray[np.int32]

    @property
    def area_px(self) -> int:
        """Number of foreground pixels."""
        return int((self.ends - self.starts).sum(dtype=np.int64))

    def to_array(self) -> npt.NDArray[np.bool_]:
        """The mask as bool (H, W)."""
        steps = np.zeros(self.height * self.width + 1, np.int8)
        steps[self.starts] = 1
        steps[self.ends] -= 1
        flat = np.cumsum(steps[:-1], dtype=np.int8).astype(np.bool_)
        return flat.reshape((self.height, self.width), order="F")

    @classmethod
    def from_array(cls, mask: npt.NDArray[np.generic]) -> RunMask:
        """The runs of ``mask``, any dtype (H, W); non-zero is foreground."""
        flat = np.zeros(mask.size + 2, np.int8)
        flat[1:-1] = (mask != 0).ravel(order="F")
        steps = np.diff(flat)
        starts = np.flatnonzero(steps == 1).astype(np.int32)
        ends = np.flatnonzero(steps == -1).astype(np.int32)
        return cls(height=mask.shape[0], width=mask.shape[1], starts=starts, ends=ends)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Region:
    """One annotated object or patch: a class and its mask."""

    class_index: int
    mask: RunMask
    crowd: bool = False
    score: float | None = None
    id: AnnotationId = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Regions:
    """All regions of one image, column by column; iterate it for :class:`Region` objects.

    Attributes
    ----------
    height, width : int
        Size of the image in pixels.
    starts, ends : int32 (n_runs,)
        The runs of all regions, one region after the other, each canonical (see :class:`RunMask`).
    offsets : int64 (n_regions + 1,)
        Region ``i`` owns the runs ``offsets[i]:offsets[i + 1]``.
    classes : int32 (n_regions,)
        Class index in the source's ontology; UNLABELED or IGNORE for regions that are no object.
    crowd : bool (n_regions,)
        COCO's ``iscrowd``.
    scores : float64 (n_regions,) or None
        Confidence of each region, where the input is a list of detections.
    ids : tuple
        The annotation ids of the file.
    stated_areas_px : float64 (n_regions,) or None
        The areas the file states, NaN where it states none; COCO's size bands go by them.
    parts : int64 (n_regions,) or None
        How many annotations of the file each region was made of; None is one each.
    """

    height: int
    width: int
    starts: npt.NDArray[np.int32]
    ends: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]
    classes: npt.NDArray[np.int32]
    crowd: npt.NDArray[np.bool_]
    scores: npt.NDArray[np.float64] | None = None
    ids: tuple[AnnotationId, ...] = ()
    stated_areas_px: npt.NDArray[np.float64] | None = None
    parts: npt.NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.classes)

    def areas_px(self) -> npt.NDArray[np.int64]:
        """Foreground pixels of every region: int64 (n_regions,)."""
        return segment_sums(self.ends - self.starts, self.offsets)

    def take(self, items: npt.NDArray[np.int64]) -> Regions:
        """The regions ``items``, in that order; those without ids are called by their old places."""
        lengths = np.diff(self.offsets)[items]
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
        runs = np.repeat(self.offsets[items] - offsets[:-1], lengths) + np.arange(offsets[-1])
        areas = self.stated_areas_px
        return replace(
            self,
            starts=self.starts[runs],
            ends=self.ends[runs],
            offsets=offsets,
            classes=self.classes[items],
            crowd=self.crowd[items],
            scores=None if self.scores is None else self.scores[items],
            ids=tuple(self.ids[i] for i in items.tolist()) if self.ids else tuple(items.tolist()),
            stated_areas_px=None if areas is None else areas[items],
            parts=None if self.parts is None else self.parts[items],
        )

    def __getitem__(self, i: int) -> Region:
        lo, hi = int(self.offsets[i]), int(self.offsets[i + 1])
        mask = RunMask(
            height=self.height, width=self.width, starts=self.starts[lo:hi], ends=self.ends[lo:hi]
        )
        return Region(
            class_index=int(self.classes[i]),
            mask=mask,
            crowd=bool(self.crowd[i]),
            score=None if self.scores is None else float(self.scores[i]),
            id=self.ids[i] if self.ids else None,
        )

    def __iter__(self) -> Iterator[Region]:
        return (self[i] for i in range(len(self)))

    @classmethod
    def from_regions(cls, regions: list[Region], *, height: int, width: int) -> Regions:
        """Put single regions together; all masks must have the given size."""
        masks = [region.mask for region in regions]
        sizes = np.fromiter((len(mask.starts) for mask in masks), np.int64, len(masks))
        scores = [region.score for region in regions]
        empty = np.empty(0, np.int32)
        return cls(
            height=height,
            width=width,
            starts=np.concatenate([empty, *(mask.starts for mask in masks)]),
            ends=np.concatenate([empty, *(mask.ends for mask in masks)]),
            offsets=np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)]),
            classes=np.fromiter((r.class_index for r in regions), np.int32, len(regions)),
            crowd=np.fromiter((r.crowd for r in regions), np.bool_, len(regions)),
            scores=None if None in scores or not scores else np.array(scores, np.float64),
            ids=tuple(region.id for region in regions),
        )


def segment_sums(values: npt.NDArray[np.int32], offsets: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Sum of ``values[offsets[i]:offsets[i + 1]]`` for every ``i``: int64, 0 for an empty segment."""
    sums = np.zeros(len(offsets) - 1, np.int64)
    full = np.flatnonzero(offsets[1:] > offsets[:-1])
    if len(full):
        sums[full] = np.add.reduceat(values, offsets[full], dtype=np.int64)
    return sums


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outlines:
    """How the annotations of an image are written in their file, beside the masks they mean.

    Attributes
    ----------
    ids : sequence
        What faults and regions call each annotation; of those that were not refused.
    classes : int32 (n,)
        Class index in the source's ontology; UNLABELED or IGNORE for what is no object.
    vertices : int64 (n,)
        Points of the longest ring of each; 0 for what is no polygon.
    boxed : bool (n,)
        Whether the file states the box of each.
    """

    ids: Sequence[AnnotationId]
    classes: npt.NDArray[np.int32]
    vertices: npt.NDArray[np.int64]
    boxed: npt.NDArray[np.bool_]

    @classmethod
    def of_rings(
        cls, ids: Sequence[AnnotationId], classes: Sequence[int], vertices: Sequence[int]
    ) -> Outlines:
        """Annotations of which no box is stated."""
        return cls(
            ids=ids,
            classes=np.array(classes, np.int32),
            vertices=np.array(vertices, np.int64),
            boxed=np.zeros(len(ids), np.bool_),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageAnnotation:
    """What one source says about one image.

    Attributes
    ----------
    key : str
        The image key: what gold and delivery are paired by.
    height, width : int
        Size of the image in pixels.
    content : LabelMap, SegmentMap or Regions
        Class indices refer to the ontology of the source that read it.
    read, rejected : int
        Annotations found for this image, and those refused with a fault
        (a label map is one annotation).
    digest : bytes
        SHA-256 of the bytes this annotation was read from; empty where the source hashes
        its container as a whole.
    file : str
        The file it was read from, as faults name it; empty where they name the source.
    attributes : mapping of str to str, int, float, bool or None
        What else the source knows: who drew it, when, for how long.
    outlines : Outlines or None
        How it is written; None where the source does not tell, as for masks that are images.

    Notes
    -----
    Where nothing was drawn and the format keeps the size with what was drawn, the size is unknown:
    0 x 0, and no region.  The other side of the pair then says how large the image is.
    """

    key: str
    height: int
    width: int
    content: LabelMap | SegmentMap | Regions
    read: int = 1
    rejected: int = 0
    digest: bytes = field(default=b"", repr=False)
    file: str = ""
    attributes: Mapping[str, str | int | float | bool | None] = field(default_factory=dict)
    outlines: Outlines | None = field(default=None, repr=False)

    def sized_like(self, other: ImageAnnotation) -> ImageAnnotation:
        """The same annotation with the size of ``other``, where its own is unknown."""
        if self.height or self.width or not isinstance(self.content, Regions):
            return self
        content = replace(self.content, height=other.height, width=other.width)
        return replace(self, height=other.height, width=other.width, content=content)
