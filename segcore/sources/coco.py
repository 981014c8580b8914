"""COCO: instances and stuff files, and lists of results."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from segcore.annotation import ImageAnnotation, Regions
from segcore.errors import SpecError
from segcore.faults import Fault, FaultLog
from segcore.masks.batch import MaskBatch
from segcore.masks.segmentations import decode_segmentations
from segcore.ontology import Ontology
from segcore.ontology_file import load_ontology
from segcore.sources.base import Source
from segcore.sources.coco_document import adopt_ontology, index_dataset, index_results
from segcore.sources.coco_entries import CocoImage, CocoIndex
from segcore.sources.json_file import read_json
from segcore.sources.spec import Spec

__all__ = ["CocoSource", "open_source"]

_AREA_SLACK_PX, _AREA_SLACK_SHARE = 50.0, 0.20
_BOX_SLACK_PX, _BOX_SLACK_SHARE = 2.0, 0.05


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
        self._own_index: CocoIndex | None = None
        self._index: CocoIndex | None = None
        self._places: dict[str, int] = {}

    def __getstate__(self) -> dict[str, Any]:
        # The document is as large as the file; a worker reads it again.
        return self.__dict__ | {"_loaded": None, "_own_index": None, "_index": None, "_places": {}}

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

    @property
    def unplaced(self) -> int:
        """Annotations that name no image, an unknown one or a refused one."""
        return self._opened().unplaced

    def digest(self) -> str:
        """SHA-256 (hex) of the file; of nothing where it could not be read."""
        return self._load()[1]

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
        if self._gold is not None or gold is None or not isinstance(self._load()[0], list):
            return self
        if not isinstance(gold, CocoSource) or isinstance(gold._load()[0], list):
            raise self._needs_gold()
        resolved = CocoSource(self._spec, gold=gold)
        resolved._loaded, resolved._digest = self._loaded, self._digest
        return resolved

    def read(self, key: str) -> ImageAnnotation:
        """The regions of one image, in file order."""
        index = self._opened()
        place = self._places[key]
        image = index.images[place]
        entries = index.order[index.offsets[place] : index.offsets[place + 1]]
        sound = entries[index.classes[entries] >= 0]
        found = [index.entries[at] for at in sound.tolist()]
        masks = decode_segmentations(
            [entry.get("segmentation") for entry in found], height=image.height, width=image.width
        )
        for problem in masks.problems:
            annotation = index.ids[int(sound[problem.item])]
            self.faults.add(self._fault(problem.code, image, annotation, problem.expected, problem.got))
        used = np.flatnonzero(~masks.refused)
        kept = masks if len(used) == len(masks) else masks.take(used)
        rows = sound[used]
        areas = None
        if not index.is_results:  # the box and area of a detection are the model's, not the mask's
            stated = [found[i] for i in used.tolist()]
            areas = np.array([_number(entry.get("area")) for entry in stated], np.float64)
            self._compare_areas(image, index, rows, areas, kept)
            self._compare_boxes(image, index, rows, stated, kept)
        content = Regions(
            height=image.height,
            width=image.width,
            starts=kept.starts,
            ends=kept.ends,
            offsets=kept.offsets,
            classes=index.classes[rows],
            crowd=np.fromiter((found[i].get("iscrowd", 0) == 1 for i in used), np.bool_, len(used)),
            scores=None if index.scores is None else index.scores[rows],
            ids=tuple(index.ids[at] for at in rows.tolist()),
            stated_areas_px=areas,
        )
        return ImageAnnotation(
            key=key,
            height=image.height,
            width=image.width,
            content=content,
            read=len(entries),
            rejected=len(entries) - len(used),
            file=self._spec.location,
        )

    # ---- opening

    def _load(self) -> tuple[Any, str]:
        """The parsed document (None where it was refused) and the digest of its bytes."""
        if self._loaded is None:
            self._loaded = self._read_document()
            digest = self._loaded[1]
            if self._digest not in (None, digest):  # a worker reads the file again
                raise SpecError(f"{self.name} changed while it was read")
            self._digest = digest
        return self._loaded

    def _read_document(self) -> tuple[Any, str]:
        expected = "an object with images, annotations and categories, or a list of results"
        return read_json(self._spec.location, kinds=(dict, list), expected=expected, faults=self.faults)

    def _opened(self) -> CocoIndex:
        """The document with the classes it is to be read with."""
        if self._index is None:
            index = self._indexed()
            if "ontology" in self._spec.options:
                ontology = load_ontology(self._spec.options["ontology"])
                index = adopt_ontology(index, ontology, file=self._spec.location)
            self.faults.extend(index.faults)
            self._index = index
            self._places = {image.key: place for place, image in enumerate(index.images)}
        return self._index

    def _indexed(self) -> CocoIndex:
        """The document with the categories it names itself."""
        if self._own_index is None:
            document, digest = self._load()
            file = self._spec.location
            if isinstance(document, list):
                self._own_index = index_results(document, file=file, gold=self._gold_index())
            elif document is None:
                self._own_index = CocoIndex()
            else:
                self._own_index = index_dataset(document, file=file)
            # What is not an annotation (licences, info, extra keys) need not stay in memory.
            self._loaded = ([] if isinstance(document, list) else {}, digest)
        return self._own_index

    def _gold_index(self) -> CocoIndex:
        if self._gold is None or isinstance(self._gold._load()[0], list):
            raise self._needs_gold()
        # Detections refer to the ids of the gold's categories, whatever the gold maps them to.
        index = self._gold._indexed()
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

    def _compare_areas(
        self,
        image: CocoImage,
        index: CocoIndex,
        rows: npt.NDArray[np.int64],
        stated: npt.NDArray[np.float64],
        masks: MaskBatch,
    ) -> None:
        drawn = masks.areas_px()
        slack = np.maximum(_AREA_SLACK_PX, _AREA_SLACK_SHARE * drawn)
        for i in np.flatnonzero(np.abs(stated - drawn) > slack):
            annotation = index.ids[int(rows[i])]
            expected, got = f"about {drawn[i]} px, the area of the mask", f"area {stated[i]:.6g}"
            self.faults.add(self._fault("coco.area_mismatch", image, annotation, expected, got))

    def _compare_boxes(
        self,
        image: CocoImage,
        index: CocoIndex,
        rows: npt.NDArray[np.int64],
        entries: list[dict[str, Any]],
        masks: MaskBatch,
    ) -> None:
        boxes = np.array([_box(entry.get("bbox")) for entry in entries], np.float64)
        stated: npt.NDArray[np.float64] = boxes.reshape(-1, 4)
        # As corners, inside the image: boxes of clipped polygons may reach out of it.
        limits = np.array([image.width, image.height, image.width, image.height], np.float64)
        stated[:, 2:] += stated[:, :2]
        stated = np.clip(stated, 0, limits)
        drawn = _drawn_boxes(masks, height=image.height)
        sides = np.tile(drawn[:, 2:] - drawn[:, :2], 2)
        slack = _BOX_SLACK_PX + _BOX_SLACK_SHARE * sides
        for i in np.flatnonzero((np.abs(stated - drawn) > slack).any(axis=1)):
            annotation = index.ids[int(rows[i])]
            expected = f"about {_as_box(drawn[i])}, the box of the mask"
            fault = self._fault(
                "seg.bbox_mismatch", image, annotation, expected, f"bbox {_as_box(stated[i])}"
            )
            self.faults.add(fault)


def _number(value: object) -> float:
    """NaN where nothing comparable is stated."""
    if (type(value) is float or type(value) is int) and -1e300 < value < 1e300:
        return float(value)
    return float("nan")


def _box(value: object) -> list[float]:
    if not isinstance(value, list) or len(value) != 4:
        return [np.nan] * 4
    return [_number(v) for v in value]


def _as_box(corners: npt.NDArray[np.float64]) -> str:
    x0, y0, x1, y1 = corners.tolist()
    return f"[{x0:.6g}, {y0:.6g}, {x1 - x0:.6g}, {y1 - y0:.6g}]"


def _drawn_boxes(masks: MaskBatch, *, height: int) -> npt.NDArray[np.float64]:
    """Left, top, right and bottom edge of every mask, float64 (n, 4); every mask has a run."""
    boxes = np.zeros((len(masks), 4))
    full = np.flatnonzero(np.diff(masks.offsets))
    if not len(full):
        return boxes
    first = masks.offsets[full]
    last = masks.offsets[full + 1] - 1
    left, right = masks.starts // height, (masks.ends - 1) // height
    # A run over a column's end covers the last row of one column and the first of the next.
    over = left != right
    top = np.where(over, 0, masks.starts - left * height)
    bottom = np.where(over, height, masks.ends - right * height)
    boxes[full, 0] = left[first]
    boxes[full, 2] = right[last] + 1
    boxes[full, 1] = np.minimum.reduceat(top, first)
    boxes[full, 3] = np.maximum.reduceat(bottom, first)
    return boxes
