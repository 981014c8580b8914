"""What a scene costs by what is drawn, and which geometry is the cheapest that reaches a limit.

Prices are ranges in boxes; see :mod:`segcore.pricing.prices`.  Objects and images are counted, IoUs are
those that :mod:`segcore.advice` measured: of the tight box, of the smallest box at any angle, and of the
best polygon it finds.  People draw worse than that, so a geometry that reaches a limit here may still
miss it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from segcore.advice.advice import Advice, ClassAdvice
from segcore.pricing.geometry import Geometry
from segcore.pricing.prices import PriceRange, Prices

__all__ = ["ClassCost", "Drawn", "Estimate", "estimate", "summed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """One way to draw a class.

    Attributes
    ----------
    geometry : Geometry
    vertices : int or None
        Of a polygon.
    assisted : bool
    iou : float or None
        What it reaches at best: the median of boxes, the mean of polygons; 1 of masks.
    cost : PriceRange or None
        Of all objects, in boxes; None where the table has no price.
    """

    geometry: Geometry
    vertices: int | None
    assisted: bool
    iou: float | None
    cost: PriceRange | None

    @property
    def label(self) -> str:
        """``polygon(12)``, ``mask, assisted``."""
        vertices = "" if self.vertices is None else f"({self.vertices})"
        return f"{self.geometry.value}{vertices}" + (", assisted" if self.assisted else "")

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "geometry": self.geometry.value,
            "vertices": self.vertices,
            "assisted": self.assisted,
            "iou": self.iou,
            "cost": range_json(self.cost),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassCost:
    """One class.

    Attributes
    ----------
    name : str
    images, objects : int
    ways : tuple of Drawn
        Box, rotated box, polygon, mask, and those that a model draws first.
    limit : float or None
        The IoU that has to be reached.
    cheapest : Drawn or None
        Of those by hand that reach the limit, the one whose middle price is the lowest; what is advised
        where there is no limit.
    """

    name: str
    images: int
    objects: int
    ways: tuple[Drawn, ...]
    limit: float | None
    cheapest: Drawn | None

    def way(self, geometry: Geometry, *, assisted: bool = False) -> Drawn | None:
        """The one of this geometry."""
        found = (w for w in self.ways if w.geometry is geometry and w.assisted is assisted)
        return next(found, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """All classes.

    Attributes
    ----------
    images : int
        That were measured.
    classes : tuple of ClassCost
    """

    images: int
    classes: tuple[ClassCost, ...]

    @property
    def objects(self) -> int:
        """Of all classes."""
        return sum(c.objects for c in self.classes)

    def all_of(self, geometry: Geometry, *, assisted: bool = False) -> PriceRange | None:
        """Everything drawn one way; None where a class has no such price."""
        ways = [c.way(geometry, assisted=assisted) for c in self.classes]
        return summed(None if w is None else w.cost for w in ways)

    def cheapest(self) -> PriceRange | None:
        """Every class the cheapest way; None where one has none."""
        return summed(None if c.cheapest is None else c.cheapest.cost for c in self.classes)

    def label_maps(self, prices: Prices) -> PriceRange | None:
        """Every pixel of every image: so many times the boxes of its objects."""
        rate = prices.per_image()
        return None if rate is None else rate.times(self.objects)


def estimate(advice: Advice, prices: Prices, limits: Mapping[str, float]) -> Estimate:
    """What every class costs.

    Parameters
    ----------
    advice : Advice
        What was measured.
    prices : Prices
    limits : mapping of str to float
        IoU to reach, by class; a class that is not in it takes what is advised.
    """
    images = advice.inputs[0].images
    classes = tuple(_class_cost(c, prices, limits.get(c.name)) for c in advice.classes)
    return Estimate(images=images, classes=classes)


def summed(ranges: Iterable[PriceRange | None]) -> PriceRange | None:
    """Low with low and high with high; None where one is unknown, or there is none."""
    found = list(ranges)
    known = [r for r in found if r is not None]
    if not known or len(known) < len(found):
        return None
    cells = dict.fromkeys(cell for r in known for cell in r.cells)
    return PriceRange(low=sum(r.low for r in known), high=sum(r.high for r in known), cells=tuple(cells))


def range_json(price: PriceRange | None) -> dict[str, Any] | None:
    """Low, high and the ids of the cells."""
    if price is None:
        return None
    return {"low": price.low, "high": price.high, "cells": [cell.id for cell in price.cells]}


def _class_cost(c: ClassAdvice, prices: Prices, limit: float | None) -> ClassCost:
    reaching = [p for p in c.curve if limit is not None and p.mean_iou >= limit]
    if limit is None or not reaching:
        vertices = c.vertices or (c.curve[-1].vertices if c.curve else None)
    else:
        vertices = min(p.vertices for p in reaching)
    polygon_iou = next((p.mean_iou for p in c.curve if p.vertices == vertices), None)
    drawn = [
        (Geometry.BOX, None, False, 1 - c.background_share),
        (Geometry.ROTATED_BOX, None, False, 1 - c.rotated_background_share),
        (Geometry.POLYGON, vertices, False, polygon_iou),
        (Geometry.MASK, None, False, 1.0),
        (Geometry.POLYGON, vertices, True, polygon_iou),
        (Geometry.MASK, None, True, 1.0),
    ]
    ways = []
    for geometry, n, assisted, iou in drawn:
        price = prices.per_object(geometry, n, assisted=assisted)
        cost = None if price is None else price.times(c.objects)
        ways.append(Drawn(geometry=geometry, vertices=n, assisted=assisted, iou=iou, cost=cost))
    cheapest: Drawn | None
    if limit is None:
        cheapest = next(w for w in ways if w.geometry is c.geometry and not w.assisted)
    else:
        good = [w for w in ways if not w.assisted and w.cost and w.iou is not None and w.iou >= limit]
        cheapest = min(good, key=_middle, default=None)
    return ClassCost(
        name=c.name,
        images=c.images,
        objects=c.objects,
        ways=tuple(ways),
        limit=limit,
        cheapest=cheapest,
    )


def _middle(way: Drawn) -> float:
    return 0.0 if way.cost is None else way.cost.low + way.cost.high
