"""``png:dir``: class-index masks, 8-bit or 16-bit gray or palette; the index is the id.

Options: ``ontology=FILE`` (the classes; else the caller gives them) and ``suffix=_gt.png`` (only
files whose names end so, and the suffix is not part of the key).
"""

from __future__ import annotations

from segcore.annotation import LabelMap
from segcore.errors import SpecError
from segcore.masks.png import decode_indices
from segcore.sources.base import Source
from segcore.sources.folder import MaskFolder
from segcore.sources.spec import Spec

__all__ = ["PngFolder", "open_source", "suffix_of"]


class PngFolder(MaskFolder):
    """A folder of class-index PNG masks.

    Unknown values are not searched here: counting finds them for nothing, and
    :func:`segcore.masks.values.value_faults` names them.
    """

    def _decode(self, data: bytes) -> LabelMap:
        values = decode_indices(data)
        size = 1 << (8 * values.itemsize)
        if size not in self._lookups:
            # One table for all images: what is derived from it is kept by identity.
            self._lookups[size] = self._required_ontology().lookup(size)
        return LabelMap(values=values, lookup=self._lookups[size])


def suffix_of(spec: Spec) -> str:
    """The option ``suffix``, ``.png`` if it is not given.

    Raises
    ------
    SpecError
        It does not end with ``.png`` or holds a slash.
    """
    suffix = spec.options.get("suffix", ".png")
    if not suffix.lower().endswith(".png"):
        raise SpecError(f"{spec}: suffix must end with .png, did you mean {suffix + '.png'!r}?")
    if "/" in suffix:
        raise SpecError(f"{spec}: suffix is the end of a file name and holds no slash")
    return suffix


def open_source(spec: Spec) -> Source:
    """Open ``png:dir``; nothing is read yet.

    Raises
    ------
    SpecError
        An option is unknown or malformed.
    """
    spec.require_known({"ontology", "suffix"})
    return PngFolder(spec, suffix=suffix_of(spec))
