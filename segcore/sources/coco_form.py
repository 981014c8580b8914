"""The form of a COCO document: how its masks are written, its image sizes, its categories."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from segcore.fingerprint import Category, FingerprintBuilder, FormatField
from segcore.ontology import Ontology
from segcore.sources.coco_columns import CocoColumns
from segcore.sources.coco_entries import CocoImage

__all__ = ["COLUMN_MAJOR", "add_categories", "add_encodings", "add_sizes"]

COLUMN_MAJOR: Final = "column-major"
"""The order of COCO's run lengths, in this format and in others that have taken them over."""

_COMPRESSED: Final = "compressed RLE"
_UNCOMPRESSED: Final = "uncompressed RLE"
_POLYGON: Final = "polygon"


def add_sizes(found: FingerprintBuilder, images: Iterable[CocoImage]) -> None:
    """Note the sizes the document states."""
    for image in images:
        found.add_size(image.height, image.width, image=image.key)


def add_categories(
    found: FingerprintBuilder, ontology: Ontology | None, *, order: Sequence[int]
) -> None:
    """Note the categories in the order of the file, given by their ids."""
    if ontology is None:
        return
    places = {own_id: at for at, own_id in reversed(list(enumerate(order)))}
    found.list_categories(
        Category(
            name=c.name,
            id=c.id,
            kind=None if c.thing is None else "thing" if c.thing else "stuff",
        )
        for c in sorted(ontology.classes, key=lambda c: places.get(c.id, len(places)))
    )


def add_encodings(found: FingerprintBuilder, images: Sequence[CocoImage], columns: CocoColumns) -> None:
    """Note how the masks of every image are written."""
    rows = {_COMPRESSED: np.ones(len(columns.order), np.bool_)}
    rows[_COMPRESSED][list(columns.masks.others)] = False
    for row, segmentation in columns.masks.others.items():
        encoding = _encoding(segmentation)
        if encoding is not None:
            rows.setdefault(encoding, np.zeros(len(columns.order), np.bool_))[row] = True
    for encoding, where in rows.items():
        for at in _images(where, columns):
            found.add(FormatField.ENCODING, encoding, image=images[at].key)
    runs = rows[_COMPRESSED] | rows.get(_UNCOMPRESSED, np.False_)
    for at in _images(runs, columns):
        found.add(FormatField.RLE_ORDER, COLUMN_MAJOR, image=images[at].key)


def _images(where: npt.NDArray[np.bool_], columns: CocoColumns) -> list[int]:
    """The places of the images that own any of some rows."""
    before = np.concatenate([np.zeros(1, np.int64), np.cumsum(where)])[columns.begins]
    places: list[int] = np.flatnonzero(np.diff(before)).tolist()
    return places


def _encoding(segmentation: Any) -> str | None:
    """How one mask is written; None for what is no mask and refused elsewhere."""
    if isinstance(segmentation, list):
        return _POLYGON
    counts = segmentation.get("counts") if isinstance(segmentation, dict) else None
    if isinstance(counts, str):
        return _COMPRESSED
    return _UNCOMPRESSED if isinstance(counts, list) else None
