"""How good outlines are: pure functions of the distances that were counted.

A surface pixel of a mask has one of its four neighbours outside the mask, or outside the image
(MONAI, Metrics Reloaded).  Distances go from its centre to the centre of the nearest surface pixel
of the other side, in the same image and class.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from segcore.class_scores import ratio
from segcore.errors import UsageError
from segcore.kernels import NOWHERE
from segcore.ontology import Ontology
from segcore.surface_tally import Histograms, ImageSurfaces, SurfaceTable

__all__ = ["SurfaceScores", "Tolerance", "assd", "hd95", "mean_of", "surface_scores"]

_MAX_SQUARED: Final = 1 << 60
"""More than any image has."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """How far apart two surfaces may lie and still agree.

    Compared in whole squared pixels, without rounding: 0.3 mm at 0.1 mm a pixel are 3 pixels.

    Attributes
    ----------
    distance : float
        In pixels, or in millimetres where ``spacing_mm`` is given; 0 or more.
    spacing_mm : float or None
        Side of a (square) pixel.  Pixels that are not square need other distances, which are not
        measured.

    Raises
    ------
    UsageError
        Either number is out of range.
    """

    distance: float
    spacing_mm: float | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.distance) and self.distance >= 0):
            raise UsageError(f"a tolerance is a finite number, 0 or more, got {self.distance}")
        _require_spacing(self.spacing_mm)

    @property
    def squared_px(self) -> int:
        """The largest squared distance, in pixels, that is within."""
        spacing = 1.0 if self.spacing_mm is None else self.spacing_mm
        exact = (Fraction(str(self.distance)) / Fraction(str(spacing))) ** 2
        squared = min(math.floor(exact), _MAX_SQUARED)
        # A root that was rounded down, as that of 13, is within itself.
        return squared + (math.sqrt(squared + 1) * spacing <= self.distance)

    def __str__(self) -> str:
        return f"{self.distance:g} {'px' if self.spacing_mm is None else 'mm'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceScores:
    """The surfaces of one class, over all images.

    Counts that depend on the tolerance are None where none was given, and so is what follows
    from them.

    Attributes
    ----------
    name : str
    gold_surface_px, delivery_surface_px : int
        Surface pixels of either side, in all images.
    gold_within_px, delivery_within_px : int or None
        Those within the tolerance of the other side's surface.
    hd95, assd : float or None
        See :func:`hd95` and :func:`assd`: mean over the images in which either side has the class,
        in pixels or millimetres; None where there is no such image.
    images, one_sided_images : int
        Images in which either side has the class, and those in which only one has it.
    """

    name: str
    gold_surface_px: int
    delivery_surface_px: int
    gold_within_px: int | None
    delivery_within_px: int | None
    hd95: float | None
    assd: float | None
    images: int
    one_sided_images: int

    @property
    def nsd(self) -> float | None:
        """Normalised surface distance: the share of both surfaces that lies within the tolerance.

        Pooled over images.  Nikolov et al., arXiv 1809.04430 (surface Dice), counted in surface
        pixels as in Metrics Reloaded, where DeepMind's ``surface-distance`` weighs surface
        elements by their length.  0 where only one side has the class, None where neither has.
        """
        if self.gold_within_px is None or self.delivery_within_px is None:
            return None
        within = self.gold_within_px + self.delivery_within_px
        return ratio(within, self.gold_surface_px + self.delivery_surface_px)

    @property
    def boundary_precision(self) -> float | None:
        """Share of the delivered surface within the tolerance of gold's; None if none was delivered."""
        if self.delivery_within_px is None:
            return None
        return ratio(self.delivery_within_px, self.delivery_surface_px)

    @property
    def boundary_recall(self) -> float | None:
        """Share of gold's surface within the tolerance of the delivered one; None if gold has none."""
        if self.gold_within_px is None:
            return None
        return ratio(self.gold_within_px, self.gold_surface_px)

    @property
    def boundary_f1(self) -> float | None:
        """Harmonic mean of boundary precision and recall, both pooled over images.

        Martin et al., TPAMI 2004, and per class Csurka et al., BMVC 2013; a pixel may be matched
        by several.  0 where only one side has the class, None where neither has.
        """
        if self.gold_within_px is None or not self.images:
            return None
        precision, recall = self.boundary_precision or 0.0, self.boundary_recall or 0.0
        return 2 * precision * recall / (precision + recall) if precision + recall else 0.0

    def to_json(self) -> dict[str, Any]:
        """What the record of the class gains: scores of a tolerance only where there is one."""
        found: dict[str, Any] = {"hd95": self.hd95, "assd": self.assd}
        if self.gold_within_px is not None:
            found |= {"nsd": self.nsd, "boundary_f1": self.boundary_f1}
        return found


def surface_scores(
    table: SurfaceTable,
    ontology: Ontology,
    *,
    tolerance: float | None = None,
    spacing_mm: float | None = None,
) -> tuple[SurfaceScores, ...]:
    """The scores of every class, in ontology order.

    Parameters
    ----------
    table : SurfaceTable
    ontology : Ontology
    tolerance : float or None
        In pixels, or in millimetres where ``spacing_mm`` is given; None gives distances only.
    spacing_mm : float or None
        Side of a (square) pixel; distances are then in millimetres.

    Raises
    ------
    UsageError
        A number is out of range.
    """
    within = None
    if tolerance is not None:
        within = Tolerance(distance=tolerance, spacing_mm=spacing_mm).squared_px
    found = []
    for index, name in enumerate(ontology.names):
        images = table.image_surfaces(index)
        gold, delivery = images.gold.totals(), images.delivery.totals()
        scores = SurfaceScores(
            name=name,
            gold_surface_px=int(gold.sum()),
            delivery_surface_px=int(delivery.sum()),
            gold_within_px=None if within is None else int(images.gold.within(within).sum()),
            delivery_within_px=None if within is None else int(images.delivery.within(within).sum()),
            hd95=mean_of(hd95(images, spacing_mm=spacing_mm)),
            assd=mean_of(assd(images, spacing_mm=spacing_mm)),
            images=len(images.keys),
            one_sided_images=int(np.count_nonzero((gold == 0) | (delivery == 0))),
        )
        found.append(scores)
    return tuple(found)


def hd95(images: ImageSurfaces, *, spacing_mm: float | None = None) -> Floats:
    """The 95 % Hausdorff distance of one class, image by image.

    The larger of two 95th percentiles: of the distances from gold's surface to the delivery's, and
    of those back.  Percentiles are interpolated linearly between two distances, as NumPy and MONAI
    do (Hyndman and Fan, type 7).

    Returns
    -------
    float64 (n_images,)
        In pixels or millimetres.  Where only one side has the class, the diagonal of the image:
        the worst value, as Metrics Reloaded asks for.
    """
    two_sided, worst = _two_sided(images, spacing_mm)
    found = np.maximum(_percentile95(images.gold), _percentile95(images.delivery))
    return np.where(two_sided, _scaled(found, spacing_mm), worst)


def assd(images: ImageSurfaces, *, spacing_mm: float | None = None) -> Floats:
    """The average symmetric surface distance of one class, image by image.

    The mean over the surface pixels of both sides of their distance to the other side's surface
    (Heimann et al., IEEE TMI 2009).

    Returns
    -------
    float64 (n_images,)
        In pixels or millimetres; the diagonal of the image where only one side has the class.
    """
    two_sided, worst = _two_sided(images, spacing_mm)
    pixels = images.gold.totals() + images.delivery.totals()
    found = (_sums(images.gold) + _sums(images.delivery)) / pixels
    return np.where(two_sided, _scaled(found, spacing_mm), worst)


def mean_of(values: Iterable[float | None]) -> float | None:
    """The mean of what is defined, whatever the order; None of nothing."""
    defined = [float(value) for value in values if value is not None]
    return math.fsum(defined) / len(defined) if defined else None


def _two_sided(images: ImageSurfaces, spacing_mm: float | None) -> tuple[npt.NDArray[np.bool_], Floats]:
    """In which images both sides have the class, and the diagonals."""
    _require_spacing(spacing_mm)
    two_sided = (images.gold.totals() > 0) & (images.delivery.totals() > 0)
    return two_sided, _scaled(np.sqrt(images.diagonals_squared_px), spacing_mm)


def _percentile95(rows: Histograms) -> Floats:
    """Of the distances of every row, 0 for a row without: float64 (n_rows,)."""
    totals = rows.totals()
    last = np.maximum(totals - 1, 0)
    # The place is 0.95 x last, in whole numbers and twentieths.
    place, twentieths = np.divmod(19 * last, 20)
    running = np.cumsum(rows.pixels)
    begins = np.concatenate([np.zeros(1, np.int64), running])[rows.offsets[:-1]]
    distances = np.append(_distances(rows), 0.0)

    def at(rank: npt.NDArray[np.int64]) -> Floats:
        found = distances[np.searchsorted(running, begins + rank, side="right")]
        return np.where(totals > 0, found, 0.0)

    below, above = at(place), at(np.minimum(place + 1, last))
    return below + (above - below) * (twentieths / 20)


def _sums(rows: Histograms) -> Floats:
    """The sum of the distances of every row: float64 (n_rows,)."""
    owner = np.repeat(np.arange(len(rows)), np.diff(rows.offsets))
    weights = _distances(rows) * rows.pixels
    return np.bincount(owner, weights=weights, minlength=len(rows)).astype(np.float64)


def _distances(rows: Histograms) -> Floats:
    """Square roots; 0 for what has no counterpart, which is never used."""
    found: Floats = np.sqrt(np.where(rows.squared_px == NOWHERE, 0, rows.squared_px))
    return found


def _scaled(values: Floats, spacing_mm: float | None) -> Floats:
    return values if spacing_mm is None else values * spacing_mm


def _require_spacing(spacing_mm: float | None) -> None:
    if spacing_mm is not None and not (math.isfinite(spacing_mm) and spacing_mm > 0):
        raise UsageError(f"the side of a pixel is a finite number above 0, got {spacing_mm}")
