"""Objects of two annotators, matched one to one by the rule every comparison of objects follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from segcore.agreement.annotators import Annotator
from segcore.instance_evaluation import InstanceScores
from segcore.ontology import Crowd, Ontology

__all__ = ["ObjectPair", "object_pairs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectPair:
    """One class of two annotators.

    Attributes
    ----------
    matched, only_one, only_other : int
        Objects matched at IoU .5, and those of either that were not.
    f1 : float or None
    mean_iou : float or None
        Of the matched ones.
    """

    matched: int
    only_one: int
    only_other: int
    f1: float | None
    mean_iou: float | None

    @classmethod
    def of(cls, scores: InstanceScores) -> ObjectPair:
        """Of a class as two sides are compared; which is the first changes at most ties of IoU."""
        counts = scores.at50
        return cls(
            matched=counts.matched,
            only_one=counts.missed,
            only_other=counts.extra,
            f1=counts.f1,
            mean_iou=scores.mean_iou,
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {name: getattr(self, name) for name in self.__slots__}


def object_pairs(
    annotators: Sequence[Annotator], *, ontology: Ontology
) -> tuple[tuple[ObjectPair, ...], ...]:
    """Every pair of annotators, on the images both annotated.

    Every region is an object, crowds too, so that neither side is the gold.

    Returns
    -------
    tuple of tuple of ObjectPair
        By pair, then class.
    """
    from segcore.batch import evaluate

    found = []
    for one, other in combinations(annotators, 2):
        both = sorted(set(one.view.keys()) & set(other.view.keys()))
        if not both:
            nothing = ObjectPair(matched=0, only_one=0, only_other=0, f1=None, mean_iou=None)
            found.append((nothing,) * len(ontology))
            continue
        evaluation = evaluate(
            one.view.only(both),
            other.view.only(both),
            task="instance",
            ontology=ontology,
            crowd=Crowd.CLASS,
        )
        found.append(tuple(ObjectPair.of(scores) for scores in evaluation.classes))
    return tuple(found)
