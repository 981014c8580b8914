"""Faults: what is wrong with an input, one record each, all of them in one run.

A fault never repairs anything.  Severity ``error`` refuses the input, ``warning`` is reported.
The codes are a public contract: scripts match on them, so a code is added here and never renamed.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from segcore.wording import escaped, printable

__all__ = ["CODES", "Fault", "FaultLog", "Severity", "fault_lines"]

_MANY: Final = 10
"""Up to so many faults of one code are shown one by one."""
_FIRST: Final = 5
"""Of more, so many are, and so many images of the others are named."""


class Severity(enum.StrEnum):
    """What a fault does to its input."""

    ERROR = "error"
    WARNING = "warning"


_E, _W = Severity.ERROR, Severity.WARNING

CODES: Final[dict[str, tuple[Severity, str]]] = {
    # run-length masks
    "rle.sum_mismatch": (_E, "the runs do not add up to height x width"),
    "rle.negative_run": (_E, "a run is negative"),
    "rle.run_too_large": (_E, "a run is longer than the image has pixels"),
    "rle.truncated": (_E, "the counts end inside a number"),
    "rle.size_mismatch": (_E, "the mask size is not the image size"),
    "rle.bad_type": (_E, "size or counts has the wrong type"),
    "rle.bad_char": (_E, "the counts hold a character outside the COCO alphabet"),
    "rle.missing_field": (_E, "size or counts is missing"),
    "rle.suspect_order": (_W, "the mask fits a transposed image better: row-major runs?"),
    # polygons
    "poly.too_few_points": (_E, "a ring needs at least three points"),
    "poly.odd_length": (_E, "a ring holds an odd number of coordinates"),
    "poly.not_finite": (_E, "a coordinate is not a finite number"),
    "poly.out_of_bounds": (_E, "a coordinate lies far outside the image"),
    "poly.clipped": (_W, "a ring reaches over the border and is clipped"),
    "poly.empty_after_clip": (_E, "a ring lies outside the image"),
    "poly.self_intersection": (_W, "a ring crosses itself"),
    "poly.zero_area": (_E, "a ring encloses no area"),
    "poly.bad_type": (_E, "a coordinate is not a number"),
    "poly.bad_nesting": (_E, "a segmentation is a list of rings, each a flat list of coordinates"),
    "poly.nested_ring": (_W, "a ring lies inside another; COCO fills it, it makes no hole"),
    "poly.too_many_points": (_E, "a ring has more points than the limit"),
    # segmentations
    "seg.empty": (_E, "the segmentation is empty"),
    "seg.missing": (_E, "the annotation has no segmentation"),
    "seg.bad_type": (_E, "the segmentation is neither a polygon nor a run-length mask"),
    "seg.bbox_mismatch": (_W, "the box disagrees with the mask"),
    # COCO documents
    "coco.duplicate_annotation_id": (_E, "two annotations share an id"),
    "coco.duplicate_image_id": (_E, "two images share an id"),
    "coco.duplicate_file_name": (_E, "two images share a file name"),
    "coco.duplicate_category": (_E, "two categories share an id or a name"),
    "coco.category_conflict": (_E, "a category contradicts the ontology"),
    "coco.unknown_category": (_E, "the annotation names a category id the file does not define"),
    "coco.unknown_class_name": (_E, "the category name is neither a class nor an alias of the ontology"),
    "coco.unknown_image": (_E, "the annotation names an image id the file does not define"),
    "coco.missing_field": (_E, "a required field is missing"),
    "coco.bad_type": (_E, "a field has the wrong type"),
    "coco.bad_structure": (_E, "the document is not a COCO file"),
    "coco.iscrowd": (_E, "iscrowd is neither 0 nor 1"),
    "coco.area_mismatch": (_W, "the stated area disagrees with the mask"),
    # COCO result lists
    "results.missing_score": (_E, "a detection has no score"),
    "results.bad_score": (_E, "a score is not a finite number"),
    "results.inconsistent": (_E, "the detections do not fit the gold they are read with"),
    # LabelMe files
    "labelme.bad_structure": (_E, "the file is not a LabelMe annotation"),
    "labelme.missing_field": (_E, "a required field is missing"),
    "labelme.bad_type": (_E, "a field has the wrong type"),
    "labelme.unsupported_shape": (_E, "the shape is of no type LabelMe draws"),
    "labelme.point_count": (_E, "the shape has not as many points as its type needs"),
    "labelme.no_area": (_E, "a line or a point has no area"),
    "labelme.mask_size": (_E, "the PNG of a mask is not as large as its box"),
    "labelme.image_name": (_W, "imagePath names another image than the file, whose name is the key"),
    "labelme.bad_flags": (_W, "a flag of the image is neither true nor false"),
    # YOLO labels
    "yolo.no_names": (_E, "no file says what the class numbers mean"),
    "yolo.bad_names": (_E, "the class names cannot be used"),
    "yolo.bad_class": (_E, "a line does not begin with a class number"),
    "yolo.unknown_class": (_E, "the class number has no name"),
    "yolo.bad_number": (_E, "a line holds something that is no number"),
    "yolo.box": (_E, "the line is a box, not a mask"),
    "yolo.not_normalized": (_E, "a coordinate is not a share of the image's size"),
    "yolo.no_size": (_E, "the size of the image is not known, and the labels are relative to it"),
    # mask images
    "mask.not_png": (_E, "the file is not a PNG image"),
    "mask.truncated": (_E, "the PNG ends early"),
    "mask.corrupt": (_E, "the PNG is damaged"),
    "mask.bit_depth": (_E, "gray masks must have 8 or 16 bits"),
    "mask.unexpected_mode": (_E, "the PNG has the wrong kind of pixels"),
    "mask.unknown_value": (
        _E,
        "a pixel value is no class id, `ignore` or `unlabeled` value of the ontology",
    ),
    "mask.exif_orientation": (_E, "the PNG asks viewers to rotate it"),
    "mask.animated": (_E, "the PNG is animated"),
    "mask.id_scheme": (_E, "the values look like another id scheme of the same data set"),
    "mask.suspect_blend": (_E, "the values look blended: resampled or anti-aliased"),
    "mask.vendor_void": (_W, "the delivery marks pixels as ignore; over real gold they count as wrong"),
    # panoptic masks
    "panoptic.unlisted_segment": (_E, "the PNG holds a segment that segments_info does not list"),
    "panoptic.missing_segment": (_E, "segments_info lists a segment that the PNG does not hold"),
    "panoptic.duplicate_segment": (_E, "two segments of an image share an id"),
    "panoptic.size_mismatch": (_E, "the PNG has not the size of the image"),
    "panoptic.missing_mask": (_E, "the PNG of an image is not in the folder of masks"),
    "panoptic.overlap": (_E, "a pixel lies in two segments"),
    # Label Studio
    "ls.rle_size": (_E, "the brush mask is not of the image's size"),
    "ls.rle_truncated": (_E, "the brush mask ends inside a run"),
    "ls.rle_overshoot": (_E, "a run of the brush mask goes beyond its declared size"),
    "ls.rle_trailing": (_E, "the brush mask holds bytes behind its last run"),
    "ls.rle_wordsize": (_E, "the values of a brush mask have 8 bits"),
    "ls.rle_bad_type": (_E, "a brush mask is a list of bytes"),
    "ls.soft_alpha": (_W, "most of a brush mask is soft edge: the alpha threshold decides what counts"),
    "ls.missing_label": (_E, "the region has no label"),
    "ls.ambiguous_label": (_E, "the region has several labels, and a pixel has one class"),
    "ls.unknown_control": (_E, "the region names a tag the labeling configuration does not have"),
    "ls.unsupported_type": (_E, "the region has a shape that has no area here"),
    "ls.size_mismatch": (_E, "the regions of one image disagree about its size"),
    "ls.missing_field": (_E, "a required field is missing or has the wrong type"),
    "ls.duplicate_region_id": (_E, "two shapes of one annotation share a region id"),
    "ls.cancelled": (_W, "a skipped annotation is not scored"),
    "ls.no_annotation": (_W, "the task has no annotation that counts, so its image is not delivered"),
    "ls.multiple_annotations": (_W, "a task has several annotations; the latest counts"),
    "ls.ambiguous_gold": (_E, "a task has several ground truths"),
    "ls.ground_truth_in_delivery": (_W, "a ground truth stands among the delivery and is not scored"),
    "ls.incomplete_pull": (_E, "the server did not give all it has"),
    # FiftyOne
    "fo.missing_field": (_E, "a required field is missing or has the wrong type"),
    "fo.bad_array": (_E, "a mask in the database is no array of whole numbers, or a damaged one"),
    "fo.bad_box": (_E, "the bounding box has no place on an image"),
    "fo.scaled_mask": (_W, "the instance mask has not the size of its box and was scaled into it"),
    "fo.no_area": (_E, "a polyline that is open or not filled has no area"),
    "fo.no_size": (_E, "the size of the image is not known, and the labels are relative to it"),
    # CVAT for images
    "cvat.bad_structure": (_E, "the document is not a file of CVAT for images"),
    "cvat.video": (_E, "the document holds tracks, which belong to CVAT for video"),
    "cvat.missing_field": (_E, "a required element or attribute is missing"),
    "cvat.bad_value": (_E, "a value is not written as CVAT writes it"),
    "cvat.duplicate_label": (_E, "two labels share a name"),
    "cvat.unknown_label": (_E, "the shape has a label that is none of the classes"),
    "cvat.unknown_shape": (_E, "the image holds something that is no shape of CVAT"),
    "cvat.crop_outside": (_E, "the part of the image a mask is stored for reaches out of it"),
    "cvat.box_only": (_W, "an object drawn as a box alone has no outline and is not scored"),
    # Pascal VOC
    "voc.image_set": (_E, "a line of the image set is not the name of an image, or is there twice"),
    "voc.missing_mask": (_W, "the image set names an image without a mask, which is not read"),
    "voc.labelmap": (_E, "a line of labelmap.txt is no label with its colour"),
    "voc.no_pair": (_E, "an image has only one of its class mask and its object mask"),
    "voc.size_mismatch": (_E, "the class mask and the object mask of an image differ in size"),
    "voc.object_classes": (_E, "the pixels of one object have several classes"),
    "voc.background_object": (_E, "an object lies where the class mask has background"),
    "voc.no_object": (_E, "pixels of a class belong to no object"),
    # what Datumaro imports
    "datumaro.refused": (_E, "Datumaro cannot read the data set"),
    "datumaro.crashed": (_E, "Datumaro ended without an answer"),
    "datumaro.item": (_E, "Datumaro cannot read an item, or an annotation of it"),
    "datumaro.warning": (_W, "Datumaro warns, and may have left something out"),
    "datumaro.unlisted": (_W, "image files lie beside those of the data set and belong to no item"),
    "datumaro.no_size": (_E, "the size of the image is not known"),
    "datumaro.label": (_E, "an annotation has no label, or a label no usable name"),
    # deliveries
    "delivery.missing_image": (_W, "a gold image was not delivered and counts as wrong"),
    "delivery.extra_image": (_W, "a delivered image is not in the gold and is not scored"),
    "delivery.duplicate_image": (_E, "an image was delivered twice"),
    "delivery.ambiguous_image": (_E, "two files of the input share one image key"),
    "delivery.image_match": (_E, "no delivered image matches a gold image"),
    "delivery.same_as_gold": (_W, "gold and delivery are the same data, so the scores say nothing"),
    "delivery.size_mismatch": (_E, "the delivered mask has not the size of the gold mask"),
    # documents
    "json.syntax": (_E, "the file is not valid JSON"),
    "json.duplicate_key": (_E, "an object holds a key twice"),
    "json.encoding": (_E, "the file is not UTF-8 text"),
    "json.bom": (_E, "the file begins with a byte order mark"),
    "json.number": (_E, "a number is not finite or too long"),
    "json.too_deep": (_E, "the document is nested too deeply"),
    "xml.syntax": (_E, "the file is not well-formed XML"),
    "xml.encoding": (_E, "the file is not UTF-8 text"),
    "xml.doctype": (_E, "the file has a document type, which can define entities"),
    "xml.mixed_content": (_E, "a text stands beside elements or is broken by a comment"),
    "xml.too_deep": (_E, "the document is nested too deeply"),
    # paths
    "path.unsafe": (_E, "a path leaves its folder or holds a control character"),
    "path.symlink": (_E, "a file of the input is a symbolic link"),
    "path.not_regular": (_E, "a file of the input is not a regular file"),
    # limits
    "limits.pixels": (_E, "the image has more pixels than the limit"),
    "limits.annotations": (_E, "there are more annotations than the limit"),
    "limits.entries": (_E, "the input has more entries than the limit"),
    "limits.bytes": (_E, "the file is larger than the limit"),
    "limits.surface": (_E, "the outlines of an image have more pixels than the limit"),
    # objects
    "instance.no_object": (_W, "the input has annotations, and none of them is an object to compare"),
    # semantic view
    "semantic.overlap": (_E, "regions of different classes overlap and the overlap rule is `error`"),
    # boundaries, of classes, objects or segments
    "boundary.wide_band": (
        _W,
        "most gold pixels count as boundary, so boundary measures say little that IoU does not",
    ),
    # policies
    "policy.syntax": (_E, "the file is not valid YAML"),
    "policy.unknown_key": (_E, "a key is not part of the format"),
    "policy.duplicate_key": (_E, "a mapping holds a key twice"),
    "policy.bad_key": (_E, "a mapping key is not a plain name"),
    "policy.missing_key": (_E, "a required key is missing"),
    "policy.bad_value": (_E, "a value has the wrong type or is not one of the allowed"),
    "policy.threshold": (_E, "a threshold is not a usable number"),
    "policy.above_ceiling": (_E, "a threshold lies above what the conversion leaves"),
    "policy.unknown_class": (_E, "a class is not in the ontology"),
    "policy.uncovered_class": (_E, "a class has no threshold"),
    "policy.unresolved_variable": (_E, "a variable is not set"),
    "policy.alias": (_E, "anchors and aliases are not allowed"),
    "policy.merge_key": (_E, "merge keys are not allowed"),
    "policy.tag": (_E, "tags are not allowed"),
    "policy.empty": (_E, "the file is empty"),
}
"""Every code with its severity and its meaning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing wrong with an input.

    Attributes
    ----------
    code : str
        A key of :data:`CODES`.
    file : str
        The file, as the user named it or below the folder the user named.
    image : str or None
        The image key.
    image_id, annotation : int, str or None
        The ids the file itself uses.
    expected, got : str
        Short, printable, escaped.
    """

    code: str
    file: str
    image: str | None = None
    image_id: int | str | None = None
    annotation: int | str | None = None
    expected: str = ""
    got: str = ""

    def __post_init__(self) -> None:
        if self.code not in CODES:
            raise KeyError(f"unknown fault code {self.code!r}")

    @property
    def severity(self) -> Severity:
        """Whether the fault refuses its input."""
        return CODES[self.code][0]

    @property
    def meaning(self) -> str:
        """What the code says, in words."""
        return CODES[self.code][1]

    def sort_key(self) -> tuple[str, str, str, str, str, str]:
        """A total order that does not depend on how the input was walked."""
        return (
            self.file,
            self.image or "",
            "" if self.annotation is None else f"{self.annotation!s:>20}",
            self.code,
            self.expected,
            self.got,
        )

    def to_json(self) -> dict[str, Any]:
        """The record of the contract: code, place, expected, got, severity."""
        return {
            "code": self.code,
            "file": self.file,
            "image": self.image,
            "image_id": self.image_id,
            "annotation": self.annotation,
            "expected": self.expected,
            "got": self.got,
            "severity": self.severity.value,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Fault:
        """The inverse of :meth:`to_json`; the severity is that of the code."""
        return cls(**{key: value for key, value in data.items() if key != "severity"})

    def __str__(self) -> str:
        place = self.file
        if self.image is not None:
            place += f": image {self.image}"
            if self.image_id is not None and str(self.image_id) != self.image:
                place += f" (id {self.image_id})"
        elif self.image_id is not None:
            place += f": image id {self.image_id}"
        if self.annotation is not None:
            place += f": annotation {self.annotation}"
        detail = ""
        if self.expected or self.got:
            parts = [f"expected {self.expected}"] if self.expected else []
            parts += [f"got {self.got}"] if self.got else []
            detail = f" ({', '.join(parts)})"
        return f"{self.code}: {place}: {self.meaning}{detail}"


def fault_lines(faults: Sequence[Fault], *, severity: bool = False) -> list[str]:
    """A line a fault, as people read them: printable, in the order given.

    Of a code with more than ten faults only the first five are shown, and a line below them that counts
    the others and names images of theirs; what has five thousand faults of one kind has one thing wrong.

    Parameters
    ----------
    faults : sequence of Fault
    severity : bool
        Begin each line with ``error:`` or ``warning:``.

    Returns
    -------
    list of str
        Shorter than ``faults`` just where some are only counted.
    """
    totals = Counter(fault.code for fault in faults)
    seen: Counter[str] = Counter()
    lines = []
    for i, fault in enumerate(faults):
        code, total = fault.code, totals[fault.code]
        seen[code] += 1
        if total > _MANY and seen[code] > _FIRST:
            continue
        prefix = f"{fault.severity.value}: " if severity else ""
        lines.append(f"{prefix}{escaped(fault)}")
        if total > _MANY and seen[code] == _FIRST:
            others = (other for other in islice(faults, i + 1, None) if other.code == code)
            lines.append(f"{prefix}... and {total - _FIRST} more {code}{_images(others)}")
    return lines


def _images(faults: Iterable[Fault]) -> str:
    """``, in images a, b, c``: the first that are named."""
    keys = dict.fromkeys(fault.image for fault in faults if fault.image is not None)
    if not keys:
        return ""
    named = ", ".join(printable(key, limit=40) for key in islice(keys, _FIRST))
    return f", in image{'s' if len(keys) > 1 else ''} {named}{', ...' if len(keys) > _FIRST else ''}"


class FaultLog:
    """The faults of one input, each once, in the order they were found."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._faults: dict[Fault, None] = dict.fromkeys(faults)

    def add(self, fault: Fault) -> None:
        """Record ``fault`` unless the very same one is there."""
        self._faults[fault] = None

    def extend(self, faults: Iterable[Fault]) -> None:
        """Record each of ``faults``."""
        for fault in faults:
            self.add(fault)

    @property
    def errors(self) -> tuple[Fault, ...]:
        """The faults that refuse the input."""
        return tuple(f for f in self._faults if f.severity is Severity.ERROR)

    def sorted(self) -> tuple[Fault, ...]:
        """All faults in an order that does not depend on how the input was walked."""
        return tuple(sorted(self._faults, key=Fault.sort_key))

    def __iter__(self) -> Iterator[Fault]:
        return iter(self._faults)

    def __len__(self) -> int:
        return len(self._faults)
