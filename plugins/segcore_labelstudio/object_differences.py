"""The objects of one image by which it fails, as brush regions: missed, extra, and drawn too badly.

A missed gold object and an extra delivered one are shown as a whole.  Of two that belong together and
are too different it is what they do not share.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from segcore.annotation import Regions, RunMask
from segcore.errors import UsageError
from segcore.instance_tally import Objects
from segcore_labelstudio.differences import Difference, Kind

if TYPE_CHECKING:
    from segcore_gates.failing_images import FailingImage

__all__ = ["MAX_OBJECTS", "ObjectDifferences"]

MAX_OBJECTS: Final = 100
"""Of one image, missed ones, extra ones and pairs each: the largest, and the pairs of lowest IoU."""

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ObjectDifferences:
    """What is to be drawn of one image, by one way to tell its objects.

    Iterating draws: each object of several gates once, the missed ones first.

    Attributes
    ----------
    gold, delivery : Regions
        All objects of the image, with the class indices of the evaluation.
    noun : str
        ``object`` or ``segment``.
    missed, extra : tuple of int
        Objects that are shown as a whole, by their places in ``gold`` and ``delivery``.
    pairs : tuple of (int, int)
        Those of which it is the difference.
    left_out : int
        How many more there are.
    """

    gold: Regions
    delivery: Regions
    noun: str
    missed: tuple[int, ...]
    extra: tuple[int, ...]
    pairs: tuple[tuple[int, int], ...]
    left_out: int

    @classmethod
    def of(cls, failing: Sequence[FailingImage], gold: Regions, delivery: Regions) -> ObjectDifferences:
        """Put together what one or several gates say of an image.

        Parameters
        ----------
        failing : sequence of FailingImage
            At least one; of one image and one task.
        gold, delivery : Regions
            Its objects in the order of the table, as the measure of the task gives them.

        Raises
        ------
        UsageError
            They are not those that were judged.
        """
        evaluation = failing[0].evaluation
        table, key = evaluation.tallies, failing[0].image
        image = bisect_left(table.keys, key)
        begin, end = table.gold_offsets[image : image + 2].tolist()
        first, last = table.delivery_offsets[image : image + 2].tolist()
        same = _are(gold, table.gold, begin, end) and _are(delivery, table.delivery, first, last)
        if not same:
            raise UsageError(f"image {key}: its objects are not those that were judged; run it again")
        missed = {n - begin for found in failing for n in found.missed.tolist()}
        extra = {n - first for found in failing for n in found.extra.tolist()}
        ious = {
            (g - begin, d - first): iou
            for found in failing
            for g, d, iou in zip(
                found.pairs.gold.tolist(),
                found.pairs.delivery.tolist(),
                found.pairs.iou.tolist(),
                strict=True,
            )
        }
        pairs = sorted(ious, key=lambda pair: (ious[pair], pair))
        shown = tuple(_largest(missed, gold)), tuple(_largest(extra, delivery))
        every = len(missed) + len(extra) + len(pairs)
        return cls(
            gold=gold,
            delivery=delivery,
            noun="segment" if evaluation.task == "panoptic" else "object",
            missed=shown[0],
            extra=shown[1],
            pairs=tuple(pairs[:MAX_OBJECTS]),
            left_out=every - len(shown[0]) - len(shown[1]) - min(len(pairs), MAX_OBJECTS),
        )

    def __iter__(self) -> Iterator[Difference]:
        """Draw them, one after the other."""
        whole = (
            (Kind.MISSED, self.gold, self.missed),
            (Kind.EXTRA, self.delivery, self.extra),
        )
        for kind, regions, objects in whole:
            for i in objects:
                mask = regions[i].mask.to_array()
                yield Difference(
                    code=int(regions.classes[i]), kind=kind, mask=mask, what=f" {self.noun}"
                )
        if self.pairs:
            yield from self._of_pairs()

    def _of_pairs(self) -> Iterator[Difference]:
        # What the gold leaves void is taken from delivered segments, as in their scores.
        judged = _covered(self.gold) if self.noun == "segment" else None
        for g, d in self.pairs:
            gold, delivery = self.gold[g].mask.to_array(), self.delivery[d].mask.to_array()
            if judged is not None:
                delivery &= judged
            union = int(np.count_nonzero(gold | delivery))
            iou = int(np.count_nonzero(gold & delivery)) / max(union, 1)
            what = f" part of one {self.noun} (IoU {iou:.2f})"
            code = int(self.gold.classes[g])
            for kind, mask, is_whole in (
                (Kind.MISSED, gold & ~delivery, g in self.missed),
                (Kind.EXTRA, delivery & ~gold, d in self.extra),
            ):
                if mask.any() and not is_whole:
                    yield Difference(code=code, kind=kind, mask=mask, what=what)


def _are(regions: Regions, objects: Objects, begin: int, end: int) -> bool:
    """Whether regions are the objects ``begin:end`` of a table."""
    return np.array_equal(regions.classes, objects.classes[begin:end]) and np.array_equal(
        regions.areas_px(), objects.areas_px[begin:end]
    )


def _largest(objects: Iterable[int], regions: Regions) -> list[int]:
    """Those with pixels, up to :data:`MAX_OBJECTS`."""
    areas = regions.areas_px().tolist()
    seen = [i for i in objects if areas[i]]
    return sorted(seen, key=lambda i: (-areas[i], i))[:MAX_OBJECTS]


def _covered(regions: Regions) -> Bools:
    """The pixels of regions that do not overlap."""
    runs = RunMask(height=regions.height, width=regions.width, starts=regions.starts, ends=regions.ends)
    return runs.to_array()
