"""``coco-panoptic:panoptic.json?masks=DIR``: COCO panoptic, a document and a PNG an image.

The colour of a pixel is the id of its segment, red + 256 green + 65536 blue; 0 is void.  Without
``masks`` the PNGs lie beside the document, in the folder of its name (``panoptic_val/`` beside
``panoptic_val.json``).  A delivery without ``images`` or ``categories`` takes those of its gold, or of
the document ``gt`` names.  The masks ``cityscapesscripts`` makes (``createPanopticImgs``) are of this
format too; their image ids are text, and are the keys.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

import numpy as np

from segcore.annotation import ImageAnnotation, SegmentMap
from segcore.errors import RefusedFileError, RefusedMaskError, SpecError
from segcore.faults import Fault, FaultLog
from segcore.files import Entry, list_files, read_bytes
from segcore.fingerprint import Fingerprint, FingerprintBuilder
from segcore.image_attributes import ANNOTATOR, Attributes, attributes_in, merged
from segcore.limits import MAX_MASK_BYTES
from segcore.masks.png import decode_rgb
from segcore.masks.segment_ids import NumberedRuns, number_segments
from segcore.ontology import Ontology
from segcore.sources.base import Source
from segcore.sources.coco_document import category_order
from segcore.sources.coco_form import add_categories
from segcore.sources.coco_panoptic_document import (
    ListedSegments,
    PanopticIndex,
    PanopticMask,
    index_panoptic,
    segments_of,
)
from segcore.sources.json_file import read_json
from segcore.sources.png_form import PNG_FIELDS, add_png
from segcore.sources.spec import Spec
from segcore.wording import printable

__all__ = ["CocoPanopticSource", "open_source"]

_MAX_STRANGERS: Final = 100
"""Unlisted segments of an image that are named one by one: a photo has a million colours."""

_SHARED: Final = ("images", "categories")
"""What a delivery may leave to its gold."""


def open_source(spec: Spec) -> CocoPanopticSource:
    """Open ``coco-panoptic:path/panoptic.json[?masks=dir&gt=path]``.  Nothing is read yet.

    Raises
    ------
    SpecError
        An option is unknown.
    """
    spec.require_known({"gt", "masks"})
    gt = spec.options.get("gt")
    gold = None if gt is None else CocoPanopticSource(Spec(format=spec.format, location=gt))
    return CocoPanopticSource(spec, gold=gold)


class CocoPanopticSource(Source):
    """A COCO panoptic document and its PNGs.

    Parameters
    ----------
    spec : Spec
        Which document, and where its PNGs are.
    gold : CocoPanopticSource or None
        Where images and categories come from if the document has none.

    Notes
    -----
    Its contents are :class:`SegmentMap`.  A segment without ``iscrowd`` is no crowd.  Areas are those
    of the pixels, whatever the document states.
    """

    when_empty = "no annotated image"

    def __init__(self, spec: Spec, *, gold: CocoPanopticSource | None = None) -> None:
        self.name = str(spec)
        self.faults = FaultLog()
        self._spec = spec
        self._gold = gold
        self._masks = spec.options.get("masks") or spec.location.removesuffix(".json")
        self._document: dict[str, Any] | None = None
        self._digest: str | None = None
        self._index: PanopticIndex | None = None
        self._borrows_images = False
        self._stated: frozenset[str] = frozenset()
        self._class_of: dict[int, int] = {}
        self._files: dict[str, Entry] | None = None
        self._refused_files: dict[str, Fault] = {}

    def __getstate__(self) -> dict[str, Any]:
        # The document is as large as the file; a worker reads it again.
        return self.__dict__ | {"_document": None, "_index": None, "_files": None}

    @property
    def ontology(self) -> Ontology | None:
        """The categories in the order of their ids; None where the document is broken."""
        return self._opened().ontology

    def keys(self) -> tuple[str, ...]:
        """The keys of the annotated images, sorted: file names without folders and extension.

        Where the id of an image is text, it is the key.
        """
        masks = self._opened().masks
        if masks:
            self._listing()
        return tuple(masks)

    def annotation_count(self, key: str) -> int:
        """How many segments the document lists for this image, sound or not."""
        return len(self._opened().masks[key].entries)

    def attributes(self, key: str) -> Attributes:
        """What the entry of the image says, unless it is the gold's, and who drew its mask."""
        mask = self._opened().masks[key]
        extra = {} if self._borrows_images else mask.image.extra
        return merged([*attributes_in(extra), (ANNOTATOR, mask.annotator)])

    @property
    def unplaced(self) -> int:
        """Segments of images that are unknown or were refused."""
        return self._opened().unplaced

    def digest(self) -> str | None:
        """None: each image carries the digest of its PNG and its segments."""
        return None

    def resolve(
        self,
        *,
        ontology: Ontology | None,  # noqa: ARG002  (a document names its own classes)
        gold: Source | None = None,
    ) -> CocoPanopticSource:
        """A document without images or categories takes those of a gold of this format."""
        if self._gold is not None or not isinstance(gold, CocoPanopticSource):
            return self
        document = self._read_document()
        if not document or all(name in document for name in _SHARED):
            return self
        return CocoPanopticSource(self._spec, gold=gold)

    def read(self, key: str) -> ImageAnnotation | None:
        """The segments of one image; None, and a fault, where its PNG was refused."""
        index = self._opened()
        mask = index.masks[key]
        faults: list[Fault] = []
        segments = segments_of(
            mask,
            class_of=self._class_of,
            refused_classes=index.refused_classes,
            file=self._spec.location,
            faults=faults,
        )
        self.faults.extend(faults)
        data = self._read_mask(mask)
        if data is None:
            return None
        try:
            pixels = decode_rgb(data)
            image, (height, width) = mask.image, pixels.shape[:2]
            if (height, width) != (image.height, image.width):
                expected = f"{image.width} x {image.height}"
                self._add("panoptic.size_mismatch", mask, None, expected, f"{width} x {height}")
                return None
            found = number_segments(pixels, segments.ids)
        except RefusedMaskError as error:
            self.faults.extend(error.to_faults(file=self._place(mask), image=key))
            return None
        missing = self._compare(mask, segments, found)
        content = SegmentMap(
            height=height,
            width=width,
            starts=found.starts,
            numbers=found.numbers,
            areas_px=found.areas_px,
            classes=segments.classes,
            crowd=segments.crowd,
            ids=tuple(segments.ids.tolist()),
        )
        return ImageAnnotation(
            key=key,
            height=height,
            width=width,
            content=content,
            read=len(mask.entries),
            rejected=len(mask.entries) - len(segments.ids) + missing,
            digest=_digest(data, segments),
            file=self._place(mask),
        )

    def fingerprint(self) -> Fingerprint:
        """The kinds of the PNGs, and what the document itself lists."""
        index = self._opened()
        found = FingerprintBuilder(self.name, *PNG_FIELDS)
        for key, mask in index.masks.items():
            entry = self._listing().get(mask.file_name)
            if entry is not None:
                add_png(found, entry, key=key, faults=self.faults)
            else:
                self._read_mask(mask)  # says what is wrong
        found.add_file(self._spec.location)
        document = self._document or {}
        if "categories" in self._stated and "categories" in document:
            order = category_order(document["categories"])
            add_categories(found, index.ontology, order=order)
        return found.fingerprint()

    # ---- opening

    def _read_document(self) -> dict[str, Any]:
        """The parsed document; empty where it was refused, which its fault says."""
        if self._document is None:
            expected = "an object with images, annotations and categories"
            document, digest = read_json(
                self._spec.location, kinds=(dict,), expected=expected, faults=self.faults
            )
            if self._digest not in (None, digest):  # a worker reads the file again
                raise SpecError(f"{self.name} changed while it was read")
            self._document, self._digest = document or {}, digest
        return self._document

    def _opened(self) -> PanopticIndex:
        if self._index is None:
            document = self._read_document()
            self._stated = frozenset(document)
            if document and self._gold is not None:
                given = self._gold._read_document()
                self._borrows_images = "images" not in document
                document = {name: given[name] for name in _SHARED if name in given} | document
                self.faults.extend(self._gold.faults if "gt" in self._spec.options else ())
            # A refused document has its fault; an empty one gets those of all that it lacks.
            refused = not document and len(self.faults) > 0
            index = PanopticIndex() if refused else index_panoptic(document, file=self._spec.location)
            self.faults.extend(index.faults)
            classes = () if index.ontology is None else index.ontology.classes
            self._class_of = {c.id: i for i, c in enumerate(classes)}
            self._index = index
            # The rest (licences, info) need not stay in memory.
            self._document = {name: document[name] for name in _SHARED if name in document}
        return self._index

    def _listing(self) -> dict[str, Entry]:
        """The PNGs by their paths below the folder; nothing else can be opened."""
        if self._files is None:
            try:
                entries, faults = list_files(self._masks, suffix=".png")
            except SpecError as error:
                raise SpecError(
                    f"{error}; the PNGs of {self.name} are looked for there, ?masks=DIR names another "
                    "folder"
                ) from None
            self._files = {entry.path: entry for entry in entries}
            self._refused_files = {fault.file: fault for fault in faults}
        return self._files

    # ---- one image

    def _place(self, mask: PanopticMask) -> str:
        return Entry(folder=self._masks, path=mask.file_name).location

    def _read_mask(self, mask: PanopticMask) -> bytes | None:
        place = self._place(mask)
        entry = self._listing().get(mask.file_name)
        if entry is None:
            known = self._refused_files.get(printable(place, limit=400))
            if known is None:
                expected = f"a PNG in {printable(self._masks)}"
                self._add("panoptic.missing_mask", mask, None, expected, "no such file")
            else:
                self._add(known.code, mask, None, known.expected, known.got)
            return None
        try:
            return read_bytes(entry.location, limit=MAX_MASK_BYTES)
        except RefusedFileError as error:
            self.faults.add(error.to_fault(image=mask.image.key))
        except SpecError as error:  # it was there when the folder was listed
            got = printable(str(error).replace(place, "this file"))
            self._add("path.not_regular", mask, None, "a readable file", got)
        return None

    def _compare(self, mask: PanopticMask, segments: ListedSegments, found: NumberedRuns) -> int:
        """What is listed against what was drawn; the number of segments that were not."""
        strangers = [s for s in found.strangers if s.id not in segments.refused]
        for stranger in strangers[:_MAX_STRANGERS]:
            got = f"{stranger.pixels} px, first at x={stranger.x} y={stranger.y}"
            self._add("panoptic.unlisted_segment", mask, stranger.id, "an entry in segments_info", got)
        if (more := len(strangers) - _MAX_STRANGERS) > 0:
            got = f"{more} more segments without one"
            self._add("panoptic.unlisted_segment", mask, None, "an entry in segments_info", got)
        drawn = found.areas_px
        missing = np.flatnonzero(drawn == 0)
        for i in missing.tolist():
            own_id = int(segments.ids[i])
            self._add("panoptic.missing_segment", mask, own_id, "pixels of its colour", "none")
        for i in np.flatnonzero((segments.areas_px != drawn) & ~np.isnan(segments.areas_px)).tolist():
            if drawn[i]:
                expected, got = f"{drawn[i]} px, as drawn", f"area {segments.areas_px[i]:.9g}"
                self._add("coco.area_mismatch", mask, int(segments.ids[i]), expected, got)
        return len(missing)

    def _add(
        self, code: str, mask: PanopticMask, annotation: int | None, expected: str, got: str
    ) -> None:
        image = mask.image
        self.faults.add(
            Fault(
                code=code,
                file=self._place(mask),
                image=image.key,
                image_id=image.id,
                annotation=annotation,
                expected=expected,
                got=got,
            )
        )


def _digest(data: bytes, segments: ListedSegments) -> bytes:
    """Of a PNG, and of what the document says its colours mean."""
    digest = hashlib.sha256(data)
    for column in (segments.ids, segments.classes, segments.crowd):
        digest.update(column.astype("<u4").tobytes())
    return digest.digest()
