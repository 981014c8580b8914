"""The structure of a COCO panoptic document: its images, categories and segments, and every fault of it.

The format is that of ``panopticapi`` (Kirillov et al., Panoptic Segmentation, CVPR 2019): one entry
of ``annotations`` an image, which names a PNG and lists the segments in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from segcore.faults import Fault
from segcore.limits import MAX_ANNOTATIONS, MAX_CLASSES, MAX_IMAGE_SEGMENTS
from segcore.ontology import Ontology
from segcore.sources.coco_attributes import annotator_in
from segcore.sources.coco_document import image_key, index_categories, index_images
from segcore.sources.coco_entries import (
    CocoImage,
    EntryFaults,
    TooManyFaultsError,
    entries_at,
    is_id,
    repeated,
)
from segcore.wording import show

__all__ = [
    "MAX_SEGMENT_ID",
    "ListedSegments",
    "PanopticIndex",
    "PanopticMask",
    "index_panoptic",
    "segments_of",
]

MAX_SEGMENT_ID: Final = (1 << 24) - 1
"""The largest number three bytes of colour hold; 0 is void."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PanopticMask:
    """One entry of ``annotations`` that was accepted, and its image.

    Attributes
    ----------
    image : CocoImage
    file_name : str
        Of the PNG, below the folder of masks.
    entries : list
        ``segments_info`` as it is.
    annotator : object
        Who drew it, as the file has it.
    """

    image: CocoImage
    file_name: str
    entries: list[Any] = field(repr=False)
    annotator: object = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PanopticIndex:
    """What a document holds, by image.

    Attributes
    ----------
    masks : dict of str to PanopticMask
        By image key, sorted.
    ontology : Ontology or None
        The categories in the order of their ids; None where none is sound.
    refused_classes : frozenset of int
        Ids of categories that were reported.
    unplaced : int
        Segments of entries that belong to no accepted image.
    faults : tuple of Fault
    """

    masks: dict[str, PanopticMask] = field(default_factory=dict)
    ontology: Ontology | None = None
    refused_classes: frozenset[int] = frozenset()
    unplaced: int = 0
    faults: tuple[Fault, ...] = ()


def index_panoptic(document: Mapping[str, Any], *, file: str) -> PanopticIndex:
    """Check a document and find the mask of every image.

    Images without an entry in ``annotations`` are not annotated, and left out.

    Parameters
    ----------
    document : mapping
        The parsed JSON object.
    file : str
        What faults call it.
    """
    faults = EntryFaults()
    parts: dict[str, list[Any]] = {}
    limits = {"images": MAX_ANNOTATIONS, "annotations": MAX_ANNOTATIONS, "categories": MAX_CLASSES}
    for name, limit in limits.items():
        value = document.get(name)
        if name not in document:
            hint = "" if name == "annotations" else ": ?gt=GOLD.json says where else it is"
            got = f"no such key{hint}"
            faults.append(Fault(code="coco.missing_field", file=file, expected=name, got=got))
        elif not isinstance(value, list):
            expected = f"{name}: a list"
            faults.append(
                Fault(code="coco.bad_structure", file=file, expected=expected, got=show(value))
            )
        elif len(value) > limit:
            code = "limits.entries" if name == "categories" else "limits.annotations"
            expected = f"at most {limit} {name}"
            faults.append(Fault(code=code, file=file, expected=expected, got=f"{len(value)}"))
        else:
            parts[name] = value
    if faults:
        return PanopticIndex(faults=tuple(faults))
    entries = parts["annotations"]
    if entries and not any(isinstance(entry, dict) and "segments_info" in entry for entry in entries):
        expected, got = "a panoptic file, with segments_info", "another kind of COCO (read it as coco:)"
        faults.append(Fault(code="coco.bad_structure", file=file, expected=expected, got=got))
        return PanopticIndex(faults=tuple(faults))
    try:
        images, refused_images = index_images(parts["images"], file=file, faults=faults, text_ids=True)
        ontology, refused_classes = index_categories(parts["categories"], file=file, faults=faults)
        reader = _MaskReader(file, images, refused_images, faults)
        masks = reader.read(entries)
    except TooManyFaultsError:
        return PanopticIndex(unplaced=sum(map(_segments, entries)), faults=tuple(faults))
    return PanopticIndex(
        masks={mask.image.key: mask for mask in masks},
        ontology=ontology,
        refused_classes=refused_classes,
        unplaced=sum(map(_segments, entries)) - sum(len(mask.entries) for mask in masks),
        faults=tuple(faults),
    )


class _MaskReader:
    """Checks the entries of ``annotations``, but not yet their segments."""

    def __init__(
        self,
        file: str,
        images: tuple[CocoImage, ...],
        refused_images: frozenset[int | str],
        faults: list[Fault],
    ) -> None:
        self._file = file
        self._images: dict[object, CocoImage] = {image.id: image for image in images}
        self._refused = refused_images
        self._faults = faults

    def read(self, entries: list[Any]) -> list[PanopticMask]:
        """The sound ones, by image key."""
        found = [self._read(entry, f"annotations[{at}]") for at, entry in enumerate(entries)]
        refused: set[str] = set()
        keys = [None if image is None else image.key for image, _ in found]
        for key, places in repeated(keys).items():
            if key is not None:
                got = entries_at("annotations", places)
                self._add("delivery.duplicate_image", found[places[0]][0], "one annotation", got)
                refused.add(key)
        masks = [mask for _, mask in found if mask is not None and mask.image.key not in refused]
        return sorted(masks, key=lambda mask: mask.image.key)

    def _read(self, entry: Any, where: str) -> tuple[CocoImage | None, PanopticMask | None]:
        if not isinstance(entry, dict):
            self._add("coco.bad_structure", None, f"{where}: an object", show(entry))
            return None, None
        image_id, name, entries = (
            entry.get(field_name) for field_name in ("image_id", "file_name", "segments_info")
        )
        known = self._images.get(image_id) if isinstance(image_id, str) or is_id(image_id) else None
        before = len(self._faults)
        for field_name, sound, kind in (
            ("image_id", is_id(image_id) or isinstance(image_id, str), "an integer or text"),
            ("file_name", isinstance(name, str), "text"),
            ("segments_info", isinstance(entries, list), "a list"),
        ):
            if field_name not in entry:
                self._add("coco.missing_field", known, f"{where}.{field_name}", "no such key")
            elif not sound:
                got = show(entry[field_name])
                self._add("coco.bad_type", known, f"{where}.{field_name}: {kind}", got)
        if len(self._faults) == before and known is None:
            if image_id not in self._refused:
                got = f"image_id {show(image_id)}"
                self._add("coco.unknown_image", None, f"{where}: the id of an image of the file", got)
            return None, None
        # The name is only looked up in a listing of the folder, never opened; it says what was meant.
        if isinstance(name, str) and (image_key(name) is None or name.startswith(("/", "\\"))):
            self._add("path.unsafe", known, "file_name: a path below the folder of masks", show(name))
        if isinstance(entries, list) and len(entries) > MAX_IMAGE_SEGMENTS:
            expected = f"at most {MAX_IMAGE_SEGMENTS} segments"
            self._add("limits.annotations", known, expected, f"{len(entries)}")
        if len(self._faults) > before or known is None:
            return known, None
        return known, PanopticMask(
            image=known,
            file_name=str(name),
            entries=list(entries or ()),
            annotator=annotator_in(entry),
        )

    def _add(self, code: str, image: CocoImage | None, expected: str, got: str) -> None:
        key, image_id = (None, None) if image is None else (image.key, image.id)
        self._faults.append(
            Fault(code=code, file=self._file, image=key, image_id=image_id, expected=expected, got=got)
        )


def _segments(entry: Any) -> int:
    segments = entry.get("segments_info") if isinstance(entry, dict) else None
    return len(segments) if isinstance(segments, list) else 0


# ---- segments


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ListedSegments:
    """The sound segments of one image.

    Attributes
    ----------
    ids : uint32 (n,)
        Sorted.
    classes : int32 (n,)
    crowd : bool (n,)
    areas_px : float64 (n,)
        As the file states them, NaN where it states none.
    refused : frozenset of int
        Ids that were reported, so that their pixels need no fault of their own.
    """

    ids: npt.NDArray[np.uint32]
    classes: npt.NDArray[np.int32]
    crowd: npt.NDArray[np.bool_]
    areas_px: npt.NDArray[np.float64]
    refused: frozenset[int]


def segments_of(
    mask: PanopticMask,
    *,
    class_of: Mapping[int, int],
    refused_classes: frozenset[int],
    file: str,
    faults: list[Fault],
) -> ListedSegments:
    """Check ``segments_info`` of one image.

    Parameters
    ----------
    mask : PanopticMask
    class_of : mapping of int to int
        Class index of every category id.
    refused_classes : frozenset of int
        Ids of categories that were reported.
    file : str
        What faults call the document.
    faults : list of Fault
        Where the faults go.
    """
    sound: dict[int, tuple[int, int, float]] = {}
    refused: set[int] = set()
    seen: list[int] = []
    for at, entry in enumerate(mask.entries):
        if type(entry) is not dict:
            faults.append(
                _fault(
                    mask, file, "coco.bad_structure", f"segments_info[{at}]", "an object", show(entry)
                )
            )
            continue
        get = entry.get
        own_id, category_id, crowd, area = get("id"), get("category_id"), get("iscrowd", 0), get("area")
        index = class_of.get(category_id, -1) if type(category_id) is int else -1
        name: int | str = f"segments_info[{at}]"
        known = type(own_id) is int and 0 < own_id <= MAX_SEGMENT_ID
        if type(own_id) is int and known:
            seen.append(own_id)
            name = own_id
            if index >= 0 and type(crowd) is int and (crowd == 0 or crowd == 1):
                sound[own_id] = index, crowd, _number(area)
                continue
            refused.add(own_id)
        problems = _problems(entry, known=known, index=index, refused_classes=refused_classes)
        faults += [_fault(mask, file, code, name, *found) for code, *found in problems]
    for own_id, places in repeated(seen).items():
        got = f"{len(places)} in segments_info"
        faults.append(_fault(mask, file, "panoptic.duplicate_segment", own_id, "one segment", got))
        refused.add(own_id)
    kept = sorted(own_id for own_id in sound if own_id not in refused)
    rows = [sound[own_id] for own_id in kept]
    return ListedSegments(
        ids=np.array(kept, np.uint32),
        classes=np.array([row[0] for row in rows], np.int32),
        crowd=np.array([row[1] == 1 for row in rows], np.bool_),
        areas_px=np.array([row[2] for row in rows], np.float64),
        refused=frozenset(refused),
    )


def _number(value: object) -> float:
    """NaN where nothing comparable is stated."""
    if (type(value) is float or type(value) is int) and -1e300 < value < 1e300:
        return float(value)
    return float("nan")


def _problems(
    entry: Mapping[str, Any], *, known: bool, index: int, refused_classes: frozenset[int]
) -> list[tuple[str, str, str]]:
    """Every reason why a segment was not sound: code, expected and got."""
    found = []
    for name, sound, kind in (
        ("id", known, f"an integer from 1 to {MAX_SEGMENT_ID}"),
        ("category_id", is_id(entry.get("category_id")), "an integer"),
    ):
        if name not in entry:
            found.append(("coco.missing_field", name, "no such key"))
        elif not sound:
            found.append(("coco.bad_type", f"{name}: {kind}", show(entry[name])))
    category_id, crowd = entry.get("category_id"), entry.get("iscrowd", 0)
    if is_id(category_id) and index < 0 and category_id not in refused_classes:
        expected = "the id of a category of the file"
        found.append(("coco.unknown_category", expected, f"category_id {category_id}"))
    if type(crowd) is not int or crowd not in (0, 1):
        found.append(("coco.iscrowd", "0 or 1", show(crowd)))
    return found


def _fault(
    mask: PanopticMask, file: str, code: str, annotation: int | str, expected: str, got: str
) -> Fault:
    return Fault(
        code=code,
        file=file,
        image=mask.image.key,
        image_id=mask.image.id,
        annotation=annotation,
        expected=expected,
        got=got,
    )
