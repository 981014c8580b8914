"""The fingerprint of an input: the form its annotations are stored in, whatever they show.

What a program that reads the next batch relies on: the format and its encodings, the sizes of the
images, ids and names of the categories.  It is taken from headers and documents; no mask is decoded.
A field that a format does not have is absent.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from segcore.ontology import Ontology

__all__ = [
    "MAX_VALUES",
    "Category",
    "Fingerprint",
    "FingerprintBuilder",
    "FormatField",
    "Found",
    "Value",
]

MAX_VALUES: Final = 1000
"""Different values that are kept of one field: more are no form but a habit of having none."""

Value = str | int | tuple[int, ...] | tuple[str, ...]
"""A text, a number, a size as (width, height), or the colours of a palette."""


class FormatField(enum.StrEnum):
    """What a fingerprint holds, by the names that policies use."""

    FORMAT = "format"
    FILE_SUFFIX = "file_suffix"
    ENCODING = "encoding"
    RLE_ORDER = "rle_order"
    BIT_DEPTH = "bit_depth"
    CHANNELS = "channels"
    PALETTE = "palette"
    ID_SCHEME = "id_scheme"
    IMAGE_SIZES = "image_sizes"
    LABELS = "labels"
    CATEGORY_IDS = "category_ids"
    CATEGORY_NAMES = "category_names"
    CATEGORY_ORDER = "category_order"
    CATEGORY_COLORS = "category_colors"
    CATEGORY_KINDS = "category_kinds"

    @property
    def of_categories(self) -> bool:
        """Whether it is about the list of categories; the others are sets of values."""
        return self.value.startswith("category_")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A value of a field, and where it was seen.

    Attributes
    ----------
    value : Value
    images : int
        How many images have it; 0 where it is one of the input as a whole.
    image : str or None
        The first of them, by key.
    """

    value: Value
    images: int = 0
    image: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """One category as the input lists it.

    Attributes
    ----------
    name : str
    id : int or None
        None where the format has no ids.
    color : str or None
        As ``#rrggbb``.
    kind : str or None
        ``thing`` or ``stuff``.
    """

    name: str
    id: int | None = None
    color: str | None = None
    kind: str | None = None

    def to_json(self) -> dict[str, str | int]:
        """What the input says of it."""
        parts = {"id": self.id, "name": self.name, "color": self.color, "kind": self.kind}
        return {key: value for key, value in parts.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """The form of an input.

    Attributes
    ----------
    values : mapping of FormatField to tuple of Found
        The values of every field the format has, sorted; empty where nothing was there to have one.
    categories : tuple of Category or None
        In the order of the file; None where the format has no list of them.
    crowded : frozenset of FormatField
        Fields with more than :data:`MAX_VALUES` values, of which those found first are kept.
    """

    values: Mapping[FormatField, tuple[Found, ...]] = field(default_factory=dict)
    categories: tuple[Category, ...] | None = None
    crowded: frozenset[FormatField] = frozenset()

    @property
    def fields(self) -> tuple[FormatField, ...]:
        """The fields it has, in the order of :class:`FormatField`."""
        there = set(self.values) | set(_fields_of(self.categories))
        return tuple(f for f in FormatField if f in there)

    def to_json(self) -> dict[str, Any]:
        """Its values without where they were seen, so that equal forms give equal documents."""
        document: dict[str, Any] = {
            f.value: [list(v.value) if isinstance(v.value, tuple) else v.value for v in found]
            for f, found in self.values.items()
        }
        if self.categories is not None:
            document["categories"] = [category.to_json() for category in self.categories]
        return document


def _fields_of(categories: tuple[Category, ...] | None) -> Iterator[FormatField]:
    if categories is None:
        return
    yield FormatField.CATEGORY_NAMES
    yield FormatField.CATEGORY_ORDER
    if all(category.id is not None for category in categories):
        yield FormatField.CATEGORY_IDS
    if any(category.color is not None for category in categories):
        yield FormatField.CATEGORY_COLORS
    if any(category.kind is not None for category in categories):
        yield FormatField.CATEGORY_KINDS


class FingerprintBuilder:
    """Collects what a source finds.

    Parameters
    ----------
    name : str
        The spec of the source, whose format is the first thing known.
    fields : iterable of FormatField
        What the format has, even where nothing will be found.
    """

    def __init__(self, name: str, *fields: FormatField) -> None:
        self._found: dict[FormatField, dict[Value, _Seen]] = {f: {} for f in fields}
        self._crowded: set[FormatField] = set()
        self._categories: tuple[Category, ...] | None = None
        self.add(FormatField.FORMAT, name.partition(":")[0])

    def add(self, f: FormatField, value: Value, *, image: str | None = None) -> None:
        """Note a value; images come in the order of their keys, each as often as it likes."""
        found = self._found.setdefault(f, {})
        seen = found.get(value)
        if seen is None:
            if len(found) >= MAX_VALUES:
                self._crowded.add(f)
                return
            seen = found[value] = _Seen(first=image)
        seen.add(image)

    def add_size(self, height: int, width: int, *, image: str) -> None:
        """Note the size of an image in pixels."""
        self.add(FormatField.IMAGE_SIZES, (width, height), image=image)

    def add_file(self, path: str, *, image: str | None = None) -> None:
        """Note the extension of a file."""
        name = path.replace("\\", "/").rpartition("/")[2]
        stem, dot, extension = name.rpartition(".")
        self.add(FormatField.FILE_SUFFIX, f".{extension}" if dot and stem else "", image=image)

    def list_categories(self, categories: Iterable[Category]) -> None:
        """Note the list of categories, in the order of the file."""
        self._categories = tuple(categories)

    def list_classes(self, ontology: Ontology, *, ids: bool) -> None:
        """Note the classes of an ontology as the categories.

        Parameters
        ----------
        ontology : Ontology
        ids : bool
            Whether the ids are those of the input; False where segcore counted the classes itself.
        """
        self.list_categories(
            Category(
                name=c.name,
                id=c.id if ids else None,
                color=None if c.color is None else "#{:02x}{:02x}{:02x}".format(*c.color),
                kind=None if c.thing is None else "thing" if c.thing else "stuff",
            )
            for c in ontology.classes
        )

    def fingerprint(self) -> Fingerprint:
        """What was found."""
        return Fingerprint(
            values={
                f: tuple(
                    Found(value=value, images=seen.images, image=seen.first)
                    for value, seen in sorted(self._found[f].items(), key=lambda item: _order(item[0]))
                )
                for f in FormatField
                if f in self._found
            },
            categories=self._categories,
            crowded=frozenset(self._crowded),
        )


@dataclass(slots=True)
class _Seen:
    first: str | None
    images: int = 0
    _last: str | None = None

    def add(self, image: str | None) -> None:
        if image is not None and image != self._last:
            self.images += 1
            self._last = image


def _order(value: Value) -> tuple[int, Any]:
    # Values of one field are of one kind, but for those of a palette, which may be empty.
    return (0, value) if isinstance(value, int) else (1, value)
