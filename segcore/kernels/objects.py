"""The kernels that compare objects: regions held as runs, of many images at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from segcore.kernels.arguments import (
    require_columns,
    require_images,
    require_region_runs,
)
from segcore.kernels.arrays import Counts, Positions
from segcore.kernels.choice import active
from segcore.kernels.class_curves import ClassCurves
from segcore.kernels.region_runs import Overlaps, RegionRuns

__all__ = [
    "areas",
    "boundary_runs",
    "boxes",
    "class_curves",
    "continued",
    "match_by_score",
    "overlaps",
    "shared_px",
]


def overlaps(gold: RegionRuns, delivery: RegionRuns, *, heights: Counts) -> Overlaps:
    """Count the pixels every gold region shares with every delivered one, without rasterising them.

    Parameters
    ----------
    gold, delivery : RegionRuns
        Regions of the same images; those of one side may overlap each other.
    heights : int64 (n_images,)
        Length of a column.

    Returns
    -------
    Overlaps
        Only the pairs that share a pixel.
    """
    for regions in (gold, delivery):
        require_region_runs(regions, heights)
    return active().overlaps(gold, delivery, heights=heights)


def boundary_runs(regions: RegionRuns, *, heights: Counts, widths_px: Counts) -> RegionRuns:
    """The band along the outline of every region.

    Parameters
    ----------
    regions : RegionRuns
    heights : int64 (n_images,)
        Length of a column.
    widths_px : int64 (n_images,)
        How wide the band is, 1 or more.

    Returns
    -------
    RegionRuns
        Of each region the pixels that are no further than the width, in rows and in columns alike,
        from a pixel outside the region or outside the image.

    Notes
    -----
    The mask without its erosion by a square, with nothing beyond the image: ``mask_to_boundary`` of
    Cheng et al., "Boundary IoU", CVPR 2021.
    """
    if not heights.shape == widths_px.shape:
        raise ValueError(f"{heights.size} heights, {widths_px.size} widths of the band")
    require_region_runs(regions, heights)
    if widths_px.dtype != np.int64 or (widths_px.size and int(widths_px.min()) < 1):
        raise ValueError("expected int64 widths of 1 or more")
    return active().boundary_runs(regions, heights=heights, widths_px=widths_px)


def shared_px(a: RegionRuns, i: Counts, b: RegionRuns, j: Counts) -> Counts:
    """Count the pixels that region ``i[n]`` of ``a`` shares with region ``j[n]`` of ``b``.

    Parameters
    ----------
    a, b : RegionRuns
        Over the same positions.
    i, j : int64 (n,)
        Pairs of regions.

    Returns
    -------
    int64 (n,)
    """
    for regions, chosen in ((a, i), (b, j)):
        require_region_runs(regions, np.ones(regions.images.size - 1, np.int64))
        if chosen.dtype != np.int64 or chosen.shape != i.shape:
            raise ValueError("expected int64 pairs of one length")
        if chosen.size and not 0 <= int(chosen.min()) <= int(chosen.max()) < regions.offsets.size - 1:
            raise ValueError(f"expected pairs of the {regions.offsets.size - 1} regions there are")
    return active().shared_px(a, i, b, j)


def areas(starts: Positions, ends: Positions, offsets: Counts) -> Counts:
    """The pixels of every region.

    Parameters
    ----------
    starts, ends : int32 (n,)
        Runs of all regions.
    offsets : int64 (r + 1,)
        Region ``i`` owns the runs ``offsets[i]:offsets[i + 1]``.

    Returns
    -------
    int64 (r,)
    """
    require_columns(starts, ends, offsets)
    return active().areas(starts, ends, offsets)


def boxes(regions: RegionRuns, *, heights: Counts) -> Counts:
    """The box of every region.

    Parameters
    ----------
    regions : RegionRuns
    heights : int64 (n_images,)
        Length of a column.

    Returns
    -------
    int64 (r, 4)
        First and last column, first and last row; of a region without a run a box that meets none:
        the largest integer and -1 in turn.
    """
    require_images(regions, heights)
    return active().boxes(regions, heights=heights)


def continued(
    starts: Positions, ends: Positions, offsets: Counts, chosen: Counts, shifts: Counts, *, at_most: int
) -> Counts:
    """How much of some regions is foreground some positions further on, too.

    Parameters
    ----------
    starts, ends : int32 (n,)
        Runs of all regions, each region canonical.
    offsets : int64 (r + 1,)
        Region ``i`` owns the runs ``offsets[i]:offsets[i + 1]``.
    chosen : int64 (m,)
        The regions asked for.
    shifts : int64 (m,)
        How many positions further on, 0 or more.
    at_most : int
        Runs looked at of each region, evenly apart.

    Returns
    -------
    int64 (m, 3)
        The pixels of the runs looked at that are, all of these runs, and those of the whole region.
    """
    require_columns(starts, ends, offsets)
    if chosen.shape != shifts.shape or at_most < 1:
        raise ValueError("expected a shift for every region asked for, and runs to look at")
    if chosen.size and not (
        0 <= int(chosen.min()) <= int(chosen.max()) < offsets.size - 1 and int(shifts.min()) >= 0
    ):
        raise ValueError("expected regions that there are and shifts of 0 or more")
    return active().continued(starts, ends, offsets, chosen, shifts, at_most=at_most)


def match_by_score(
    delivery: Counts,
    gold: Counts,
    levels: npt.NDArray[np.int8],
    groups: Counts,
    gold_ignored: npt.NDArray[np.bool_],
    gold_crowd: npt.NDArray[np.bool_],
    *,
    thresholds: int,
    size: int,
) -> npt.NDArray[np.uint8]:
    """Match delivered objects with gold ones as COCO does, at several thresholds and size bands.

    Objects take their turn by their number.  Each takes the best free candidate that is not
    ignored, else the best that is; crowds stay free.

    Parameters
    ----------
    delivery, gold : int64 (n,)
        The candidate pairs, by delivered object, the best candidate of each last.
    levels : int8 (n,)
        How many of the thresholds the overlap of each pair reaches.
    groups : int64 (size,)
        The image and class of every delivered object, as one number that never decreases; pairs
        do not cross groups.
    gold_ignored : bool (bands, n_gold)
        Objects of the gold that are neither to be found nor to be missed.
    gold_crowd : bool (n_gold,)
        Objects that several delivered ones may match.
    thresholds : int
        How many there are.
    size : int
        Number of delivered objects.

    Returns
    -------
    uint8 (bands, thresholds, size)
        0 unmatched, 1 matched, 2 matched with an ignored object.
    """
    if not delivery.shape == gold.shape == levels.shape or groups.shape != (size,):
        raise ValueError("expected pairs of one length and a group for every delivered object")
    if gold_ignored.ndim != 2 or gold_ignored.shape[1:] != gold_crowd.shape:
        raise ValueError("expected every gold object in each band")
    if delivery.size and not (
        delivery[0] >= 0
        and delivery[-1] < size
        and (delivery[1:] >= delivery[:-1]).all()
        and 0 <= int(gold.min()) <= int(gold.max()) < gold_crowd.size
    ):
        raise ValueError("expected pairs by delivered object, within the objects there are")
    if not (groups[1:] >= groups[:-1]).all():
        raise ValueError("expected groups that never decrease")
    return active().match_by_score(
        delivery, gold, levels, groups, gold_ignored, gold_crowd, thresholds=thresholds, size=size
    )


def class_curves(
    states: npt.NDArray[np.uint8],
    rows: Counts,
    places: Counts,
    outside: npt.NDArray[np.bool_],
    wanted: Counts,
    recalls: npt.NDArray[np.float64],
    limits: Counts,
    *,
    one_point: bool,
) -> ClassCurves:
    """Precision over recall of one class.

    Parameters
    ----------
    states : uint8 (bands, thresholds, size)
        What :func:`match_by_score` found of all delivered objects.
    rows : int64 (n,)
        The objects of the class, the surest first.
    places : int64 (size,)
        How many objects of the same image and class come before each.
    outside : bool (bands, size)
        Which objects are of another size; unmatched they do not count.
    wanted : int64 (bands,)
        Gold objects of the class that are to be found.
    recalls : float64 (n_recalls,)
        Where precision is read, increasing from 0 to 1.
    limits : int64 (n_limits,)
        How many delivered objects of an image count, increasing; the last is that of the curves.
    one_point : bool
        All objects are as sure: the curve has one point.

    Returns
    -------
    ClassCurves
        Zeros in a band without an object to be found.
    """
    if not (
        states.ndim == 3
        and places.shape == states.shape[2:]
        and outside.shape == (len(states), *places.shape)
        and wanted.shape == states.shape[:1]
        and limits.size
    ):
        raise ValueError("expected every delivered object in each band, and a limit")
    if rows.size and not 0 <= int(rows.min()) <= int(rows.max()) < places.size:
        raise ValueError("expected objects that there are")
    return active().class_curves(
        states, rows, places, outside, wanted, recalls, limits, one_point=one_point
    )
