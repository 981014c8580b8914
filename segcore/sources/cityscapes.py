"""``cityscapes:dir``: the gtFine or gtCoarse layout, city by city.

The key of ``frankfurt/frankfurt_000000_000294_gtFine_labelIds.png`` is
``frankfurt_000000_000294``.  ``file=labelIds|labelTrainIds|instanceIds`` says which of the three
files of an image to read, labelIds if it is not given.  The source brings its classes, the 19
evaluated ones; labels that the benchmark does not evaluate are ignored, as cityscapesscripts does.
"""

from __future__ import annotations

import re
from typing import Final

from segcore.annotation import LabelMap
from segcore.errors import SpecError
from segcore.faults import Fault
from segcore.files import Entry
from segcore.fingerprint import FingerprintBuilder, FormatField
from segcore.masks.png import decode_indices
from segcore.masks.schemes import CITYSCAPES
from segcore.ontology import Ontology
from segcore.sources.base import Source
from segcore.sources.folder import MaskFolder
from segcore.sources.spec import Spec

__all__ = ["CityscapesFolder", "open_source"]

_NAME: Final = re.compile(r"(.*)_(?:gtFine|gtCoarse)_(labelIds|labelTrainIds|instanceIds)\.png")
_DEFAULT: Final = "labelIds"


class CityscapesFolder(MaskFolder):
    """Cityscapes ground truth, or a delivery in its layout.

    Parameters
    ----------
    spec : Spec
    file : str or None
        The kind of file to read; None is labelIds, or the only kind there is.
    """

    def __init__(self, spec: Spec, *, file: str | None) -> None:
        super().__init__(spec, suffix=".png")
        self._file = file
        self._kind = file or _DEFAULT

    @property
    def ontology(self) -> Ontology:
        """The 19 evaluated classes, by their train ids: the preset ``cityscapes``."""
        if self._own is None:
            from segcore.ontology_file import preset

            self._own = preset("cityscapes")
        return self._own

    def resolve(self, *, ontology: Ontology | None, gold: Source | None = None) -> Source:  # noqa: ARG002
        """The source itself: it names its classes."""
        return self

    def _decode(self, data: bytes) -> LabelMap:
        values = decode_indices(data)
        size = 1 << (8 * values.itemsize)
        if size not in self._lookups:
            self._lookups[size] = CITYSCAPES[self._kind].lookup(self.ontology, size)
        objects = CITYSCAPES[self._kind].objects(size)
        return LabelMap(values=values, lookup=self._lookups[size], objects=objects)

    def _by_key(self, entries: list[Entry], faults: list[Fault]) -> dict[str, Entry]:
        names = (_NAME.fullmatch(_file_name(entry)) for entry in entries)
        self._kind = self._choose({match[2] for match in names if match is not None})
        return super()._by_key(entries, faults)

    def _key(self, name: str) -> str | None:
        match = _NAME.fullmatch(name)
        return match[1] if match is not None and match[2] == self._kind else None

    def _suffix(self, name: str) -> str:
        return name[len(self._key(name) or "") :]

    def _add_form(self, found: FingerprintBuilder) -> None:
        found.add(FormatField.ID_SCHEME, self._kind)

    def _choose(self, there: set[str]) -> str:
        """The kind of file to read, of those that are there."""
        wanted = self._file or _DEFAULT
        if wanted in there:
            return wanted
        if not there:
            raise SpecError(
                f"{self.name}: no file is named like the Cityscapes ground truth "
                f"(..._gtFine_{wanted}.png); masks with other names are read with png:DIR?suffix=..."
            )
        others = sorted(there)
        if self._file is None and len(others) == 1:
            return others[0]
        choices = " or ".join(f"?file={kind}" for kind in others)
        raise SpecError(f"{self.name}: there are no {wanted} files, but there are others: say {choices}")


def _file_name(entry: Entry) -> str:
    return entry.path.rpartition("/")[2]


def open_source(spec: Spec) -> Source:
    """Open ``cityscapes:dir``; nothing is read yet.

    Raises
    ------
    SpecError
        An option is unknown, or ``file`` is none of the three kinds.
    """
    spec.require_known({"file"})
    file = spec.options.get("file")
    if file is not None and file not in CITYSCAPES:
        raise SpecError(f"{spec}: file is one of {', '.join(CITYSCAPES)}, got {file!r}")
    return CityscapesFolder(spec, file=file)
