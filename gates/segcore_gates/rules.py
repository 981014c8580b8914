"""Resolved rules: one per gate and class, every default filled in, ready for the judge."""

from __future__ import annotations

import enum
from dataclasses import dataclass

__all__ = ["ExtraImages", "Judge", "Level", "Metric", "Rule", "Thin"]


class Metric(enum.StrEnum):
    """What a rule measures."""

    IOU = "iou"
    """Pooled intersection over union of one class."""
    MEAN_IOU = "mean-iou"
    """Mean of the class IoUs, over classes with a union above 0."""
    COVERAGE = "coverage"
    """Share of the gold images that were delivered."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One thing the judge decides.

    Attributes
    ----------
    id : str
        ``class-iou[car]``, ``mean-iou``, ``coverage``: stable, never holds a threshold.
    gate : str
        The key below ``gates`` in the policy, or ``coverage``.
    metric : Metric
        What is measured.
    class_name : str or None
        The class, for metrics that are judged class by class.
    minimum : float
        The floor, a share; for coverage the share of gold images that must be delivered.
    warn_below : float or None
        The soft limit, a share not below ``minimum``; None is off.
    severity : Level
        What a value below ``minimum`` does.
    judge : Judge
        What is compared with ``minimum``.
    confidence : float
        One-sided confidence of the bound, between .5 and 1.
    support_images, support_instances : int
        The evidence below which the rule is thin.
    thin : Thin
        What thin evidence does.
    absent : Level
        What a class does that neither side contains.
    extra_images : ExtraImages
        What delivered images without gold do (coverage only).
    line : int
        1-based line in the policy.
    """

    id: str
    gate: str
    metric: Metric
    class_name: str | None
    minimum: float
    warn_below: float | None
    severity: Level
    judge: Judge
    confidence: float
    support_images: int
    support_instances: int
    thin: Thin
    absent: Level
    extra_images: ExtraImages
    line: int
