"""Metrics of pixels: the IoU of a class, and the mean of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from segcore_gates.metrics.finding import Finding, How, class_indices, largest, lowest, plural
from segcore_gates.records import OTHER, Confusion, WorstImage
from segcore_gates.statistics import Sample
from segcore_gates.views import SEMANTIC

if TYPE_CHECKING:
    import numpy.typing as npt

    from segcore.evaluation import Evaluation
    from segcore.tally import ImageCounts
    from segcore_gates.rules import Rule

__all__ = ["IOU", "MEAN_IOU", "class_pixels", "worst_of"]


def class_pixels(rule: Rule, evaluation: Evaluation) -> Finding:
    """What metrics of the pixels of a class have in common; the value is theirs to find.

    Neither side has it: missing.  Only the gold has it: settled, whatever the evidence.  Support is
    counted in gold images and gold instances, these where the gold tells instances apart.
    """
    indices = class_indices(rule, evaluation)
    scores = [evaluation.classes[index] for index in indices]
    images = int(np.count_nonzero(evaluation.image_counts(*indices).gold_pixels))
    known = [c.support_instances for c in scores if c.support_instances is not None]
    instances = sum(known) if len(known) == len(scores) else None
    if not any(c.union for c in scores):
        absent = "neither gold nor delivery contains the class"
        return Finding(absent=absent, images=images, instances=instances)
    settled = f"{rule.class_name} is in {plural(images, 'gold image')} and nowhere in the delivery"
    failing = f"{rule.class_name} is in the delivery and nowhere in the gold"
    return Finding(
        images=images,
        instances=instances,
        settled="" if any(c.delivery_pixels for c in scores) else settled,
        failing="" if any(c.gold_pixels for c in scores) else failing,
        confusions=_confusions(evaluation, indices),
    )


def _class_iou(rule: Rule, evaluation: Evaluation) -> Finding:
    """Pooled intersection over union of a class, or of a group, whose classes are summed.

    Neither side has it: missing.  Only the gold has it: 0, whatever the evidence.  Only the delivery
    has it: 0.  An image without it on either side does not count; one that was not delivered counts with
    all its gold pixels missed.
    """
    found = class_pixels(rule, evaluation)
    if found.absent:
        return found
    indices = class_indices(rule, evaluation)
    scores = [evaluation.classes[index] for index in indices]
    return replace(
        found,
        value=Fraction(sum(c.intersection for c in scores), sum(c.union for c in scores)),
        worst=worst_of(evaluation.image_counts(*indices)),
    )


def _mean_iou(rule: Rule, evaluation: Evaluation) -> Finding:  # noqa: ARG001 - all finders take a rule
    """Mean of the class IoUs over the classes with a union above 0; missing where there is none."""
    shares = [Fraction(c.intersection, c.union) for c in evaluation.classes if c.union]
    images = evaluation.images.gold
    if not shares:
        return Finding(absent="no class occurs in gold or delivery", images=images)
    return Finding(value=sum(shares, Fraction(0)) / len(shares), images=images)


def _sample(rule: Rule, evaluation: Evaluation) -> Sample:
    counts = evaluation.image_counts(*class_indices(rule, evaluation))
    return Sample(counts.intersection, counts.union)


def _confusions(evaluation: Evaluation, indices: tuple[int, ...]) -> tuple[Confusion, ...]:
    """Of all pixels of these classes that are not right, those of one taken for another too."""
    wrong = evaluation.confusion.copy()
    np.fill_diagonal(wrong, 0)
    names, at = [*evaluation.ontology.names, OTHER], list(indices)
    missed = _shares(wrong[at].sum(axis=0), names, extra=False)
    return largest([*missed, *_shares(wrong[:, at].sum(axis=1), names, extra=True)])


def _shares(pixels: npt.NDArray[np.int64], names: Sequence[str], *, extra: bool) -> list[Confusion]:
    counted = [(k, int(n)) for k, n in enumerate(pixels) if n]
    total = sum(n for _, n in counted)
    return [Confusion(class_name=names[k], extra=extra, pixels=n, share=n / total) for k, n in counted]


def worst_of(counts: ImageCounts) -> tuple[WorstImage, ...]:
    """The images of least IoU; among equals the larger union, then the key."""
    rows = zip(counts.keys, counts.intersection.tolist(), counts.union.tolist(), strict=True)
    imperfect = [(WorstImage(image=key, value=i / u), u) for key, i, u in rows if i < u]
    return lowest([image for image, _ in imperfect], [union for _, union in imperfect])


IOU = How(title="IoU", view=lambda _: SEMANTIC, find=_class_iou, sample=_sample, judges_pixels=True)
MEAN_IOU = How(
    title="mean IoU",
    view=lambda _: SEMANTIC,
    find=_mean_iou,
    no_bound="a mean has no bound: write `judge: estimate`",
    judges_pixels=True,
)
