"""What a batch says segment by segment: panoptic quality per class, of things and of stuff."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from segcore.dilation import Dilation, require_boundaries
from segcore.evaluation import MeasuredBatch
from segcore.instance_matching import Pairs
from segcore.instance_records import record_columns
from segcore.instance_tally import InstanceTable
from segcore.panoptic_quality import (
    Quality,
    SegmentCounts,
    SegmentMatching,
    match_segments,
    mean_quality,
)

__all__ = ["PanopticEvaluation", "PanopticOverall", "PanopticScores"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PanopticScores(SegmentCounts):
    """One class, over all images.

    Attributes
    ----------
    id, name, index
        The class and its place in the ontology.
    thing : bool
        Countable objects, or stuff.
    support_images, support_instances : int
        Gold images that hold a segment of it, and gold segments; crowds are not counted.
    boundary : SegmentCounts or None
        What became of the same segments by the smaller of IoU and boundary IoU: boundary PQ, SQ and RQ.
        None where boundaries were not asked for.
    """

    id: int
    name: str
    index: int
    thing: bool
    support_images: int
    support_instances: int
    boundary: SegmentCounts | None = None

    def to_json(self) -> dict[str, Any]:
        """The record of the contract."""
        support = {"images": self.support_images, "instances": self.support_instances}
        return {
            "id": self.id,
            "name": self.name,
            "thing": self.thing,
            "pq": self.pq,
            "sq": self.sq,
            "rq": self.rq,
            "tp": self.tp,
            "fp": self.fp,
            "fn": self.fn,
            "ignored": self.ignored,
            "iou_sum": self.iou_sum,
            "support": support,
            **_boundary_json(self.boundary),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class PanopticOverall:
    """All classes, and either kind of them.

    Attributes
    ----------
    all, things, stuff : Quality
    boundary : PanopticOverall or None
        The same by the smaller of IoU and boundary IoU; None where boundaries were not asked for.
    """

    all: Quality
    things: Quality
    stuff: Quality
    boundary: PanopticOverall | None = None

    @classmethod
    def of(
        cls,
        counts: Sequence[SegmentCounts],
        things: Sequence[bool],
        boundary: PanopticOverall | None = None,
    ) -> PanopticOverall:
        """Means over the classes with a segment that counts, each weighted the same.

        Parameters
        ----------
        counts : sequence of SegmentCounts
            Of every class.
        things : sequence of bool
            Which of them are things.
        """
        pairs = list(zip(counts, things, strict=True))
        return cls(
            all=mean_quality(counts),
            things=mean_quality(c for c, thing in pairs if thing),
            stuff=mean_quality(c for c, thing in pairs if not thing),
            boundary=boundary,
        )

    def to_json(self) -> dict[str, Any]:
        """The block of the contract."""
        return {
            kind: {
                **{name: getattr(found, name) for name in found.__slots__},
                **_boundary_json(None if self.boundary is None else getattr(self.boundary, kind)),
            }
            for kind, found in (("all", self.all), ("things", self.things), ("stuff", self.stuff))
        }


def _boundary_json(found: SegmentCounts | Quality | None) -> dict[str, float | None]:
    """Boundary PQ, SQ and RQ by their names, where they were asked for."""
    if found is None:
        return {}
    return {"boundary_pq": found.pq, "boundary_sq": found.sq, "boundary_rq": found.rq}


@dataclass(frozen=True, kw_only=True, eq=False)
class PanopticEvaluation(MeasuredBatch):
    """A delivery measured against gold, segment by segment.

    Everything is derived from :attr:`tallies`: segments, their areas and the pixels they share.

    Attributes
    ----------
    tallies : InstanceTable
        A missing image counts with nothing delivered.
    dilation : Dilation or None
        How wide boundaries are; None where they were not asked for.

    See Also
    --------
    MeasuredBatch : The other attributes.
    """

    tallies: InstanceTable
    dilation: Dilation | None = None
    task: str = "panoptic"

    @cached_property
    def matching(self) -> SegmentMatching:
        """Which segment is matched with which."""
        return match_segments(self.tallies)

    @cached_property
    def boundary_matching(self) -> SegmentMatching:
        """The same by the smaller of IoU and boundary IoU.

        Raises
        ------
        UsageError
            Boundaries were not asked for.
        """
        require_boundaries(self.dilation)
        return match_segments(self.tallies, boundary=True)

    @cached_property
    def classes(self) -> tuple[PanopticScores, ...]:
        """The scores of every class, in ontology order."""
        k, table = len(self.ontology), self.tallies
        images = table.images_by_class(k)
        boundary: Sequence[SegmentCounts | None] = [None] * k
        if self.dilation is not None:
            boundary = self.boundary_matching.counts(k)
        return tuple(
            PanopticScores(
                id=c.id,
                name=c.name,
                index=i,
                thing=c.thing is True,
                tp=counts.tp,
                fp=counts.fp,
                fn=counts.fn,
                ignored=counts.ignored,
                iou_sum=counts.iou_sum,
                support_images=int(images[i]),
                support_instances=counts.tp + counts.fn,
                boundary=boundary[i],
            )
            for i, (c, counts) in enumerate(
                zip(self.ontology.classes, self.matching.counts(k), strict=True)
            )
        )

    @cached_property
    def overall(self) -> PanopticOverall:
        """Means over the classes with a segment that counts, each weighted the same."""
        things = [c.thing for c in self.classes]
        bands = [c.boundary for c in self.classes if c.boundary is not None]
        boundary = PanopticOverall.of(bands, things) if self.dilation is not None else None
        return PanopticOverall.of(self.classes, things, boundary)

    def table(self) -> dict[str, list[Any]]:
        """Image x class counts as columns, one row for every class an image holds on either side.

        Returns
        -------
        dict of list
            ``image``, ``class``, ``tp``, ``fp``, ``fn``, ``ignored``, ``iou_sum``, and ``pq`` of this
            class in this image, None where only ignored segments are; gold crowds make no row.
        """
        images, classes, counts = self.matching.image_counts(len(self.ontology))
        names = self.ontology.names
        columns = {
            name: [getattr(row, name) for row in counts]
            for name in ("tp", "fp", "fn", "ignored", "iou_sum", "pq")
        }
        return {
            "image": [self.tallies.keys[i] for i in images.tolist()],
            "class": [names[i] for i in classes.tolist()],
            **columns,
        }

    def objects(self) -> dict[str, list[Any]]:
        """What became of every segment, as columns, by image, kind, gold and delivered segment.

        Returns
        -------
        dict of list
            ``image``, ``kind``, ``gold_class``, ``gold_id``, ``gold_px``, ``delivery_class``,
            ``delivery_id``, ``delivery_px``, ``iou``; None for a side without a segment.  And
            ``boundary_iou``, where boundaries were asked for.

        Notes
        -----
        Every segment is matched, missed, extra or ignored once; gold crowds are not listed.  Further
        rows say what missed and extra segments share: ``near`` of one class, ``confused`` of two,
        with an IoU above .5.
        """
        found = self.matching
        groups: dict[str, Pairs | npt.NDArray[np.int64]] = {
            "matched": found.matched,
            "missed": found.missed,
            "extra": found.extra,
            "ignored": found.ignored,
            "near": found.near,
            "confused": found.confused,
        }
        return record_columns(self.tallies, self.ontology.names, groups, delivered={"extra", "ignored"})

    def to_json(self) -> dict[str, Any]:
        """The document ``segcore score --json`` writes: plain values, undefined ones None."""
        return self.document(
            self.task,
            classes=[scores.to_json() for scores in self.classes],
            overall=self.overall.to_json(),
        )
