"""Folders of mask images: one file an image, keyed by its name."""

from __future__ import annotations

import copy
import hashlib
from abc import abstractmethod
from typing import TYPE_CHECKING

from segcore.annotation import ImageAnnotation, LabelMap
from segcore.errors import OntologyError, RefusedMaskError
from segcore.faults import Fault, FaultLog
from segcore.files import Entry, composed, list_files
from segcore.fingerprint import Fingerprint, FingerprintBuilder, FormatField
from segcore.image_attributes import Attributes
from segcore.limits import MAX_MASK_BYTES
from segcore.ontology import Ontology
from segcore.sources.base import Source
from segcore.sources.keyed_files import folders_of, gone, one_file_a_key, read_entry
from segcore.sources.png_form import PNG_FIELDS, add_png
from segcore.sources.spec import Spec

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["MaskFolder"]


class MaskFolder(Source):
    """PNG masks below one folder, at any depth.

    The key of an image is the file name without folders and without the suffix.  Files are listed
    when the first key is asked for and read one by one; every image carries the digest of its file.

    Parameters
    ----------
    spec : Spec
        What the user named; its option ``ontology`` is the file of the classes.
    suffix : str
        How the names of the masks end; all other files are left alone.
    folder : str or None
        Where the masks are; None is the location of the spec.
    """

    def __init__(self, spec: Spec, *, suffix: str, folder: str | None = None) -> None:
        self.spec = spec
        self.folder = spec.location if folder is None else folder
        self.name = str(spec)
        self.suffix = suffix
        self.when_empty = f"no file named *{suffix}"
        self.faults = FaultLog()
        self._given: Ontology | None = None
        self._own: Ontology | None = None
        self._files: dict[str, Entry] | None = None
        self._unplaced = 0
        self._lookups: dict[int, npt.NDArray[np.int32]] = {}

    @abstractmethod
    def _decode(self, data: bytes) -> LabelMap:
        """The label map of one file; raises RefusedMaskError."""

    @property
    def ontology(self) -> Ontology | None:
        """The classes of the spec's own ontology file, else those given by :meth:`resolve`."""
        if self._own is None and "ontology" in self.spec.options:
            from segcore.ontology_file import load_ontology

            self._own = load_ontology(self.spec.options["ontology"])
        return self._given if self._own is None else self._own

    def resolve(self, *, ontology: Ontology | None, gold: Source | None = None) -> Source:  # noqa: ARG002
        """A source that uses ``ontology`` unless the spec names one of its own."""
        if ontology is None:
            return self
        other = copy.copy(self)
        other.faults = FaultLog(self.faults)
        other._given = ontology
        other._lookups = {}
        return other

    def keys(self) -> tuple[str, ...]:
        """The image keys, sorted."""
        return tuple(self._listing())

    def annotation_count(self, key: str) -> int:  # noqa: ARG002
        """1: a mask is one annotation."""
        return 1

    def attributes(self, key: str) -> Attributes:
        """The folders the mask lies in, below that of the source."""
        return folders_of(self._listing().get(key))

    @property
    def unplaced(self) -> int:
        """Masks that were refused for their name or their kind of file."""
        self._listing()
        return self._unplaced

    def digest(self) -> str | None:
        """None: each image carries the digest of its own file."""
        return None

    def read(self, key: str) -> ImageAnnotation | None:
        """The mask of one image; None, and a fault, where it was refused.

        Raises
        ------
        OntologyError
            Nobody said what the values mean.
        """
        self._required_ontology()
        entry = self._listing().get(key)
        if entry is None:  # a worker lists the folder again
            self.faults.add(gone(self.folder, key=key))
            return None
        file = entry.location
        data = read_entry(entry, key=key, limit=MAX_MASK_BYTES, faults=self.faults)
        if data is None:
            return None
        try:
            content = self._decode(data)
        except RefusedMaskError as error:
            self.faults.extend(error.to_faults(file=file, image=key))
            return None
        height, width = content.values.shape
        digest = hashlib.sha256(data).digest()
        return ImageAnnotation(
            key=key, height=height, width=width, content=content, digest=digest, file=file
        )

    def fingerprint(self) -> Fingerprint:
        """Kinds, sizes and palettes of the masks, from their headers."""
        found = FingerprintBuilder(self.name, *PNG_FIELDS)
        for key, entry in self._listing().items():
            suffix = self._suffix(entry.path.rpartition("/")[2])
            found.add(FormatField.FILE_SUFFIX, suffix, image=key)
            for file in self._files_of(key, entry):
                add_png(found, file, key=key, faults=self.faults)
        self._add_form(found)
        return found.fingerprint()

    def _files_of(self, key: str, entry: Entry) -> tuple[Entry, ...]:  # noqa: ARG002
        """All masks of one image."""
        return (entry,)

    def _add_form(self, found: FingerprintBuilder) -> None:
        """Note what else the format says."""

    def _suffix(self, name: str) -> str:
        """What stands behind the key in the name of a file."""
        return name[len(name) - len(self.suffix) :]

    def _required_ontology(self) -> Ontology:
        ontology = self.ontology
        if ontology is None:
            raise OntologyError(
                f"{self.name}: masks store numbers, and nothing says what they mean: "
                "give the classes with ?ontology=FILE in the spec, --ontology or a policy"
            )
        return ontology

    def _key(self, name: str) -> str | None:
        """The image key of a file name that ends with the suffix; None leaves the file alone."""
        return name[: len(name) - len(self.suffix)]

    def _listing(self) -> dict[str, Entry]:
        if self._files is None:
            entries, faults = self._list()
            self._unplaced = sum(fault.file.lower().endswith(self.suffix.lower()) for fault in faults)
            self._files = self._by_key(entries, faults)
            self.faults.extend(faults)
        return self._files

    def _list(self) -> tuple[list[Entry], list[Fault]]:
        return list_files(self.folder, suffix=self.suffix)

    def _by_key(self, entries: list[Entry], faults: list[Fault]) -> dict[str, Entry]:
        """Entries by image key, sorted; adds a fault for every key that several files share."""
        found: dict[str, list[Entry]] = {}
        for entry in entries:
            key = self._key(entry.path.rpartition("/")[2])
            if key is not None:
                found.setdefault(composed(key), []).append(entry)
        unique, refused = one_file_a_key(found, suffix=self.suffix)
        faults += refused
        self._unplaced += sum(map(len, found.values())) - len(unique)
        return unique

    def __getstate__(self) -> dict[str, object]:
        """Without what a worker process can find again, so that jobs stay small."""
        return self.__dict__ | {"_files": None, "_lookups": {}}
