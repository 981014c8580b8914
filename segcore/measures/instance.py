"""The instance measure: the objects of gold and delivery of one image, and what they share.

Nothing is matched here.  Which object matches which is a pure function of the tallies: see
:mod:`segcore.average_precision` and :mod:`segcore.instance_matching`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from segcore import limits
from segcore.annotation import ImageAnnotation, LabelMap, Regions
from segcore.dilation import Dilation
from segcore.errors import UsageError
from segcore.faults import Fault
from segcore.measures.class_map import ClassMap
from segcore.measures.ignored import Reason, annotations_of
from segcore.measures.instance_rows import Coded, InstancePair, Side
from segcore.measures.measured import (
    TELLING_APART,
    Measured,
    lost_count,
    size_mismatch,
    too_many_runs,
)
from segcore.measures.object_limits import (
    band_runs_above_limit,
    band_steps_above_limit,
    bands_are_few,
    mask_runs_above_limit,
    pairs_above_limit,
)
from segcore.measures.segments import as_objects, without_void
from segcore.ontology import Crowd
from segcore.region_block import RegionBlock

__all__ = ["InstanceMeasure"]


def _refused(annotation: ImageAnnotation, fault: Fault, *, is_gold: bool) -> Measured[InstancePair]:
    """Nothing of the image is counted, and the side at fault has lost what was read of it."""
    lost = annotation.read - annotation.rejected
    return Measured(
        tally=InstancePair(gold=None, delivery=None),
        faults=(fault,),
        rejected=(lost, 0) if is_gold else (0, lost),
    )


@dataclass(kw_only=True, eq=False)
class InstanceMeasure:
    """Takes the regions of an image; :func:`tabulated` counts what they share, many images at once.

    Regions of a class that the ontology calls stuff are left out on both sides.

    Parameters
    ----------
    gold, delivery : ClassMap
        How either side's classes become those of the evaluation.
    crowd
        Whether crowd regions of the gold are groups, by COCO's rule, or objects like any other.
        In a delivery they are objects.
    dilation : Dilation or None
        How wide the boundaries are that are compared as well.
    """

    gold: ClassMap
    delivery: ClassMap
    crowd: Crowd
    dilation: Dilation | None = None

    def __post_init__(self) -> None:
        self._stuff = self.gold.stuff()

    def __call__(
        self, gold: ImageAnnotation, delivery: ImageAnnotation | None
    ) -> Measured[InstancePair]:
        """Check one image.

        Parameters
        ----------
        gold : ImageAnnotation
        delivery : ImageAnnotation or None
            None for an image that was not delivered: all its gold objects are missed.

        Raises
        ------
        UsageError
            Either side is a label map, which does not tell objects apart.
        """
        if delivery is not None:
            gold, delivery = gold.sized_like(delivery), delivery.sized_like(gold)
        gold, own, told = self._objects(gold, self.gold)
        others, heard = None, _Told()
        if delivery is not None:
            delivery, others, heard = self._objects(delivery, self.delivery)
            if (gold.height, gold.width) != (delivery.height, delivery.width):
                fault = size_mismatch(gold, delivery, file=self.delivery.place(delivery))
                return _refused(delivery, fault, is_gold=False)
            if pairs := pairs_above_limit(own, others):
                objects = f"{len(own)} gold and {len(others)} delivered objects, {pairs} pairs"
                most = f"{limits.MAX_OBJECT_PAIRS} pairs of objects that may overlap"
                fault = self._limit_fault(delivery, self.delivery, most, objects)
                return _refused(delivery, fault, is_gold=False)
        if self.dilation is not None:
            width_px = self.dilation.of(height=gold.height, width=gold.width)
            most = f"{limits.MAX_BOUNDARY_RUNS} runs along the boundaries of all objects"
            if runs := band_runs_above_limit(own, width_px):
                return _refused(gold, self._limit_fault(gold, self.gold, most, str(runs)), is_gold=True)
            if delivery is not None and others is not None:
                runs = band_runs_above_limit(others, width_px)
                if not runs and (runs := band_steps_above_limit(own, others, width_px)):
                    most = f"{limits.MAX_BOUNDARY_STEPS} runs along boundaries to compare"
                if runs:
                    fault = self._limit_fault(delivery, self.delivery, most, str(runs))
                    return _refused(delivery, fault, is_gold=False)
        crowd = self._crowds(own)
        faults = told.faults + self.gold.name_faults(gold, counted=~crowd)
        found = heard.faults
        right = None
        if others is not None and delivery is not None:
            found = found + self.delivery.name_faults(delivery) + self._score_faults(delivery, others)
            codes = self.delivery.of_regions(others)
            right = Coded(
                regions=RegionBlock.of(others), codes=codes, crowd=np.zeros(len(others), np.bool_)
            )
        codes = self.gold.of_regions(own)
        left = Coded(regions=RegionBlock.of(own), codes=codes, crowd=crowd)
        told = told.refusing(gold, faults)
        heard = heard if delivery is None else heard.refusing(delivery, found)
        return Measured(
            tally=InstancePair(gold=left, delivery=right),
            faults=(*faults, *found),
            rejected=(told.rejected, heard.rejected),
            ignored=(told.ignored, heard.ignored),
            more=(told.more, heard.more),
        )

    def block(
        self, keys: tuple[str, ...], gold: RegionBlock, delivery: RegionBlock
    ) -> Measured[InstancePair] | None:
        """Check several images at once; None where one of them has to be looked at by itself.

        Parameters
        ----------
        keys : tuple of str
            The images.
        gold, delivery : RegionBlock
            The same images on either side.
        """
        if (gold.classes < 0).any() or (delivery.classes < 0).any():
            return None
        gold, codes, ignored = self._without_stuff(gold, self.gold)
        delivery, others, other = self._without_stuff(delivery, self.delivery)
        pairs = np.diff(gold.images) * np.diff(delivery.images)
        if not np.array_equal(gold.sizes, delivery.sizes) or pairs.max() > limits.MAX_OBJECT_PAIRS:
            return None
        if self.dilation is not None:
            # What is so narrow for the smallest image is no wider in any other.
            height, width = gold.sizes.min(axis=0).tolist()
            if not bands_are_few(gold, delivery, self.dilation.of(height=height, width=width)):
                return None
        crowd = self._crowds(gold)
        left = Coded(regions=gold, codes=codes, crowd=crowd)
        right = Coded(regions=delivery, codes=others, crowd=np.zeros_like(delivery.crowd))
        faulty = (self.gold.unknown(codes) & ~crowd).any() or self.delivery.unknown(others).any()
        if faulty or not (delivery.scores is None or np.isfinite(delivery.scores).all()):
            return None
        return Measured(
            tally=InstancePair(gold=left, delivery=right, keys=keys),
            ignored=(ignored | {Reason.CROWD: int(np.count_nonzero(crowd))}, other),
        )

    def _without_stuff(
        self, regions: RegionBlock, classes: ClassMap
    ) -> tuple[RegionBlock, npt.NDArray[np.int32], dict[str, int]]:
        """The regions that are no stuff, their codes, and how many are."""
        codes = classes.of_regions(regions)
        stuff = self._stuff[codes]
        if not stuff.any():
            return regions, codes, {}
        return regions.where(~stuff), codes[~stuff], {Reason.STUFF: int(np.count_nonzero(stuff))}

    def objects(self, gold: ImageAnnotation, delivery: ImageAnnotation) -> tuple[Regions, Regions]:
        """What was counted of an image, object by object: their masks, in the order of the table.

        Faults are not looked for; the pair is one that was counted before.

        Returns
        -------
        gold, delivery : Regions
            Of one size, with the class indices of the evaluation.
        """
        gold, delivery = gold.sized_like(delivery), delivery.sized_like(gold)
        return self._ordered(gold, self.gold), self._ordered(delivery, self.delivery)

    def _ordered(self, annotation: ImageAnnotation, classes: ClassMap) -> Regions:
        _, regions, _ = self._objects(annotation, classes)
        crowd = self._crowds(regions) if classes is self.gold else np.zeros(len(regions), np.bool_)
        codes = classes.of_regions(regions)
        side = Side.of([(Coded(regions=RegionBlock.of(regions), codes=codes, crowd=crowd), 1)])
        return replace(regions, classes=codes).take(np.argsort(side.place))

    def _crowds(self, gold: Regions | RegionBlock) -> npt.NDArray[np.bool_]:
        """Which regions of the gold count as crowds."""
        return gold.crowd if self.crowd is Crowd.IGNORE else np.zeros_like(gold.crowd)

    def _objects(
        self, annotation: ImageAnnotation, classes: ClassMap
    ) -> tuple[ImageAnnotation, Regions, _Told]:
        """The annotation without what is no object, its regions, and what became of the others."""
        annotation, ignored = without_void(annotation)
        content = annotation.content
        if isinstance(content, LabelMap) and content.objects is None:
            raise UsageError(
                f"{classes.place(annotation)}: image {annotation.key!r} is a label map, which does not "
                f"tell objects apart; the instance task needs what does ({TELLING_APART}), "
                "or measure it with task semantic"
            )
        faults, more = list[Fault](), 0
        if isinstance(content, Regions):
            regions, stuff = content, self._stuff[classes.of_regions(content)]
            if stuff.any():
                regions = content.take(np.flatnonzero(~stuff))
                ignored[Reason.STUFF] = annotations_of(content, stuff)
        else:
            things = classes.things("the instance task takes the things of a mask, and not its stuff")
            if runs := mask_runs_above_limit(content, row_major=False):
                empty = Regions.from_regions([], height=annotation.height, width=annotation.width)
                fault = too_many_runs(annotation, runs, file=classes.place(annotation))
                return replace(annotation, content=empty), empty, _Told(faults=[fault])
            regions, segments = as_objects(content, things)
            faults = classes.value_faults(annotation) if segments.unknown else []
            ignored[Reason.STUFF] = len(segments) - len(regions)
            if isinstance(content, LabelMap):
                more = len(segments) - 1
        if self.crowd is Crowd.IGNORE and classes is self.gold:
            ignored[Reason.CROWD] = annotations_of(regions, regions.crowd)
        whole = isinstance(content, LabelMap)
        told = _Told(faults=faults, ignored=ignored, more=more, whole=whole)
        return replace(annotation, content=regions), regions, told

    def _limit_fault(self, annotation: ImageAnnotation, side: ClassMap, most: str, got: str) -> Fault:
        return Fault(
            code="limits.annotations",
            file=side.place(annotation),
            image=annotation.key,
            expected=f"at most {most}",
            got=got,
        )

    def _score_faults(self, annotation: ImageAnnotation, regions: Regions) -> list[Fault]:
        if regions.scores is None:
            return []
        return [
            Fault(
                code="results.bad_score",
                file=self.delivery.place(annotation),
                image=annotation.key,
                annotation=regions.ids[i] if regions.ids else int(i),
                expected="a finite number",
                got=str(regions.scores[i]),
            )
            for i in np.flatnonzero(~np.isfinite(regions.scores))
        ]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Told:
    """What there is to say of one side beside its objects; see :class:`Measured`.

    ``whole`` is a mask, which is refused as one annotation or taken as the objects it holds.
    """

    faults: list[Fault] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    more: int = 0
    rejected: int = 0
    whole: bool = False

    def refusing(self, annotation: ImageAnnotation, faults: list[Fault]) -> _Told:
        """The same with all faults of the side."""
        refused = lost_count(annotation, faults)
        if self.whole and refused:
            return _Told(faults=faults, rejected=1)
        return replace(self, faults=faults, rejected=refused)
