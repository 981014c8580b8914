"""What COCO annotations state about their masks, an area and a box, held against the masks."""

from __future__ import annotations

from itertools import chain
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from segcore import kernels
from segcore.json_rows import as_float
from segcore.kernels import RegionRuns

__all__ = [
    "areas_differ",
    "box_corners",
    "boxes_differ",
    "drawn_boxes",
    "numbers_of",
    "shown_box",
    "stated_boxes",
]

_AREA_SLACK_PX: Final = 50.0
_AREA_SLACK_SHARE: Final = 0.20
_BOX_SLACK_PX: Final = 2.0
_BOX_SLACK_SHARE: Final = 0.05

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


def numbers_of(values: list[Any]) -> Floats:
    """What is stated, float64 (n,): NaN where it is no number below 1e300."""
    if set(map(type, values)) <= {int, float}:
        try:
            numbers = np.array(values, np.float64)
        except OverflowError:  # an integer beyond 1.8e308
            pass
        else:
            if (np.abs(numbers) < 1e299).all():
                return numbers
    return np.array([as_float(value) for value in values], np.float64)


def stated_boxes(values: list[Any]) -> Floats:
    """Boxes as they are stated, float64 (n, 4): NaN where nothing comparable is."""
    if set(map(type, values)) <= {list} and set(map(len, values)) <= {4}:
        return numbers_of(list(chain.from_iterable(values))).reshape(-1, 4)
    return np.array([_box(value) for value in values], np.float64).reshape(-1, 4)


def box_corners(stated: Floats, *, sizes: Integers) -> Floats:
    """The corners of boxes inside their images.

    Parameters
    ----------
    stated : float64 (n, 4)
        Left, top, width and height.
    sizes : int64 (n, 2)
        Height and width of the image of each.

    Returns
    -------
    float64 (n, 4)
        Left, top, right and bottom edge; NaN where nothing comparable is stated.
    """
    corners = stated.copy()
    corners[:, 2:] += corners[:, :2]
    # Boxes of clipped polygons may reach out of the image.
    inside: Floats = np.clip(corners, 0, np.tile(sizes[:, ::-1].astype(np.float64), 2))
    return inside


def areas_differ(stated: Floats, drawn: Integers) -> Bools:
    """Where an area is not that of the mask, bool (n,); never where none is stated."""
    slack = np.maximum(_AREA_SLACK_PX, _AREA_SLACK_SHARE * drawn)
    differ: Bools = np.greater(np.abs(stated - drawn), slack)
    return differ


def boxes_differ(stated: Floats, drawn: Floats) -> Bools:
    """Where a box is not that of the mask, bool (n,), both as corners; never where none is stated."""
    sides = np.tile(drawn[:, 2:] - drawn[:, :2], 2)
    slack = _BOX_SLACK_PX + _BOX_SLACK_SHARE * sides
    differ: Bools = np.greater(np.abs(stated - drawn), slack).any(axis=1)
    return differ


def drawn_boxes(regions: RegionRuns, *, heights: Integers) -> Floats:
    """The corners of masks, float64 (n, 4); zeros for a mask without a run."""
    columns, rows = np.hsplit(kernels.boxes(regions, heights=heights), 2)
    corners = np.stack([columns[:, 0], rows[:, 0], columns[:, 1] + 1, rows[:, 1] + 1], axis=1)
    corners[np.diff(regions.offsets) == 0] = 0
    return corners.astype(np.float64)


def shown_box(corners: Floats) -> str:
    """A box as the format writes it: left, top, width, height."""
    x0, y0, x1, y1 = corners.tolist()
    return f"[{x0:.6g}, {y0:.6g}, {x1 - x0:.6g}, {y1 - y0:.6g}]"


def _box(value: object) -> list[float]:
    if not isinstance(value, list) or len(value) != 4:
        return [np.nan] * 4
    return [as_float(v) for v in value]
