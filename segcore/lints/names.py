"""The lints by name, and what each of them is told."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Lint", "LintSettings"]


class Lint(enum.StrEnum):
    """One kind of thing that is wrong with a delivery whatever its scores are."""

    UNKNOWN_CLASS = "unknown-class"
    """A class that the ontology does not have."""
    UNDECODABLE_MASK = "undecodable-mask"
    """A mask that cannot be read."""
    EMPTY_MASK = "empty-mask"
    """A mask without a pixel, or an image of classes without a class."""
    TINY_MASK = "tiny-mask"
    """A mask of a few pixels in all."""
    SPECK = "speck"
    """A part of a mask of a few pixels, apart from the rest."""
    HOLE = "hole"
    """A few pixels that nothing claims, in the midst of what is claimed."""
    OVERLAP = "overlap"
    """Pixels that lie in two regions."""
    UNCOVERED = "uncovered"
    """Pixels that lie in none."""
    DUPLICATE_INSTANCE = "duplicate-instance"
    """The same object twice."""
    SELF_INTERSECTION = "self-intersection"
    """A polygon that crosses itself."""
    TOO_FEW_VERTICES = "too-few-vertices"
    """A polygon drawn with too few points."""
    TOO_MANY_VERTICES = "too-many-vertices"
    """A polygon drawn with too many points."""
    OUT_OF_BOUNDS = "out-of-bounds"
    """A mask that reaches out of its image."""
    BBOX_MISMATCH = "bbox-mismatch"
    """A box that is not that of the mask."""
    AREA_MISMATCH = "area-mismatch"
    """An area that is not that of the mask."""
    WHOLE_IMAGE_MASK = "whole-image-mask"
    """A mask as large as its image."""
    BLOCKY_MASK = "blocky-mask"
    """A mask that was enlarged by repeating its pixels."""
    SHIFTED = "shifted"
    """A delivery that fits the gold better when all of it is moved."""
    MIRRORED = "mirrored"
    """A delivery that fits the gold better when all of it is mirrored or turned."""
    SWAPPED_CLASS = "swapped-class"
    """A class that is delivered under the name of another one."""

    @property
    def needs_gold(self) -> bool:
        """Whether the delivery is compared with the gold."""
        return self in _COMPARING

    @property
    def always_refused(self) -> bool:
        """Whether an input with such a finding is refused whoever asks."""
        return self in {Lint.UNKNOWN_CLASS, Lint.UNDECODABLE_MASK}


_COMPARING = frozenset({Lint.SHIFTED, Lint.MIRRORED, Lint.SWAPPED_CLASS})


@dataclass(frozen=True, slots=True, kw_only=True)
class LintSettings:
    """What the lints are told; each reads its own.

    Attributes
    ----------
    tiny_px, speck_px, hole_px : int
        The most pixels of a tiny mask, a speck, a hole.
    overlap_px, uncovered_px : int
        Pixels of an image that may lie in two regions, or in none.
    duplicate_iou : float
        From which on two objects of a class are one.
    min_vertices, max_vertices : mapping of str to int
        By class name; ``default`` is for the classes that are not named, without it they may have any.
    whole_share : float
        Share of the image from which on a mask is as large as it.
    shift_px : int
        How far the delivery is moved at most, in rows and in columns.
    shift_gain, mirror_gain : float
        By how much the IoU has to rise.
    swap_share : float
        Share of the pixels of a gold class that are delivered as one other class.
    images : int
        With fewer pairs of images nothing is said about a delivery as a whole.
    """

    tiny_px: int = 16
    speck_px: int = 16
    hole_px: int = 16
    overlap_px: int = 0
    uncovered_px: int = 0
    duplicate_iou: float = 0.95
    min_vertices: Mapping[str, int] = field(default_factory=dict)
    max_vertices: Mapping[str, int] = field(default_factory=dict)
    whole_share: float = 0.99
    shift_px: int = 16
    shift_gain: float = 0.02
    mirror_gain: float = 0.1
    swap_share: float = 0.8
    images: int = 3
