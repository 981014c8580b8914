"""The most a delivery can score that went through a conversion: the IoU of each class with itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from segcore.batch import evaluate
from segcore.errors import InvalidInputError
from segcore.ontology import Ontology
from segcore.sources.base import Source

__all__ = ["Ceilings", "measure_ceilings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceilings:
    """What is left of each class.

    Attributes
    ----------
    classes : sequence of (str, float or None, int)
        The name of each class, its IoU before and after over the pixels of all images (None where
        neither side has it), and its pixels before.
    sha256 : str or None
        Of the annotations as they were, as evaluations state it; None where nothing was measured.
    refused : str or None
        Why nothing could be measured, such as objects that overlap where the classes do not say how
        they become a label map.
    """

    classes: Sequence[tuple[str, float | None, int]] = ()
    sha256: str | None = None
    refused: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Numbers with their names."""
        return {
            "ceilings": [
                {"class": name, "iou": iou, "gold_px": gold_px} for name, iou, gold_px in self.classes
            ],
            "no_ceilings": self.refused,
        }


def measure_ceilings(
    before: Source, after: Source, *, ontology: Ontology | None = None, jobs: int = 1
) -> Ceilings:
    """Evaluate what came out of a conversion as a delivery, with what went in as gold.

    Parameters
    ----------
    before, after : Source
        Resolved, and free of faults.
    ontology : Ontology or None
        The classes, and how objects that overlap become a label map; None takes those of ``before``.
    jobs : int
        Worker processes.
    """
    try:
        found = evaluate(before, after, ontology=ontology or before.ontology, jobs=jobs)
    except InvalidInputError as error:
        return Ceilings(refused=str(error).partition("\n")[0])
    return Ceilings(
        classes=[(c.name, c.iou, c.gold_pixels) for c in found.classes], sha256=found.inputs[0].sha256
    )
