"""What a metric says about a class before it is held against the limits of a rule."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from segcore.evaluation import MeasuredBatch
from segcore_gates.records import Confusion, WorstImage

if TYPE_CHECKING:
    from segcore_gates.proportion import Proportion
    from segcore_gates.rules import Rule
    from segcore_gates.statistics import Sample
    from segcore_gates.views import View

__all__ = [
    "Counts",
    "Credit",
    "Finding",
    "How",
    "class_indices",
    "highest",
    "largest",
    "lowest",
    "no_gold_of",
    "plural",
]

_WORST_IMAGES: Final = 5
_CONFUSIONS: Final = 2

E = TypeVar("E", bound=MeasuredBatch)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One class, or a batch, by one metric.

    Attributes
    ----------
    value : Fraction, float or None
        A ratio of integers exactly, anything else as a float (see :func:`segcore_gates.limits.exact`);
        None where undefined.
    images, instances : int or None
        The gold images and gold instances it rests on; None where they cannot be counted.
    absent : str
        Why there is nothing to judge: the verdict is MISSING.  It is worded for every class alike, so
        that reports tell it once of many.
    of_size : bool
        Whether it is a size that is missing, and not all of the class.
    error : str
        Why it cannot be judged: the verdict is ERROR.
    settled : str
        What is so wrong that neither evidence nor bounds are asked for: the rule fails unless its limit
        is met by ``value``.
    failing : str
        What to say, instead of "below the floor", where the estimate fails.
    confusions : tuple of Confusion
    worst : tuple of WorstImage
    """

    value: Fraction | float | None = None
    images: int | None
    instances: int | None = None
    absent: str = ""
    of_size: bool = False
    error: str = ""
    settled: str = ""
    failing: str = ""
    confusions: tuple[Confusion, ...] = ()
    worst: tuple[WorstImage, ...] = ()


class Credit(enum.StrEnum):
    """What a matched object is worth."""

    FOUND = "found"
    """Nothing less than one."""
    IOU = "iou"
    """Its IoU."""
    OVERLAPS = "overlaps"
    """The share of the overlaps of the rule that its IoU reaches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What a metric of objects makes of those of one class.

    Attributes
    ----------
    missed, extra : bool
        Whether missed gold objects lower it, and extra delivered ones.
    credit : Credit
    """

    missed: bool = False
    extra: bool = False
    credit: Credit = Credit.FOUND


@dataclass(frozen=True, slots=True, kw_only=True)
class How(Generic[E]):
    """How one metric is judged: all that the judge and the reports know of it.

    Attributes
    ----------
    title : str
        In front of a value: ``IoU``.
    view : callable
        What a rule needs to know of the batch.
    find : callable
        What the metric says; given the evaluation of that view.
    sample : callable or None
        The images behind the value, for metrics that are a ratio of sums over images or a share of
        them; no image where the class is on neither side.
    no_bound : str
        Why there is no bound, where there is no ``sample``.
    of_image : str
        What the values of the worst images are, where it is not ``title``.
    judges_pixels : bool
        Whether a limit on it is a limit on the pixel IoU of a class, as pushes show it.
    objects : Counts or None
        For metrics of objects and segments, what counts against a class; it says in which images, and
        which of them, see :mod:`segcore_gates.failing_images`.
    unit : str
        Of values and limits: ``px``; empty for shares.
    """

    title: str
    view: Callable[[Rule], View]
    find: Callable[[Rule, E], Finding]
    sample: Callable[[Rule, E], Sample | Proportion] | None = None
    no_bound: str = ""
    of_image: str = ""
    judges_pixels: bool = False
    objects: Counts | None = None
    unit: str = ""


def class_indices(rule: Rule, evaluation: MeasuredBatch) -> tuple[int, ...]:
    """The places of the rule's class, or of the classes of its group, in the ontology of the evaluation.

    Raises
    ------
    KeyError
        The evaluation has no class of that name.
    """
    places = {name: index for index, name in enumerate(evaluation.ontology.names)}
    found = []
    for name in rule.members or (rule.class_name,):
        if name not in places:
            raise KeyError(f"{rule.id}: the evaluation has no class {name!r}")
        found.append(places[name])
    return tuple(found)


def lowest(images: Sequence[WorstImage], weights: Sequence[int]) -> tuple[WorstImage, ...]:
    """Five of the images, of least value first; among equals the one that weighs more, then by key."""
    order = sorted(zip(images, weights, strict=True), key=lambda w: (w[0].value, -w[1], w[0].image))
    return tuple(image for image, _ in order[:_WORST_IMAGES])


def highest(images: Sequence[WorstImage]) -> tuple[WorstImage, ...]:
    """Five of the images, of greatest value first; among equals by key."""
    return tuple(sorted(images, key=lambda w: (-w.value, w.image))[:_WORST_IMAGES])


def largest(confusions: Sequence[Confusion]) -> tuple[Confusion, ...]:
    """The two that count most."""
    return tuple(sorted(confusions, key=lambda c: -c.count)[:_CONFUSIONS])


def no_gold_of(size: str) -> str:
    """What is missing where the gold of a class has no object of a size."""
    return f"no {size} gold object"


def plural(n: int, noun: str) -> str:
    """``1 image``, ``2 images``."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
