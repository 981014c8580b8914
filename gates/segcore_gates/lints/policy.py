"""The section ``lints`` of a policy: every lint is an error, a warning or off."""

from __future__ import annotations

import enum
from typing import Annotated, Any

from pydantic import ConfigDict, Discriminator, Field, Tag

from segcore_gates.gate_base import Model
from segcore_gates.gate_values import kind

__all__ = ["LintLevel", "LintOptions", "Lints"]


class LintLevel(enum.StrEnum):
    """What findings of a lint do to the batch."""

    ERROR = "error"
    """They reject it."""
    WARN = "warn"
    """They are reported and never reject."""
    OFF = "off"
    """Nobody looks for them."""


_SEVERITY = "error rejects the batch, warn never does, off does not look."
_Count = Annotated[int, Field(strict=True, ge=0)]
_Few = Annotated[int, Field(strict=True, ge=1)]
_Part = Annotated[float, Field(strict=True, gt=0, le=1)]


class LintOptions(Model):
    """A lint with more to say than its severity; without one it has that of ``defaults``."""

    severity: LintLevel | None = Field(default=None, description=_SEVERITY)


class Small(LintOptions):
    """A lint of masks, parts or holes of a few pixels."""

    max_area: _Few | None = Field(
        default=None, description="So many pixels or fewer are a finding; 16 without this key."
    )


class Allowed(LintOptions):
    """A lint that some pixels of an image may break."""

    max_pixels: _Count | None = Field(
        default=None, description="So many pixels of an image may be so; 0 without this key."
    )


class Duplicate(LintOptions):
    """The same object twice."""

    iou: _Part | None = Field(
        default=None,
        description="From this IoU on two objects of a class are one; 0.95 without this key.",
    )


_Vertices = Annotated[
    Annotated[_Few, Tag("<text>")] | Annotated[dict[str, _Few], Field(min_length=1), Tag("<mapping>")],
    Discriminator(kind),
]


class FewVertices(LintOptions):
    """Polygons with too few points."""

    min_vertices: _Vertices = Field(
        description="The fewest points of the longest ring of a polygon; one number, or by class."
    )


class ManyVertices(LintOptions):
    """Polygons with too many points."""

    max_vertices: _Vertices = Field(
        description="The most points of the longest ring of a polygon; one number, or by class."
    )


class Whole(LintOptions):
    """Masks as large as their image."""

    share: _Part | None = Field(
        default=None,
        description="From this share of the image on a mask is as large as it; 0.99 without this key.",
    )


class Moved(LintOptions):
    """A delivery that fits better elsewhere."""

    max_shift: Annotated[int, Field(strict=True, ge=1, le=64)] | None = Field(
        default=None, description="How many pixels it is moved at most; 16 without this key."
    )
    min_gain: _Part | None = Field(
        default=None, description="By how much the IoU has to rise; 0.02 without this key."
    )


class Mirrored(LintOptions):
    """A delivery that fits better mirrored or turned."""

    min_gain: _Part | None = Field(
        default=None, description="By how much the IoU has to rise; 0.1 without this key."
    )


class Swapped(LintOptions):
    """A class that is delivered as another one."""

    share: _Part | None = Field(
        default=None,
        description="Share of the gold pixels of a class that are the other one; 0.8 without this key.",
    )


_Level = Annotated[LintLevel, Tag("<text>")]
_Plain = Annotated[_Level | Annotated[LintOptions, Tag("<mapping>")], Discriminator(kind)]
_Small = Annotated[_Level | Annotated[Small, Tag("<mapping>")], Discriminator(kind)]
_Allowed = Annotated[_Level | Annotated[Allowed, Tag("<mapping>")], Discriminator(kind)]
_Duplicate = Annotated[_Level | Annotated[Duplicate, Tag("<mapping>")], Discriminator(kind)]
_Few_ = Annotated[_Level | Annotated[FewVertices, Tag("<mapping>")], Discriminator(kind)]
_Many_ = Annotated[_Level | Annotated[ManyVertices, Tag("<mapping>")], Discriminator(kind)]
_Whole = Annotated[_Level | Annotated[Whole, Tag("<mapping>")], Discriminator(kind)]
_Moved = Annotated[_Level | Annotated[Moved, Tag("<mapping>")], Discriminator(kind)]
_Mirrored = Annotated[_Level | Annotated[Mirrored, Tag("<mapping>")], Discriminator(kind)]
_Swapped = Annotated[_Level | Annotated[Swapped, Tag("<mapping>")], Discriminator(kind)]


def _lint(name: str, what: str) -> Any:
    return Field(default=None, alias=name, description=f"{what} error, warn or off.")


class Lints(Model):
    """What is looked for; a lint that is not named is off."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=False)

    unknown_class: _Plain | None = _lint(
        "unknown-class", "A class that the ontology does not have. The input is refused anyway: only"
    )
    undecodable_mask: _Plain | None = _lint(
        "undecodable-mask", "A mask that cannot be read. The input is refused anyway: only"
    )
    empty_mask: _Plain | None = _lint("empty-mask", "A mask without a pixel:")
    tiny_mask: _Small | None = _lint("tiny-mask", "A mask of a few pixels in all:")
    speck: _Small | None = _lint("speck", "A part of a mask of a few pixels, apart from the rest:")
    hole: _Small | None = _lint("hole", "A hole of a few pixels that nothing fills:")
    overlap: _Allowed | None = _lint("overlap", "Pixels that lie in two regions:")
    uncovered: _Allowed | None = _lint("uncovered", "Pixels that lie in no region:")
    duplicate_instance: _Duplicate | None = _lint("duplicate-instance", "The same object twice:")
    self_intersection: _Plain | None = _lint("self-intersection", "A polygon that crosses itself:")
    too_few_vertices: _Few_ | None = _lint("too-few-vertices", "A polygon with too few points:")
    too_many_vertices: _Many_ | None = _lint("too-many-vertices", "A polygon with too many points:")
    out_of_bounds: _Plain | None = _lint("out-of-bounds", "A mask that reaches out of its image:")
    bbox_mismatch: _Plain | None = _lint("bbox-mismatch", "A box that is not that of the mask:")
    area_mismatch: _Plain | None = _lint("area-mismatch", "An area that is not that of the mask:")
    whole_image_mask: _Whole | None = _lint("whole-image-mask", "A mask as large as its image:")
    blocky_mask: _Plain | None = _lint("blocky-mask", "A mask enlarged by repeating its pixels:")
    shifted: _Moved | None = _lint("shifted", "A delivery that fits the gold better when moved:")
    mirrored: _Mirrored | None = _lint(
        "mirrored", "A delivery that fits the gold better when mirrored or turned:"
    )
    swapped_class: _Swapped | None = _lint(
        "swapped-class", "A class that is delivered under the name of another one:"
    )
