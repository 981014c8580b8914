"""What is read and not used: how many annotations, and why."""

from __future__ import annotations

import enum
from collections import Counter

import numpy as np
import numpy.typing as npt

from segcore.annotation import LabelMap, Regions, SegmentMap
from segcore.ontology import IGNORE

__all__ = ["Reason", "annotations_of", "left_out_of_pixels"]


class Reason(enum.StrEnum):
    """Why an annotation is left out."""

    CROWD = "crowd region"
    """In gold, many objects that are not told apart."""
    STUFF = "stuff class"
    """The instance task compares objects, and there are none of its class."""
    VOID = "void region"
    """It marks pixels that do not count, such as ``__ignore__`` in LabelMe."""
    BACKGROUND = "background region"
    """It marks what is nothing, such as ``_background_`` in LabelMe: no object and no segment."""


def annotations_of(content: LabelMap | SegmentMap | Regions, chosen: npt.NDArray[np.bool_]) -> int:
    """How many annotations of the file some regions or segments are.

    Parameters
    ----------
    content : LabelMap, SegmentMap or Regions
    chosen : bool (n,)
        Which of its regions, or of the segments it was made into.

    Returns
    -------
    int
        0 for a label map, which is one annotation as a whole.
    """
    if isinstance(content, LabelMap):
        return 0
    parts = content.parts if isinstance(content, Regions) else None
    return int(np.count_nonzero(chosen) if parts is None else parts[chosen].sum())


def left_out_of_pixels(content: LabelMap | SegmentMap | Regions, *, crowds: bool) -> Counter[str]:
    """What does not count in semantic view: void regions, and crowds where they are ignored.

    Parameters
    ----------
    content : LabelMap, SegmentMap or Regions
    crowds : bool
        Whether crowds are ignored.
    """
    if isinstance(content, LabelMap):
        return Counter()
    void = content.classes == IGNORE
    found = Counter[str]({Reason.VOID: annotations_of(content, void)})
    if crowds:
        found[Reason.CROWD] = annotations_of(content, content.crowd & ~void)
    return found
