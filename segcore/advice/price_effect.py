"""What the advice costs beside masks for everything."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from segcore.advice.advice import ClassAdvice
from segcore.pricing.geometry import Geometry

__all__ = ["PriceEffect", "PricesPerObject", "price_effect"]


class _Range(Protocol):
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...
    @property
    def source(self) -> str: ...


class PricesPerObject(Protocol):
    """A price table, a box being 1."""

    def per_object(self, geometry: Geometry, vertices: int | None = None) -> _Range:
        """The price of one object, drawn so."""


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


def price_effect(classes: Iterable[ClassAdvice], prices: PricesPerObject) -> PriceEffect:
    """What the objects cost as advised, and as masks."""
    advised = [(c.objects, prices.per_object(c.geometry, c.vertices)) for c in classes]
    mask = prices.per_object(Geometry.MASK)
    objects = sum(n for n, _ in advised)
    return PriceEffect(
        low=sum(n * price.low for n, price in advised),
        high=sum(n * price.high for n, price in advised),
        mask_low=objects * mask.low,
        mask_high=objects * mask.high,
        sources=tuple(sorted({*(price.source for _, price in advised), mask.source})),
    )
