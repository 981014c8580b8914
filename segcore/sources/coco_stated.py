"""What COCO annotations state about their masks, an area and a box, held against the masks."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from segcore import kernels
from segcore.kernels import RegionRuns
from segcore.sources.coco_entries import column

__all__ = ["areas_differ", "boxes_differ", "drawn_boxes", "shown_box", "stated_areas", "stated_boxes"]

_AREA_SLACK_PX: Final = 50.0
_AREA_SLACK_SHARE: Final = 0.20
_BOX_SLACK_PX: Final = 2.0
_BOX_SLACK_SHARE: Final = 0.05

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


def stated_areas(entries: Sequence[dict[str, Any]]) -> Floats:
    """The areas of annotations: float64 (n,), NaN where nothing comparable is stated."""
    return _numbers(column(entries, "area"))


def stated_boxes(entries: Sequence[dict[str, Any]], *, sizes: Integers) -> Floats:
    """The boxes of annotations as corners inside their images.

    Parameters
    ----------
    entries : sequence
    sizes : int64 (n, 2)
        Height and width of the image of each.

    Returns
    -------
    float64 (n, 4)
        Left, top, right and bottom edge; NaN where nothing comparable is stated.
    """
    boxes = column(entries, "bbox")
    if set(map(type, boxes)) <= {list} and set(map(len, boxes)) <= {4}:
        stated = _numbers(list(chain.from_iterable(boxes))).reshape(-1, 4)
    else:
        stated = np.array([_box(box) for box in boxes], np.float64).reshape(-1, 4)
    stated[:, 2:] += stated[:, :2]
    # Boxes of clipped polygons may reach out of the image.
    corners: Floats = np.clip(stated, 0, np.tile(sizes[:, ::-1].astype(np.float64), 2))
    return corners


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


def _numbers(values: list[Any]) -> Floats:
    if set(map(type, values)) <= {int, float}:
        try:
            numbers = np.array(values, np.float64)
        except OverflowError:  # an integer beyond 1.8e308
            pass
        else:
            if (np.abs(numbers) < 1e299).all():
                return numbers
    return np.array([_number(value) for value in values], np.float64)


def _number(value: object) -> float:
    """NaN where nothing comparable is stated."""
    if (type(value) is float or type(value) is int) and -1e300 < value < 1e300:
        return float(value)
    return float("nan")


def _box(value: object) -> list[float]:
    if not isinstance(value, list) or len(value) != 4:
        return [np.nan] * 4
    return [_number(v) for v in value]
