"""What people reach with each other, read from what ``segcore agree --json`` wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from segcore.dilation import Dilation
from segcore.errors import DocumentError, RefusedFileError, SpecError, UsageError
from segcore_gates.rules import Metric

if TYPE_CHECKING:
    from segcore_gates.rules import Rule

__all__ = ["Ceilings", "Human", "human_json", "read_ceilings"]

MAX_BYTES: Final = 256 << 20


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
    from segcore.files import read_bytes
    from segcore.strict_json import parse_json

    try:
        document = parse_json(read_bytes(str(path), limit=MAX_BYTES), file=str(path))
        return _ceilings(document)
    except (DocumentError, RefusedFileError, SpecError) as error:
        raise UsageError(f"{path}: {error}") from None
    except (KeyError, TypeError, ValueError, UsageError):
        raise UsageError(f"{path} is not what segcore agree --json writes: write it again") from None


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
                found[_text(entry["name"])] = Human(
                    value=_share(numbers["iou"]),
                    lower=None if numbers["lower"] is None else _share(numbers["lower"]),
                    upper=None if numbers["upper"] is None else _share(numbers["upper"]),
                    annotators=annotators,
                )
    width = Dilation.parse(_text(document["dilation"]))
    return Ceilings(masks=masks, boundaries=boundaries, dilation=width)


def _share(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError("no share")
    return float(value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value
