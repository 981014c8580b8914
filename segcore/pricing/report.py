"""The cost of a scene as a table for people and a document for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from segcore import __version__
from segcore.pricing.estimate import ClassCost, Estimate, range_json, summed
from segcore.pricing.geometry import Geometry
from segcore.pricing.prices import PriceRange, Prices
from segcore.wording import printable

__all__ = ["CostReport", "Money"]

_GOLD_IMAGES: Final = (25, 59, 100, 149, 299)
_RISK: Final = 0.05
_BY_HAND: Final = (Geometry.BOX, Geometry.ROTATED_BOX, Geometry.POLYGON, Geometry.MASK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """What one box costs.

    Attributes
    ----------
    rate : PriceRange
    currency : str
    """

    rate: PriceRange
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CostReport:
    """An estimate, and what is asked of it.

    Attributes
    ----------
    estimate : Estimate
    prices : Prices
    images : int
        Of the whole order; what was measured is taken for all of them.
    money : Money or None
    failing : tuple of str or None
        Classes that have to be drawn again; None where nothing was judged.
    hours : float or None
        That the measured images took, where their source says so.
    hourly : float or None
        What an hour costs.
    """

    estimate: Estimate
    prices: Prices
    images: int
    money: Money | None = None
    failing: tuple[str, ...] | None = None
    hours: float | None = None
    hourly: float | None = None

    @property
    def scale(self) -> float:
        """The images of the order for each that was measured."""
        return self.images / self.estimate.images

    def headings(self) -> list[str]:
        """Of the table of classes."""
        return ["class", "images", "objects", "limit", *(g.value for g in _BY_HAND), "cheapest", "IoU"]

    def rows(self) -> list[list[str]]:
        """One a class, in boxes of the images that were measured."""
        return [self._row(c) for c in self.estimate.classes]

    def _row(self, c: ClassCost) -> list[str]:
        best = c.cheapest
        ways = [c.way(geometry) for geometry in _BY_HAND]
        return [
            c.name,
            f"{c.images}",
            f"{c.objects}",
            "-" if c.limit is None else f"{c.limit:g}",
            *(shown(None if w is None else w.cost) for w in ways),
            "none reaches it" if best is None else best.label,
            "-" if best is None or best.iou is None else f"{best.iou:.3f}",
        ]

    def lines(self) -> list[tuple[str, PriceRange | None, str]]:
        """What the whole costs: a name, a range in boxes for all images of the order, and a source."""
        e, scaled = self.estimate, self._scaled
        chosen = scaled(e.cheapest())
        found = [
            ("every object a box", scaled(e.all_of(Geometry.BOX)), ""),
            ("every object a polygon", scaled(e.all_of(Geometry.POLYGON)), ""),
            ("every object a mask", scaled(e.all_of(Geometry.MASK)), ""),
            ("every object a mask, assisted", scaled(e.all_of(Geometry.MASK, assisted=True)), ""),
            ("every pixel of every image", scaled(e.label_maps(self.prices)), ""),
            ("each class the cheapest way", chosen, ""),
        ]
        for name, what in (("qa", "  QA beside it"), ("rework", "  rework, where there is no QA")):
            found.append((what, _part(chosen, self.prices.share(name)), ""))
        if self.failing is not None:
            again = [c for c in e.classes if c.name in self.failing]
            cost = summed(None if c.cheapest is None else c.cheapest.cost for c in again)
            names = ", ".join(printable(c.name, limit=40) for c in again[:5])
            more = f" and {len(again) - 5} more" if len(again) > 5 else ""
            found.append(
                ("  rework of what failed", scaled(cost), f"all objects of {names or 'no class'}{more}")
            )
        return [(name, price, note or _sources(price)) for name, price, note in found]

    def gold(self) -> list[tuple[int, PriceRange | None, float]]:
        """So many gold images, what they cost as masks, and the share of bad ones that still passes."""
        masks = self.estimate.all_of(Geometry.MASK)
        per_image = None if masks is None else masks.times(1 / self.estimate.images)
        return [
            (n, None if per_image is None else per_image.times(n), 1 - _RISK ** (1 / n))
            for n in _GOLD_IMAGES
        ]

    def sources(self) -> list[str]:
        """Who says what: every cell that a line rests on, once."""
        cells = {cell.id: cell for _, price, _ in self.lines() if price for cell in price.cells}
        if self.money is not None:
            cells |= {cell.id: cell for cell in self.money.rate.cells}
        return [f"{cell.id}: {cell.source}" for cell in cells.values()]

    def in_money(self, price: PriceRange | None) -> str:
        """In the currency, or a dash."""
        if price is None or self.money is None:
            return "-"
        rate, currency = self.money.rate, self.money.currency
        return f"{currency} {price.low * rate.low:,.2f} to {price.high * rate.high:,.2f}"

    def notes(self) -> list[str]:
        """What the figures are, and what they cannot say."""
        density = self.estimate.objects / self.estimate.images
        lines = [
            f"prices in boxes (one box = 1), of {self.estimate.images} images with {density:.1f} "
            "objects each; ranges are those of sources that disagree, not intervals",
            "IoU: what the best polygon or a tight box reaches on these masks; people draw worse",
        ]
        if self.hours is not None:
            lines.append(
                f"these images took {self.hours:.2f} hours"
                + (
                    ""
                    if self.hourly is None
                    else f", {self.hours * self.hourly:,.2f} at {self.hourly:g} an hour"
                )
                + "; source: lead times of the input"
            )
        return lines

    def to_json(self, inputs: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Plain values."""
        table = self.prices
        return {
            "schema": 1,
            "tool": {"name": "segcore", "version": __version__},
            "inputs": list(inputs),
            "images": {"measured": self.estimate.images, "ordered": self.images},
            "objects": self.estimate.objects,
            "classes": [
                {
                    "name": c.name,
                    "images": c.images,
                    "objects": c.objects,
                    "limit": c.limit,
                    "ways": [w.to_json() for w in c.ways],
                    "cheapest": None if c.cheapest is None else c.cheapest.to_json(),
                }
                for c in self.estimate.classes
            ],
            "totals": [
                {"what": name.strip(), "cost": range_json(price), "source": source}
                for name, price, source in self.lines()
            ],
            "gold": [
                {"images": n, "cost": range_json(price), "bad_share_that_passes": share}
                for n, price, share in self.gold()
            ],
            "currency": None if self.money is None else self.money.currency,
            "box_rate": None if self.money is None else range_json(self.money.rate),
            "hours": self.hours,
            "prices": {
                "per_object": [cell.to_json() for cell in table.objects],
                "per_image": [cell.to_json() for cell in table.images],
                "shares": [cell.to_json() for cell in table.shares],
                "rates": [cell.to_json() for cell in table.rates],
            },
        }

    def _scaled(self, price: PriceRange | None) -> PriceRange | None:
        return None if price is None else price.times(self.scale)


def shown(price: PriceRange | None) -> str:
    """``120 to 340``, rounded to whole boxes from ten on."""
    if price is None:
        return "-"
    low, high = _number(price.low), _number(price.high)
    return low if low == high else f"{low} to {high}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.3g}"


def _part(price: PriceRange | None, share: PriceRange | None) -> PriceRange | None:
    if price is None or share is None:
        return None
    return PriceRange(low=price.low * share.low, high=price.high * share.high, cells=share.cells)


def _sources(price: PriceRange | None) -> str:
    if price is None:
        return "no price for some class"
    return ", ".join(cell.id for cell in price.cells)
