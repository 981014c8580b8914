"""What the advice costs beside masks for everything."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from segcore.advice.advice import ClassAdvice
from segcore.pricing.geometry import Geometry
from segcore.pricing.prices import Prices

__all__ = ["PriceEffect", "price_effect"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceEffect:
    """Prices of all objects that were looked at, a box being 1.

    Attributes
    ----------
    low, high : float
        Drawn as advised.
    mask_low, mask_high : float
        All of them as masks.
    sources : tuple of str
        Of the prices, in order.
    """

    low: float
    high: float
    mask_low: float
    mask_high: float
    sources: tuple[str, ...]

    @property
    def lines(self) -> list[str]:
        """The effect in words."""
        return [
            f"drawn so: {self.low:.0f} to {self.high:.0f} times the price of a box; all as masks: "
            f"{self.mask_low:.0f} to {self.mask_high:.0f}",
            *(f"price: {source}" for source in self.sources),
        ]

    def to_json(self) -> dict[str, Any]:
        """The effect as ``--json`` writes it."""
        return {
            "unit": "boxes",
            "advised": {"low": self.low, "high": self.high},
            "masks": {"low": self.mask_low, "high": self.mask_high},
            "sources": list(self.sources),
        }


def price_effect(classes: Iterable[ClassAdvice], prices: Prices) -> PriceEffect | None:
    """What the objects cost as advised, and as masks; None where the table has no price for one."""
    kinds = list(classes)
    advised = [prices.per_object(c.geometry, c.vertices) for c in kinds]
    mask = prices.per_object(Geometry.MASK)
    if mask is None or not all(advised):
        return None
    drawn = [price.times(c.objects) for c, price in zip(kinds, advised, strict=True) if price]
    objects = sum(c.objects for c in kinds)
    cells = dict.fromkeys(cell.source for price in (*drawn, mask) for cell in price.cells)
    return PriceEffect(
        low=sum(price.low for price in drawn),
        high=sum(price.high for price in drawn),
        mask_low=objects * mask.low,
        mask_high=objects * mask.high,
        sources=tuple(cells),
    )
