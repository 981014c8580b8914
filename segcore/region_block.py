"""The regions of several images as one set of columns: what costs a call an image costs one here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, compress

import numpy as np
import numpy.typing as npt

from segcore.annotation import AnnotationId, Regions

__all__ = ["RegionBlock"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RegionBlock:
    """The regions of several images, one image after the other.

    Attributes
    ----------
    sizes : int64 (n_images, 2)
        Height and width of each image in pixels.
    images : int64 (n_images + 1,)
        Image ``i`` owns the regions ``images[i]:images[i + 1]``.
    starts, ends, offsets, classes, crowd, scores, ids, stated_areas_px
        Of all regions, as in :class:`segcore.annotation.Regions`.
    """

    sizes: npt.NDArray[np.int64]
    images: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int32]
    ends: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]
    classes: npt.NDArray[np.int32]
    crowd: npt.NDArray[np.bool_]
    scores: npt.NDArray[np.float64] | None = None
    ids: tuple[AnnotationId, ...] = ()
    stated_areas_px: npt.NDArray[np.float64] | None = None

    @classmethod
    def of(cls, regions: Regions) -> RegionBlock:
        """The block of one image."""
        return cls(
            sizes=np.array([[regions.height, regions.width]], np.int64),
            images=np.array([0, len(regions)], np.int64),
            starts=regions.starts,
            ends=regions.ends,
            offsets=regions.offsets,
            classes=regions.classes,
            crowd=regions.crowd,
            scores=regions.scores,
            ids=regions.ids,
            stated_areas_px=regions.stated_areas_px,
        )

    def __len__(self) -> int:
        return len(self.sizes)

    def __getitem__(self, i: int) -> Regions:
        """The regions of one image; shares memory with the block."""
        one = self.part(i, i + 1)
        height, width = one.sizes[0].tolist()
        return Regions(
            height=height,
            width=width,
            starts=one.starts,
            ends=one.ends,
            offsets=one.offsets,
            classes=one.classes,
            crowd=one.crowd,
            scores=one.scores,
            ids=one.ids,
            stated_areas_px=one.stated_areas_px,
        )

    def part(self, first: int, last: int) -> RegionBlock:
        """The images from ``first`` to before ``last``; shares memory with this block."""
        if first == 0 and last == len(self):
            return self
        images = self.images[first : last + 1]
        lo, hi = int(images[0]), int(images[-1])
        offsets = self.offsets[lo : hi + 1]
        begin, end = int(offsets[0]), int(offsets[-1])
        return RegionBlock(
            sizes=self.sizes[first:last],
            images=images - lo,
            starts=self.starts[begin:end],
            ends=self.ends[begin:end],
            offsets=offsets - begin,
            classes=self.classes[lo:hi],
            crowd=self.crowd[lo:hi],
            scores=None if self.scores is None else self.scores[lo:hi],
            ids=self.ids[lo:hi],
            stated_areas_px=None if self.stated_areas_px is None else self.stated_areas_px[lo:hi],
        )

    def names(self) -> Sequence[AnnotationId]:
        """The ids of the file; where it has none, the places of the regions in their images."""
        if len(self.ids) == len(self.classes):
            return self.ids
        return list(chain.from_iterable(range(n) for n in np.diff(self.images).tolist()))

    def where(self, kept: npt.NDArray[np.bool_]) -> RegionBlock:
        """The same images with some of their regions, bool (n_regions,)."""
        lengths = np.diff(self.offsets)
        runs = np.repeat(kept, lengths)
        return RegionBlock(
            sizes=self.sizes,
            images=np.append(0, np.cumsum(kept))[self.images],
            starts=self.starts[runs],
            ends=self.ends[runs],
            offsets=np.append(0, np.cumsum(lengths[kept])),
            classes=self.classes[kept],
            crowd=self.crowd[kept],
            scores=None if self.scores is None else self.scores[kept],
            ids=tuple(compress(self.names(), kept)),
            stated_areas_px=None if self.stated_areas_px is None else self.stated_areas_px[kept],
        )
