"""The accuracy that service level agreements state: perfect units / (perfect units + errors).

The formula is Sama's ("Standard SLA": 190 perfect units and 10 errors are 95.0 %); what a unit is, each
agreement says for itself.  Here it is, without anything to choose:

- of pixels, one class in one image that either side has it in.  It is perfect if its IoU there reaches
  what the policy asks of the class, and one error otherwise.  What is asked is ``below_iou`` of the gate
  on bad images, or else ``min`` of the gate on IoU; a class with neither is no unit.
- of objects, a matched object is perfect; a missed one is an error, and so is an extra one.  Objects are
  matched one to one at IoU .5, segments above it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from segcore.class_scores import ratio
from segcore_gates.rules import Metric

if TYPE_CHECKING:
    from segcore.evaluation import Evaluation, MeasuredBatch
    from segcore_gates.judged import JudgedBatch
    from segcore_gates.rules import Rule

__all__ = ["Sla", "SlaClass", "agreed", "class_image_limits", "of_class_images", "of_objects"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SlaClass:
    """One class.

    Attributes
    ----------
    name : str
    perfect, errors : int
    limit : float or None
        The IoU a class image has to reach; None for objects.
    """

    name: str
    perfect: int
    errors: int
    limit: float | None = None

    @property
    def share(self) -> float | None:
        """Perfect units of all; None without a unit."""
        return ratio(self.perfect, self.perfect + self.errors)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sla:
    """The formula, of a batch.

    Attributes
    ----------
    unit : str
        ``class images``, ``objects`` or ``segments``.
    classes : tuple of SlaClass
        In ontology order, without those that have no unit.
    """

    unit: str
    classes: tuple[SlaClass, ...]

    @property
    def perfect(self) -> int:
        """Perfect units."""
        return sum(one.perfect for one in self.classes)

    @property
    def errors(self) -> int:
        """Errors."""
        return sum(one.errors for one in self.classes)

    @property
    def share(self) -> float | None:
        """The formula; None without a unit."""
        return ratio(self.perfect, self.perfect + self.errors)

    @property
    def line(self) -> str:
        """``95.0 % of the class images: 190 perfect / (190 perfect + 10 errors)``."""
        if self.share is None:
            return f"no {self.unit} to count"
        counted = f"{self.perfect} perfect / ({self.perfect} perfect + {self.errors} errors)"
        return f"{_percent(self.perfect, self.perfect + self.errors)} of the {self.unit}: {counted}"


def agreed(batch: JudgedBatch) -> tuple[Sla, ...]:
    """What the policy has units for: of class images, of objects and of segments."""
    found = [of_class_images(batch.evaluation, class_image_limits(batch.policy.rules))]
    tasks = set()
    for rule in batch.policy.rules:
        if rule.metric is Metric.COVERAGE:
            continue
        evaluation = batch.seen(rule)
        if evaluation.task != "semantic" and evaluation.task not in tasks:
            tasks.add(evaluation.task)
            found.append(of_objects(evaluation))
    return tuple(one for one in found if one.classes)


def class_image_limits(rules: Sequence[Rule]) -> dict[str, float]:
    """The IoU that each class has to reach in an image, by name."""
    limits: dict[str, float] = {}
    for rule in rules:
        if rule.class_name is None:
            continue
        if rule.metric is Metric.BAD_IMAGE_SHARE and rule.below_iou is not None:
            limits[rule.class_name] = rule.below_iou
    for rule in rules:
        if rule.class_name is not None and rule.metric is Metric.IOU:
            limits.setdefault(rule.class_name, rule.minimum)
    return limits


def of_class_images(evaluation: Evaluation, limits: Mapping[str, float]) -> Sla:
    """Class by class over the images that either side has it in."""
    found = []
    for scores in evaluation.classes:
        if scores.name not in limits:
            continue
        counts = evaluation.image_counts(scores.index)
        limit = Fraction(str(limits[scores.name]))
        right = counts.intersection * limit.denominator >= counts.union * limit.numerator
        perfect = int(right.sum())
        if len(right):
            errors = len(right) - perfect
            found.append(
                SlaClass(name=scores.name, perfect=perfect, errors=errors, limit=limits[scores.name])
            )
    return Sla(unit="class images", classes=tuple(found))


def of_objects(evaluation: MeasuredBatch) -> Sla:
    """Class by class over the objects, or segments, of either side."""
    from segcore.instance_evaluation import InstanceEvaluation
    from segcore.panoptic_evaluation import PanopticEvaluation

    if isinstance(evaluation, InstanceEvaluation):
        unit = "objects"
        counted = [(c.name, c.at50.matched, c.at50.missed + c.at50.extra) for c in evaluation.classes]
    elif isinstance(evaluation, PanopticEvaluation):
        unit = "segments"
        counted = [(c.name, c.tp, c.fp + c.fn) for c in evaluation.classes]
    else:
        raise TypeError(f"the {evaluation.task} evaluation knows no objects")
    return Sla(
        unit=unit,
        classes=tuple(
            SlaClass(name=name, perfect=perfect, errors=errors)
            for name, perfect, errors in counted
            if perfect + errors
        ),
    )


def _percent(part: int, whole: int) -> str:
    """Rounded down to a tenth, so that 100.0 % is said of all only."""
    return f"{1000 * part // whole / 10:.1f} %"
