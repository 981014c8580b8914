"""Price tables: what one object or one image costs, in boxes, as ranges with their sources.

Sources disagree, so a price is the range over all cells that speak of what is drawn, and carries each of
their sources.  A table of one's own replaces the packaged cells by their id, or a whole geometry.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from segcore.documents import YamlDocument, key_path, parse_document
from segcore.errors import DocumentError, RefusedFileError, SpecError, UsageError
from segcore.files import read_bytes
from segcore.limits import MAX_YAML_BYTES
from segcore.pricing.geometry import Geometry
from segcore.wording import did_you_mean, printable

__all__ = ["Cell", "PriceRange", "Prices", "load_prices"]

_SECTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "per_object": ("assisted", "geometry", "high", "id", "low", "source", "vertices"),
    "per_image": ("high", "id", "low", "source"),
    "shares": ("high", "id", "low", "source"),
    "rates": ("currency", "high", "id", "low", "source"),
}
_MAX_TEXT: Final = 300
_MAX_PROBLEMS: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One price as a source states it.

    Attributes
    ----------
    id : str
    low, high : float
        In boxes: of an object, or of the boxes of an image; of shares and rates, what the table says.
    source : str
        Who says so, or how it was computed.
    geometry : Geometry or None
    assisted : bool
        Whether a model draws first.
    vertices : (int, int or None) or None
        Of polygons: from and up to so many; None is any.
    currency : str
        Of a rate.
    """

    id: str
    low: float
    high: float
    source: str
    geometry: Geometry | None = None
    assisted: bool = False
    vertices: tuple[int, int | None] | None = None
    currency: str = ""

    def speaks_of(self, vertices: int) -> bool:
        """Whether it is the price of a polygon with so many vertices."""
        if self.vertices is None:
            return False
        low, high = self.vertices
        return low <= vertices and (high is None or vertices <= high)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "id": self.id,
            "geometry": None if self.geometry is None else self.geometry.value,
            "assisted": self.assisted,
            "vertices": None if self.vertices is None else list(self.vertices),
            "low": self.low,
            "high": self.high,
            "currency": self.currency or None,
            "source": self.source,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceRange:
    """From the lowest to the highest price of some cells.

    Attributes
    ----------
    low, high : float
    cells : tuple of Cell
        What says so; none where the table has no price.
    """

    low: float
    high: float
    cells: tuple[Cell, ...]

    @classmethod
    def over(cls, cells: Iterable[Cell]) -> PriceRange | None:
        """The range of some cells; None without one."""
        found = tuple(cells)
        if not found:
            return None
        return cls(low=min(c.low for c in found), high=max(c.high for c in found), cells=found)

    @property
    def source(self) -> str:
        """Every source, in the order of the table."""
        return "; ".join(dict.fromkeys(cell.source for cell in self.cells))

    def times(self, number: float) -> PriceRange:
        """So many of it."""
        return PriceRange(low=self.low * number, high=self.high * number, cells=self.cells)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """A price table.

    Attributes
    ----------
    objects, images, shares, rates : tuple of Cell
        In the order of the file.
    """

    objects: tuple[Cell, ...]
    images: tuple[Cell, ...]
    shares: tuple[Cell, ...]
    rates: tuple[Cell, ...]

    def per_object(
        self, geometry: Geometry, vertices: int | None = None, *, assisted: bool = False
    ) -> PriceRange | None:
        """What one object costs, in boxes.

        Parameters
        ----------
        geometry : Geometry
        vertices : int, optional
            Of a polygon; cells that speak of so many go before those that speak of polygons as such.
        assisted : bool
            Whether a model draws first.

        Returns
        -------
        PriceRange or None
            None where the table has no such price.
        """
        cells = [c for c in self.objects if c.geometry is geometry and c.assisted is assisted]
        own = [c for c in cells if vertices is not None and c.speaks_of(vertices)]
        return PriceRange.over(own or [c for c in cells if c.vertices is None])

    def per_image(self) -> PriceRange | None:
        """How many times the boxes of an image its label map costs."""
        return PriceRange.over(self.images)

    def share(self, name: str) -> PriceRange | None:
        """A share of the cost of annotation: ``qa`` or ``rework``."""
        return PriceRange.over(c for c in self.shares if c.id == name)

    def rate(self, currency: str) -> PriceRange | None:
        """What one box costs in a currency."""
        return PriceRange.over(c for c in self.rates if c.currency == currency)


def load_prices(location: str | None = None) -> Prices:
    """The packaged price table, with the cells of a file of one's own in place of those they replace.

    A cell of the file replaces the packaged one with its id; ``per_object`` cells also replace all
    packaged ones of the same geometry, drawn the same way, ``per_image`` cells all of those, and
    ``rates`` those of the same currency.

    Parameters
    ----------
    location : str, optional
        A YAML or JSON file with the sections ``per_object``, ``per_image``, ``shares`` and ``rates``.

    Raises
    ------
    UsageError
        The file cannot be read, or says what cannot be meant; all problems at once, with their lines.
    """
    packaged = _packaged()
    if location is None:
        return packaged
    try:
        data = read_bytes(location, limit=MAX_YAML_BYTES, follow_symlinks=True)
        document = parse_document(data, file=location)
    except (SpecError, RefusedFileError, DocumentError) as error:
        raise UsageError(f"the price table cannot be used: {error}") from None
    own = _prices(document)
    kinds = {(c.geometry, c.assisted) for c in own.objects}
    currencies = {c.currency for c in own.rates}
    return Prices(
        objects=_kept(packaged.objects, own.objects, lambda c: (c.geometry, c.assisted) in kinds),
        images=own.images or packaged.images,
        shares=_kept(packaged.shares, own.shares, lambda _: False),
        rates=_kept(packaged.rates, own.rates, lambda c: c.currency in currencies),
    )


def _kept(
    packaged: tuple[Cell, ...], own: tuple[Cell, ...], replaced: Callable[[Cell], bool]
) -> tuple[Cell, ...]:
    ids = {cell.id for cell in own}
    return (*(c for c in packaged if c.id not in ids and not replaced(c)), *own)


@cache
def _packaged() -> Prices:
    name = "prices.yaml"
    data = files("segcore.pricing").joinpath(name).read_bytes()
    return _prices(parse_document(data, file=name))


class _Reader:
    """One table; problems are gathered, each with its place."""

    def __init__(self, document: YamlDocument) -> None:
        self._document = document
        self.problems: list[str] = []

    def refuse(self, path: tuple[str | int, ...], problem: str) -> None:
        if len(self.problems) < _MAX_PROBLEMS:
            place = f"{self._document.file}:{self._document.line(path)}"
            self.problems.append(
                f"{place}: {key_path(path)}: {problem}" if path else f"{place}: {problem}"
            )

    def section(self, name: str, given: object) -> tuple[Cell, ...]:
        if not isinstance(given, list):
            self.refuse((name,), "expected a list of prices")
            return ()
        cells: dict[str, Cell] = {}
        for i, entry in enumerate(given):
            cell = self._cell(name, (name, i), entry)
            if cell is None:
                continue
            if cell.id in cells:
                self.refuse((name, i, "id"), f"{cell.id!r} stands twice")
            cells[cell.id] = cell
        return tuple(cells.values())

    def _cell(self, section: str, path: tuple[str | int, ...], entry: object) -> Cell | None:
        if not isinstance(entry, dict):
            self.refuse(path, "expected a mapping with id, low, high and source")
            return None
        known, before = _SECTIONS[section], len(self.problems)
        for key in entry:
            if key not in known:
                self.refuse((*path, key), f"unknown key{did_you_mean(key, known)}")
        low, high = (self._number(path, key, entry.get(key)) for key in ("low", "high"))
        if low > high:
            self.refuse((*path, "low"), f"{low:g} is above high, {high:g}")
        cell = Cell(
            id=self._text(path, "id", entry.get("id")),
            low=low,
            high=high,
            source=self._text(path, "source", entry.get("source")),
            geometry=self._geometry(path, entry.get("geometry")) if section == "per_object" else None,
            assisted=self._flag(path, entry.get("assisted", False)),
            vertices=self._vertices(path, entry.get("vertices")),
            currency=self._text(path, "currency", entry.get("currency")) if section == "rates" else "",
        )
        return cell if len(self.problems) == before else None

    def _number(self, path: tuple[str | int, ...], key: str, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            self.refuse((*path, key), f"expected a number, got {printable(repr(value), limit=40)}")
            return 0.0
        if value < 0:
            self.refuse((*path, key), f"{value:g} is negative")
        return float(value)

    def _text(self, path: tuple[str | int, ...], key: str, value: object) -> str:
        if not isinstance(value, str) or not value.strip() or len(value) > _MAX_TEXT:
            wanted = f"expected a text of at most {_MAX_TEXT} characters"
            self.refuse((*path, key), f"{wanted}, got {printable(repr(value), limit=40)}")
            return ""
        return " ".join(value.split())

    def _flag(self, path: tuple[str | int, ...], value: object) -> bool:
        if not isinstance(value, bool):
            self.refuse((*path, "assisted"), "expected true or false")
        return value is True

    def _geometry(self, path: tuple[str | int, ...], value: object) -> Geometry | None:
        names = [geometry.value for geometry in Geometry]
        if value not in names:
            hint = did_you_mean(str(value), names)
            self.refuse((*path, "geometry"), f"expected one of {', '.join(names)}{hint}")
            return None
        return Geometry(value)

    def _vertices(self, path: tuple[str | int, ...], value: object) -> tuple[int, int | None] | None:
        if value is None:
            return None
        match value:
            case [int(low), None] if low >= 3:
                return low, None
            case [int(low), int(high)] if 3 <= low <= high:
                return low, high
        self.refuse((*path, "vertices"), "expected [from, to], at least 3; to may be null")
        return None


def _prices(document: YamlDocument) -> Prices:
    reader = _Reader(document)
    value = document.value
    if not isinstance(value, dict):
        raise UsageError(f"{document.file}: expected a mapping with {', '.join(_SECTIONS)}")
    known = ("version", *_SECTIONS)
    for key in value:
        if key not in known:
            reader.refuse((key,), f"unknown key{did_you_mean(key, known)}")
    if value.get("version") != 1:
        reader.refuse(("version",), "expected version: 1")
    found = {name: reader.section(name, value.get(name, [])) for name in _SECTIONS}
    if reader.problems:
        raise UsageError("\n".join(reader.problems))
    return Prices(
        objects=found["per_object"],
        images=found["per_image"],
        shares=found["shares"],
        rates=found["rates"],
    )
