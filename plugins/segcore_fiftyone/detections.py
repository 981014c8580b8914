"""Detections with instance masks: a mask inside a box, placed on the image.

FiftyOne writes masks as the pixels between the rounded corners of the box (``Detection.from_mask``,
``fiftyone.utils.coco._coco_segmentation_to_mask``) and draws them between the corners cut to
integers (``eta.core.geometry.RelativePoint.coords_in``), where 29 / 100 of 100 pixels is 28: its own
masks come back shifted, stretched by bilinear interpolation, and a box that reaches over the border
ends the call.  Here a mask that fits between the rounded corners is placed there, one that fits
between the cut corners there, pixel for pixel.  Any other is scaled into its box, each pixel by its
centre, and that is a warning.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from segcore.annotation import Region, Regions, RunMask
from segcore.errors import RefusedMaskError
from segcore.limits import MAX_IMAGE_RUNS
from segcore.masks.batch import MaskBatch, MaskProblem
from segcore.masks.png import decode_indices
from segcore.wording import show
from segcore_fiftyone.stored import decode_array, read_mask_file

__all__ = ["draw_detections"]

_FRAME_FACTOR: Final = 4
"""A box beyond this many frame sizes is a mistake, as it is for the coordinates of polygons."""

_NOISE_DIGITS: Final = 6
"""Decimals of a pixel that survive the division by the image's size and back."""


def draw_detections(detections: Sequence[Mapping[str, Any]], *, height: int, width: int) -> MaskBatch:
    """The masks of the detections of one image.

    Parameters
    ----------
    detections : sequence of mapping
        As the database stores them.
    height, width : int
        Size of the image in pixels.

    Returns
    -------
    MaskBatch
        What lies off the image is cut off.  Problems: ``seg.missing`` (no mask: a box is never taken
        instead), ``seg.empty`` (no pixel inside the image), ``fo.bad_box``, ``fo.bad_array``,
        ``fo.scaled_mask`` (warning), ``mask.*``, ``path.*`` and ``limits.*``.
    """
    masks: list[RunMask] = []
    problems: list[MaskProblem] = []
    refused = np.zeros(len(detections), np.bool_)
    empty = np.empty(0, np.int32)
    runs = 0
    for item, detection in enumerate(detections):
        mask = RunMask(height=height, width=width, starts=empty, ends=empty)
        try:
            mask, warning = _draw(detection, height=height, width=width)
            runs += len(mask.starts)
            if runs > MAX_IMAGE_RUNS:
                expected = f"at most {MAX_IMAGE_RUNS} runs of pixels in one image"
                raise RefusedMaskError("limits.entries", expected, str(runs))
            if warning is not None:
                problems.append(replace(warning, item=item))
        except RefusedMaskError as error:
            mask = RunMask(height=height, width=width, starts=empty, ends=empty)
            refused[item] = True
            problems += [
                MaskProblem(item=item, code=e.code, expected=e.expected, got=e.got)
                for e in (error, *error.also)
            ]
        masks.append(mask)
    drawn = Regions.from_regions(
        [Region(class_index=0, mask=mask) for mask in masks], height=height, width=width
    )
    return MaskBatch(
        starts=drawn.starts,
        ends=drawn.ends,
        offsets=drawn.offsets,
        refused=refused,
        problems=tuple(problems),
    )


def _draw(
    detection: Mapping[str, Any], *, height: int, width: int
) -> tuple[RunMask, MaskProblem | None]:
    left, right, top, bottom = _box(detection.get("bounding_box"), height=height, width=width)
    mask = _mask(detection)
    rows, columns = mask.shape
    x, from_columns, is_wide = _span(left, right, cells=columns, frame=width)
    y, from_rows, is_high = _span(top, bottom, cells=rows, frame=height)
    drawn = mask[np.ix_(from_rows, from_columns)]
    if not drawn.any():
        got = "a mask outside the image" if mask.any() else "an empty mask"
        raise RefusedMaskError("seg.empty", "at least one pixel inside the image", got)
    warning = None
    if is_wide or is_high:
        expected = f"a mask of about {right - left:.6g} x {bottom - top:.6g} px, as its box"
        got = f"{columns} x {rows}"
        warning = MaskProblem(item=0, code="fo.scaled_mask", expected=expected, got=got)
    return _run_mask(drawn, left=x, top=y, height=height, width=width), warning


def _mask(detection: Mapping[str, Any]) -> npt.NDArray[np.bool_]:
    """The instance mask in its box; the one in the database counts, as it does for FiftyOne."""
    blob, path = detection.get("mask"), detection.get("mask_path")
    if blob is None and path is None:
        raise RefusedMaskError("seg.missing", "an instance mask", "a box")
    array = decode_indices(read_mask_file(path)) if blob is None else decode_array(blob)
    if array.ndim != 2:
        raise RefusedMaskError("fo.bad_array", "a mask of two dimensions", f"shape {array.shape}")
    return array.astype(np.bool_, copy=False)


def _box(box: object, *, height: int, width: int) -> tuple[float, float, float, float]:
    """Left, right, top and bottom edge of a relative box, in pixels."""
    expected = "[left, top, width, height], relative to the image"
    if not isinstance(box, list) or len(box) != 4:
        raise RefusedMaskError("fo.bad_box", expected, show(box))
    if not all(type(v) in (int, float) and abs(v) <= _FRAME_FACTOR for v in box):  # NaN is not <=
        raise RefusedMaskError("fo.bad_box", f"{expected}, at most {_FRAME_FACTOR}", show(box))
    x, y, w, h = box
    if w <= 0 or h <= 0:
        raise RefusedMaskError("fo.bad_box", "a width and a height above 0", show(box))
    edges = (x * width, (x + w) * width, y * height, (y + h) * height)
    left, right, top, bottom = (round(float(edge), _NOISE_DIGITS) for edge in edges)
    return left, right, top, bottom


def _span(low: float, high: float, *, cells: int, frame: int) -> tuple[int, npt.NDArray[np.intp], bool]:
    """Which pixels ``cells`` of a mask between two edges fall on, along one side of the image.

    Returns
    -------
    first : int
        The first pixel inside the image.
    places : int (n,)
        The cell of each pixel from ``first`` on, up to the border of the image.
    is_scaled : bool
        Whether the mask has another size than the pixels it covers.
    """
    for begin, end in ((round(low), round(high)), (math.floor(low), math.floor(high))):
        if end - begin == cells:
            first = max(begin, 0)
            return first, np.arange(first, min(end, frame)) - begin, False
    first, last = max(math.ceil(low - 0.5), 0), min(math.ceil(high - 0.5), frame)
    centres = np.arange(first, last) + 0.5
    places = np.floor((centres - low) * (cells / max(high - low, 1e-9))).astype(np.intp)
    return first, np.clip(places, 0, cells - 1), True


def _run_mask(drawn: npt.NDArray[np.bool_], *, left: int, top: int, height: int, width: int) -> RunMask:
    """The runs of a patch of an image; outside of it there is background."""
    rows, columns = drawn.shape
    # A background row below each column keeps its runs from those of the next.
    steps = np.zeros((columns, rows + 2), np.int8)
    steps[:, 1:-1] = drawn.T
    flat = np.diff(steps, axis=1).ravel()
    starts, ends = np.flatnonzero(flat == 1), np.flatnonzero(flat == -1)
    starts, ends = ((left + at // (rows + 1)) * height + top + at % (rows + 1) for at in (starts, ends))
    if rows == height:  # a run to the last row goes on in the first row of the next column
        apart = starts[1:] > ends[:-1]
        starts, ends = starts[np.append(True, apart)], ends[np.append(apart, True)]
    return RunMask(
        height=height, width=width, starts=starts.astype(np.int32), ends=ends.astype(np.int32)
    )
