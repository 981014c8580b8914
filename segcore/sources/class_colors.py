"""Masks whose colours are classes: which class every colour is, and the label map of such a mask."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from segcore.annotation import LabelMap
from segcore.errors import OntologyError
from segcore.masks.colors import ColorTable, hex_color
from segcore.masks.png import decode_colors
from segcore.ontology import IGNORE, UNKNOWN, UNLABELED, Ontology

__all__ = ["ClassColors"]


class ClassColors:
    """The colours of the classes of an ontology, and those that mean no class.

    Parameters
    ----------
    ontology : Ontology
    special : mapping of int to int
        Packed colours (``0xrrggbb``) that mean UNLABELED or IGNORE.
    name : str
        What errors call the source.

    Raises
    ------
    OntologyError
        No class has a colour, or a special colour is that of a class.
    """

    def __init__(self, ontology: Ontology, *, special: Mapping[int, int], name: str) -> None:
        self.ontology = ontology
        count = len(ontology)
        codes = {
            red << 16 | green << 8 | blue: i
            for i, c in enumerate(ontology.classes)
            if c.color is not None
            for red, green, blue in [c.color]
        }
        if not codes:
            raise OntologyError(f"{name}: no class of the ontology has a color, so no mask can be read")
        for color in special:
            if color in codes:
                owner = ontology.classes[codes[color]].name
                raise OntologyError(f"{name}: {hex_color(color)} is the color of class {owner!r}")
        codes |= {c: count if m == UNLABELED else count + 1 for c, m in special.items()}
        # The classes in their order, then unlabeled, then ignore.
        known = np.array([*range(count), UNLABELED, IGNORE], np.int32)
        self._table = ColorTable(codes=codes)
        self._lookups: dict[int, npt.NDArray[np.int32]] = {}
        for bits in (8, 16):
            lookup = np.full(1 << bits, UNKNOWN, np.int32)
            lookup[: len(known)] = known[: len(lookup)]
            self._lookups[bits] = lookup

    def decode(self, data: bytes) -> LabelMap:
        """The label map of one colour-coded PNG.

        Raises
        ------
        RefusedMaskError
            Any code of :func:`segcore.masks.png.decode_colors`, ``mask.unknown_value`` or
            ``mask.suspect_blend``.
        """
        values = self._table.codes_of(decode_colors(data), whose="ontology")
        return LabelMap(values=values, lookup=self._lookups[8 * values.itemsize])
