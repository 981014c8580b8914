"""What a measure gives for one image, and what all measures say alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Generic, TypeVar

from segcore import limits
from segcore.annotation import ImageAnnotation
from segcore.faults import Fault, Severity

__all__ = ["TELLING_APART", "Measured", "lost_count", "refused_count", "size_mismatch", "too_many_runs"]

TELLING_APART: Final = (
    "coco:, coco-panoptic:, cityscapes:DIR?file=instanceIds, cvat:, labelme:, yolo:, "
    "voc:DIR?view=object, datumaro:, label-studio:, fiftyone:"
)
"""What tells one object of a class from the next, for messages about label maps, which do not."""

T = TypeVar("T")

_NOTHING: Final[Mapping[str, int]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Measured(Generic[T]):
    """What became of one image.

    Attributes
    ----------
    tally : Tally or InstanceTally
        Meaningless if any fault is an error.
    faults : tuple of Fault
        What only the pair could show.
    rejected : tuple of int
        How many annotations of gold and of delivery these faults refuse.
    ignored : tuple of mapping
        How many annotations of gold and of delivery were left out, by reason.
    more : tuple of int
        How many annotations of gold and of delivery there are beyond those that were read: a mask of
        objects is one until its objects are told apart.
    """

    tally: T
    faults: tuple[Fault, ...] = ()
    rejected: tuple[int, int] = (0, 0)
    ignored: tuple[Mapping[str, int], Mapping[str, int]] = (_NOTHING, _NOTHING)
    more: tuple[int, int] = (0, 0)


def refused_count(faults: list[Fault]) -> int:
    """How many annotations of one image they refuse; a label map is one."""
    return len({fault.annotation for fault in faults if fault.severity is Severity.ERROR})


def lost_count(annotation: ImageAnnotation, faults: list[Fault]) -> int:
    """As :func:`refused_count`; all that was read of the image where a limit refuses the whole."""
    if any(fault.code.startswith("limits.") for fault in faults):
        return annotation.read - annotation.rejected
    return refused_count(faults)


def size_mismatch(gold: ImageAnnotation, delivery: ImageAnnotation, *, file: str) -> Fault:
    """The fault of a pair whose images differ in size."""
    return Fault(
        code="delivery.size_mismatch",
        file=file,
        image=gold.key,
        expected=f"{gold.width} x {gold.height}",
        got=f"{delivery.width} x {delivery.height}",
    )


def too_many_runs(annotation: ImageAnnotation, runs: int, *, file: str) -> Fault:
    """The fault of a mask that falls into too many pieces to be taken as segments."""
    return Fault(
        code="limits.entries",
        file=file,
        image=annotation.key,
        expected=f"at most {limits.MAX_IMAGE_RUNS} runs of pixels of one value",
        got=str(runs),
    )
