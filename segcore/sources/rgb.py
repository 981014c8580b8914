"""``rgb:dir?ontology=FILE``: masks whose classes are colours.

Every colour must be exactly that of a class.  Colours that mean no class are options:
``unlabeled=#000000`` and ``ignore=#ffffff,#e0e0e0``; the ontology's own ``ignore`` and ``unlabeled``
are ids and mean nothing here.  Any other colour is a fault, black and white too.  ``suffix=`` is
that of ``png:``.
"""

from __future__ import annotations

import re
from typing import Final

import numpy as np

from segcore.annotation import LabelMap
from segcore.errors import OntologyError, SpecError
from segcore.masks.colors import ColorTable, hex_color
from segcore.masks.png import decode_colors
from segcore.ontology import IGNORE, UNKNOWN, UNLABELED
from segcore.sources.base import Source
from segcore.sources.folder import MaskFolder
from segcore.sources.png import suffix_of
from segcore.sources.spec import Spec

__all__ = ["RgbFolder", "open_source"]

_COLOR: Final = re.compile(r"#?([0-9a-fA-F]{6})")
_MEANINGS: Final = {"unlabeled": UNLABELED, "ignore": IGNORE}


class RgbFolder(MaskFolder):
    """A folder of colour-coded PNG masks.

    Parameters
    ----------
    spec : Spec
    suffix : str
        How the names of the masks end.
    special : dict of int to int
        Packed colours (``0xrrggbb``) that mean UNLABELED or IGNORE.
    """

    def __init__(self, spec: Spec, *, suffix: str, special: dict[int, int]) -> None:
        super().__init__(spec, suffix=suffix)
        self._special = special
        self._table: ColorTable | None = None

    def _decode(self, data: bytes) -> LabelMap:
        # The classes first: without colours no mask can be read, however sound it is.
        table = self._colors()
        values = table.codes_of(decode_colors(data), whose="ontology")
        return LabelMap(values=values, lookup=self._lookups[8 * values.itemsize])

    def _colors(self) -> ColorTable:
        """Colour to code: the classes in their order, then unlabeled, then ignore."""
        if self._table is not None and self._lookups:
            return self._table
        ontology = self._required_ontology()
        count = len(ontology)
        codes = {
            red << 16 | green << 8 | blue: i
            for i, c in enumerate(ontology.classes)
            if c.color is not None
            for red, green, blue in [c.color]
        }
        if not codes:
            raise OntologyError(
                f"{self.name}: no class of the ontology has a color, so no mask can be read"
            )
        for color in self._special:
            if color in codes:
                name = ontology.classes[codes[color]].name
                raise OntologyError(f"{self.name}: {hex_color(color)} is the color of class {name!r}")
        codes |= {c: count if m == UNLABELED else count + 1 for c, m in self._special.items()}
        for bits in (8, 16):
            lookup = np.full(1 << bits, UNKNOWN, np.int32)
            known = np.array([*range(count), UNLABELED, IGNORE], np.int32)[: len(lookup)]
            lookup[: len(known)] = known
            self._lookups[bits] = lookup
        self._table = ColorTable(codes=codes)
        return self._table


def open_source(spec: Spec) -> Source:
    """Open ``rgb:dir``; nothing is read yet.

    Raises
    ------
    SpecError
        An option is unknown or malformed.
    """
    spec.require_known({"ignore", "ontology", "suffix", "unlabeled"})
    special: dict[int, int] = {}
    for option, meaning in _MEANINGS.items():
        for text in filter(None, spec.options.get(option, "").split(",")):
            match = _COLOR.fullmatch(text.strip())
            if match is None:
                raise SpecError(f"{spec}: {option} takes colours such as #000000,#ffffff, got {text!r}")
            color = int(match.group(1), 16)
            if color in special:
                raise SpecError(f"{spec}: {hex_color(color)} is given twice")
            special[color] = meaning
    return RgbFolder(spec, suffix=suffix_of(spec), special=special)
