"""COCO: instances and stuff files, and lists of results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from segcore.annotation import ImageAnnotation, Regions
from segcore.errors import SpecError
from segcore.faults import Fault, FaultLog
from segcore.fingerprint import Fingerprint, FingerprintBuilder, FormatField
from segcore.image_attributes import ANNOTATOR, Attributes, attributes_in, merged
from segcore.kernels import RegionRuns
from segcore.masks.batch import MaskBatch
from segcore.masks.segmentations import decode_segmentations
from segcore.ontology import Ontology
from segcore.ontology_file import load_ontology
from segcore.region_block import RegionBlock
from segcore.sources.base import Source
from segcore.sources.coco_block import Ahead
from segcore.sources.coco_columns import CocoColumns
from segcore.sources.coco_document import adopt_ontology, index_dataset, index_results
from segcore.sources.coco_entries import CocoImage, CocoIndex
from segcore.sources.coco_form import add_categories, add_encodings, add_sizes
from segcore.sources.coco_stated import (
    areas_differ,
    boxes_differ,
    drawn_boxes,
    shown_box,
)
from segcore.sources.coco_table import EntryTable, ListedEntries, ScannedEntries
from segcore.sources.json_file import parse_kinds, read_document
from segcore.sources.spec import Spec
from segcore.strict_json import no_collection

__all__ = ["CocoSource", "open_source"]


Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


def open_source(spec: Spec) -> CocoSource:
    """Open ``coco:path/annotations.json[?gt=path&ontology=path]``.  Nothing is read yet.

    Parameters
    ----------
    spec : Spec
        ``gt`` names the data set whose images and categories a list of results refers to; beside
        a COCO gold it is not needed.  ``ontology`` names an ontology file to use instead of the
        categories, which are then matched by name.
    """
    spec.require_known({"gt", "ontology"})
    gt = spec.options.get("gt")
    gold = None if gt is None else CocoSource(Spec(format=spec.format, location=gt))
    return CocoSource(spec, gold=gold)


class CocoSource(Source):
    """A COCO document.

    Parameters
    ----------
    spec : Spec
        Which file.
    gold : CocoSource or None
        Where a list of results takes its images and categories from.

    Notes
    -----
    Polygons become masks by the COCO rule, whatever ``iscrowd`` says.  Annotations keep the order
    of the file.  An annotation without ``iscrowd`` is not a crowd.  Where every annotation of a
    data set has a ``score`` (as some tools export detections) the scores are read.
    """

    def __init__(self, spec: Spec, *, gold: CocoSource | None = None) -> None:
        self.name = str(spec)
        self.faults = FaultLog()
        self._spec = spec
        self._gold = gold
        self._loaded: tuple[Any, str] | None = None
        self._digest: str | None = None
        self._own: tuple[CocoIndex, CocoColumns] | None = None
        self._index: CocoIndex | None = None
        self._places: dict[str, int] = {}
        self._columns = CocoColumns.of(CocoIndex())
        self._ahead = Ahead()
        self._resolved: CocoSource | None = None

    def __getstate__(self) -> dict[str, Any]:
        # The document is as large as the file; a worker reads it again.
        fresh = CocoSource(self._spec, gold=self._gold)
        return fresh.__dict__ | {"faults": self.faults, "_digest": self._digest}

    @property
    def ontology(self) -> Ontology | None:
        """The categories in the order of their ids; None where the document is broken."""
        return self._opened().ontology

    def keys(self) -> tuple[str, ...]:
        """File names without folders and extension, sorted."""
        self._opened()
        return tuple(self._places)

    def annotation_count(self, key: str) -> int:
        """How many annotations the document holds for this image, sound or not."""
        index = self._opened()
        place = self._places[key]
        return int(index.offsets[place + 1] - index.offsets[place])

    def attributes(self, key: str) -> Attributes:
        """What the entry of the image says, and who drew its annotations.

        A list of results has no images of its own: only its annotators are told.
        """
        index = self._opened()
        place = self._places[key]
        extra = {} if index.is_results else index.images[place].extra
        drawn = self._columns.annotators
        who = () if drawn is None else drawn[place]
        return merged([*attributes_in(extra), (ANNOTATOR, who)]) if extra or who else {}

    def image_size(self, key: str) -> tuple[int, int]:
        """Height and width as the document states them."""
        image = self._opened().images[self._places[key]]
        return image.height, image.width

    @property
    def unplaced(self) -> int:
        """Annotations that name no image, an unknown one or a refused one."""
        return self._opened().unplaced

    def digest(self) -> str:
        """SHA-256 (hex) of the file; of nothing where it could not be read."""
        return self._load()[1] if self._digest is None else self._digest

    def resolve(
        self,
        *,
        ontology: Ontology | None,  # noqa: ARG002  (a COCO file names its own classes)
        gold: Source | None = None,
    ) -> CocoSource:
        """A list of results takes its images and categories from the gold.

        Raises
        ------
        SpecError
            This is a list of results and the gold is not a COCO data set.
        """
        if self._gold is not None or gold is None:
            return self
        if self._resolved is not None and self._resolved._gold is gold:
            return self._resolved
        with no_collection():
            if not isinstance(self._load()[0], EntryTable):
                return self
            if not isinstance(gold, CocoSource) or isinstance(gold._load()[0], EntryTable):
                raise self._needs_gold()
            resolved = CocoSource(self._spec, gold=gold)
            # The document goes over: it is kept only until it is indexed.
            resolved._loaded, resolved._digest = self._loaded, self._digest
            self._loaded, self._resolved = None, resolved
            resolved._indexed()
        return resolved

    def expect(self, keys: Sequence[str]) -> None:
        """Images that follow one another are decoded together; see :class:`Source`."""
        self._opened()
        self._ahead = Ahead(places=[self._places[key] for key in dict.fromkeys(keys)])

    def read(self, key: str) -> ImageAnnotation:
        """The regions of one image, in file order."""
        index = self._opened()
        place = self._places[key]
        content = self._ahead.regions(self._columns, place)
        if content is None:
            content = self._read_alone(index.images[place], place)
        read = self.annotation_count(key)
        return ImageAnnotation(
            key=key,
            height=content.height,
            width=content.width,
            content=content,
            read=read,
            rejected=read - len(content),
            file=self._spec.location,
        )

    def read_block(self, keys: Sequence[str]) -> RegionBlock | None:
        """Those of the first of ``keys`` that were decoded together."""
        self._opened()
        return self._ahead.block(self._columns, [self._places[key] for key in keys])

    def fingerprint(self) -> Fingerprint:
        """How the masks are written, and what the document itself lists.

        A list of results has neither sizes nor categories of its own.
        """
        self._opened()
        own, columns = self._indexed()
        found = FingerprintBuilder(self.name, FormatField.ENCODING, FormatField.RLE_ORDER)
        found.add_file(self._spec.location)
        add_encodings(found, own.images, columns)
        if not own.is_results:
            add_sizes(found, own.images)
            add_categories(found, own.ontology, order=own.category_order)
        return found.fingerprint()

    def _read_alone(self, image: CocoImage, place: int) -> Regions:
        """The sound regions of one image; whatever is wrong with the others becomes a fault."""
        columns = self._columns
        rows = np.arange(columns.begins[place], columns.begins[place + 1])
        rows = rows[columns.classes[rows] >= 0]
        found = [columns.segmentation(row) for row in rows.tolist()]
        masks = decode_segmentations(found, height=image.height, width=image.width)
        for problem in masks.problems:
            annotation = columns.ids[int(rows[problem.item])]
            self.faults.add(self._fault(problem.code, image, annotation, problem.expected, problem.got))
        used = np.flatnonzero(~masks.refused)
        kept = masks if len(used) == len(masks) else masks.take(used)
        rows = rows[used]
        if columns.areas is not None:
            self._compare_areas(image, rows, columns.areas[rows], kept)
        if columns.corners is not None:
            self._compare_boxes(image, rows, columns.corners[rows], kept)
        return Regions(
            height=image.height,
            width=image.width,
            starts=kept.starts,
            ends=kept.ends,
            offsets=kept.offsets,
            classes=columns.classes[rows],
            crowd=columns.crowd[rows],
            scores=None if columns.scores is None else columns.scores[rows],
            ids=tuple(columns.ids[row] for row in rows.tolist()),
            stated_areas_px=None if columns.areas is None else columns.areas[rows],
        )

    # ---- opening

    def _load(self) -> tuple[Any, str]:
        """The document and the digest of its bytes.

        The document is an EntryTable where it is a list of results, a dict with one as its
        annotations where it is a data set, and None where it was refused.
        """
        if self._loaded is None:
            self._loaded = self._read_document()
            digest = self._loaded[1]
            if self._digest not in (None, digest):  # a worker reads the file again
                raise SpecError(f"{self.name} changed while it was read")
            self._digest = digest
        return self._loaded

    def _read_document(self) -> tuple[Any, str]:
        file = self._spec.location
        data, digest = read_document(file, faults=self.faults)
        if data is None:
            return None, digest
        document: Any
        if (found := ScannedEntries.find(data, file=file)) is not None:
            document, entries = found
            return (document | {"annotations": entries} if document else entries), digest
        expected = "an object with images, annotations and categories, or a list of results"
        document = parse_kinds(
            data, file=file, kinds=(dict, list), expected=expected, faults=self.faults
        )
        if isinstance(document, list):
            document = ListedEntries(document)
        elif isinstance(document, dict) and isinstance(document.get("annotations"), list):
            document["annotations"] = ListedEntries(document["annotations"])
        return document, digest

    def _opened(self) -> CocoIndex:
        """The document with the classes it is to be read with."""
        if self._index is None:
            index, columns = self._indexed()
            if "ontology" in self._spec.options:
                ontology = load_ontology(self._spec.options["ontology"])
                index = adopt_ontology(index, ontology, file=self._spec.location)
                columns = columns.adopt(index.classes)
            self.faults.extend(index.faults)
            self._index, self._columns = index, columns
            self._places = {image.key: place for place, image in enumerate(index.images)}
        return self._index

    def _indexed(self) -> tuple[CocoIndex, CocoColumns]:
        """The document with the categories it names itself."""
        if self._own is None:
            with no_collection():
                document, digest = self._load()
                file = self._spec.location
                if isinstance(document, EntryTable):
                    index = index_results(document, file=file, gold=self._gold_index())
                elif document is None:
                    index = CocoIndex()
                else:
                    index = index_dataset(document, file=file)
                columns = CocoColumns.of(index)
                # What was not taken as a column need not stay in memory.
                nothing = ListedEntries([])
                self._loaded = (nothing if isinstance(document, EntryTable) else {}, digest)
                self._own = replace(index, entries=nothing), columns
                del document, index
        return self._own

    def _gold_index(self) -> CocoIndex:
        if self._gold is None or isinstance(self._gold._load()[0], EntryTable):
            raise self._needs_gold()
        # Detections refer to the ids of the gold's categories, whatever the gold maps them to.
        index, _ = self._gold._indexed()
        if "gt" in self._spec.options:  # nobody else reports on a file only this spec names
            self.faults.extend(self._gold.faults)
            self.faults.extend(index.faults)
        return index

    def _needs_gold(self) -> SpecError:
        return SpecError(
            f"{self.name} is a list of results, which names neither images nor classes: "
            f"add ?gt=GOLD.json, the COCO data set it was made for"
        )

    # ---- comparing what is stated with what was drawn

    def _fault(
        self, code: str, image: CocoImage, annotation: int | str | None, expected: str, got: str
    ) -> Fault:
        return Fault(
            code=code,
            file=self._spec.location,
            image=image.key,
            image_id=image.id,
            annotation=annotation,
            expected=expected,
            got=got,
        )

    def _compare_areas(self, image: CocoImage, rows: Integers, stated: Floats, masks: MaskBatch) -> None:
        drawn = masks.areas_px()
        for i in np.flatnonzero(areas_differ(stated, drawn)):
            annotation = self._columns.ids[int(rows[i])]
            expected, got = f"about {drawn[i]} px, the area of the mask", f"area {stated[i]:.6g}"
            self.faults.add(self._fault("coco.area_mismatch", image, annotation, expected, got))

    def _compare_boxes(self, image: CocoImage, rows: Integers, stated: Floats, masks: MaskBatch) -> None:
        one = np.array([0, len(masks)], np.int64)
        runs = RegionRuns(masks.starts, masks.ends, masks.offsets, one)
        drawn = drawn_boxes(runs, heights=np.array([image.height], np.int64))
        for i in np.flatnonzero(boxes_differ(stated, drawn)):
            annotation = self._columns.ids[int(rows[i])]
            expected = f"about {shown_box(drawn[i])}, the box of the mask"
            got = f"bbox {shown_box(stated[i])}"
            self.faults.add(self._fault("seg.bbox_mismatch", image, annotation, expected, got))
