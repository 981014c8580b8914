"""Limits that a gold set could be gated with: what a preset asks for, what so many images can prove."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from segcore_gates.metrics.finding import plural
from segcore_gates.planning.gold import fewest_perfect
from segcore_gates.presets import ClassKind, kind_of
from segcore_gates.statistics import Sample

if TYPE_CHECKING:
    from segcore.ontology import Ontology
    from segcore.sources import Source

__all__ = ["Proposal", "classes_of", "gold_images", "propose"]

CONFIDENCE: Final = 0.95
AMPLE: Final = 4
"""Times the fewest images that prove a floor: so many are likely to prove a delivery well above it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """The limit of one class.

    Attributes
    ----------
    class_name : str
    kind : ClassKind
        What the preset takes it for.
    images : int
        Gold images that hold it, at least one.
    delivered : float or None
        The IoU of the delivery, where one was measured.
    """

    class_name: str
    kind: ClassKind
    images: int
    delivered: float | None = None

    @property
    def provable(self) -> bool:
        """Whether the gold has images enough to judge the class by the bound."""
        return self.kind.iou is not None and self.images >= AMPLE * fewest_perfect(
            self.kind.iou, CONFIDENCE
        )

    @property
    def why(self) -> str:
        """The comment beside the number: where it comes from, and what the gold can prove of it."""
        parts = [f"proposal: {self.kind.name}", plural(self.images, "gold image")]
        if self.kind.iou is not None:
            fewest = fewest_perfect(self.kind.iou, CONFIDENCE)
            proves = f"{fewest} prove it at best"
            if self.images < fewest:
                proves = f"prove {_most(self.images):.2f} at most, {fewest} are the fewest for this"
            parts[-1] += f", {proves}"
        if self.delivered is not None:
            parts.append(f"delivered: {self.delivered:.4f}")
        return "; ".join(parts)


def propose(
    classes: Sequence[tuple[str, int]], *, preset: str, delivered: Sequence[float | None] = ()
) -> tuple[Proposal, ...]:
    """A proposal for each class that the gold has.

    Parameters
    ----------
    classes : sequence of (str, int)
        Names, and the gold images that hold each.
    preset : str
        Of :data:`segcore_gates.presets.PRESETS`.
    delivered : sequence of float or None
        The IoU of each class, where a delivery was measured; empty for none.
    """
    ious = delivered or [None] * len(classes)
    return tuple(
        Proposal(class_name=name, kind=kind_of(name, preset), images=images, delivered=iou)
        for (name, images), iou in zip(classes, ious, strict=True)
        if images
    )


def gold_images(source: Source, ontology: Ontology) -> list[tuple[str, int]]:
    """How many images of a source hold each class of an ontology, in its order; crowds do not count.

    Raises
    ------
    InvalidInputError
        The source is faulty.
    """
    from segcore.errors import InvalidInputError

    names = (source.ontology or ontology).names
    counted = dict.fromkeys(ontology.names, 0)
    for key in source.keys():  # noqa: SIM118 - a source is no mapping
        for index in classes_of(source, key):
            own = ontology.index(names[index])
            if own is not None:
                counted[ontology.names[own]] += 1
    if source.faults.errors:
        raise InvalidInputError(source.faults.sorted())
    return list(counted.items())


def classes_of(source: Source, key: str) -> list[int]:
    """The classes of one image, by their places in the ontology of its source."""
    import numpy as np

    from segcore.annotation import LabelMap

    annotation = source.read(key)
    if annotation is None:
        return []
    content = annotation.content
    if isinstance(content, LabelMap):
        found = content.lookup[np.flatnonzero(np.bincount(content.values.ravel()))]
        return sorted({index for index in found.tolist() if index >= 0})
    there = content.areas_px() if callable(content.areas_px) else content.areas_px
    return sorted(set(content.classes[~content.crowd & (there > 0)].tolist()))


def _most(images: int) -> float:
    return Sample([1] * images, [1] * images).lower(CONFIDENCE) or 0.0
