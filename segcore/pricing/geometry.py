"""What can be drawn around an object."""

from __future__ import annotations

from enum import Enum

__all__ = ["Geometry"]


class Geometry(Enum):
    """What is drawn around an object, the cheapest first."""

    BOX = "box"
    ROTATED_BOX = "rotated-box"
    POLYGON = "polygon"
    MASK = "mask"
