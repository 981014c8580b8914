"""What a metric keeps of each image, so that its value is known for any set of images.

Columns of integers that add up over images.  The first is ``gold``: how much of the class the gold has
in the image, in pixels, outline pixels or objects; an image with some is evidence.  Lengths and IoUs of
matched objects are kept in units of 10^-12, the decimals by which limits are compared anyway.

AP, AR, boundary AP, mean IoU and mean PQ rank or mean over more than an image: they have no such sums
(see :data:`SUMS`), and only their value over all images is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from segcore.surface_scores import assd, hd95
from segcore_gates.metrics.bad_images import bad_images
from segcore_gates.metrics.finding import class_indices
from segcore_gates.metrics.objects import counted
from segcore_gates.metrics.outlines import outline_f1, outlines_of
from segcore_gates.metrics.segments import segments_of
from segcore_gates.rules import Metric

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from segcore.evaluation import Evaluation, MeasuredBatch
    from segcore.panoptic_evaluation import PanopticEvaluation
    from segcore.surface_tally import ImageSurfaces
    from segcore_gates.metrics.object_counts import ClassObjects
    from segcore_gates.rules import Rule

__all__ = ["SUMS", "UNIT", "ImageSums", "Row", "added"]

UNIT: Final = 10**12
"""Parts of a pixel, and of an IoU, that lengths and sums of IoUs are counted in."""

Row = tuple[int, ...]
"""The integers of one image, or of several added up, in the order of the columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSums:
    """How a metric is put together from images.

    Attributes
    ----------
    columns : tuple of str
        What the integers are; the first is ``gold``.
    count : callable
        ``(rule, evaluation)`` to the keys of the images that hold the class on either side, and a
        sequence of integers for each column.
    ratio : callable or None
        Numerator and denominator of the value, both linear in the columns; None where it is no ratio of
        sums.
    formula : callable or None
        The value where there is no ``ratio``; None where undefined.
    """

    columns: tuple[str, ...]
    count: Callable[[Rule, Any], tuple[Sequence[str], Sequence[Sequence[int]]]]
    ratio: Callable[[Row], tuple[int, int]] | None = None
    formula: Callable[[Row], Fraction | None] | None = None

    def rows(
        self, rule: Rule, evaluation: MeasuredBatch, image_of: Callable[[str], str]
    ) -> dict[str, Row]:
        """The integers of each gold image where either side has the class, by its key, sorted.

        Parameters
        ----------
        rule, evaluation
            The evaluation is in the rule's view.
        image_of : callable
            The gold image of a key of the evaluation: several annotations of an image add up.
        """
        keys, columns = self.count(rule, evaluation)
        found: dict[str, Row] = {}
        for key, row in zip(keys, zip(*columns, strict=True), strict=True):
            if any(row):
                image = image_of(key)
                found[image] = added((found[image], row), size=len(row)) if image in found else row
        return dict(sorted(found.items()))

    def value(self, row: Row) -> Fraction | None:
        """The value over the images that were added up; None where the class is on neither side.

        What has gold and nothing to divide by, such as the precision of a class that was not delivered,
        is 0.
        """
        if self.ratio is None:
            return None if self.formula is None else self.formula(row)
        part, whole = self.ratio(row)
        if whole:
            return Fraction(part, whole)
        return Fraction(0) if row[0] else None


def added(rows: Iterable[Row], *, size: int) -> Row:
    """Column by column; ``size`` zeros for no image."""
    total = [0] * size
    for row in rows:
        for column, n in enumerate(row):
            total[column] += n
    return tuple(total)


def _integers(values: npt.NDArray[np.int64]) -> list[int]:
    found: list[int] = values.tolist()
    return found


def _fixed(values: npt.NDArray[np.float64]) -> list[int]:
    return [round(value * UNIT) for value in values.tolist()]


def _pixels(rule: Rule, evaluation: Evaluation) -> tuple[Sequence[str], list[list[int]]]:
    counts = evaluation.image_counts(*class_indices(rule, evaluation))
    return counts.keys, list(map(_integers, (counts.gold_pixels, counts.intersection, counts.union)))


def _bands(rule: Rule, evaluation: Evaluation) -> tuple[Sequence[str], list[list[int]]]:
    if evaluation.boundary is None:
        raise TypeError(f"{rule.id}: the view has no boundaries")
    counts = evaluation.boundary.image_counts(*class_indices(rule, evaluation))
    return counts.keys, list(map(_integers, (counts.gold_pixels, counts.intersection, counts.union)))


def _bad(rule: Rule, evaluation: Evaluation) -> tuple[Sequence[str], list[list[int]]]:
    counts = evaluation.image_counts(*class_indices(rule, evaluation))
    bad = [int(wrong) for wrong in bad_images(rule, counts)]
    return counts.keys, [_integers(counts.gold_pixels), bad, [1] * len(bad)]


def _near(rule: Rule, evaluation: Evaluation) -> tuple[Sequence[str], list[list[int]]]:
    images = outlines_of(rule, evaluation)
    columns = (images.gold, images.gold_near, images.delivery, images.delivery_near)
    return images.keys, list(map(_integers, columns))


def _distance(of: Callable[[ImageSurfaces], npt.NDArray[np.float64]]) -> ImageSums:
    def count(rule: Rule, evaluation: Evaluation) -> tuple[Sequence[str], list[list[int]]]:
        if evaluation.surfaces is None:
            raise TypeError(f"{rule.id}: the view has no outlines")
        (index,) = class_indices(rule, evaluation)
        images = evaluation.surfaces.image_surfaces(index)
        distances = _fixed(of(images))
        return images.keys, [_integers(images.gold.totals()), distances, [1] * len(distances)]

    return ImageSums(
        columns=("gold", "distance", "images"), count=count, ratio=lambda row: (row[1], row[2] * UNIT)
    )


def _columns_of(objects: ClassObjects) -> list[list[int]]:
    columns = (objects.matched + objects.missed, objects.matched, objects.extra)
    return [*map(_integers, columns), _fixed(objects.iou_sums)]


def _objects(rule: Rule, evaluation: Any) -> tuple[Sequence[str], list[list[int]]]:
    found = counted(rule, evaluation)
    return found.keys, _columns_of(found)


def _segments(rule: Rule, evaluation: PanopticEvaluation) -> tuple[Sequence[str], list[list[int]]]:
    found = segments_of(evaluation, class_indices(rule, evaluation))
    return found.keys, _columns_of(found)


def _of_objects(
    ratio: Callable[[Row], tuple[int, int]],
    count: Callable[[Rule, Any], tuple[Sequence[str], list[list[int]]]] = _objects,
) -> ImageSums:
    return ImageSums(columns=("gold", "matched", "extra", "iou"), count=count, ratio=ratio)


def _iou(row: Row) -> tuple[int, int]:
    return row[1], row[2]


def _f1(row: Row) -> tuple[int, int]:
    gold, matched, extra, _ = row
    return 2 * matched, gold + matched + extra


def _precision(row: Row) -> tuple[int, int]:
    return row[1], row[1] + row[2]


def _recall(row: Row) -> tuple[int, int]:
    return row[1], row[0]


def _of_matched(row: Row) -> tuple[int, int]:
    return row[3], row[1] * UNIT


def _pq(row: Row) -> tuple[int, int]:
    gold, matched, extra, iou = row
    return 2 * iou, (gold + matched + extra) * UNIT


def _boundary_f1(row: Row) -> Fraction | None:
    gold, gold_near, delivery, delivery_near = row
    return outline_f1(gold_near, gold, delivery_near, delivery) if gold or delivery else None


_OVERLAP: Final = ("gold", "intersection", "union")
_NEAR: Final = ("gold", "gold_near", "delivery", "delivery_near")

SUMS: Final[Mapping[Metric, ImageSums]] = {
    Metric.IOU: ImageSums(columns=_OVERLAP, count=_pixels, ratio=_iou),
    Metric.BOUNDARY_IOU: ImageSums(columns=_OVERLAP, count=_bands, ratio=_iou),
    Metric.BAD_IMAGE_SHARE: ImageSums(columns=("gold", "bad", "images"), count=_bad, ratio=_iou),
    Metric.NSD: ImageSums(
        columns=_NEAR, count=_near, ratio=lambda row: (row[1] + row[3], row[0] + row[2])
    ),
    Metric.BOUNDARY_F1: ImageSums(columns=_NEAR, count=_near, formula=_boundary_f1),
    Metric.HD95: _distance(hd95),
    Metric.ASSD: _distance(assd),
    Metric.F1: _of_objects(_f1),
    Metric.PRECISION: _of_objects(_precision),
    Metric.RECALL: _of_objects(_recall),
    Metric.GOOD_OBJECT_SHARE: _of_objects(_recall),
    Metric.MATCHED_IOU: _of_objects(_of_matched),
    Metric.PQ: _of_objects(_pq, _segments),
    Metric.RQ: _of_objects(_f1, _segments),
    Metric.SQ: _of_objects(_of_matched, _segments),
}
"""The metrics that have such sums."""
