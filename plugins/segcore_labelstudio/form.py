"""The form of the regions of a project: types of shapes, sizes, labels."""

from __future__ import annotations

from segcore.fingerprint import FingerprintBuilder, FormatField
from segcore.limits import MAX_PIXELS
from segcore_labelstudio.results import SHAPES, RegionGroup, labels_of

__all__ = ["add_region"]


def add_region(found: FingerprintBuilder, group: RegionGroup, *, image: str) -> None:
    """Note the form of a region; what is not sound is refused elsewhere."""
    for entry in group.entries:
        kind = entry.get("type")
        if not isinstance(kind, str) or kind not in SHAPES:
            continue
        shape = kind.removesuffix("labels")
        found.add(FormatField.ENCODING, shape, image=image)
        width, height = entry.get("original_width"), entry.get("original_height")
        if type(width) is int and type(height) is int and 0 < width * height <= MAX_PIXELS:
            found.add_size(height, width, image=image)
    for label in labels_of(group):
        found.add(FormatField.LABELS, label, image=image)
