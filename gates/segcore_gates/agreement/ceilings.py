"""What people reach with each other, read from what ``segcore agree --json`` wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segcore.dilation import Dilation
from segcore_gates.rules import Metric
from segcore_gates.written_files import read_written, share, text

if TYPE_CHECKING:
    from segcore_gates.rules import Rule

__all__ = ["Ceilings", "Human", "human_json", "read_ceilings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Human:
    """What two annotators reach with each other on one class.

    Attributes
    ----------
    value : float
        The mean over pairs of annotators.
    lower, upper : float or None
        Its bounds by the images.
    annotators : int
    """

    value: float
    lower: float | None
    upper: float | None
    annotators: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceilings:
    """Those of all classes.

    Attributes
    ----------
    masks, boundaries : mapping of str to Human
        By class; of IoU, and of boundary IoU.
    dilation : Dilation
        The width of the boundaries.
    """

    masks: Mapping[str, Human]
    boundaries: Mapping[str, Human]
    dilation: Dilation

    def of(self, rule: Rule) -> Human | None:
        """That of a rule; None where what it measures is none of what annotators were compared by."""
        if rule.class_name is None or rule.members:
            return None
        if rule.metric is Metric.IOU:
            return self.masks.get(rule.class_name)
        if rule.metric is Metric.BOUNDARY_IOU and rule.dilation == self.dilation:
            return self.boundaries.get(rule.class_name)
        return None


def human_json(human: Human, minimum: float) -> dict[str, Any]:
    """As a record has it: also the threshold, and whether it asks for more than people reach."""
    return {
        "annotators": human.annotators,
        "exceeded": minimum > human.value,
        "lower": human.lower,
        "threshold": minimum,
        "upper": human.upper,
        "value": human.value,
    }


def read_ceilings(path: Path) -> Ceilings:
    """Read the file.

    Raises
    ------
    UsageError
        It cannot be read, or is not what the command writes.
    """
    return read_written(path, "segcore agree", _ceilings)


def _ceilings(document: Any) -> Ceilings:
    if document["schema"] != 1 or document["outcome"] != "compared":
        raise ValueError("another document")
    annotators = len(document["annotators"])
    masks: dict[str, Human] = {}
    boundaries: dict[str, Human] = {}
    for entry in document["classes"]:
        for found, key in ((masks, "human_ceiling"), (boundaries, "boundary")):
            numbers = entry[key]
            if numbers["iou"] is not None:
                found[text(entry["name"])] = Human(
                    value=share(numbers["iou"]),
                    lower=None if numbers["lower"] is None else share(numbers["lower"]),
                    upper=None if numbers["upper"] is None else share(numbers["upper"]),
                    annotators=annotators,
                )
    width = Dilation.parse(text(document["dilation"]))
    return Ceilings(masks=masks, boundaries=boundaries, dilation=width)
