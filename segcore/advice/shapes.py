"""What was measured of every object, as columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
import numpy.typing as npt

from segcore.advice.filling import fill
from segcore.advice.masks import Masks
from segcore.advice.rectangles import smallest_rectangles
from segcore.advice.vertices import coarser
from segcore.advice.widths import thin

__all__ = ["LEVELS", "MAX_CORNERS", "Shapes", "measured"]

LEVELS: Final = (*range(3, 25), 26, 28, 30, 32, 36, 40, 45, 50, 56, 64, 72, 80, 90, 100, 112, 128)
"""How many vertices polygons are tried with."""

MAX_CORNERS: Final = 1 << 17
"""An outline of more corners than this is taken for one that no polygon captures."""

_I = npt.NDArray[np.int64]
_B = npt.NDArray[np.bool_]
_F = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shapes:
    """Objects, a row each.

    Attributes
    ----------
    area_px, box_px : int64 (n,)
        Pixels of the object and of its tight box.
    rectangle_px : float64 (n,)
        Of the smallest rectangle at any angle.
    parts, holes : int64 (n,)
        Connected parts, and holes of at least one pixel; corners connect parts.
    corners : int64 (n,)
        Of its outline along the pixels.
    thin : bool (n,)
    iou : float64 (n, L)
        The best IoU that was found with at most so many vertices; see :data:`LEVELS`.
    polygon_px : int64 (n, L)
        Pixels of that polygon.
    """

    area_px: _I
    box_px: _I
    rectangle_px: _F
    parts: _I
    holes: _I
    corners: _I
    thin: _B
    iou: _F
    polygon_px: _I

    def __len__(self) -> int:
        return len(self.area_px)

    def take(self, items: _I) -> Shapes:
        """Some of the rows."""
        return Shapes(**{f.name: getattr(self, f.name)[items] for f in fields(self)})

    @classmethod
    def joined(cls, parts: Sequence[Shapes]) -> Shapes:
        """The rows of several, one after the other; not empty."""
        return cls(
            **{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls)}
        )


def measured(masks: Masks) -> Shapes:
    """The shapes of masks; what is found of one does not depend on the others."""
    outline = masks.outline
    n = len(masks)
    corners = np.bincount(outline.owner, np.diff(outline.offsets), minlength=n).astype(np.int64)
    parts = np.bincount(outline.owner, outline.area2 > 0, minlength=n).astype(np.int64)
    rings = np.bincount(outline.owner, minlength=n)
    area = masks.areas_px
    iou = np.zeros((n, len(LEVELS)))
    polygon = np.zeros((n, len(LEVELS)), np.int64)
    for level, kept in coarser(outline, objects=n, levels=LEVELS[::-1], most=MAX_CORNERS):
        filled = fill(
            masks, outline.u[kept.at], outline.v[kept.at], offsets=kept.offsets, owner=outline.owner
        )
        at = LEVELS.index(level)
        union = area + filled.area_px - filled.intersection
        iou[:, at] = np.where(union > 0, filled.intersection / np.maximum(union, 1), 0.0)
        polygon[:, at] = filled.area_px
    best = _best_so_far(iou)
    rows = np.arange(n)[:, None]
    return Shapes(
        area_px=area,
        box_px=masks.lines * (masks.step - 1),
        rectangle_px=smallest_rectangles(masks),
        parts=parts,
        holes=rings - parts,
        corners=corners,
        thin=thin(masks),
        iou=iou[rows, best],
        polygon_px=polygon[rows, best],
    )


def _best_so_far(iou: _F) -> _I:
    """The column of the best value up to each column, the first of equals."""
    top = np.maximum.accumulate(iou, axis=1)
    first = np.zeros(iou.shape, np.int64)
    rises = np.ones(iou.shape, np.bool_)
    rises[:, 1:] = top[:, 1:] > top[:, :-1]
    first[rises] = np.broadcast_to(np.arange(iou.shape[1]), iou.shape)[rises]
    return np.maximum.accumulate(first, axis=1)
