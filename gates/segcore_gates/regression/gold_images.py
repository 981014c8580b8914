"""Whether the gold of an image is what it was: a digest of what was drawn, not of the file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from segcore.annotation import LabelMap, Regions, SegmentMap

if TYPE_CHECKING:
    from segcore.annotation import ImageAnnotation
    from segcore.ontology import Ontology
    from segcore.sources import Source

__all__ = ["gold_digests"]

_UNREADABLE: Final = ""
"""What stands for an image that cannot be read; it is no digest."""


def gold_digests(gold: Source, ontology: Ontology, keys: Iterable[str]) -> dict[str, str]:
    """SHA-256 of the gold of each image: its size, and which pixels belong to what.

    Classes enter by their place in ``ontology``, so that a gold with other ids for the same classes
    gives the same digests.  Names of files, ids of annotations and scores do not enter.  Regions enter
    in the order of the file, on which an overlap may depend: the same masks in another order count as
    another gold, and so do the same pixels in another kind of annotation.

    Parameters
    ----------
    gold : Source
        Resolved by ``ontology``.
    ontology : Ontology
        Of the evaluation.
    keys : iterable of str
        Of the gold.
    """
    own = ontology if gold.ontology is None else gold.ontology
    places = ontology.match(own)
    wanted = sorted(keys)
    gold.expect(wanted)
    found = {}
    for key in wanted:
        annotation = gold.read(key)
        found[key] = _UNREADABLE if annotation is None else _digest(annotation, places)
    return found


def _digest(annotation: ImageAnnotation, places: npt.NDArray[np.int32]) -> str:
    content = annotation.content
    found = hashlib.sha256(f"{type(content).__name__} {annotation.height} {annotation.width}\n".encode())
    for column in _columns(content, places):
        found.update(f"{column.dtype.str} {column.shape}\n".encode())
        found.update(column.tobytes())
    return found.hexdigest()


def _columns(
    content: LabelMap | SegmentMap | Regions, places: npt.NDArray[np.int32]
) -> list[npt.NDArray[np.generic]]:
    if isinstance(content, LabelMap):
        meaning = _renumbered(content.lookup, places).astype("<i2")
        drawn: list[npt.NDArray[np.generic]] = [meaning[content.values]]
        if content.objects is not None:
            single = content.objects[content.values]
            drawn.append(np.where(single, content.values, 0).astype("<u2"))
        return drawn
    classes = _renumbered(content.classes, places).astype("<i2")
    runs: tuple[npt.NDArray[np.generic], ...]
    if isinstance(content, SegmentMap):
        runs = (content.starts.astype("<i4"), content.numbers.astype("<i4"))
        return [classes, content.crowd.astype("?"), *runs]
    runs = (content.starts.astype("<i4"), content.ends.astype("<i4"), content.offsets.astype("<i8"))
    # COCO's size bands go by the areas that are stated
    stated = [] if content.stated_areas_px is None else [content.stated_areas_px.astype("<f8")]
    return [classes, content.crowd.astype("?"), *runs, *stated]


def _renumbered(classes: npt.NDArray[np.int32], places: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Class indices of the source as those of the ontology; what is no class stays."""
    known = classes >= 0
    return np.where(known, places[np.where(known, classes, 0)], classes)
