"""The counting kernels: label maps and runs in, integer tables out.

``reference`` holds them in NumPy, complete; ``compiled`` holds their numba twins, equal bit for
bit.  Positions are column-major throughout the run kernels (pixel (x, y) is ``x * height + y``).

Arguments are checked here, before compiled code indexes memory with them; a broken one is a
mistake of the caller, not of an input, and raises ValueError.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from segcore.kernels.arrays import Codes, Colors, Counts, Positions, Values
from segcore.kernels.bands import band, surface
from segcore.kernels.choice import Choice, active, keep_heap, prepare, use
from segcore.kernels.class_curves import ClassCurves
from segcore.kernels.decoded_counts import (
    BAD_CHAR,
    MAX_NUMBER_CHARS,
    NEGATIVE_RUN,
    OK,
    RUN_TOO_LARGE,
    SUM_MISMATCH,
    TRUNCATED,
    DecodedCounts,
)
from segcore.kernels.label_runs import LabelRuns
from segcore.kernels.nearest import NOWHERE, CodedPixels, squared_distances
from segcore.kernels.region_runs import Overlaps, RegionRuns

__all__ = [
    "BAD_CHAR",
    "MAX_NUMBER_CHARS",
    "NEGATIVE_RUN",
    "NOWHERE",
    "OK",
    "RUN_TOO_LARGE",
    "SUM_MISMATCH",
    "TRUNCATED",
    "Choice",
    "ClassCurves",
    "CodedPixels",
    "DecodedCounts",
    "LabelRuns",
    "Overlaps",
    "RegionRuns",
    "active",
    "areas",
    "band",
    "boundary_runs",
    "boxes",
    "class_curves",
    "color_runs",
    "continued",
    "decode_counts",
    "dense_runs",
    "joint_dense",
    "joint_runs",
    "joint_runs_dense",
    "keep_heap",
    "match_by_score",
    "number_runs",
    "overlaps",
    "paint",
    "prepare",
    "runs_from_counts",
    "shared_px",
    "squared_distances",
    "surface",
    "use",
]


def joint_dense(
    gold: Values, delivery: Values, gold_codes: Codes, delivery_codes: Codes, *, size: int
) -> Counts:
    """Count every pair of codes over two dense label maps.

    Parameters
    ----------
    gold, delivery : uint8 or uint16, C-contiguous, of one shape
        What the masks store.
    gold_codes, delivery_codes : int32 (256,) or (65536,)
        The code, 0 to ``size - 1``, of every value the array can store.
    size : int
        Number of codes.

    Returns
    -------
    int64 (size, size)
        ``[i, j]`` is the number of pixels with gold code ``i`` and delivery code ``j``; zeros
        for empty maps.
    """
    if gold.shape != delivery.shape:
        raise ValueError(f"the maps differ in shape: gold {gold.shape}, delivery {delivery.shape}")
    _check_values(gold, gold_codes, size)
    _check_values(delivery, delivery_codes, size)
    return active().joint_dense(gold, delivery, gold_codes, delivery_codes, size=size)  # type: ignore[no-any-return]


def joint_runs(gold: LabelRuns, delivery: LabelRuns, *, size: int) -> Counts:
    """Count every pair of codes over two label maps held as runs, without rasterising them.

    Parameters
    ----------
    gold, delivery : LabelRuns
        Of the same number of pixels, with codes 0 to ``size - 1``.
    size : int
        Number of codes.

    Returns
    -------
    int64 (size, size)
        As :func:`joint_dense`.
    """
    if gold.pixels != delivery.pixels:
        raise ValueError(f"the maps differ in pixels: gold {gold.pixels}, delivery {delivery.pixels}")
    _check_runs(gold, size)
    _check_runs(delivery, size)
    return active().joint_runs(gold, delivery, size=size)  # type: ignore[no-any-return]


def joint_runs_dense(
    runs: LabelRuns, values: Values, codes: Codes, *, size: int, runs_are_gold: bool
) -> Counts:
    """Count every pair of codes over one label map held as runs and one that is dense.

    Parameters
    ----------
    runs : LabelRuns
        Column-major, with codes 0 to ``size - 1``.
    values : uint8 or uint16 (H, W), C-contiguous
        What the dense mask stores.
    codes : int32 (256,) or (65536,)
        The code of every value.
    size : int
        Number of codes.
    runs_are_gold : bool
        Which side is which.

    Returns
    -------
    int64 (size, size)
        As :func:`joint_dense`.
    """
    if runs.pixels != values.size:
        raise ValueError(f"the maps differ in pixels: runs {runs.pixels}, dense {values.size}")
    _check_runs(runs, size)
    _check_values(values, codes, size)
    return active().joint_runs_dense(runs, values, codes, size=size, runs_are_gold=runs_are_gold)  # type: ignore[no-any-return]


def dense_runs(values: Values, codes: Codes) -> LabelRuns:
    """The column-major runs of a dense label map.

    Parameters
    ----------
    values : uint8 or uint16 (H, W), C-contiguous
        What the mask stores.
    codes : int32 (256,) or (65536,)
        The code of every value.

    Returns
    -------
    LabelRuns
        Canonical; without runs for an empty map.
    """
    if values.ndim != 2:
        raise ValueError(f"a label map has two dimensions, got {values.ndim}")
    _check_values(values, codes, None)
    return active().dense_runs(values, codes)  # type: ignore[no-any-return]


def color_runs(pixels: npt.NDArray[np.uint8]) -> tuple[Positions, Colors]:
    """The row-major runs of one colour.

    Parameters
    ----------
    pixels : uint8 (H, W, 3), C-contiguous
        Red, green, blue.

    Returns
    -------
    starts : int32 (n,)
        Where each run begins: pixel (x, y) is ``y * width + x``; empty for an empty image.
    colors : uint32 (n,)
        Its colour, red + 256 green + 65536 blue; neighbouring runs differ.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ValueError(f"expected uint8 (H, W, 3), got {pixels.dtype} {pixels.shape}")
    if not pixels.flags.c_contiguous:
        raise ValueError("expected C-contiguous pixels")
    return active().color_runs(pixels)  # type: ignore[no-any-return]


def decode_counts(
    data: npt.NDArray[np.uint8], offsets: Counts, *, pixels: int | Counts
) -> DecodedCounts:
    """Decode COCO's compressed counts of many masks, strictly.

    Parameters
    ----------
    data : uint8 (n,)
        The counts of all masks, one after the other.
    offsets : int64 (r + 1,)
        Mask ``i`` is ``data[offsets[i]:offsets[i + 1]]``.
    pixels : int or int64 (r,)
        Height x width of the image, or of that of each mask.

    Returns
    -------
    DecodedCounts
        Sound masks as runs; the others with the reason they were refused for.

    Notes
    -----
    The code is that of ``rleToString`` in cocoapi's ``maskApi.c``: 5 bits a character from
    ``'0'`` on, least significant first, and from the fourth number on the difference to the
    number two before.
    """
    _check_offsets(offsets, data.size)
    _check_pixels(pixels, offsets)
    return active().decode_counts(data, offsets, pixels=pixels)  # type: ignore[no-any-return]


def runs_from_counts(counts: Counts, offsets: Counts, *, pixels: int | Counts) -> DecodedCounts:
    """As :func:`decode_counts`, of uncompressed counts.

    Parameters
    ----------
    counts : int64 (n,)
        Lengths of background and foreground in turn, of all masks.
    offsets : int64 (r + 1,)
        Mask ``i`` is ``counts[offsets[i]:offsets[i + 1]]``.
    pixels : int or int64 (r,)
        Height x width of the image, or of that of each mask.
    """
    _check_offsets(offsets, counts.size)
    _check_pixels(pixels, offsets)
    return active().runs_from_counts(counts, offsets, pixels=pixels)  # type: ignore[no-any-return]


def paint(
    starts: Positions,
    ends: Positions,
    offsets: Counts,
    priority: npt.NDArray[np.int32],
    codes: Codes,
    *,
    pixels: int,
    background: int,
) -> LabelRuns:
    """Paint regions into one label map, without rasterising it.

    Parameters
    ----------
    starts, ends : int32 (n,)
        Runs of all regions, each region canonical.
    offsets : int64 (r + 1,)
        Region ``i`` owns the runs ``offsets[i]:offsets[i + 1]``.
    priority : int32 (r,)
        Distinct; a pixel belongs to the region of the highest priority that covers it.
    codes : int32 (r,)
        What each region paints.
    pixels : int
        Number of positions (height x width).
    background : int
        The code of pixels no region covers.

    Returns
    -------
    LabelRuns
        Canonical; without runs where ``pixels`` is 0.
    """
    _check_regions(starts, ends, offsets, pixels)
    if not len(priority) == len(codes) == len(offsets) - 1:
        raise ValueError(f"{len(offsets) - 1} regions, {len(priority)} priorities, {len(codes)} codes")
    return active().paint(  # type: ignore[no-any-return]
        starts, ends, offsets, priority, codes, pixels=pixels, background=background
    )


def number_runs(
    starts: Positions, colors: Colors, ids: Colors, *, pixels: int
) -> tuple[Positions, Counts, Counts]:
    """The place of the colour of every run among some ids, and how many pixels each id has.

    Parameters
    ----------
    starts : int32 (n,)
    colors : uint32 (n,)
        As :func:`color_runs` gives them.
    ids : uint32 (m,)
        Strictly increasing, without 0.
    pixels : int
        Where the last run ends.

    Returns
    -------
    numbers : int32 (n,)
        Places counted from 1; 0 for a colour that is none of the ids.
    areas_px : int64 (m,)
        Pixels of every id.
    strangers : int64 (s,)
        The runs of a colour that is neither 0 nor one of the ids.
    """
    if colors.dtype != np.uint32 or ids.dtype != np.uint32:
        raise ValueError(f"expected uint32 colors and ids, got {colors.dtype} and {ids.dtype}")
    if starts.shape != colors.shape:
        raise ValueError(f"{starts.size} starts, {colors.size} colors")
    if ids.size and not (ids[0] > 0 and (ids[1:] > ids[:-1]).all()):
        raise ValueError("expected ids that increase from 1")
    return active().number_runs(starts, colors, ids, pixels=pixels)  # type: ignore[no-any-return]


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
        _check_region_runs(regions, heights)
    return active().overlaps(gold, delivery, heights=heights)  # type: ignore[no-any-return]


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
    _check_region_runs(regions, heights)
    if widths_px.dtype != np.int64 or (widths_px.size and int(widths_px.min()) < 1):
        raise ValueError("expected int64 widths of 1 or more")
    return active().boundary_runs(regions, heights=heights, widths_px=widths_px)  # type: ignore[no-any-return]


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
        _check_region_runs(regions, np.ones(regions.images.size - 1, np.int64))
        if chosen.dtype != np.int64 or chosen.shape != i.shape:
            raise ValueError("expected int64 pairs of one length")
        if chosen.size and not 0 <= int(chosen.min()) <= int(chosen.max()) < regions.offsets.size - 1:
            raise ValueError(f"expected pairs of the {regions.offsets.size - 1} regions there are")
    return active().shared_px(a, i, b, j)  # type: ignore[no-any-return]


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
    _check_columns(starts, ends, offsets)
    return active().areas(starts, ends, offsets)  # type: ignore[no-any-return]


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
    _check_images(regions, heights)
    return active().boxes(regions, heights=heights)  # type: ignore[no-any-return]


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
    _check_columns(starts, ends, offsets)
    if chosen.shape != shifts.shape or at_most < 1:
        raise ValueError("expected a shift for every region asked for, and runs to look at")
    if chosen.size and not (
        0 <= int(chosen.min()) <= int(chosen.max()) < offsets.size - 1 and int(shifts.min()) >= 0
    ):
        raise ValueError("expected regions that there are and shifts of 0 or more")
    return active().continued(starts, ends, offsets, chosen, shifts, at_most=at_most)  # type: ignore[no-any-return]


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
    return active().match_by_score(  # type: ignore[no-any-return]
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
    return active().class_curves(  # type: ignore[no-any-return]
        states, rows, places, outside, wanted, recalls, limits, one_point=one_point
    )


def _check_region_runs(regions: RegionRuns, heights: Counts) -> None:
    _check_images(regions, heights)
    starts, ends, offsets, _ = regions
    # Runs of one region increase, so that only its first can lie too low; two regions are not compared.
    first = offsets[:-1][offsets[1:] > offsets[:-1]]
    if not ((starts < ends).all() and (starts[first] >= 0).all()):
        raise ValueError("expected runs that are not empty and lie at 0 or more")
    apart = starts[1:] >= ends[:-1]
    apart[first[1:] - 1] = True
    if not apart.all():
        raise ValueError("expected the runs of each region to increase")


def _check_images(regions: RegionRuns, heights: Counts) -> None:
    """What indexes memory; where the runs lie does not."""
    _check_columns(regions.starts, regions.ends, regions.offsets)
    _check_offsets(regions.images, regions.offsets.size - 1)
    if heights.dtype != np.int64 or (heights.size and int(heights.min()) < 1):
        raise ValueError("expected int64 heights of 1 or more")
    if regions.images.size != heights.size + 1:
        raise ValueError(f"expected the regions of {heights.size} images, got {regions.images.size - 1}")


def _check_values(values: Values, codes: Codes, size: int | None) -> None:
    if values.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"expected uint8 or uint16 values, got {values.dtype}")
    if not values.flags.c_contiguous:
        raise ValueError("expected C-contiguous values")
    if codes.dtype != np.int32 or codes.shape != (1 << 8 * values.itemsize,):
        raise ValueError(
            f"expected int32 codes of every {values.dtype} value, got {codes.dtype} {codes.shape}"
        )
    # Read as unsigned, a negative code is above every size.
    if size is not None and int(codes.view(np.uint32).max()) >= size:
        raise ValueError(f"expected codes from 0 to {size - 1}, got {codes.min()} to {codes.max()}")


def _check_runs(runs: LabelRuns, size: int) -> None:
    starts, codes = runs.starts, runs.codes
    if starts.dtype != np.int32 or codes.dtype != np.int32 or starts.shape != codes.shape:
        raise ValueError("expected int32 starts and codes of one length")
    if not starts.size:
        if runs.pixels:
            raise ValueError(f"no run covers the {runs.pixels} pixels")
        return
    if starts[0] != 0 or not (starts[1:] > starts[:-1]).all() or starts[-1] >= runs.pixels:
        raise ValueError(f"expected starts that increase from 0 and stay below {runs.pixels}")
    # Read as unsigned, a negative code is above every size.
    if int(codes.view(np.uint32).max()) >= size:
        raise ValueError(f"expected codes from 0 to {size - 1}, got {codes.min()} to {codes.max()}")


def _check_offsets(offsets: Counts, size: int) -> None:
    if offsets.dtype != np.int64 or not offsets.size or offsets[0] != 0 or offsets[-1] != size:
        raise ValueError(f"expected int64 offsets from 0 to {size}")
    if not (offsets[1:] >= offsets[:-1]).all():
        raise ValueError("expected offsets that never decrease")


def _check_pixels(pixels: int | Counts, offsets: Counts) -> None:
    if isinstance(pixels, np.ndarray) and (
        pixels.dtype != np.int64 or pixels.shape != (offsets.size - 1,)
    ):
        raise ValueError(f"expected int64 pixels of {offsets.size - 1} masks")
    if np.min(pixels, initial=0) < 0 or np.max(pixels, initial=0) > np.iinfo(np.int32).max:
        raise ValueError("expected positions that 32 bits can hold")


def _check_regions(starts: Positions, ends: Positions, offsets: Counts, pixels: int) -> None:
    _check_columns(starts, ends, offsets)
    _check_runs_within(starts, ends, pixels)


def _check_columns(starts: Positions, ends: Positions, offsets: Counts) -> None:
    if starts.dtype != np.int32 or ends.dtype != np.int32 or starts.shape != ends.shape:
        raise ValueError("expected int32 starts and ends of one length")
    _check_offsets(offsets, starts.size)


def _check_runs_within(starts: Positions, ends: Positions, pixels: int) -> None:
    if starts.size and not (
        int(starts.min()) >= 0 and int(ends.max()) <= pixels and (starts < ends).all()
    ):
        raise ValueError(f"expected runs that are not empty and lie within 0 to {pixels}")
