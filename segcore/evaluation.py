"""What a measured batch says: scores per class and the table they are derived from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from segcore.class_scores import ClassScores, ratio
from segcore.dilation import Dilation
from segcore.errors import UsageError
from segcore.measured_batch import Images, InputInfo, MeasuredBatch, SideCounts
from segcore.surface_scores import SurfaceScores, mean_of, surface_scores
from segcore.surface_tally import SurfaceTable
from segcore.tally import ImageCounts, TallyTable

__all__ = ["ClassScores", "Evaluation", "Images", "InputInfo", "MeasuredBatch", "SideCounts"]

OTHER = "<other>"
"""The last row and column of every confusion: unlabeled, unclaimed, missing."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Evaluation(MeasuredBatch):
    """A delivery measured against gold, in semantic view.

    Everything is derived from :attr:`tallies`, integers counted image by image.

    Attributes
    ----------
    tallies : TallyTable
        The counts of each gold image; a missing image counts with nothing delivered.
    boundary : TallyTable or None
        The same of the bands inside the outlines, where asked for: pixels that gold, the delivery
        and both have in their band of a class.
    dilation : Dilation or None
        How wide the band is.
    surfaces : SurfaceTable or None
        How far the outlines lie apart, where asked for.

    See Also
    --------
    MeasuredBatch : The other attributes.
    """

    tallies: TallyTable
    boundary: TallyTable | None = None
    dilation: Dilation | None = None
    surfaces: SurfaceTable | None = None
    task: str = "semantic"

    def _tables(self) -> Mapping[str, TallyTable | SurfaceTable | None]:
        return {"tallies": self.tallies, "boundary": self.boundary, "surfaces": self.surfaces}

    @property
    def confusion(self) -> npt.NDArray[np.int64]:
        """Pixels, int64 (K + 1, K + 1): rows gold, columns delivery, the last of each "other"."""
        return self.tallies.confusion

    def image_counts(self, *class_indices: int) -> ImageCounts:
        """One class over the images where gold or delivery hold it, in key order.

        Of several classes, what is counted of each is summed image by image.
        """
        return self.tallies.image_counts(*class_indices)

    @cached_property
    def classes(self) -> tuple[ClassScores, ...]:
        """The scores of every class, in ontology order."""
        confusion = self.confusion
        gold, delivery = confusion.sum(axis=1), confusion.sum(axis=0)
        instances = self.tallies.pooled.instances
        bands = None if self.boundary is None else self.boundary.confusion
        found = []
        for i, c in enumerate(self.ontology.classes):
            both = either = None
            if bands is not None:
                both = int(bands[i, i])
                either = int(bands[i].sum() + bands[:, i].sum()) - both
            counts = self.image_counts(i)
            per_image = counts.intersection / counts.union
            scores = ClassScores(
                id=c.id,
                name=c.name,
                index=i,
                intersection=int(confusion[i, i]),
                gold_pixels=int(gold[i]),
                delivery_pixels=int(delivery[i]),
                support_images=int(np.count_nonzero(counts.gold_pixels)),
                support_instances=None if instances is None else int(instances[i]),
                mean_image_iou=mean_of(per_image.tolist()),
                boundary_intersection=both,
                boundary_union=either,
            )
            found.append(scores)
        return tuple(found)

    @property
    def mean_iou(self) -> float | None:
        """Mean IoU over the classes with a union; None if there is none."""
        return mean_of(c.iou for c in self.classes)

    @property
    def mean_boundary_iou(self) -> float | None:
        """Mean boundary IoU over the classes that have one; None if there is none."""
        return mean_of(c.boundary_iou for c in self.classes)

    def surface_scores(
        self, *, tolerance: float | None = None, spacing_mm: float | None = None
    ) -> tuple[SurfaceScores, ...]:
        """NSD, boundary F1, HD95 and ASSD of every class, in ontology order.

        Parameters
        ----------
        tolerance : float or None
            How far surfaces may lie apart, in pixels or, with ``spacing_mm``, in millimetres; None
            leaves NSD and boundary F1 undefined.
        spacing_mm : float or None
            Side of a pixel, which is square; distances are then in millimetres.

        Raises
        ------
        UsageError
            Surfaces were not asked for, or a number is out of range.
        """
        if self.surfaces is None:
            raise UsageError("surfaces were not counted: evaluate(..., surfaces=True) does")
        return surface_scores(self.surfaces, self.ontology, tolerance=tolerance, spacing_mm=spacing_mm)

    @property
    def pixel_accuracy(self) -> float | None:
        """Share of the gold pixels of any class that carry the right class."""
        k = len(self.ontology)
        return ratio(int(np.trace(self.confusion[:k, :k])), int(self.confusion[:k].sum()))

    @property
    def frequency_weighted_iou(self) -> float | None:
        """IoU of each class weighted with its share of the gold pixels."""
        total = sum(c.gold_pixels for c in self.classes)
        if not total:
            return None
        return math.fsum(c.gold_pixels * (c.iou or 0.0) for c in self.classes) / total

    def table(self) -> dict[str, list[Any]]:
        """Image x class counts as columns, one row for every class an image holds on either side.

        Returns
        -------
        dict of list
            ``image``, ``class``, ``intersection``, ``union``, ``gold_pixels``,
            ``delivery_pixels``, and ``iou``, ``dice``, ``precision``, ``recall`` of this class in
            this image, None where undefined; ``pandas.DataFrame(evaluation.table())`` just works.
        """
        rows, names = self.tallies, self.ontology.names
        same = rows.intersection.tolist()
        gold, delivery = rows.gold_pixels.tolist(), rows.delivery_pixels.tolist()
        union = [g + d - i for i, g, d in zip(same, gold, delivery, strict=True)]
        return {
            "image": [rows.keys[i] for i in rows.images],
            "class": [names[i] for i in rows.classes],
            "intersection": same,
            "union": union,
            "gold_pixels": gold,
            "delivery_pixels": delivery,
            "iou": list(map(ratio, same, union)),
            "dice": [ratio(2 * i, g + d) for i, g, d in zip(same, gold, delivery, strict=True)],
            "precision": list(map(ratio, same, delivery)),
            "recall": list(map(ratio, same, gold)),
        }

    def to_json(self, *, tolerance_px: float | None = None) -> dict[str, Any]:
        """The document ``segcore score --json`` writes: plain values, undefined ones None.

        Parameters
        ----------
        tolerance_px : float or None
            Of NSD and boundary F1, where surfaces were counted.
        """
        classes = [scores.to_json() for scores in self.classes]
        mean: dict[str, Any] = {
            "iou": self.mean_iou,
            "classes": sum(scores.union > 0 for scores in self.classes),
        }
        asked: dict[str, Any] = {}
        if self.dilation is not None:
            mean["boundary_iou"] = self.mean_boundary_iou
            asked["dilation"] = {"share": self.dilation.share, "px": self.dilation.px}
        if self.surfaces is not None:
            outlines = [s.to_json() for s in self.surface_scores(tolerance=tolerance_px)]
            asked["tolerance_px"] = tolerance_px
            for record, outline in zip(classes, outlines, strict=True):
                record |= outline
            mean |= {name: mean_of(outline[name] for outline in outlines) for name in outlines[0]}
        return self.document(
            self.task,
            classes=classes,
            mean=mean,
            **asked,
            pixel_accuracy=self.pixel_accuracy,
            frequency_weighted_iou=self.frequency_weighted_iou,
            confusion={
                "labels": [*self.ontology.names, OTHER],
                "matrix": self.confusion.tolist(),
            },
        )
