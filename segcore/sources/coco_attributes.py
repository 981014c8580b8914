"""What COCO documents say of an image beside its masks; the format leaves it to whoever writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from segcore.image_attributes import ANNOTATOR, FOLDER, text_values

__all__ = ["annotator_in", "annotators_by_image", "extra_of"]

_STANDARD: Final = frozenset(
    {"id", "file_name", "height", "width", "license", "date_captured", "coco_url", "flickr_url"}
)
"""The keys of an image that COCO itself has."""

_NOTHING: Final[Mapping[str, Any]] = {}

_Integers = npt.NDArray[np.int64]


def extra_of(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """What an entry of ``images`` says beyond the keys of COCO, and the folders of its file."""
    folders = entry["file_name"].replace("\\", "/").split("/")[:-1]
    if entry.keys() <= _STANDARD and not folders:
        return _NOTHING
    extra = {name: value for name, value in entry.items() if name not in _STANDARD}
    return extra | {FOLDER: [*text_values(extra.get(FOLDER)), *folders]} if folders else extra


def annotator_in(entry: object) -> object:
    """Who drew an annotation: its key ``annotator``, or that below ``attributes``; None for nobody."""
    if not isinstance(entry, dict):
        return None
    found = entry.get(ANNOTATOR)
    attributes = entry.get("attributes")
    return attributes.get(ANNOTATOR) if found is None and isinstance(attributes, dict) else found


def annotators_by_image(
    found: Sequence[Any] | None, order: _Integers, begins: _Integers
) -> list[tuple[str, ...]] | None:
    """Who drew the annotations of each image.

    Parameters
    ----------
    found : sequence or None
        What the document says of each annotation.
    order : int64 (n,)
        The place of each annotation in the document, image after image.
    begins : int64 (n_images + 1,)
        Image ``i`` owns ``order[begins[i]:begins[i + 1]]``.
    """
    if found is None:
        return None
    names = [text_values(found[at]) for at in order.tolist()]
    bounds = begins.tolist()
    return [
        tuple(sorted({name for own in names[begin:end] for name in own}))
        for begin, end in pairwise(bounds)
    ]
