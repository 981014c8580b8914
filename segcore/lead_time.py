"""How long an image took to annotate, where its source says so."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from segcore.annotation import ImageAnnotation
    from segcore.sources import Source

__all__ = ["lead_time_s"]

_LEAD_TIME: Final = "lead_time_s"


def lead_time_s(annotation: ImageAnnotation, source: Source) -> float | None:
    """How long an image took: what its annotation says, else the attribute ``lead_time_s``."""
    said: object = annotation.attributes.get(_LEAD_TIME)
    if said is None:
        texts = source.attributes(annotation.key).get(_LEAD_TIME, ())
        said = texts[0] if len(texts) == 1 else None
    if isinstance(said, bool) or not isinstance(said, int | float | str):
        return None
    try:
        seconds = float(said)
    except ValueError:
        return None
    return seconds if 0 <= seconds < math.inf else None
