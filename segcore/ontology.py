"""The classes of a project: names, ids, colours, and what counts as ignore or unlabeled.

Classes are matched by name (or alias), never by id: two files may number the same classes
differently.  Within one mask format the id is what a pixel or an annotation stores.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from segcore.errors import OntologyError
from segcore.wording import did_you_mean

__all__ = ["IGNORE", "UNKNOWN", "UNLABELED", "Crowd", "LabelClass", "Ontology", "Overlap"]

UNLABELED = -1
"""Class index of a pixel nobody claimed: counted as ``<other>``."""

IGNORE = -2
"""Class index of a pixel marked void: not counted in gold, wrong in a delivery."""

UNKNOWN = -3
"""Class index of a value the ontology does not define: a fault."""


class Overlap(enum.StrEnum):
    """Which region owns a pixel that several regions of an image cover."""

    SMALLEST = "smallest"
    """The region with the fewest pixels; ties go to the class whose name sorts last."""
    LAST = "last"
    """The region that comes last in the file."""
    ERROR = "error"
    """None: regions of different classes that overlap are a fault."""


class Crowd(enum.StrEnum):
    """What a COCO crowd region of the gold is in semantic view."""

    IGNORE = "ignore"
    """Its pixels are not counted, except where an ordinary region covers them."""
    CLASS = "class"
    """A region like any other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelClass:
    """One class.

    Attributes
    ----------
    id : int
        What masks and annotations of the native format store.
    name : str
        The name it is matched and reported by.
    color : tuple of int or None
        Red, green, blue, 0-255 each.
    thing : bool or None
        Countable object (True), stuff (False), or not said.
    aliases : tuple of str
        Other names it may be delivered under.
    """

    id: int
    name: str
    color: tuple[int, int, int] | None = None
    thing: bool | None = None
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ontology:
    """An ordered set of classes.  Its order is the order of every report.

    Parameters
    ----------
    classes : tuple of LabelClass
        At least one; ids, names and aliases are unique (checked).
    ignore : tuple of int
        Mask values that mean void.
    unlabeled : tuple of int
        Mask values that mean "nobody claimed this pixel".
    overlap, crowd
        How regions become a label map; see :class:`Overlap` and :class:`Crowd`.

    Raises
    ------
    OntologyError
        An id, name, alias or colour occurs twice, or there is no class.
    """

    classes: tuple[LabelClass, ...]
    ignore: tuple[int, ...] = ()
    unlabeled: tuple[int, ...] = ()
    overlap: Overlap = field(default=Overlap.SMALLEST, kw_only=True)
    crowd: Crowd = field(default=Crowd.IGNORE, kw_only=True)

    def __post_init__(self) -> None:
        if not self.classes:
            raise OntologyError("an ontology needs at least one class")
        values = [c.id for c in self.classes] + [*self.ignore, *self.unlabeled]
        names = [name for c in self.classes for name in (c.name, *c.aliases)]
        colors = [c.color for c in self.classes if c.color is not None]
        for what, items in (("id", values), ("name", names), ("color", colors)):
            for item in _duplicates(items):
                raise OntologyError(f"ontology: {what} {item!r} is used twice")

    def __len__(self) -> int:
        return len(self.classes)

    @property
    def names(self) -> tuple[str, ...]:
        """Class names, in ontology order."""
        return tuple(c.name for c in self.classes)

    @cached_property
    def _index_by_name(self) -> dict[str, int]:
        return {name: i for i, c in enumerate(self.classes) for name in (c.name, *c.aliases)}

    def index(self, name: str) -> int | None:
        """The position of the class called ``name`` or aliased so; None if there is none."""
        return self._index_by_name.get(name)

    def suggest(self, name: str) -> str:
        """``, did you mean 'car'?`` where a known name is close to ``name``, else an empty string."""
        return did_you_mean(name, self._index_by_name)

    def lookup(self, size: int) -> npt.NDArray[np.int32]:
        """Class index of every mask value.

        Parameters
        ----------
        size : int
            Number of values: 256 for 8-bit masks, 65536 for 16-bit masks.

        Returns
        -------
        int32 (size,)
            Class index, or UNLABELED, IGNORE or UNKNOWN.
        """
        table = np.full(size, UNKNOWN, np.int32)
        for value in self.unlabeled:
            if 0 <= value < size:
                table[value] = UNLABELED
        for value in self.ignore:
            if 0 <= value < size:
                table[value] = IGNORE
        for i, c in enumerate(self.classes):
            if 0 <= c.id < size:
                table[c.id] = i
        return table

    def things(self, purpose: str) -> npt.NDArray[np.bool_]:
        """Which classes are things: bool (K,).

        Parameters
        ----------
        purpose : str
            Who needs to know, for the message.

        Raises
        ------
        OntologyError
            A class does not say; all of them are named.
        """
        unsaid = [c.name for c in self.classes if c.thing is None]
        if unsaid:
            more = f" and {len(unsaid) - 8} more" if len(unsaid) > 8 else ""
            raise OntologyError(
                f"{purpose}, and nothing says which these classes are: "
                f"{', '.join(map(repr, unsaid[:8]))}{more}; add `thing: true` or `thing: false` to each "
                "in an ontology file (--ontology FILE, or `ontology:` in a policy)"
            )
        return np.array([c.thing for c in self.classes], np.bool_)

    def told_by(self, other: Ontology) -> Ontology:
        """The same classes, those that are not said to be things or stuff as ``other`` has them."""
        said = {
            int(at): c.thing for at, c in zip(self.match(other), other.classes, strict=True) if at >= 0
        }
        classes = (
            replace(c, thing=said.get(i)) if c.thing is None else c for i, c in enumerate(self.classes)
        )
        return replace(self, classes=tuple(classes))

    def match(self, other: Ontology) -> npt.NDArray[np.int32]:
        """Position in ``self`` of every class of ``other``, by name or alias.

        Returns
        -------
        int32 (len(other),)
            UNKNOWN where ``self`` has no such class.
        """
        found = (self._match(c) for c in other.classes)
        return np.fromiter(found, np.int32, len(other))

    def _match(self, c: LabelClass) -> int:
        for name in (c.name, *c.aliases):
            if (i := self.index(name)) is not None:
                return i
        return UNKNOWN


def _duplicates(items: Iterable[object]) -> list[object]:
    seen: set[object] = set()
    return [item for item in items if item in seen or seen.add(item)]  # type: ignore[func-returns-value]
