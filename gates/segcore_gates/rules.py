"""Resolved rules: one per gate and class, every default filled in, ready for the judge."""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from segcore.average_precision import ScoreRule
    from segcore.dilation import Dilation
    from segcore_gates.agreement.ceilings import Human
    from segcore_gates.conversion.ceilings import Ceiling
    from segcore_gates.views import View

__all__ = [
    "Check",
    "Curve",
    "ExtraImages",
    "Judge",
    "Level",
    "LimitKind",
    "Metric",
    "Rule",
    "Size",
    "Thin",
]

Curve = tuple[tuple[int, float], ...]
"""Areas in pixels, rising, each with a share; linear between them, the outer ones hold beyond."""


class Metric(enum.StrEnum):
    """What a rule measures."""

    IOU = "iou"
    """Pooled intersection over union of one class."""
    MEAN_IOU = "mean-iou"
    """Mean of the class IoUs, over classes with a union above 0."""
    BAD_IMAGE_SHARE = "bad-image-share"
    """Share of the images on which one class is wrong: its IoU there is below a limit."""
    BOUNDARY_IOU = "boundary-iou"
    """Pooled intersection over union of the bands inside the outlines of one class."""
    NSD = "nsd"
    """Share of the outlines of one class, of both sides, that lie within a tolerance of the other."""
    BOUNDARY_F1 = "boundary-f1"
    """Harmonic mean of the shares of either outline of one class within a tolerance of the other."""
    HD95 = "hd95"
    """95 % Hausdorff distance of the outlines of one class, mean over images."""
    ASSD = "assd"
    """Average distance of the outlines of one class, mean over images."""
    F1 = "f1"
    """Objects of one class found, missed and extra at one overlap: 2 x matched / all of both sides."""
    PRECISION = "precision"
    """Share of the delivered objects of one class that are right."""
    RECALL = "recall"
    """Share of the gold objects of one class that were found."""
    MATCHED_IOU = "matched-iou"
    """Mean IoU of the objects of one class that were found."""
    GOOD_OBJECT_SHARE = "good-object-share"
    """Share of the gold objects of one class drawn as well as objects of their size have to be."""
    AP = "ap"
    """Average precision of one class, as COCO defines it."""
    AR = "ar"
    """Average recall of one class, as COCO defines it."""
    BOUNDARY_AP = "boundary-ap"
    """Average precision of one class by the smaller of IoU and boundary IoU."""
    PQ = "pq"
    """Panoptic quality of one class."""
    SQ = "sq"
    """Segmentation quality of one class: mean IoU of the segments that were found."""
    RQ = "rq"
    """Recognition quality of one class: F1 of the segments."""
    MEAN_PQ = "mean-pq"
    """Mean of the panoptic qualities of all classes, of things or of stuff."""
    AGREEMENT = "agreement"
    """How far the annotators of one class agree: mean IoU of every two of them."""
    COVERAGE = "coverage"
    """Share of the gold images that were delivered."""
    FORMAT_LOCK = "format-lock"
    """How many properties of the delivery differ from the locked ones."""
    LINT = "lint"
    """How often something is wrong that can be seen before anything is measured."""
    SIGNAL = "signal"
    """How often something looks as if it had not been drawn for this batch."""


class Size(enum.StrEnum):
    """A size band of COCO, by the area of the object; see :data:`segcore.average_precision.BANDS`."""

    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"


class Level(enum.StrEnum):
    """What a broken rule does to the batch."""

    ERROR = "error"
    """Rejects it."""
    WARN = "warn"
    """Is reported and never rejects."""


class Judge(enum.StrEnum):
    """What is compared with the threshold."""

    ESTIMATE = "estimate"
    """The measured value."""
    BOUND = "bound"
    """The pessimistic end of its confidence interval."""


class Thin(enum.StrEnum):
    """What too little evidence does to the batch."""

    ERROR = "error"
    """It cannot be accepted on this evidence."""
    WARN = "warn"
    """It is judged, and the thin evidence is reported."""
    SKIP = "skip"
    """The rule is not judged."""


class ExtraImages(enum.StrEnum):
    """What delivered images without gold do to the batch."""

    ALLOW = "allow"
    """Nothing: gold is usually a sample of the delivery."""
    WARN = "warn"
    """They are reported."""
    ERROR = "error"
    """They reject the batch."""


class LimitKind(enum.StrEnum):
    """Which number of the policy decided."""

    MIN = "min"
    MAX = "max"
    WARN_BELOW = "warn_below"
    WARN_ABOVE = "warn_above"
    MAX_DROP = "max_drop"
    """How much less than the accepted batch it may be."""
    MAX_GAP = "max_gap"
    """How much less than the whole batch a part of it may be."""

    @property
    def at_least(self) -> bool:
        """Whether more is better."""
        return self in {LimitKind.MIN, LimitKind.WARN_BELOW}


@dataclass(frozen=True, slots=True, kw_only=True)
class Check(ABC):
    """One thing the judge decides, one item of pytest; each kind derives from it.

    Attributes
    ----------
    id : str
        ``class-iou[car]``, ``f1@small[car]``, ``mean-iou``, ``coverage``, ``lint[speck]``: stable, never
        holds a threshold.
    gate : str
        The key below ``gates`` in the policy, or the section it comes from: ``coverage``, ``lint``.
    metric : Metric
        What is measured.
    severity : Level
        What it does when it does not hold.
    line : int
        1-based line in the policy.
    thin : Thin
        What thin evidence does.
    """

    id: str
    gate: str
    metric: Metric
    severity: Level
    line: int
    thin: Thin = Thin.WARN

    @property
    def views(self) -> tuple[View, ...]:
        """What it needs to know of the batch beside what the metrics of the policy do."""
        return ()

    @property
    @abstractmethod
    def limit(self) -> tuple[LimitKind, float]:
        """What the value is held against."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule(Check):
    """A metric of the batch, or of one class, and its limits.

    Attributes
    ----------
    class_name : str or None
        The class, for metrics that are judged class by class.
    minimum : float
        The floor, a share; for coverage the share of gold images that must be delivered.
    warn_below : float or None
        The soft limit, a share not below ``minimum``; None is off.
    judge : Judge
        What is compared with ``minimum``.
    confidence : float
        One-sided confidence of the bound, between .5 and 1.
    support_images, support_instances : int
        The evidence below which the rule is thin.
    absent : Level
        What a class does that neither side contains.
    absent_size : Level or None
        What a size does of which the gold of a class has no object; None is as ``absent``.
    extra_images : ExtraImages
        What delivered images without gold do (coverage only).
    maximum, warn_above : float or None
        The ceiling and its soft limit in pixels, or as shares, for metrics of which less is better;
        ``minimum`` is then 0.
    ious : tuple of float
        The overlaps from which on an object counts as found; of several, the mean is taken.
    scores : ScoreRule or None
        What stands for confidences; None is those of the delivery.
    size : Size or None
        The size band; None is all objects.
    curve : Curve
        The least IoU of a gold object by its area.
    dilation : Dilation or None
        The width of the band that counts as boundary.
    tolerance_px : float or None
        How far an outline may be off.
    below_iou : float or None
        The IoU below which a class is wrong on an image.
    kinds : str
        Over which classes a mean is: ``all``, ``things`` or ``stuff``; empty for other metrics.
    sampled_from : int or None
        How many images the gold was drawn from; None is without an end.
    looks : tuple of int
        With which numbers of gold images a bound may be judged, rising; empty is with any.
    members : tuple of str
        The classes of the group that ``class_name`` names, in ontology order; empty for a class.
    human : Human or None
        What people reach with each other of what is measured, where that is known.
    conversion : Ceiling or None
        What the conversion of the delivery leaves of what is measured, where that is known.
    """

    class_name: str | None
    minimum: float
    warn_below: float | None
    judge: Judge
    confidence: float
    support_images: int
    support_instances: int
    absent: Level
    extra_images: ExtraImages
    maximum: float | None = None
    warn_above: float | None = None
    ious: tuple[float, ...] = ()
    scores: ScoreRule | None = None
    size: Size | None = None
    absent_size: Level | None = None
    curve: Curve = ()
    dilation: Dilation | None = None
    tolerance_px: float | None = None
    below_iou: float | None = None
    kinds: str = ""
    members: tuple[str, ...] = ()
    sampled_from: int | None = None
    looks: tuple[int, ...] = ()
    human: Human | None = None
    conversion: Ceiling | None = None

    @property
    def of_batch(self) -> bool:
        """Whether it is judged by gold and delivery, and not by annotators."""
        return self.metric is not Metric.AGREEMENT

    @property
    def limit(self) -> tuple[LimitKind, float]:
        """The floor, or the ceiling where less is better."""
        if self.maximum is None:
            return LimitKind.MIN, self.minimum
        return LimitKind.MAX, self.maximum

    @property
    def settings(self) -> Mapping[str, Any]:
        """What the metric was told beside its limits, as plain values by the keys of the policy."""
        given = {
            "iou": ":".join(_plain(iou) for iou in dict.fromkeys((*self.ious[:1], *self.ious[-1:])))
            or None,
            "scores": self.scores and self.scores.value,
            "size": self.size and self.size.value,
            "curve": {str(area): share for area, share in self.curve} or None,
            "dilation": self.dilation and str(self.dilation),
            "tolerance_px": self.tolerance_px,
            "below_iou": self.below_iou,
            "classes": self.kinds or None,
            "group": list(self.members) or None,
        }
        return {key: value for key, value in given.items() if value is not None}


def _plain(share: float) -> str:
    """``0.5`` for 0.50, ``1`` for 1.0; every digit that tells it from another one."""
    text = f"{share:g}"
    return text if float(text) == share else repr(share)
