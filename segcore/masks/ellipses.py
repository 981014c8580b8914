"""Ellipses to runs: a pixel belongs to an ellipse if its centre lies in it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from segcore.annotation import RunMask
from segcore.errors import RefusedMaskError
from segcore.limits import MAX_RING_STEPS
from segcore.masks.batch import MaskProblem

__all__ = ["Ellipse", "quarter_turns"]

_FRAME_FACTOR: Final = 4
"""An ellipse beyond this many frame sizes is a mistake, as it is for the coordinates of polygons."""

_CLIP_SLACK_PX: Final = 1.0
"""Tools round to the border; only what reaches further out is worth a warning."""

_TIE_PX: Final = 1e-9
"""A pixel centre on the outline is inside, whichever way the last bit was rounded."""

_QUARTERS: Final[dict[float, tuple[float, float]]] = {
    0: (1.0, 0.0), 90: (0.0, 1.0), 180: (-1.0, 0.0), 270: (0.0, -1.0),
}  # fmt: skip


def quarter_turns(degrees: float) -> tuple[float, float]:
    """Cosine and sine of a finite angle, exact for quarter turns."""
    degrees %= 360
    if degrees in _QUARTERS:
        return _QUARTERS[degrees]
    return math.cos(math.radians(degrees)), math.sin(math.radians(degrees))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ellipse:
    """An ellipse in pixels; all numbers are finite.

    Attributes
    ----------
    x, y : float
        The centre; pixel (0, 0) reaches from 0 to 1.
    rx, ry : float
        The radii, before the turn.
    degrees : float
        Clockwise on a screen, whose y points down.
    """

    x: float
    y: float
    rx: float
    ry: float
    degrees: float = 0.0

    def draw(
        self, *, height: int, width: int, count: Callable[[int], None] = lambda _: None
    ) -> tuple[RunMask, tuple[MaskProblem, ...]]:
        """The pixels whose centres lie in it, and warnings.

        Parameters
        ----------
        height, width : int
            Size of the image in pixels.
        count : callable
            Told how many columns are about to be computed; may raise.

        Raises
        ------
        RefusedMaskError
            ``poly.zero_area``, ``poly.out_of_bounds``, ``poly.empty_after_clip`` or
            ``poly.too_many_points``.
        """
        x, y, rx, ry = self.x, self.y, self.rx, self.ry
        if min(rx, ry) < _TIE_PX:
            got = f"{rx:.6g} x {ry:.6g} px"
            raise RefusedMaskError("poly.zero_area", f"radii of at least {_TIE_PX:g} px", got)
        cos, sin = quarter_turns(self.degrees)
        # Half the size of its bounding box.
        half_width, half_height = math.hypot(rx * cos, ry * sin), math.hypot(rx * sin, ry * cos)
        left, right, top, bottom = x - half_width, x + half_width, y - half_height, y + half_height
        limit = _FRAME_FACTOR * max(width, height)
        if not max(-left, right, -top, bottom) <= limit:
            got = f"{max(-left, right, -top, bottom):.6g}"
            raise RefusedMaskError("poly.out_of_bounds", f"coordinates up to {limit}", got)
        over = max(-left, right - width, -top, bottom - height)
        # Of every column of pixels it covers one stretch, which lies about a line through its centre.
        first, last = math.ceil(left - 0.5 - _TIE_PX), math.floor(right - 0.5 + _TIE_PX)
        n = max(min(last + 1, width) - max(first, 0), 0)
        if n > MAX_RING_STEPS:
            raise RefusedMaskError("poly.too_many_points", f"at most {MAX_RING_STEPS} px wide", f"{n}")
        count(n)
        columns = np.arange(max(first, 0), min(last + 1, width))
        dx = columns + 0.5 - x
        a, b = rx / half_width, ry / half_width
        middle = y + (a - b) * (a + b) * sin * cos * dx
        reach = a * b * np.sqrt(np.maximum((half_width - dx) * (half_width + dx), 0.0))
        begin = np.clip(np.ceil(middle - reach - 0.5 - _TIE_PX), 0, height).astype(np.int64)
        end = np.clip(np.floor(middle + reach - 0.5 + _TIE_PX) + 1, 0, height).astype(np.int64)
        some = begin < end
        if not some.any():
            code = "poly.empty_after_clip" if over > 0 else "poly.zero_area"
            raise RefusedMaskError(code, "at least one pixel centre inside", "none")
        starts, ends = (columns * height + begin)[some], (columns * height + end)[some]
        # Columns that are covered from top to bottom follow each other without a gap.
        gap = starts[1:] > ends[:-1]
        starts, ends = starts[np.append(True, gap)], ends[np.append(gap, True)]
        warnings: tuple[MaskProblem, ...] = ()
        if over > _CLIP_SLACK_PX:
            got = f"{over:.6g} px over the border"
            problem = MaskProblem(item=0, code="poly.clipped", expected="inside the image", got=got)
            warnings = (problem,)
        mask = RunMask(
            height=height, width=width, starts=starts.astype(np.int32), ends=ends.astype(np.int32)
        )
        return mask, warnings
