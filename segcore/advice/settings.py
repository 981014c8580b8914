"""What the advice goes by: every number a user can change, with where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from segcore.advice.shapes import LEVELS
from segcore.errors import UsageError
from segcore.wording import show

__all__ = ["SOURCES", "TARGETS", "Settings"]

TARGETS: Final = (0.90, 0.95, 0.98)
"""The IoU that vertices are counted for."""

_ARTICLE: Final = "aitaggers.com.au, semantic segmentation services guide, May 2026"
_POLYGONS: Final = "aitaggers.com.au, polygon annotation guide, May 2026"

SOURCES: Final[Mapping[str, str]] = {
    "background": f"{_POLYGONS}: more than 30 % background in the box, and a polygon pays",
    "vertices": f"{_ARTICLE}: would a 20-vertex polygon capture this shape?",
    "iou": "proposal: a polygon of this IoU captures a shape",
    "served": "proposal: so many objects of a class must be served by what is drawn",
    "exact_area": f"{_POLYGONS}: what needs pixel-exact area needs segmentation",
    "support": "proposal: 10 images or 30 objects before a class counts as seen",
    "smallest_px": "proposal: connected parts below this size are specks of a label map",
    "covered": "proposal: so much of the images has a class where every pixel was labelled",
}
"""Where each number comes from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What is enough.

    Attributes
    ----------
    background : float
        The largest share of a box that may be background.
    vertices : int
        The most vertices a polygon may have; past it, a mask.
    iou : float
        What a polygon must reach to capture an object.
    served : float
        The share of the objects of a class that must be captured.
    exact_area : frozenset of str
        Classes whose pixels will be counted, so that no outline will do.
    images, objects : int
        A class with fewer images and fewer objects than this is told by too few.
    smallest_px : int
        Connected parts of a label map below this size are no objects.
    covered : float
        The share of pixels with a class from which images count as labelled everywhere.
    """

    background: float = 0.30
    vertices: int = 20
    iou: float = 0.90
    served: float = 0.75
    exact_area: frozenset[str] = frozenset()
    images: int = 10
    objects: int = 30
    smallest_px: int = 16
    covered: float = 0.90

    def __post_init__(self) -> None:
        for name in ("background", "iou", "served", "covered"):
            value = getattr(self, name)
            if not 0 < value < 1:
                hint = f"; did you mean {value / 100:g}?" if 1 < value < 100 else ""
                raise UsageError(f"{name} must be a share between 0 and 1, got {show(value)}{hint}")
        if not LEVELS[0] <= self.vertices <= LEVELS[-1]:
            raise UsageError(
                f"vertices must be {LEVELS[0]} to {LEVELS[-1]}, got {self.vertices}: polygons of more "
                "are not tried"
            )
