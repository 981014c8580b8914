"""Mask targets: which class every value, or every colour, of a Segmentation field means."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from segcore.errors import OntologyError
from segcore.limits import MAX_CLASSES, MAX_NAME_LENGTH
from segcore.masks.colors import ColorTable
from segcore.ontology import IGNORE, UNKNOWN, UNLABELED, LabelClass, Ontology
from segcore.sources.coco_entries import is_plain
from segcore.wording import show

__all__ = ["MaskTargets", "Values", "class_name_problem"]

_COLOR: Final = re.compile(r"#[0-9a-fA-F]{6}")
_INTEGER: Final = re.compile(r"-?[0-9]{1,18}")


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskTargets:
    """What a dataset says about the values of a field.

    Attributes
    ----------
    labels : mapping of int to str
        By value, ascending; colours are packed (``0xrrggbb``).
    colored : bool
        Whether the values are colours.
    """

    labels: Mapping[int, str]
    colored: bool

    @classmethod
    def parse(cls, raw: Mapping[int | str, str], *, place: str) -> MaskTargets | None:
        """Read mask targets: integers, integers as text, or ``#rrggbb``.

        Returns
        -------
        MaskTargets or None
            None where there are none.

        Raises
        ------
        OntologyError
            A key or a label is not usable, or both kinds of keys are there.
        """
        if not raw:
            return None
        colored = {isinstance(key, str) and key.startswith("#") for key in raw}
        if len(colored) > 1:
            raise OntologyError(f"{place}: mask targets are either values or colours, not both")
        if len(raw) > MAX_CLASSES:
            raise OntologyError(f"{place}: {len(raw)} mask targets, at most {MAX_CLASSES} are read")
        labels: dict[int, str] = {}
        for key, label in raw.items():
            value = _value(key)
            if value is None:
                raise OntologyError(
                    f"{place}: a mask target is an integer or a colour such as #ff0000, got {show(key)}"
                )
            problem = class_name_problem(label)
            if problem is not None:
                raise OntologyError(f"{place}: the mask target {show(key)} is {show(label)}: {problem}")
            if labels.setdefault(value, label) != label:
                raise OntologyError(f"{place}: the mask target {show(key)} has two labels")
        return cls(labels=dict(sorted(labels.items())), colored=colored == {True})

    def ontology(self) -> Ontology:
        """The classes, in the order of their values; several values with one label are one class.

        A value 0 without a label is FiftyOne's background, and so unlabeled.
        """
        first: dict[str, int] = {}
        for value, label in self.labels.items():
            first.setdefault(label, value)
        classes = tuple(
            LabelClass(id=value, name=label, color=_rgb(value) if self.colored else None)
            for label, value in first.items()
        )
        return Ontology(classes, unlabeled=() if 0 in self.labels else (0,))

    def merged(self) -> list[str]:
        """The labels that several values share, as ``vehicle (1, 2)``."""
        values: dict[str, list[int]] = {}
        for value, label in self.labels.items():
            values.setdefault(label, []).append(value)
        return [
            f"{label} ({', '.join(map(self.shown, found))})"
            for label, found in values.items()
            if len(found) > 1
        ]

    def shown(self, value: int) -> str:
        """A value as the dataset writes it."""
        return f"#{value:06x}" if self.colored else str(value)


@dataclass(frozen=True, kw_only=True, eq=False)
class Values:
    """The class index of every value of a mask.

    Attributes
    ----------
    codes : mapping of int to int
        Class index, UNLABELED or IGNORE by value; all other values are UNKNOWN.
    colored : bool
        Whether the values are packed colours.
    """

    codes: Mapping[int, int]
    colored: bool = False
    _lookups: dict[int, npt.NDArray[np.int32]] = field(default_factory=dict, repr=False)
    _tables: list[ColorTable] = field(default_factory=list, repr=False)

    @classmethod
    def of(cls, targets: MaskTargets | None, ontology: Ontology) -> Values:
        """What values mean in the classes of ``ontology``.

        Parameters
        ----------
        targets : MaskTargets or None
            The dataset's word; its labels are found in ``ontology`` by name.  Without it the ids of
            ``ontology`` are the values, as in a folder of PNG masks.
        ontology : Ontology
            Its ``ignore`` and ``unlabeled`` values hold wherever no class has the value.
        """
        codes: dict[int, int] = {}
        if targets is None:
            codes |= {c.id: i for i, c in enumerate(ontology.classes)}
        else:
            found = {value: ontology.index(label) for value, label in targets.labels.items()}
            codes |= {value: i for value, i in found.items() if i is not None}
        if targets is None or not targets.colored:
            codes = {
                **dict.fromkeys(ontology.unlabeled, UNLABELED),
                **dict.fromkeys(ontology.ignore, IGNORE),
                **codes,
            }
        if targets is not None and 0 not in targets.labels:
            codes.setdefault(0, UNLABELED)
        return cls(codes=codes, colored=targets is not None and targets.colored)

    def lookup(self, size: int) -> npt.NDArray[np.int32]:
        """Class index of the values below ``size``; one array for all images."""
        if size not in self._lookups:
            table = np.full(size, UNKNOWN, np.int32)
            for value, code in self.codes.items():
                if 0 <= value < size:
                    table[value] = code
            self._lookups[size] = table
        return self._lookups[size]

    def colors(self) -> tuple[ColorTable, npt.NDArray[np.int32]]:
        """Packed colours to codes, and the class index of every code."""
        if not self._tables:
            order = sorted(self.codes)
            if not order:
                raise OntologyError("no label of the mask targets is a class of the ontology")
            self._tables.append(ColorTable(codes={color: at for at, color in enumerate(order)}))
            size = 256 if len(order) <= 256 else 65536
            self._lookups[size] = np.full(size, UNKNOWN, np.int32)
            self._lookups[size][: len(order)] = [self.codes[color] for color in order]
        (table,) = self._lookups.values()
        return self._tables[0], table


def class_name_problem(label: object) -> str | None:
    """Why ``label`` cannot be the name of a class; None where it can."""
    if not isinstance(label, str) or not label.strip():
        return "a label is text"
    if len(label) > MAX_NAME_LENGTH:
        return f"a label has at most {MAX_NAME_LENGTH} characters"
    return None if is_plain(label) else "a label holds no control characters"


def _value(key: object) -> int | None:
    if isinstance(key, str):
        if _COLOR.fullmatch(key):
            return int(key[1:], 16)
        return int(key) if _INTEGER.fullmatch(key) else None
    return int(key) if isinstance(key, int) and not isinstance(key, bool) else None


def _rgb(packed: int) -> tuple[int, int, int]:
    return packed >> 16, packed >> 8 & 255, packed & 255
