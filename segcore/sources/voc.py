"""``voc:dir``: the layout of Pascal VOC, as VOCdevkit, LabelMe, CVAT and Datumaro write it.

``SegmentationClass`` holds a class mask for each image, ``SegmentationObject`` one of object
numbers.  ``view=class``, which is the default, gives label maps, for the semantic task;
``view=object`` gives objects, for the instance task: the class of an object is that of its pixels in
the class mask.  255 is void in both.  ``set=val`` reads the images that
``ImageSets/Segmentation/val.txt`` names.

The values are those of the 20 VOC classes, unless ``labelmap.txt`` stands in the folder or
``ontology=FILE`` says otherwise.  Gray and palette masks store the id of a class, coloured ones its
colour; beside ``labelmap.txt`` a palette is read by its colours as well.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from segcore.annotation import LabelMap
from segcore.errors import NoSuchFileError, OntologyError, RefusedFileError, SpecError
from segcore.faults import Fault
from segcore.files import Entry, below, composed, read_bytes
from segcore.fingerprint import FingerprintBuilder
from segcore.limits import MAX_DOCUMENT_BYTES, MAX_FOLDER_ENTRIES, MAX_YAML_BYTES
from segcore.masks.png import decode_indices
from segcore.masks.png_chunks import ColorType, parse_png
from segcore.ontology import IGNORE, UNKNOWN, Ontology
from segcore.sources.base import Source
from segcore.sources.class_colors import ClassColors
from segcore.sources.coco_document import image_key
from segcore.sources.folder import MaskFolder
from segcore.sources.spec import Spec
from segcore.sources.voc_labels import VOC_VOID, VocClasses, read_labelmap
from segcore.wording import show

__all__ = ["CLASS_FOLDER", "VocFolder", "open_source"]

CLASS_FOLDER: Final = "SegmentationClass"
_SETS: Final = "ImageSets/Segmentation"
_LABELMAP: Final = "labelmap.txt"
_SUFFIX: Final = ".png"
_VIEWS: Final = ("class", "object")


def open_source(spec: Spec) -> Source:
    """Open ``voc:dir``; nothing is read yet.

    Raises
    ------
    SpecError
        An option is unknown or malformed.
    """
    spec.require_known({"ontology", "set", "view"})
    view = spec.options.get("view", "class")
    if view not in _VIEWS:
        raise SpecError(f"{spec}: view is one of {', '.join(_VIEWS)}, got {view!r}")
    name = spec.options.get("set", "")
    if "/" in name or "\\" in name or ".." in name:
        raise SpecError(f"{spec}: set is the name of a file in {_SETS}, such as val, got {name!r}")
    if view == "class":
        return VocFolder(spec)
    from segcore.sources.voc_objects import VocObjects

    return VocObjects(spec)


class VocFolder(MaskFolder):
    """The class masks of a VOC folder.

    Parameters
    ----------
    spec : Spec
    folder : str
        The folder below that of the spec whose files are the images.
    """

    def __init__(self, spec: Spec, *, folder: str = CLASS_FOLDER) -> None:
        super().__init__(spec, suffix=_SUFFIX, folder=below(spec.location, folder))
        self._classes: VocClasses | None = None
        self._colors: ClassColors | None = None

    @property
    def ontology(self) -> Ontology | None:
        """The classes of ``ontology=``, else of ``labelmap.txt``, else the preset ``voc``."""
        return self._labels().ontology

    def resolve(self, *, ontology: Ontology | None, gold: Source | None = None) -> Source:  # noqa: ARG002
        """The source itself: it names its classes."""
        return self

    # ---- classes

    def _labels(self) -> VocClasses:
        if self._classes is None:
            self._classes = self._read_labels()
            self.faults.extend(self._classes.faults)
        return self._classes

    def _read_labels(self) -> VocClasses:
        from segcore.ontology_file import load_ontology, preset

        if "ontology" in self.spec.options:
            return VocClasses.of(load_ontology(self.spec.options["ontology"]))
        file = below(self.spec.location, _LABELMAP)
        try:
            data = read_bytes(file, limit=MAX_YAML_BYTES)
        except NoSuchFileError:
            return VocClasses.of(preset("voc"))
        except RefusedFileError as error:
            return VocClasses(ontology=None, background=frozenset(), faults=(error.to_fault(),))
        return read_labelmap(data, file=file)

    def _add_form(self, found: FingerprintBuilder) -> None:
        labels = self._labels()
        if labels.colored and labels.ontology is not None:
            found.list_classes(labels.ontology, ids=True)

    def _required_ontology(self) -> Ontology:
        ontology = self.ontology
        if ontology is None:
            raise OntologyError(f"{self.name}: {_LABELMAP} names no class")
        return ontology

    def _decode(self, data: bytes) -> LabelMap:
        """The classes of one class mask."""
        labels, ontology = self._labels(), self._required_ontology()
        kind = parse_png(data).color_type
        if kind in (ColorType.RGB, ColorType.RGBA) or (labels.colored and kind is ColorType.PALETTE):
            if self._colors is None:
                # One table for all images: what is derived from it is kept by identity.
                self._colors = ClassColors(ontology, special=labels.special, name=self.name)
            return self._colors.decode(data)
        values = decode_indices(data)
        size = 1 << (8 * values.itemsize)
        if size not in self._lookups:
            lookup = ontology.lookup(size)
            if lookup[VOC_VOID] == UNKNOWN:
                lookup[VOC_VOID] = IGNORE
            self._lookups[size] = lookup
        return LabelMap(values=values, lookup=np.asarray(self._lookups[size]))

    def __getstate__(self) -> dict[str, object]:
        """Without the tables, which a worker process makes again."""
        return super().__getstate__() | {"_colors": None}

    # ---- images

    def keys(self) -> tuple[str, ...]:
        """The image keys, sorted; none where nothing says what the classes are."""
        return super().keys() if self._labels().ontology is not None else ()

    def _list(self) -> tuple[list[Entry], list[Fault]]:
        try:
            return super()._list()
        except SpecError as error:
            hint = f"voc: takes the folder that holds {CLASS_FOLDER}, such as VOCdevkit/VOC2012"
            raise SpecError(f"{error} ({hint})") from None

    def _by_key(self, entries: list[Entry], faults: list[Fault]) -> dict[str, Entry]:
        if "set" in self.spec.options:
            wanted = self._image_set(faults)
            entries = [e for e in entries if composed(e.path[: -len(_SUFFIX)]) in wanted]
            there = {composed(entry.path[: -len(_SUFFIX)]) for entry in entries}
            for name, line in wanted.items():
                if name not in there:
                    expected, got = f"{name}{_SUFFIX} in {self.folder}", f"no such file (line {line})"
                    faults.append(
                        Fault(
                            code="voc.missing_mask",
                            file=self._set_file(),
                            image=image_key(f"{name}{_SUFFIX}"),
                            expected=expected,
                            got=got,
                        )
                    )
        return super()._by_key(entries, faults)

    def _set_file(self) -> str:
        return below(self.spec.location, f"{_SETS}/{self.spec.options['set']}.txt")

    def _image_set(self, faults: list[Fault]) -> dict[str, int]:
        """The images of the set, and the line of each."""
        file = self._set_file()
        try:
            data = read_bytes(file, limit=MAX_DOCUMENT_BYTES)
        except NoSuchFileError:
            raise SpecError(f"{self.name}: there is no such image set, {file}") from None
        except RefusedFileError as error:
            faults.append(error.to_fault())
            return {}

        def fault(expected: str, got: str) -> None:
            faults.append(Fault(code="voc.image_set", file=file, expected=expected, got=got))

        wanted: dict[str, int] = {}
        lines = data.split(b"\n")
        if len(lines) > MAX_FOLDER_ENTRIES:
            expected, got = f"at most {MAX_FOLDER_ENTRIES} lines", f"{len(lines)}"
            faults.append(Fault(code="limits.entries", file=file, expected=expected, got=got))
            return {}
        for n, line in enumerate(lines, 1):
            try:
                name = composed(line.decode("utf-8-sig" if n == 1 else "utf-8").strip())
            except UnicodeDecodeError:
                fault("UTF-8 text", f"{show(line)} in line {n}")
                continue
            if not name or name.startswith("#"):
                continue
            if name.startswith("/") or "\\" in name or image_key(f"{name}{_SUFFIX}") is None:
                fault("the name of an image without its extension", f"{show(name)} in line {n}")
            elif name in wanted:
                fault(f"{show(name)} once", f"lines {wanted[name]} and {n}")
            else:
                wanted[name] = n
        return wanted
