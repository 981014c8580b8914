"""What a class loses IoU to: pixels between intersection and union, by what is wrong with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from segcore.class_scores import ratio
from segcore.dilation import Dilation
from segcore.errors import UsageError
from segcore.evaluation import OTHER, Evaluation
from segcore.measures.class_map import ClassMap
from segcore.measures.lost import LostMeasure, LostTally, best_moves, moves
from segcore.measures.semantic import SemanticMeasure
from segcore.pairing import units_of
from segcore.side import Side
from segcore.sources import Source
from segcore.sources.base import Progress

__all__ = ["BAND", "REACH_PX", "Breakdown", "LostIoU", "Shift", "breakdown"]

BAND: Final = Dilation(share=0.005)
"""What is near an outline, unless said otherwise: the width that Boundary IoU takes for Cityscapes."""

REACH_PX: Final = 3
"""How far masks are moved, unless said otherwise."""

_MAX_REACH_PX: Final = 16
_CHANGED: Final = "an input changed since it was evaluated; run it again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """One move for the masks of one class in all images.

    Attributes
    ----------
    dx, dy : int
        Pixels to the right and down that the delivered mask is moved by.
    iou : float or None
        IoU of the class if all its masks were moved so.
    """

    dx: int
    dy: int
    iou: float | None

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"dx": self.dx, "dy": self.dy, "iou": self.iou}


@dataclass(frozen=True, slots=True, kw_only=True)
class LostIoU:
    """The pixels one class loses, split into parts: they sum to ``union - intersection``, exactly.

    Attributes
    ----------
    name, index
        The class and its place in the ontology.
    intersection, union : int
    missing : int
        Gold pixels of the class where nothing was delivered, away from the outline.
    extra : int
        Delivered pixels of the class where gold has no class, away from the outline.
    missed_to : mapping of str to int
        Gold pixels that were delivered as another class, by that class, away from the outline.
    extra_from : mapping of str to int
        Delivered pixels that are another class in gold, by that class, away from the outline.
    tight, loose : int
        Missed and extra pixels along the outline, whatever is there instead.
    mended_pixels : int
        Lost pixels that would not be, were the mask of each image moved by its best move.
    iou_if_shifted : float or None
        IoU of the class then.
    shifted_images : int
        Images whose best move is not to stay.
    shift : Shift
        The best move of those that are the same in all images.

    Notes
    -----
    The last four stand beside the split: a shifted mask loses pixels of every part.  See
    :class:`segcore.measures.lost.LostMeasure` for what is along an outline.
    """

    name: str
    index: int
    intersection: int
    union: int
    missing: int
    extra: int
    missed_to: dict[str, int]
    extra_from: dict[str, int]
    tight: int
    loose: int
    mended_pixels: int
    iou_if_shifted: float | None
    shifted_images: int
    shift: Shift

    @property
    def lost(self) -> int:
        """Pixels of the union that are not in the intersection."""
        return self.union - self.intersection

    @property
    def iou(self) -> float | None:
        """Intersection over union; None for a class neither side holds."""
        return ratio(self.intersection, self.union)

    @property
    def boundary(self) -> int:
        """Lost pixels along the outline."""
        return self.tight + self.loose

    @property
    def wrong_class(self) -> int:
        """Lost pixels that both sides give to different classes, away from the outline."""
        return sum(self.missed_to.values()) + sum(self.extra_from.values())

    @property
    def parts(self) -> dict[str, int]:
        """``missing``, ``extra``, ``wrong_class``, ``boundary``: disjoint, their sum is :attr:`lost`."""
        names = ("missing", "extra", "wrong_class", "boundary")
        return {name: getattr(self, name) for name in names}

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "name": self.name,
            "iou": self.iou,
            "intersection": self.intersection,
            "union": self.union,
            "lost": self.lost,
            **self.parts,
            "missed_to": dict(self.missed_to),
            "extra_from": dict(self.extra_from),
            "tight": self.tight,
            "loose": self.loose,
            "iou_if_shifted": self.iou_if_shifted,
            "mended_pixels": self.mended_pixels,
            "shifted_images": self.shifted_images,
            "shift": self.shift.to_json(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakdown:
    """What the classes of a batch lose.

    Attributes
    ----------
    classes : tuple of LostIoU
        In ontology order.
    dilation : Dilation
    reach_px : int
    """

    classes: tuple[LostIoU, ...]
    dilation: Dilation
    reach_px: int

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "band": str(self.dilation),
            "reach_px": self.reach_px,
            "classes": [lost.to_json() for lost in self.classes],
        }


def breakdown(
    evaluation: Evaluation,
    gold: Source,
    delivery: Source,
    *,
    dilation: Dilation | float | str = BAND,
    reach_px: int = REACH_PX,
    progress: Progress | None = None,
) -> Breakdown:
    """Split what every class of an evaluated batch loses; reads the batch once more, image by image.

    Parameters
    ----------
    evaluation : Evaluation
        Of these sources.
    gold, delivery : Source
    dilation : Dilation, float or str
        How near to an outline an error belongs to it; see :class:`Dilation`.
    reach_px : int
        How far masks are moved, 1 to 16 pixels.
    progress : callable or None
        Called with images done and images in all.

    Raises
    ------
    UsageError
        A number is out of range, or an input changed since it was evaluated.
    """
    if not 1 <= reach_px <= _MAX_REACH_PX:
        raise UsageError(f"masks are moved by 1 to {_MAX_REACH_PX} pixels, got {reach_px}")
    band = Dilation.parse(dilation)
    target = evaluation.ontology
    gold = gold.resolve(ontology=target)
    delivery = delivery.resolve(ontology=target, gold=gold)
    sides = Side("gold", gold), Side("delivery", delivery)
    measure = LostMeasure(
        pixels=SemanticMeasure(
            gold=_class_map(gold, evaluation),
            delivery=_class_map(delivery, evaluation),
            overlap=target.overlap,
            crowd=target.crowd,
        ),
        dilation=band,
        reach_px=reach_px,
    )
    units = units_of(evaluation.images, sides)
    gold.expect([unit.image for unit in units])
    delivery.expect([unit.key for unit in units if unit.delivered])
    total = LostTally.none(num_classes=len(target), reach_px=reach_px)
    for done, unit in enumerate(units, start=1):
        annotation = gold.read(unit.image)
        delivered = delivery.read(unit.key) if unit.delivered else None
        if annotation is None or (delivered is None and unit.delivered):
            raise UsageError(_CHANGED)
        total += measure(annotation, delivered)
        if progress is not None:
            progress(done, len(units))
    if not np.array_equal(total.pixels.confusion(), evaluation.confusion):
        raise UsageError(_CHANGED)
    return Breakdown(classes=_classes(total, evaluation, reach_px), dilation=band, reach_px=reach_px)


def _class_map(source: Source, evaluation: Evaluation) -> ClassMap:
    target = evaluation.ontology
    return ClassMap(target=target, source=source.ontology or target, file=source.name)


def _classes(total: LostTally, evaluation: Evaluation, reach_px: int) -> tuple[LostIoU, ...]:
    names = (*evaluation.ontology.names, OTHER)
    k = len(names) - 1
    every, tight, loose = (tally.confusion() for tally in (total.pixels, total.tight, total.loose))
    best = best_moves(total.moved).tolist()
    steps = moves(reach_px)
    found = []
    for scores in evaluation.classes:
        i = scores.index
        missed, surplus = every[i] - tight[i], every[:, i] - loose[:, i]
        others = [j for j in range(k) if j != i]
        both, either = total.mended[:, i].tolist()
        dx, dy = steps[best[i]]
        found.append(
            LostIoU(
                name=scores.name,
                index=i,
                intersection=scores.intersection,
                union=scores.union,
                missing=int(missed[k]),
                extra=int(surplus[k]),
                missed_to={names[j]: int(missed[j]) for j in others if missed[j]},
                extra_from={names[j]: int(surplus[j]) for j in others if surplus[j]},
                tight=int(tight[i].sum()),
                loose=int(loose[:, i].sum()),
                mended_pixels=scores.union - scores.intersection - (either - both),
                iou_if_shifted=ratio(both, either),
                shifted_images=int(total.shifted_images[i]),
                shift=Shift(dx=dx, dy=dy, iou=ratio(*total.moved[:, i, best[i]].tolist())),
            )
        )
    return tuple(found)
