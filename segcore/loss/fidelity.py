"""What became of the objects of one image: found again, changed, lost, merged or split."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from segcore.annotation import Regions, RunMask
from segcore.kernels import objects as object_kernels
from segcore.kernels.region_runs import RegionRuns
from segcore.masks.polygons import rasterize_polygons
from segcore.ontology import UNKNOWN
from segcore.writers.rings import holes_of
from segcore.writers.scene import Scene, shared_px, sized_like

__all__ = ["Fate", "ImageFidelity", "Size", "compare"]

_I = npt.NDArray[np.int64]


class Size(enum.StrEnum):
    """COCO's size bands, by the pixels of the object before it was converted."""

    SMALL = "small"
    """Fewer than 32 x 32."""
    MEDIUM = "medium"
    """From 32 x 32, fewer than 96 x 96."""
    LARGE = "large"
    """From 96 x 96."""

    @classmethod
    def of(cls, area_px: int) -> Size:
        """The band of an object."""
        if area_px < 32**2:
            return cls.SMALL
        return cls.MEDIUM if area_px < 96**2 else cls.LARGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What became of one object.

    Attributes
    ----------
    class_index : int
        In the ontology of the source.
    size : Size
    iou : float
        With what it is found again as; 0 where it is lost.
    exact : bool
        Run for run the same.
    lost : bool
        Nothing of its class lies where it lay.
    merged : bool
        What it is found as is that of another object, too.
    split : bool
        It is several objects now.
    holes_filled : int
        Holes it had of which every pixel is covered now.
    """

    class_index: int
    size: Size
    iou: float
    exact: bool
    lost: bool = False
    merged: bool = False
    split: bool = False
    holes_filled: int = 0


@dataclass(slots=True, kw_only=True)
class ImageFidelity:
    """What became of one image.

    Attributes
    ----------
    fates : list of Fate
        Of every object, in the order of the source.
    added : int
        Objects that are none of the source's and no piece of one.
    flattened_px : int
        Pixels that lay in several objects and do no more.
    void_lost_px, void_added_px : int
        Pixels that were void and are not, and the reverse.
    crowds_lost, scores_lost : int
        Objects whose crowd flag or score is another.
    gone : bool
        The image itself is lost, or has another size.
    """

    fates: list[Fate] = field(default_factory=list)
    added: int = 0
    flattened_px: int = 0
    void_lost_px: int = 0
    void_added_px: int = 0
    crowds_lost: int = 0
    scores_lost: int = 0
    gone: bool = False


def compare(
    before: Scene, after: Scene | None, classes: npt.NDArray[np.int32], *, overlap: bool = False
) -> ImageFidelity:
    """Hold the scene that was read back against the one that was written.

    Objects are compared within their class.  Those that are run for run the same are found again; of
    the others each is found as the object it has the highest IoU with.

    Parameters
    ----------
    before : Scene
    after : Scene or None
        None where the image is gone.
    classes : int32 (n_classes,)
        The class of the source for every class read back; UNKNOWN for what it does not have.
    overlap : bool
        The format holds overlap: what there is less of it comes of outlines that moved.
    """
    sizes = [Size.of(area) for area in before.objects.areas_px().tolist()]
    if after is not None:
        before, after = sized_like(before, after), sized_like(after, before)
    if after is None or (before.height, before.width) != (after.height, after.width):
        lost = [
            Fate(class_index=int(c), size=size, iou=0.0, exact=False, lost=True)
            for c, size in zip(before.objects.classes, sizes, strict=True)
        ]
        return ImageFidelity(fates=lost, gone=True)
    of_after = classes[after.objects.classes] if len(after) else np.empty(0, np.int32)
    known = np.flatnonzero(of_after != UNKNOWN)
    there, of_after = after.objects.take(known), of_after[known]
    match = _Match.of(before.objects, there, of_after)
    found = ImageFidelity(
        added=match.added,
        flattened_px=0 if overlap else max(0, shared_px(before) - shared_px(after)),
    )
    found.void_lost_px, found.void_added_px = _difference(before.void, after.void)
    for i, size in enumerate(sizes):
        j = int(match.found_as[i])
        fate = _fate(before.objects, there, i, j, match, size)
        found.fates.append(fate)
        if j >= 0:
            found.crowds_lost += bool(before.objects.crowd[i] != there.crowd[j])
            score = _score(before.objects, i)
            found.scores_lost += score is not None and score != _score(there, j)
    return found


def _fate(before: Regions, after: Regions, i: int, j: int, match: _Match, size: Size) -> Fate:
    exact = bool(match.exact[i])
    filled = 0
    if j >= 0 and not exact:
        filled = _holes_filled(before[i].mask, after[j].mask)
    return Fate(
        class_index=int(before.classes[i]),
        size=size,
        iou=float(match.iou[i]),
        exact=exact,
        lost=j < 0,
        merged=bool(match.merged[i]),
        split=bool(match.split[i]),
        holes_filled=filled,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Match:
    """Which object each object is found as; -1 is none."""

    found_as: _I
    iou: npt.NDArray[np.float64]
    exact: npt.NDArray[np.bool_]
    merged: npt.NDArray[np.bool_]
    split: npt.NDArray[np.bool_]
    added: int

    @classmethod
    def of(cls, before: Regions, after: Regions, of_after: npt.NDArray[np.int32]) -> _Match:
        n, m = len(before), len(after)
        found_as = np.full(n, -1, np.int64)
        iou = np.zeros(n, np.float64)
        same: dict[tuple[int, bytes, bytes], list[int]] = {}
        for j in reversed(range(m)):
            same.setdefault(_identity(after, j, int(of_after[j])), []).append(j)
        taken = np.zeros(m, np.bool_)
        for i in range(n):
            twins = same.get(_identity(before, i, int(before.classes[i])))
            if twins:
                found_as[i] = twins.pop()
                taken[found_as[i]] = True
        exact = found_as >= 0
        iou[exact] = 1.0
        split = np.zeros(n, np.bool_)
        rest, others = np.flatnonzero(~exact), np.flatnonzero(~taken)
        pairs = _pairs(before.take(rest), after.take(others), of_after[others])
        left, right, shares = rest[pairs[0]], others[pairs[1]], pairs[2]
        # By IoU, the highest first; the order of the file decides between equals.
        for k in np.lexsort((right, left, -shares)).tolist():
            if found_as[left[k]] < 0:
                found_as[left[k]], iou[left[k]] = right[k], shares[k]
        piece_of: dict[int, int] = {}
        for k in np.lexsort((left, right, -shares)).tolist():
            piece_of.setdefault(int(right[k]), int(left[k]))
        pieces = np.bincount(np.array(list(piece_of.values()), np.int64), minlength=n)
        split[pieces > 1] = True
        held = np.bincount(found_as[found_as >= 0], minlength=m)
        merged = (found_as >= 0) & (held[found_as] > 1) if m else np.zeros(n, np.bool_)
        added = int(np.count_nonzero(~taken)) - len(piece_of)
        return cls(found_as=found_as, iou=iou, exact=exact, merged=merged, split=split, added=added)


def _identity(regions: Regions, i: int, index: int) -> tuple[int, bytes, bytes]:
    runs = slice(int(regions.offsets[i]), int(regions.offsets[i + 1]))
    return index, regions.starts[runs].tobytes(), regions.ends[runs].tobytes()


def _pairs(
    before: Regions, after: Regions, of_after: npt.NDArray[np.int32]
) -> tuple[_I, _I, npt.NDArray[np.float64]]:
    """The pairs of one class that share a pixel, and their IoU."""
    if not len(before) or not len(after):
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float64)
    height = np.array([before.height], np.int64)
    shared = object_kernels.overlaps(_runs(before), _runs(after), heights=height)
    kept = before.classes[shared.gold] == of_after[shared.delivery]
    left, right, both = shared.gold[kept], shared.delivery[kept], shared.shared_px[kept]
    union = before.areas_px()[left] + after.areas_px()[right] - both
    return left, right, both / union


def _runs(regions: Regions) -> RegionRuns:
    images = np.array([0, len(regions)], np.int64)
    return RegionRuns(regions.starts, regions.ends, regions.offsets, images)


def _holes_filled(before: RunMask, after: RunMask) -> int:
    holes = holes_of(before)
    if not holes:
        return 0
    left, right = before.to_array().ravel(order="F"), after.to_array().ravel(order="F")
    inner = rasterize_polygons(
        [[ring.ravel().tolist()] for ring in holes], height=before.height, width=before.width
    )
    filled = 0
    for i in range(len(holes)):
        runs = slice(int(inner.offsets[i]), int(inner.offsets[i + 1]))
        ends = zip(inner.starts[runs], inner.ends[runs], strict=True)
        at = np.concatenate([np.arange(start, end) for start, end in ends])
        # An island in a hole is no part of it.
        filled += bool(right[at[~left[at]]].all())
    return filled


def _score(regions: Regions, i: int) -> float | None:
    return None if regions.scores is None else float(regions.scores[i])


def _difference(before: RunMask, after: RunMask) -> tuple[int, int]:
    """Pixels of the one and not of the other, and the reverse."""
    if np.array_equal(before.starts, after.starts) and np.array_equal(before.ends, after.ends):
        return 0, 0
    left, right = before.to_array(), after.to_array()
    return int(np.count_nonzero(left & ~right)), int(np.count_nonzero(right & ~left))
