"""The bands along the outlines of segments, and what those of two sides share.

The band of a segment is what of it lies within a width, in rows and columns alike, of a pixel outside
it or outside the image.  Segments do not overlap, and so neither do their bands: those of a side are
painted into one map of runs, and all pairs are counted at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from segcore import kernels
from segcore.annotation import Regions
from segcore.instance_tally import Boundaries
from segcore.kernels import LabelRuns, Overlaps, RegionRuns
from segcore.measures.segments import Segments, shared_pixels

__all__ = ["Bands", "compared_bands"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bands:
    """Those of the segments of one side of an image.

    Attributes
    ----------
    runs : LabelRuns
        At every position of a band the number of its segment, from 1; elsewhere 0.
    areas_px : int64 (n,)
        Pixels of the band of every segment.
    """

    runs: LabelRuns
    areas_px: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.areas_px)

    @classmethod
    def of(cls, regions: Regions, *, width_px: int) -> Bands:
        """The bands of regions that do not overlap; see :func:`as_regions`.

        Parameters
        ----------
        regions : Regions
            Over the positions of the image in either order: a band is the same in both.
        width_px : int
        """
        masks = RegionRuns(
            regions.starts, regions.ends, regions.offsets, np.array([0, len(regions)], np.int64)
        )
        starts, ends, offsets, _ = kernels.boundary_runs(
            masks,
            heights=np.array([max(1, regions.height)], np.int64),
            widths_px=np.array([width_px], np.int64),
        )
        numbers = np.arange(1, len(regions) + 1, dtype=np.int32)
        pixels = regions.height * regions.width
        return cls(
            runs=kernels.paint(starts, ends, offsets, numbers, numbers, pixels=pixels, background=0),
            areas_px=kernels.areas(starts, ends, offsets),
        )


def compared_bands(
    gold: Segments, overlaps: Overlaps, *, gold_bands: Bands, delivery_bands: Bands | None
) -> Boundaries:
    """What the bands of an image share.

    Parameters
    ----------
    gold : Segments
    overlaps : Overlaps
        The pairs of segments that share a pixel, by gold, then delivery.
    gold_bands, delivery_bands : Bands
        None where nothing was delivered.

    Returns
    -------
    Boundaries
        In the order of the segments and of the overlaps; of a delivered segment only what of its band
        lies in segments of the gold.
    """
    none = np.empty(0, np.int64)
    if delivery_bands is None:
        return Boundaries(gold_px=gold_bands.areas_px, delivery_px=none, shared_px=none)
    size = len(delivery_bands)
    most = max(len(gold), size)
    found = shared_pixels(gold_bands.runs, delivery_bands.runs, segments=most)
    # Pairs whose bands share a pixel are among those that do.
    keys = overlaps.gold * size + overlaps.delivery
    shared = np.zeros(len(keys), np.int64)
    shared[np.searchsorted(keys, found.gold * size + found.delivery)] = found.shared_px
    judged = shared_pixels(gold.runs, delivery_bands.runs, segments=most)
    # The weights are summed as float64, which is exact far beyond the pixels of an image.
    inside = np.bincount(judged.delivery, judged.shared_px, minlength=size).astype(np.int64)
    return Boundaries(gold_px=gold_bands.areas_px, delivery_px=inside, shared_px=shared)
