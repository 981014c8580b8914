"""The delivery beside its gold, for the lints that compare them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from segcore.annotation import ImageAnnotation, LabelMap, SegmentMap
from segcore.lints.alignment import MAX_PAIRS, Alignment
from segcore.measures.class_map import ClassMap
from segcore.measures.segments import as_label_map
from segcore.measures.semantic import SemanticMeasure
from segcore.ontology import IGNORE, UNLABELED, Crowd, Ontology
from segcore.sources import Source

__all__ = ["PairReader", "chosen_pairs"]

Codes = npt.NDArray[np.unsignedinteger]


def chosen_pairs(gold: Source, delivery: Source) -> tuple[str, ...]:
    """Delivered keys with gold, at most :data:`MAX_PAIRS`, spread evenly over all of them."""
    wanted = frozenset(gold.keys())
    paired = [key for key in delivery.keys() if delivery.image_of(key) in wanted]  # noqa: SIM118
    if len(paired) <= MAX_PAIRS:
        return tuple(paired)
    return tuple(paired[i * len(paired) // MAX_PAIRS] for i in range(MAX_PAIRS))


class PairReader:
    """Reads the gold of delivered images and hands both on as maps of codes.

    Parameters
    ----------
    target : Ontology
    gold, delivery : Source
    pairs : sequence of str
        The delivered keys that are compared, in the order they are given to :meth:`look`.
    """

    def __init__(
        self, target: Ontology, gold: Source, delivery: Source, *, pairs: Sequence[str]
    ) -> None:
        self._gold, self._delivery = gold, delivery
        self._pairs = frozenset(pairs)
        own = gold.ontology or target
        classes = ClassMap(target=target, source=own, file=gold.name)
        drawn = ClassMap(target=target, source=delivery.ontology or target, file=delivery.name)
        self._of_gold = SemanticMeasure(
            gold=classes, delivery=classes, overlap=target.overlap, crowd=target.crowd
        )
        self._of_delivery = SemanticMeasure(
            gold=drawn, delivery=drawn, overlap=target.overlap, crowd=Crowd.CLASS
        )
        gold.expect(list(dict.fromkeys(map(delivery.image_of, pairs))))

    def look(self, delivered: ImageAnnotation, alignment: Alignment) -> None:
        """Compare one delivered image with its gold, if it is among the pairs and of the same size."""
        if delivered.key not in self._pairs:
            return
        gold = self._gold.read(self._delivery.image_of(delivered.key))
        if gold is None:
            return
        gold, delivered = gold.sized_like(delivered), delivered.sized_like(gold)
        if not gold.height or (gold.height, gold.width) != (delivered.height, delivered.width):
            return
        crowds = self._of_gold.crowd is Crowd.IGNORE
        ignored = gold.content.crowd if crowds and isinstance(gold.content, SegmentMap) else None
        alignment.add(
            _codes(self._of_gold, as_label_map(gold, void=IGNORE, ignored=ignored)),
            _codes(self._of_delivery, as_label_map(delivered, void=UNLABELED, ignored=None)),
        )


def _codes(measure: SemanticMeasure, annotation: ImageAnnotation) -> Codes:
    """The codes of one side, (H, W)."""
    codes, _ = measure.code_maps(annotation, None)
    return codes if isinstance(annotation.content, LabelMap) else codes.T
