"""The counting kernels: label maps and runs in, integer tables out.

``reference`` holds them in NumPy, complete; ``compiled`` holds their numba twins, equal bit for
bit.  Positions are column-major throughout the run kernels (pixel (x, y) is ``x * height + y``).

Arguments are checked here, before compiled code indexes memory with them; a broken one is a
mistake of the caller, not of an input, and raises ValueError.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from segcore.kernels.arguments import (
    require_offsets,
    require_pixels,
    require_regions,
    require_runs,
    require_values,
)
from segcore.kernels.arrays import Codes, Colors, Counts, Positions, Values
from segcore.kernels.bands import band, surface
from segcore.kernels.choice import Choice, active, compiled_in_use, keep_heap, prepare, use
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
from segcore.kernels.documents import json_numbers, json_spans, json_texts
from segcore.kernels.json_spans import JsonSpans, JsonTexts
from segcore.kernels.label_runs import LabelRuns
from segcore.kernels.nearest import NOWHERE, CodedPixels, squared_distances
from segcore.kernels.objects import (
    areas,
    boundary_runs,
    boxes,
    class_curves,
    continued,
    match_by_score,
    overlaps,
    shared_px,
)
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
    "JsonSpans",
    "JsonTexts",
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
    "compiled_in_use",
    "continued",
    "decode_counts",
    "dense_runs",
    "joint_dense",
    "joint_runs",
    "joint_runs_dense",
    "json_numbers",
    "json_spans",
    "json_texts",
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
    require_values(gold, gold_codes, size)
    require_values(delivery, delivery_codes, size)
    return active().joint_dense(gold, delivery, gold_codes, delivery_codes, size=size)


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
    require_runs(gold, size)
    require_runs(delivery, size)
    return active().joint_runs(gold, delivery, size=size)


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
    require_runs(runs, size)
    require_values(values, codes, size)
    return active().joint_runs_dense(runs, values, codes, size=size, runs_are_gold=runs_are_gold)


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
    require_values(values, codes, None)
    return active().dense_runs(values, codes)


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
    return active().color_runs(pixels)


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
    require_offsets(offsets, data.size)
    require_pixels(pixels, offsets)
    return active().decode_counts(data, offsets, pixels=pixels)


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
    require_offsets(offsets, counts.size)
    require_pixels(pixels, offsets)
    return active().runs_from_counts(counts, offsets, pixels=pixels)


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
    require_regions(starts, ends, offsets, pixels)
    if not len(priority) == len(codes) == len(offsets) - 1:
        raise ValueError(f"{len(offsets) - 1} regions, {len(priority)} priorities, {len(codes)} codes")
    return active().paint(starts, ends, offsets, priority, codes, pixels=pixels, background=background)


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
    return active().number_runs(starts, colors, ids, pixels=pixels)
