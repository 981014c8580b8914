"""``rgb:dir?ontology=FILE``: masks whose classes are colours.

Every colour must be exactly that of a class.  Colours that mean no class are options:
``unlabeled=#000000`` and ``ignore=#ffffff,#e0e0e0``; the ontology's own ``ignore`` and ``unlabeled``
are ids and mean nothing here.  Any other colour is a fault, black and white too.  ``suffix=`` is
that of ``png:``.
"""

from __future__ import annotations

import re
from typing import Final

from segcore.annotation import LabelMap
from segcore.errors import SpecError
from segcore.fingerprint import FingerprintBuilder
from segcore.masks.colors import hex_color
from segcore.ontology import IGNORE, UNLABELED
from segcore.sources.base import Source
from segcore.sources.class_colors import ClassColors
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
        self._colors: ClassColors | None = None

    def _decode(self, data: bytes) -> LabelMap:
        ontology = self._required_ontology()
        if self._colors is None or self._colors.ontology is not ontology:
            # One table for all images: what is derived from it is kept by identity.
            self._colors = ClassColors(ontology, special=self._special, name=self.name)
        return self._colors.decode(data)

    def _add_form(self, found: FingerprintBuilder) -> None:
        # The colours are the code the masks are written in, so they are part of their form.
        ontology = self.ontology
        if ontology is not None:
            found.list_classes(ontology, ids=False)

    def __getstate__(self) -> dict[str, object]:
        """Without the tables, which a worker process makes again."""
        return super().__getstate__() | {"_colors": None}


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
