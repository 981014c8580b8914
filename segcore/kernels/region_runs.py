"""The masks of many regions, and what two sets of them share."""

from __future__ import annotations

from typing import NamedTuple

from segcore.kernels.arrays import Counts, Positions

__all__ = ["Overlaps", "RegionRuns"]


class RegionRuns(NamedTuple):
    """The runs of all regions of several images, over column-major positions.

    Attributes
    ----------
    starts, ends : int32 (n,)
        Runs of all regions, one region after the other, each canonical: increasing and apart.
    offsets : int64 (r + 1,)
        Region ``i`` owns the runs ``offsets[i]:offsets[i + 1]``.
    images : int64 (n_images + 1,)
        Image ``i`` owns the regions ``images[i]:images[i + 1]``.
    """

    starts: Positions
    ends: Positions
    offsets: Counts
    images: Counts


class Overlaps(NamedTuple):
    """The pairs of gold and delivered regions of one image that share a pixel, by gold, then delivery.

    Attributes
    ----------
    gold, delivery : int64 (n,)
        Which regions.
    shared_px : int64 (n,)
        Pixels they share, above 0.
    """

    gold: Counts
    delivery: Counts
    shared_px: Counts
