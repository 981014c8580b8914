"""``cvat:annotations.xml``: CVAT for images 1.1.

A shape is an object: polygons, masks and ellipses have an area, boxes have one with ``boxes=area``,
and nothing else has.  In semantic view what CVAT draws on top owns a pixel (``z_order``, then the
order of the file).  ``groups=merge`` makes one object of the shapes of a label that share a group.
``subset=NAME`` reads one subset of a project.  ``ontology=FILE`` gives other classes than the labels
of the task, matched by name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from segcore.annotation import ImageAnnotation, Regions
from segcore.errors import DocumentError, RefusedFileError, SpecError
from segcore.faults import Fault, FaultLog
from segcore.files import read_bytes
from segcore.fingerprint import Fingerprint, FingerprintBuilder, FormatField
from segcore.image_attributes import Attributes
from segcore.limits import MAX_DOCUMENT_BYTES
from segcore.masks.batch import MaskBatch
from segcore.ontology_file import load_ontology
from segcore.sources.cvat_document import CvatImage, CvatIndex, CvatShape, index_document, subsets
from segcore.sources.cvat_shapes import draw_shapes
from segcore.sources.indexed import IndexedSource
from segcore.sources.spec import Spec
from segcore.strict_xml import XmlElement, parse_xml

__all__ = ["CvatSource", "open_source"]

_CHOICES: Final = {"boxes": ("ignore", "area"), "groups": ("apart", "merge")}


def open_source(spec: Spec) -> CvatSource:
    """Open ``cvat:annotations.xml``; nothing is read yet.

    Raises
    ------
    SpecError
        An option is unknown or none of its choices.
    """
    spec.require_known({*_CHOICES, "ontology", "subset"})
    for option, choices in _CHOICES.items():
        value = spec.options.get(option, choices[0])
        if value not in choices:
            raise SpecError(f"{spec}: {option} is one of {', '.join(choices)}, got {value!r}")
    return CvatSource(spec)


class CvatSource(IndexedSource):
    """A CVAT document.

    Parameters
    ----------
    spec : Spec
        Which file, and how to read it.
    """

    when_empty = "no image"

    def __init__(self, spec: Spec) -> None:
        self.name = str(spec)
        self.faults = FaultLog()
        self._spec = spec
        self._digest: str | None = None
        self._index: CvatIndex | None = None

    def __getstate__(self) -> dict[str, Any]:
        # The document is as large as the file; a worker reads it again.
        return self.__dict__ | {"_index": None}

    @property
    def conventions(self) -> Mapping[str, str]:
        """How shapes become objects."""
        groups = self._spec.options.get("groups", "apart")
        shapes = {
            "apart": "each CVAT shape is an object, grouped or not",
            "merge": "CVAT shapes of one label in one group are one object",
        }
        boxes = {"ignore": "CVAT boxes are not counted", "area": "CVAT boxes are filled areas"}
        chosen = boxes[self._spec.options.get("boxes", "ignore")]
        return {"cvat_boxes": chosen, "cvat_shapes": shapes[groups]}

    def image_size(self, key: str) -> tuple[int, int]:
        """Height and width as the document states them."""
        image = self._opened().images[key]
        return image.height, image.width

    def attributes(self, key: str) -> Attributes:
        """Tags, what they say, subset, task and whom the task was given to, as its annotator."""
        index = self._opened()
        return index.images[key].attributes(index.assignees)

    def digest(self) -> str:
        """SHA-256 (hex) of the file; of nothing where it could not be read."""
        self._opened()
        return self._digest or hashlib.sha256().hexdigest()

    def fingerprint(self) -> Fingerprint:
        """Sizes, kinds of shapes and labels as the document states them; labels have no ids."""
        index = self._opened()
        found = FingerprintBuilder(self.name, FormatField.ENCODING, FormatField.RLE_ORDER)
        found.add_file(self._spec.location)
        for key, image in index.images.items():
            found.add_size(image.height, image.width, image=key)
            for shape in image.shapes:
                found.add(FormatField.ENCODING, shape.element.name, image=key)
                if shape.element.name == "mask":
                    found.add(FormatField.RLE_ORDER, "row-major", image=key)
        if index.labels is not None:
            found.list_classes(index.labels, ids=False)
        return found.fingerprint()

    def read(self, key: str) -> ImageAnnotation:
        """The shapes of one image, in the order in which CVAT draws them."""
        image = self._opened().images[key]
        height, width = image.height, image.width
        sound = [shape for shape in image.shapes if shape.class_index >= 0]
        masks = draw_shapes([shape.element for shape in sound], height=height, width=width)
        for problem in masks.problems:
            shape = sound[problem.item]
            self.faults.add(self._fault(problem.code, image, shape, problem.expected, problem.got))
        used = np.flatnonzero(~masks.refused)
        kept = masks if len(used) == len(masks) else masks.take(used)
        shapes = [sound[i] for i in used.tolist()]
        rejected = len(image.shapes) - len(shapes)
        parts = None
        if self._spec.options.get("groups") == "merge":
            shapes, kept, parts = _merged(shapes, kept, pixels=height * width)
        content = Regions(
            height=height,
            width=width,
            starts=kept.starts,
            ends=kept.ends,
            offsets=kept.offsets,
            classes=np.fromiter((shape.class_index for shape in shapes), np.int32, len(shapes)),
            crowd=np.fromiter((shape.crowd for shape in shapes), np.bool_, len(shapes)),
            ids=tuple(shape.id for shape in shapes),
            parts=parts,
        )
        return ImageAnnotation(
            key=key,
            height=height,
            width=width,
            content=content,
            read=len(image.shapes),
            rejected=rejected,
            file=self._spec.location,
        )

    def _fault(self, code: str, image: CvatImage, shape: CvatShape, expected: str, got: str) -> Fault:
        return Fault(
            code=code,
            file=self._spec.location,
            image=image.key,
            image_id=image.id,
            annotation=shape.id,
            expected=expected,
            got=got,
        )

    # ---- opening

    def _opened(self) -> CvatIndex:
        if self._index is None:
            root = self._document()
            options = self._spec.options
            ontology = load_ontology(options["ontology"]) if "ontology" in options else None
            if root is None:
                self._index = CvatIndex(ontology=ontology)
                return self._index
            self._require_subset(root)
            self._index = index_document(
                root,
                file=self._spec.location,
                ontology=ontology,
                subset=options.get("subset"),
                boxes=options.get("boxes") == "area",
            )
            self.faults.extend(self._index.faults)
        return self._index

    def _document(self) -> XmlElement | None:
        """The root; None, and a fault, where the document was refused."""
        file = self._spec.location
        try:
            # The user names this file, so it may be a link; it must still be a regular file.
            data = read_bytes(file, limit=MAX_DOCUMENT_BYTES, follow_symlinks=True)
        except RefusedFileError as error:
            self.faults.add(error.to_fault())
            return None
        digest = hashlib.sha256(data).hexdigest()
        if self._digest not in (None, digest):  # a worker reads the file again
            raise SpecError(f"{self.name} changed while it was read")
        self._digest = digest
        try:
            return parse_xml(data, file=file)
        except DocumentError as error:
            got = error.problem if error.line is None else f"line {error.line}: {error.problem}"
            self.faults.add(Fault(code=error.code, file=file, got=got))
            return None

    def _require_subset(self, root: XmlElement) -> None:
        wanted = self._spec.options.get("subset")
        if wanted is None or wanted in (there := subsets(root)):
            return
        known = f"it has {', '.join(there)}" if there else "it has none: only projects have subsets"
        raise SpecError(f"{self.name}: no image belongs to the subset {wanted!r} ({known})")


def _merged(
    shapes: Sequence[CvatShape], masks: MaskBatch, *, pixels: int
) -> tuple[list[CvatShape], MaskBatch, npt.NDArray[np.int64]]:
    """One mask for all shapes that share group, class and crowd flag, in the place of the first.

    And how many shapes each was made of.
    """
    heads: dict[tuple[int, int, bool], int] = {}
    owners: list[int] = []
    first: list[CvatShape] = []
    for shape in shapes:
        same = (shape.group, shape.class_index, shape.crowd)
        owner = heads.setdefault(same, len(first)) if shape.group else len(first)
        if owner == len(first):
            first.append(shape)
        owners.append(owner)
    together = masks.united(np.array(owners, np.int64), owners=len(first), pixels=pixels)
    return first, together, np.bincount(np.array(owners, np.int64), minlength=len(first))
