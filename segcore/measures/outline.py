"""What a semantic pair says about its outlines: bands for Boundary IoU, distances of surfaces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from segcore import kernels
from segcore.annotation import ImageAnnotation
from segcore.dilation import Dilation
from segcore.faults import Fault, Severity
from segcore.kernels import CodedPixels
from segcore.kernels.arrays import Values
from segcore.limits import MAX_SURFACE_PIXELS
from segcore.measures.class_map import ClassMap
from segcore.measures.measured import Measured, refused_count
from segcore.measures.semantic import SemanticMeasure
from segcore.semantic_tally import SemanticTally
from segcore.surface_tally import SurfaceTally
from segcore.tally import Tally

__all__ = ["OutlineMeasure"]


@dataclass(kw_only=True, eq=False)
class OutlineMeasure:
    """Counts pixels, and of their outlines what was asked for, image by image.

    What the gold ignores lies outside every mask of either side.  So what was delivered there plays
    no part, and where a class meets void it has its outline on both sides.

    Parameters
    ----------
    pixels : SemanticMeasure
    dilation : Dilation or None
        How wide the band of Boundary IoU is; None counts none.
    surfaces : bool
        Whether the distances between surfaces are counted.
    """

    pixels: SemanticMeasure
    dilation: Dilation | None
    surfaces: bool

    def __call__(
        self, gold: ImageAnnotation, delivery: ImageAnnotation | None
    ) -> Measured[SemanticTally]:
        """Count one image; see :class:`SemanticMeasure`."""
        measured = self.pixels(gold, delivery)
        faults, rejected = measured.faults, measured.rejected
        boundary, surfaces = None, None
        refused = any(fault.severity is Severity.ERROR for fault in faults)
        if (self.dilation is not None or self.surfaces) and not refused:
            maps = self.pixels.code_maps(gold, delivery)
            if self.dilation is not None:
                boundary = self._boundary(*maps, self.dilation)
            if self.surfaces:
                sides = self._surface(maps[0]), self._surface(maps[1])
                here = _too_many(sides[0], gold, self.pixels.gold)
                there = [] if delivery is None else _too_many(sides[1], delivery, self.pixels.delivery)
                faults = (*faults, *here, *there)
                rejected = rejected[0] + refused_count(here), rejected[1] + refused_count(there)
                if not here and not there:
                    surfaces = SurfaceTally.measure(*sides)
        return Measured(
            tally=SemanticTally(pixels=measured.tally, boundary=boundary, surfaces=surfaces),
            faults=faults,
            rejected=rejected,
            ignored=measured.ignored,
        )

    def _boundary(self, gold: Values, delivery: Values, dilation: Dilation) -> Tally:
        """The joint table of the two sides' bands."""
        k = self.pixels.num_classes
        height, width = gold.shape  # or the other way round
        width_px = dilation.of(height=height, width=width)
        bands = [
            _within(kernels.band(codes, width_px=width_px), codes, other=k) for codes in (gold, delivery)
        ]
        same = np.arange(1 << 8 * gold.itemsize, dtype=np.int32).clip(max=k)
        table = kernels.joint_dense(bands[0], bands[1], same, same, size=k + 1)
        table[k, k] = 0
        return Tally.from_table(table)

    def _surface(self, codes: Values) -> CodedPixels:
        """The surface pixels of all classes."""
        found = kernels.surface(codes)
        found &= codes < self.pixels.num_classes
        positions = np.flatnonzero(found)
        return CodedPixels(
            shape=(codes.shape[0], codes.shape[1]),
            positions=positions,
            codes=codes.reshape(-1)[positions].astype(np.int32),
        )


def _within(band: npt.NDArray[np.bool_], codes: Values, *, other: int) -> Values:
    """The codes in the band; elsewhere ``other`` or a higher one."""
    outside = np.logical_not(band, out=band) * codes.dtype.type(other)
    found: Values = np.maximum(codes, outside, out=outside)
    return found


def _too_many(surface: CodedPixels, annotation: ImageAnnotation, classes: ClassMap) -> list[Fault]:
    if len(surface) <= MAX_SURFACE_PIXELS:
        return []
    return [
        Fault(
            code="limits.surface",
            file=classes.place(annotation),
            image=annotation.key,
            expected=f"at most {MAX_SURFACE_PIXELS} pixels",
            got=str(len(surface)),
        )
    ]
