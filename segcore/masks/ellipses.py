"""Ellipses as runs: the pixels whose centres lie in one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from segcore.annotation import RunMask
from segcore.errors import RefusedMaskError
from segcore.limits import MAX_IMAGE_STEPS, MAX_RING_STEPS
from segcore.masks.batch import MaskBatch, MaskProblem

__all__ = ["Ellipse", "draw_ellipses", "turn"]

_FRAME_FACTOR: Final = 4
"""An ellipse beyond this many frame sizes is a mistake, as it is for the coordinates of polygons."""

_CLIP_SLACK_PX: Final = 1.0
"""Tools round to the border; only what reaches further out is worth a warning."""

_TIE_PX: Final = 1e-9
"""A pixel centre on the outline is inside, whichever way the last bit was rounded."""

_QUARTERS: Final[dict[float, tuple[float, float]]] = {
    0: (1.0, 0.0), 90: (0.0, 1.0), 180: (-1.0, 0.0), 270: (0.0, -1.0),
}  # fmt: skip


def turn(degrees: float) -> tuple[float, float]:
    """Cosine and sine of a finite angle, exact for quarter turns."""
    degrees %= 360
    if degrees in _QUARTERS:
        return _QUARTERS[degrees]
    return math.cos(math.radians(degrees)), math.sin(math.radians(degrees))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ellipse:
    """An ellipse, perhaps turned, in pixels; x points right and y down.

    Attributes
    ----------
    x, y : float
        The centre; that of the first pixel is at (0.5, 0.5).
    rx, ry : float
        The radii, before the turn.
    cos, sin : float
        Of the clockwise turn about the centre.
    """

    x: float
    y: float
    rx: float
    ry: float
    cos: float = 1.0
    sin: float = 0.0

    def columns(self, width: int) -> int:
        """Columns of pixels inside the image that it may touch: what filling it costs."""
        first, last = self._span(width)
        return max(last - first, 0)

    def fill(self, *, height: int, width: int) -> RunMask:
        """The pixels whose centres lie inside, at least one.

        Raises
        ------
        RefusedMaskError
            ``poly.zero_area``, ``poly.out_of_bounds``, ``poly.too_many_points`` or
            ``poly.empty_after_clip``.
        """
        if min(self.rx, self.ry) < _TIE_PX:
            got = f"{self.rx:.6g} x {self.ry:.6g} px"
            raise RefusedMaskError("poly.zero_area", f"radii of at least {_TIE_PX:g} px", got)
        limit = _FRAME_FACTOR * max(width, height)
        left, right, top, bottom = self._box()
        if not max(-left, right, -top, bottom) <= limit:
            got = f"{max(-left, right, -top, bottom):.6g}"
            raise RefusedMaskError("poly.out_of_bounds", f"coordinates up to {limit}", got)
        if (n := self.columns(width)) > MAX_RING_STEPS:
            raise RefusedMaskError("poly.too_many_points", f"at most {MAX_RING_STEPS} px wide", f"{n}")
        # Of every column of pixels it covers one stretch, which lies about a line through its centre.
        first, last = self._span(width)
        columns = np.arange(first, max(last, first))
        half_width = self._half_size()[0]
        dx = columns + 0.5 - self.x
        a, b = self.rx / half_width, self.ry / half_width
        middle = self.y + (a - b) * (a + b) * self.sin * self.cos * dx
        reach = a * b * np.sqrt(np.maximum((half_width - dx) * (half_width + dx), 0.0))
        begin = np.clip(np.ceil(middle - reach - 0.5 - _TIE_PX), 0, height).astype(np.int64)
        end = np.clip(np.floor(middle + reach - 0.5 + _TIE_PX) + 1, 0, height).astype(np.int64)
        some = begin < end
        if not some.any():
            code = "poly.empty_after_clip" if self._over(height, width) > 0 else "poly.zero_area"
            raise RefusedMaskError(code, "at least one pixel centre inside", "none")
        starts, ends = (columns * height + begin)[some], (columns * height + end)[some]
        # Columns that are covered from top to bottom follow each other without a gap.
        gap = starts[1:] > ends[:-1]
        starts, ends = starts[np.append(True, gap)], ends[np.append(gap, True)]
        return RunMask(
            height=height, width=width, starts=starts.astype(np.int32), ends=ends.astype(np.int32)
        )

    def warnings(self, *, height: int, width: int) -> tuple[MaskProblem, ...]:
        """What is odd about an ellipse that was filled: ``poly.clipped``."""
        over = self._over(height, width)
        if over <= _CLIP_SLACK_PX:
            return ()
        got = f"{over:.6g} px over the border"
        return (MaskProblem(item=0, code="poly.clipped", expected="inside the image", got=got),)

    def _half_size(self) -> tuple[float, float]:
        """Half the width and half the height of its bounding box."""
        return (
            math.hypot(self.rx * self.cos, self.ry * self.sin),
            math.hypot(self.rx * self.sin, self.ry * self.cos),
        )

    def _box(self) -> tuple[float, float, float, float]:
        """Left, right, top and bottom edge."""
        across, down = self._half_size()
        return self.x - across, self.x + across, self.y - down, self.y + down

    def _span(self, width: int) -> tuple[int, int]:
        """The first column, and the one behind the last."""
        left, right, _, _ = self._box()
        first, last = math.ceil(left - 0.5 - _TIE_PX), math.floor(right - 0.5 + _TIE_PX)
        return max(first, 0), min(last + 1, width)

    def _over(self, height: int, width: int) -> float:
        """How far it reaches over the border."""
        left, right, top, bottom = self._box()
        return max(-left, right - width, -top, bottom - height)


def draw_ellipses(ellipses: Sequence[Ellipse], *, height: int, width: int) -> MaskBatch:
    """The masks of the ellipses of one image; their columns count as steps."""
    columns = 0
    starts: list[npt.NDArray[np.int32]] = [np.empty(0, np.int32)]
    ends, sizes = list(starts), [0]
    problems: list[MaskProblem] = []
    refused = np.zeros(len(ellipses), np.bool_)
    for item, ellipse in enumerate(ellipses):
        try:
            if columns > MAX_IMAGE_STEPS:
                expected = f"boundaries of at most {MAX_IMAGE_STEPS} px an image"
                raise RefusedMaskError("poly.too_many_points", expected, f"{columns}")
            mask = ellipse.fill(height=height, width=width)
            columns += ellipse.columns(width)
        except RefusedMaskError as e:
            problems.append(MaskProblem(item=item, code=e.code, expected=e.expected, got=e.got))
            refused[item] = True
            sizes.append(0)
            continue
        warnings = ellipse.warnings(height=height, width=width)
        problems += [replace(warning, item=item) for warning in warnings]
        starts.append(mask.starts)
        ends.append(mask.ends)
        sizes.append(len(mask.starts))
    return MaskBatch(
        starts=np.concatenate(starts),
        ends=np.concatenate(ends),
        offsets=np.cumsum(np.array(sizes, np.int64)),
        refused=refused,
        problems=tuple(problems),
        steps=float(columns),
    )
