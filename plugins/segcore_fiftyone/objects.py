"""Labels that are lists of objects: Detections and Polylines, into regions."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from segcore.annotation import Regions
from segcore.faults import CODES, Severity
from segcore.files import open_file
from segcore.masks.batch import MaskProblem
from segcore.ontology import Ontology
from segcore.wording import show
from segcore_fiftyone.detections import draw_detections
from segcore_fiftyone.polylines import draw_polylines
from segcore_fiftyone.targets import class_name_problem

__all__ = ["DrawnObjects", "draw_objects", "size_of_image"]

_EXIF_ORIENTATION: Final = 0x0112
_TURNED: Final = range(5, 9)
"""Orientations whose picture is shown lying on its side."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DrawnObjects:
    """The objects of one image.

    Attributes
    ----------
    regions : Regions
        Those that are sound, in the order of the label.
    ids : list of str
        The label id of every object, sound or not; its place where it has none.
    problems : list of MaskProblem
        By object.
    digest : bytes
        SHA-256 of what decides the regions.
    """

    regions: Regions
    ids: list[str]
    problems: list[MaskProblem]
    digest: bytes


def draw_objects(
    objects: Sequence[Any], *, kind: str, ontology: Ontology | None, height: int, width: int
) -> DrawnObjects:
    """The regions of one image.

    Parameters
    ----------
    objects : sequence
        Detections or polylines as the database stores them.
    kind : str
        The type of the label.
    ontology : Ontology or None
        Its classes, by name; None where no object has a label at all.
    height, width : int
        Size of the image in pixels; 0 where there is no object.
    """
    documents = [item if isinstance(item, Mapping) else {} for item in objects]
    draw = draw_detections if kind.startswith("Detection") else draw_polylines
    batch = draw(documents, height=height, width=width)
    problems = list(batch.problems)
    classes = np.zeros(len(documents), np.int32)
    crowd = np.zeros(len(documents), np.bool_)
    refused = batch.refused.copy()
    for item, document in enumerate(documents):
        found = _class_problem(document.get("label"), ontology)
        if isinstance(found, int):
            classes[item] = found
        else:
            problems.append(MaskProblem(item=item, code=found[0], expected=found[1], got=found[2]))
        is_crowd = _attribute(document, "iscrowd")
        if is_crowd is None or is_crowd in (0, 1):
            crowd[item] = is_crowd == 1
        else:
            got = show(is_crowd)
            problems.append(MaskProblem(item=item, code="coco.iscrowd", expected="0 or 1", got=got))
    refused[[p.item for p in problems if CODES[p.code][0] is Severity.ERROR]] = True
    problems.sort(key=lambda problem: problem.item)
    ids = [str(document.get("_id", f"[{at}]")) for at, document in enumerate(documents)]
    used = np.flatnonzero(~refused)
    kept = batch.take(used)
    scores = [documents[at].get("confidence") for at in used.tolist()]
    is_scored = bool(scores) and all(type(s) is float and 0 <= s <= 1 for s in scores)
    regions = Regions(
        height=height,
        width=width,
        starts=kept.starts,
        ends=kept.ends,
        offsets=kept.offsets,
        classes=classes[used],
        crowd=crowd[used],
        scores=np.array(scores, np.float64) if is_scored else None,
        ids=tuple(ids[at] for at in used.tolist()),
    )
    return DrawnObjects(
        regions=regions, ids=ids, problems=problems, digest=_digest(regions, documents, used.tolist())
    )


def size_of_image(path: str) -> tuple[int, int]:
    """Width and height of an image file as FiftyOne's metadata has them; 0 x 0 where nobody can tell.

    Only the head of the file is read.
    """
    from PIL import Image

    try:
        with open_file(path) as stream, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # large images: no pixel of them is decoded
            with Image.open(stream) as image:
                width, height = image.size
                is_turned = image.format == "JPEG" and image.getexif().get(_EXIF_ORIENTATION) in _TURNED
    except Exception:  # no such file, no image, or a damaged one, which may end in any of Pillow's
        return 0, 0
    return (height, width) if is_turned else (width, height)


def _class_problem(label: object, ontology: Ontology | None) -> int | tuple[str, str, str]:
    """The class index of a label, or what is wrong with it."""
    problem = class_name_problem(label)
    if problem is not None or not isinstance(label, str):
        return "fo.missing_field", "label: the name of a class", show(label)
    index = None if ontology is None else ontology.index(label)
    if index is not None:
        return index
    hint = "" if ontology is None else ontology.suggest(label)
    return "coco.unknown_class_name", "a class of the ontology", show(label) + hint


def _attribute(document: Mapping[str, Any], name: str) -> object:
    """A dynamic attribute; older datasets keep it in ``attributes``."""
    if name in document:
        return document[name]
    attributes = document.get("attributes")
    found = attributes.get(name) if isinstance(attributes, Mapping) else None
    return found.get("value") if isinstance(found, Mapping) else None


def _digest(regions: Regions, documents: Sequence[Mapping[str, Any]], used: Sequence[int]) -> bytes:
    """Of sizes, labels, crowds and runs: ids, tags and whatever else reviewers add change no score."""
    said = [[documents[at].get("label"), bool(c)] for at, c in zip(used, regions.crowd, strict=True)]
    digest = hashlib.sha256(json.dumps([regions.height, regions.width, said]).encode())
    for part in (regions.offsets, regions.starts, regions.ends):
        digest.update(part.tobytes())
    return digest.digest()
