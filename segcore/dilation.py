"""How wide the band is that counts as boundary."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Final

from segcore.errors import UsageError

__all__ = ["Dilation", "require_boundaries"]

_PIXELS: Final = re.compile(r"([0-9]{1,6}) ?px")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dilation:
    """The width of the band inside the outline of a mask, by share of the diagonal or in pixels.

    Exactly one of the two is given.

    Attributes
    ----------
    share : float or None
        Of the diagonal of the image, above 0 and at most 1; Boundary IoU (Cheng et al., CVPR 2021)
        takes 0.02 for COCO and LVIS, and 0.005 for Cityscapes.
    px : int or None
        Pixels, 1 or more, whatever the size of the image.

    Raises
    ------
    UsageError
        Neither or both are given, or one is out of range.
    """

    share: float | None = None
    px: int | None = None

    def __post_init__(self) -> None:
        if (self.share is None) == (self.px is None):
            raise UsageError("a dilation is a share of the diagonal or a number of pixels, not both")
        if self.share is not None and not 0 < self.share <= 1:
            raise UsageError(
                f"a dilation as a share lies above 0 and at most at 1, got {self.share}; pixels are "
                "written with their unit, such as 5px"
            )
        if self.px is not None and self.px < 1:
            raise UsageError(f"a dilation in pixels is 1 or more, got {self.px}")

    @classmethod
    def parse(cls, given: Dilation | float | str) -> Dilation:
        """A dilation as people write it: ``0.02`` is a share, ``5px`` are pixels.

        Raises
        ------
        UsageError
            It is neither.
        """
        if isinstance(given, Dilation):
            return given
        if isinstance(given, str) and (pixels := _PIXELS.fullmatch(given)):
            return cls(px=int(pixels[1]))
        try:
            return cls(share=float(given))
        except ValueError:
            raise UsageError(
                "a dilation is a share of the diagonal such as 0.02, or pixels such as 5px, "
                f"got {given!r}"
            ) from None

    @property
    def narrower(self) -> Dilation | None:
        """A quarter of it; None where that is less than a pixel."""
        if self.share is not None:
            return Dilation(share=self.share / 4)
        return Dilation(px=self.px // 4) if self.px is not None and self.px >= 4 else None

    def of(self, *, height: int, width: int) -> int:
        """The width of the band in an image of this size, in pixels; at least 1.

        Rounded as the reference implementation does, halves to even.
        """
        if self.share is None:
            return self.px or 1  # never None, where there is no share
        return max(1, round(self.share * math.hypot(height, width)))

    def __str__(self) -> str:
        return f"{self.px}px" if self.px is not None else f"{self.share}"


def require_boundaries(dilation: Dilation | None) -> None:
    """Refuse to say anything of boundaries that were not measured.

    Raises
    ------
    UsageError
        There is no width.
    """
    if dilation is None:
        raise UsageError(
            "boundaries were not measured: give their width, such as dilation=0.02 (of the "
            "diagonal) or dilation='5px'"
        )
