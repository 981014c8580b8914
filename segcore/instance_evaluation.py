"""What a batch says object by object: found, missed and extra, F1 and average precision per class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from segcore.average_precision import (
    BANDS,
    IOU_THRESHOLDS,
    AveragePrecision,
    ScoreRule,
    average_precision,
    mean,
)
from segcore.conventions import instance_conventions
from segcore.dilation import Dilation, require_boundaries
from segcore.errors import UsageError
from segcore.evaluation import MeasuredBatch
from segcore.instance_matching import MATCH_IOU, MatchCounts, ObjectMatching, match_objects
from segcore.instance_records import image_class_columns, object_columns
from segcore.instance_tally import InstanceTable

__all__ = ["BoundaryScores", "CocoScores", "InstanceEvaluation", "InstanceScores", "OverallScores"]

STRICT_IOU: Final = 0.75
"""The higher of the two overlaps at which objects are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CocoScores:
    """Average precision and recall to the COCO definition; of one class, or the mean of classes.

    Attributes
    ----------
    ap, ap50, ap75 : float or None
        At IoU .50:.05:.95, at .5 and at .75.
    ap_small, ap_medium, ap_large : float or None
        At .50:.05:.95, of gold objects of one size band.
    ar1, ar10, ar : float or None
        Recall at .50:.05:.95 with up to 1, 10 and 100 delivered objects an image and class.
    ar_small, ar_medium, ar_large : float or None

    Notes
    -----
    None where the gold has no such object, and throughout where the delivery has no scores.
    """

    ap: float | None = None
    ap50: float | None = None
    ap75: float | None = None
    ap_small: float | None = None
    ap_medium: float | None = None
    ap_large: float | None = None
    ar1: float | None = None
    ar10: float | None = None
    ar: float | None = None
    ar_small: float | None = None
    ar_medium: float | None = None
    ar_large: float | None = None

    @classmethod
    def of(cls, found: AveragePrecision, classes: slice) -> CocoScores:
        """The means over some classes, those without such objects in the gold left out."""
        sizes = list(BANDS)[1:]
        precision, recall = found.precision[:, classes], found.recall[:, classes]
        limited = found.recall_limited[:, classes]
        strict = IOU_THRESHOLDS.index(STRICT_IOU)
        return cls(
            ap=mean(precision[0].ravel()),
            ap50=mean(precision[0, :, 0]),
            ap75=mean(precision[0, :, strict]),
            ar1=mean(limited[0].ravel()),
            ar10=mean(limited[1].ravel()),
            ar=mean(limited[2].ravel()),
            **{f"ap_{size}": mean(precision[i].ravel()) for i, size in enumerate(sizes, 1)},
            **{f"ar_{size}": mean(recall[i].ravel()) for i, size in enumerate(sizes, 1)},
        )

    def to_json(self) -> dict[str, float | None]:
        """The numbers by their names."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundaryScores:
    """How well the outlines of objects fit; of one class, or of all.

    Boundary IoU is the intersection over union of the bands along two outlines.

    Attributes
    ----------
    mean_iou : float or None
        Mean boundary IoU of the objects matched at IoU .5; None where none is.
    at50, at75 : MatchCounts
        Objects matched one to one by the smaller of IoU and boundary IoU, at .5 and at .75.
    coco : CocoScores
        Boundary AP and AR, by the smaller of the two as well.
    """

    mean_iou: float | None
    at50: MatchCounts
    at75: MatchCounts
    coco: CocoScores

    def to_json(self) -> dict[str, Any]:
        """The numbers as they stand beside those of the masks."""
        return {
            **{f"boundary_{name}": value for name, value in self.coco.to_json().items()},
            "f1_at_boundary_iou": {"0.5": self.at50.f1, "0.75": self.at75.f1},
            "mean_boundary_iou": self.mean_iou,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class OverallScores:
    """Objects of one class, or of all, pooled over all images.

    Attributes
    ----------
    at50, at75 : MatchCounts
        Objects matched one to one at IoU .5 and at .75, without scores.
    mean_iou : float or None
        Mean IoU of the objects matched at .5; None where none is.
    merged, split : int
        Delivered objects that cover several gold ones, and gold objects in several delivered parts.
    coco : CocoScores
    boundary : BoundaryScores or None
        Where they were asked for.
    """

    at50: MatchCounts
    at75: MatchCounts
    mean_iou: float | None
    merged: int
    split: int
    coco: CocoScores
    boundary: BoundaryScores | None = None

    def to_json(self) -> dict[str, Any]:
        """The numbers of the contract."""
        return {**self._counted(), **self._banded()}

    def _counted(self) -> dict[str, Any]:
        both = {"0.5": self.at50, "0.75": self.at75}
        return {
            **self.coco.to_json(),
            **{
                name: {iou: getattr(counts, name) for iou, counts in both.items()}
                for name in ("f1", "precision", "recall")
            },
            "matched": self.at50.matched,
            "missed": self.at50.missed,
            "extra": self.at50.extra,
            "merged": self.merged,
            "split": self.split,
            "mean_matched_iou": self.mean_iou,
        }

    def _banded(self) -> dict[str, Any]:
        return {} if self.boundary is None else self.boundary.to_json()


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceScores(OverallScores):
    """One class.

    Attributes
    ----------
    id, name, index
        The class and its place in the ontology.
    support_images, support_instances : int
        Gold images that hold an object of it, and gold objects; crowds are not counted.
    """

    id: int
    name: str
    index: int
    support_images: int
    support_instances: int

    def to_json(self) -> dict[str, Any]:
        """The record of the contract."""
        support = {"images": self.support_images, "instances": self.support_instances}
        numbers = {**self._counted(), "support": support, **self._banded()}
        return {"id": self.id, "name": self.name, **numbers}


@dataclass(frozen=True, kw_only=True, eq=False)
class InstanceEvaluation(MeasuredBatch):
    """A delivery measured against gold, object by object.

    Everything is derived from :attr:`tallies`: objects, their areas and the pixels they share.

    Attributes
    ----------
    tallies : InstanceTable
        A missing image counts with nothing delivered.
    score_rule : ScoreRule or None
        What stands for confidences; None is those of the delivery.
    dilation : Dilation or None
        How wide boundaries are; None where they were not asked for.

    See Also
    --------
    MeasuredBatch : The other attributes.
    """

    tallies: InstanceTable
    score_rule: ScoreRule | None = None
    dilation: Dilation | None = None
    task: str = "instance"

    @property
    def has_scores(self) -> bool:
        """Whether AP is defined: every delivered object has a confidence, or a rule gives it one."""
        return self.score_rule is not None or not np.isnan(self.tallies.delivery.scores).any()

    def ranked_by(self, rule: ScoreRule | None) -> InstanceEvaluation:
        """The same objects, ranked by another rule; nothing is read or matched again."""
        if rule is self.score_rule:
            return self
        scores = instance_conventions(self.ontology, rule)["scores"]
        ranked = replace(self, score_rule=rule, conventions={**self.conventions, "scores": scores})
        ranked.__dict__["matching"] = self.matching
        return ranked

    @cached_property
    def matching(self) -> ObjectMatching:
        """Which object is matched with which, without scores."""
        return match_objects(self.tallies)

    @cached_property
    def boundary_matching(self) -> ObjectMatching:
        """The same by the smaller of IoU and boundary IoU.

        Raises
        ------
        UsageError
            Boundaries were not asked for.
        """
        require_boundaries(self.dilation)
        return match_objects(self.tallies, boundary=True)

    @cached_property
    def average_precision(self) -> AveragePrecision:
        """AP and AR of every class, size band and IoU threshold.

        Raises
        ------
        UsageError
            The delivery has no scores and no rule stands for them.
        """
        return self._average_precision(boundary=False)

    @cached_property
    def boundary_average_precision(self) -> AveragePrecision:
        """The same by the smaller of IoU and boundary IoU, which is boundary AP.

        Raises
        ------
        UsageError
            As above, or boundaries were not asked for.
        """
        require_boundaries(self.dilation)
        return self._average_precision(boundary=True)

    def _average_precision(self, *, boundary: bool) -> AveragePrecision:
        if not self.has_scores:
            raise UsageError(
                "AP ranks delivered objects by their scores, and this delivery has objects without one: "
                "a list in which all are equally sure has no order. Gate people's work on F1 at a fixed "
                "IoU (f1) or on panoptic quality (pq), or state a rule: scores='equal' or scores='area'"
            )
        return average_precision(
            self.tallies, num_classes=len(self.ontology), rule=self.score_rule, boundary=boundary
        )

    @cached_property
    def classes(self) -> tuple[InstanceScores, ...]:
        """The scores of every class, in ontology order."""
        k, table, matching = len(self.ontology), self.tallies, self.matching
        at50, at75 = matching.counts(k), matching.counts(k, STRICT_IOU)
        found = matching.at(MATCH_IOU)
        order = np.argsort(table.gold.classes[found.gold], kind="stable")
        bounds = np.searchsorted(table.gold.classes[found.gold][order], np.arange(k + 1))
        images = table.images_by_class(k)
        merged = np.bincount(table.delivery.classes[np.unique(matching.merged.delivery)], minlength=k)
        split = np.bincount(table.gold.classes[np.unique(matching.split.gold)], minlength=k)
        boundaries = self._boundaries(order, bounds)
        return tuple(
            InstanceScores(
                id=c.id,
                name=c.name,
                index=i,
                at50=at50[i],
                at75=at75[i],
                mean_iou=mean(found.iou[order[bounds[i] : bounds[i + 1]]].tolist()),
                merged=int(merged[i]),
                split=int(split[i]),
                coco=self._coco(slice(i, i + 1)),
                boundary=boundaries[i],
                support_images=int(images[i]),
                support_instances=at50[i].matched + at50[i].missed,
            )
            for i, c in enumerate(self.ontology.classes)
        )

    @cached_property
    def overall(self) -> OverallScores:
        """All classes: COCO's numbers are means over classes, the counts are sums."""
        return OverallScores(
            at50=_sum([c.at50 for c in self.classes]),
            at75=_sum([c.at75 for c in self.classes]),
            mean_iou=mean(self.matching.at(MATCH_IOU).iou.tolist()),
            merged=sum(c.merged for c in self.classes),
            split=sum(c.split for c in self.classes),
            coco=self._coco(slice(None)),
            boundary=self._boundary([c.boundary for c in self.classes]),
        )

    def _coco(self, classes: slice) -> CocoScores:
        return CocoScores.of(self.average_precision, classes) if self.has_scores else CocoScores()

    def _boundary_coco(self, classes: slice) -> CocoScores:
        if not self.has_scores:
            return CocoScores()
        return CocoScores.of(self.boundary_average_precision, classes)

    def _boundaries(
        self, order: npt.NDArray[np.intp], bounds: npt.NDArray[np.intp]
    ) -> Sequence[BoundaryScores | None]:
        """Of every class; ``order`` puts the matched objects by class, which begin at ``bounds``."""
        k = len(self.ontology)
        if self.dilation is None:
            return [None] * k
        matching = self.boundary_matching
        found = self.matching.at(MATCH_IOU)
        iou = self.tallies.boundary_iou(found.gold, found.delivery)[order]
        at50, at75 = matching.counts(k), matching.counts(k, STRICT_IOU)
        return [
            BoundaryScores(
                mean_iou=mean(iou[bounds[i] : bounds[i + 1]].tolist()),
                at50=at50[i],
                at75=at75[i],
                coco=self._boundary_coco(slice(i, i + 1)),
            )
            for i in range(k)
        ]

    def _boundary(self, classes: Sequence[BoundaryScores | None]) -> BoundaryScores | None:
        """Of all classes."""
        if self.dilation is None:
            return None
        found = self.matching.at(MATCH_IOU)
        return BoundaryScores(
            mean_iou=mean(self.tallies.boundary_iou(found.gold, found.delivery).tolist()),
            at50=_sum([c.at50 for c in classes if c is not None]),
            at75=_sum([c.at75 for c in classes if c is not None]),
            coco=self._boundary_coco(slice(None)),
        )

    def table(self) -> dict[str, list[Any]]:
        """Image x class counts as columns, one row for every class an image holds on either side.

        Returns
        -------
        dict of list
            ``image``, ``class``, ``gold_objects``, ``delivery_objects``, ``matched``, ``missed``,
            ``extra``, ``merged``, ``split`` at IoU .5, and ``f1`` and ``mean_matched_iou`` of this
            class in this image, None where undefined; crowds and what lies in them are left out.
        """
        return image_class_columns(self.matching, self.ontology.names)

    def objects(self) -> dict[str, list[Any]]:
        """What became of every object, as columns: see :func:`instance_records.object_columns`."""
        return object_columns(self.matching, self.ontology.names)

    def to_json(self) -> dict[str, Any]:
        """The document ``segcore score --json`` writes: plain values, undefined ones None."""
        return self.document(
            self.task,
            classes=[scores.to_json() for scores in self.classes],
            overall=self.overall.to_json(),
        )


def _sum(counts: list[MatchCounts]) -> MatchCounts:
    return MatchCounts(
        matched=sum(c.matched for c in counts),
        missed=sum(c.missed for c in counts),
        extra=sum(c.extra for c in counts),
    )
