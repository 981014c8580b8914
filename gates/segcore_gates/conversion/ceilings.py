"""What a conversion leaves of each class, read from what ``segcore loss --json`` wrote."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segcore.errors import UsageError
from segcore.wording import printable
from segcore_gates.rules import Metric
from segcore_gates.written_files import count, read_written, share, text

if TYPE_CHECKING:
    from segcore.evaluation import MeasuredBatch
    from segcore_gates.rules import Rule

__all__ = ["Ceiling", "Ceilings", "read_ceilings", "require_measured_gold"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceiling:
    """What is left of one class: the IoU of the gold with its own conversion.

    Attributes
    ----------
    iou : float
    gold_px : int
        Of the class, in the gold it was measured on.
    gold_sha256 : str
        Of that gold.
    file : str
        Where it is written.
    """

    iou: float
    gold_px: int
    gold_sha256: str
    file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceilings:
    """Those of all classes, by name."""

    classes: Mapping[str, Ceiling]

    def of(self, rule: Rule) -> Ceiling | None:
        """That of a rule; None where what it measures is not the IoU of one class."""
        if rule.metric is not Metric.IOU or rule.class_name is None or rule.members:
            return None
        return self.classes.get(rule.class_name)


def read_ceilings(path: Path) -> Ceilings:
    """Read the file.

    Raises
    ------
    UsageError
        It cannot be read, is not what the command writes, or holds no ceilings.
    """
    return read_written(path, "segcore loss", partial(_ceilings, file=path.name))


def require_measured_gold(rules: Iterable[Rule], found: MeasuredBatch) -> None:
    """Refuse ceilings of another gold, or of the same gold read with other classes.

    Parameters
    ----------
    rules : iterable of Rule
    found : MeasuredBatch
        The batch they are judged by.

    Raises
    ------
    UsageError
    """
    from segcore.evaluation import Evaluation

    known = [rule for rule in rules if rule.conversion is not None]
    counted = {c.name: c.gold_pixels for c in found.classes} if isinstance(found, Evaluation) else {}
    for rule in known:
        ceiling, sha256 = rule.conversion, found.inputs[0].sha256
        if ceiling is None:
            continue
        file = printable(ceiling.file, limit=100)
        if ceiling.gold_sha256 != sha256:
            raise UsageError(
                f"{file} was measured on another gold: its SHA-256 is {ceiling.gold_sha256}, that of "
                f"this gold {sha256}; run segcore loss again"
            )
        own = counted.get(f"{rule.class_name}", ceiling.gold_px)
        if own != ceiling.gold_px:
            raise UsageError(
                f"{file} was measured with other classes: it counts {ceiling.gold_px} gold px of "
                f"{printable(f'{rule.class_name}')}, this policy {own}; give segcore loss the policy's "
                "ontology with --ontology"
            )


def _ceilings(document: Any, *, file: str) -> Ceilings:
    if document["schema"] != 1:
        raise ValueError("another document")
    if missing := document["no_ceilings"]:
        raise UsageError(f"holds no ceilings: {missing}")
    (sha256,) = (entry["sha256"] for entry in document["inputs"] if entry["role"] == "before")
    found = {}
    for entry in document["ceilings"]:
        if entry["iou"] is not None:
            found[text(entry["class"])] = Ceiling(
                iou=share(entry["iou"]),
                gold_px=count(entry["gold_px"]),
                gold_sha256=text(sha256),
                file=file,
            )
    return Ceilings(classes=found)
