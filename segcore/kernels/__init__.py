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
from segcore.kernels.choice import Choice, active, keep_heap, prepare, use
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
from segcore.kernels.region_runs import Overlaps, RegionRuns

__all__ = [
    "BAD_CHAR",
    "MAX_NUMBER_CHARS",
    "NEGATIVE_RUN",
    "OK",
    "RUN_TOO_LARGE",
    "SUM_MISMATCH",
    "TRUNCATED",
    "Choice",
    "DecodedCounts",
    "LabelRuns",
    "Overlaps",
    "RegionRuns",
    "active",
    "color_runs",
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


def decode_counts(data: npt.NDArray[np.uint8], offsets: Counts, *, pixels: int) -> DecodedCounts:
    """Decode COCO's compressed counts of all masks of one image, strictly.

    Parameters
    ----------
    data : uint8 (n,)
        The counts of all masks, one after the other.
    offsets : int64 (r + 1,)
        Mask ``i`` is ``data[offsets[i]:offsets[i + 1]]``.
    pixels : int
        Height x width of the image.

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
    return active().decode_counts(data, offsets, pixels=pixels)  # type: ignore[no-any-return]


def runs_from_counts(counts: Counts, offsets: Counts, *, pixels: int) -> DecodedCounts:
    """As :func:`decode_counts`, of uncompressed counts.

    Parameters
    ----------
    counts : int64 (n,)
        Lengths of background and foreground in turn, of all masks.
    offsets : int64 (r + 1,)
        Mask ``i`` is ``counts[offsets[i]:offsets[i + 1]]``.
    pixels : int
        Height x width of the image.
    """
    _check_offsets(offsets, counts.size)
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
        _check_region_runs(regions, heights.size)
    if heights.dtype != np.int64 or (heights.size and int(heights.min()) < 1):
        raise ValueError("expected int64 heights of 1 or more")
    return active().overlaps(gold, delivery, heights=heights)  # type: ignore[no-any-return]


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


def _check_region_runs(regions: RegionRuns, images: int) -> None:
    _check_regions(regions.starts, regions.ends, regions.offsets, np.iinfo(np.int32).max)
    _check_offsets(regions.images, regions.offsets.size - 1)
    if regions.images.size != images + 1:
        raise ValueError(f"expected the regions of {images} images, got {regions.images.size - 1}")
    # Runs of one region increase; those of two regions are not compared.
    apart = regions.starts[1:] >= regions.ends[:-1]
    inner = regions.offsets[1:-1]
    apart[inner[(inner > 0) & (inner < regions.starts.size)] - 1] = True
    if not apart.all():
        raise ValueError("expected the runs of each region to increase")


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


def _check_regions(starts: Positions, ends: Positions, offsets: Counts, pixels: int) -> None:
    if starts.dtype != np.int32 or ends.dtype != np.int32 or starts.shape != ends.shape:
        raise ValueError("expected int32 starts and ends of one length")
    _check_offsets(offsets, starts.size)
    if starts.size and not (
        int(starts.min()) >= 0 and int(ends.max()) <= pixels and (starts < ends).all()
    ):
        raise ValueError(f"expected runs that are not empty and lie within 0 to {pixels}")
