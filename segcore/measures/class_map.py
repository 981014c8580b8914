"""One source's classes in the codes of an evaluation, matched by name."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
import numpy.typing as npt

from segcore.annotation import ImageAnnotation, LabelMap, Regions, SegmentMap
from segcore.faults import Fault
from segcore.masks.values import value_faults
from segcore.ontology import IGNORE, UNKNOWN, UNLABELED, Ontology
from segcore.region_block import RegionBlock
from segcore.wording import show

__all__ = ["ClassMap"]

Codes = npt.NDArray[np.int32]


@dataclass(kw_only=True, eq=False)
class ClassMap:
    """One source's class indices, translated into the codes of the evaluation.

    Parameters
    ----------
    target : Ontology
        The classes of the evaluation.
    source : Ontology
        The classes of the source; matched by name.
    file : str
        What faults call the source, where an annotation does not name its own file.
    """

    target: Ontology
    source: Ontology
    file: str
    _codes: Codes = field(init=False, repr=False)
    _tables: dict[int, tuple[Codes, Codes]] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        k = len(self.target)
        found = self.target.match(self.source)
        # class indices -3, -2, -1 (unknown, ignore, unlabeled) wrap to the end of the table
        tail = np.zeros(3, np.int32)
        tail[UNKNOWN], tail[IGNORE], tail[UNLABELED] = k + 2, k + 1, k
        self._codes = np.concatenate([np.where(found == UNKNOWN, k + 2, found), tail]).astype(np.int32)

    def of_regions(self, regions: Regions | RegionBlock | SegmentMap) -> Codes:
        """The code of each region or segment: int32 (n_regions,)."""
        return self._codes[regions.classes]

    def unknown(self, codes: Codes) -> npt.NDArray[np.bool_]:
        """Which codes are no class of the evaluation, and a fault where they count."""
        found: npt.NDArray[np.bool_] = codes == len(self.target) + 2
        return found

    def of_values(self, label_map: LabelMap) -> Codes:
        """The code of each mask value: int32 (256,) or (65536,)."""
        size = len(label_map.lookup)
        known = self._tables.get(size)
        if known is None or known[0] is not label_map.lookup:
            known = self._tables[size] = (label_map.lookup, self._codes[label_map.lookup])
        return known[1]

    def stuff(self) -> npt.NDArray[np.bool_]:
        """Which codes are classes of stuff: bool (K + 3,).  Those that do not say are things."""
        return np.array([*(c.thing is False for c in self.target.classes), *[False] * 3], np.bool_)

    def things(self, purpose: str) -> npt.NDArray[np.bool_]:
        """Which classes of the source are things, as the evaluation has it.

        A class it does not have, or does not know the kind of, is what the source says.  But a source
        does not make stuff of a class that the evaluation counts.

        Raises
        ------
        OntologyError
            See :meth:`Ontology.things`.
        """
        at = self.target.match(self.source).tolist()
        known = [None if i < 0 else self.target.classes[i].thing for i in at]
        said = Ontology(tuple(
            c if thing is None else replace(c, thing=thing)
            for c, thing in zip(self.source.classes, known, strict=True)
        )).things(purpose)  # fmt: skip
        silent = [i >= 0 and thing is None for i, thing in zip(at, known, strict=True)]
        counted: npt.NDArray[np.bool_] = said | silent
        return counted

    def place(self, annotation: ImageAnnotation) -> str:
        """What faults call the file of ``annotation``."""
        return annotation.file or self.file

    def value_faults(self, annotation: ImageAnnotation) -> list[Fault]:
        """The faults of the mask values that are no class of the evaluation; none for regions."""
        content = annotation.content
        if not isinstance(content, LabelMap):
            return []
        unknown = self.unknown(self.of_values(content))
        lookup = np.where(unknown, np.int32(UNKNOWN), content.lookup)
        judged = replace(annotation, content=LabelMap(values=content.values, lookup=lookup))
        return value_faults(judged, ontology=self.source, file=self.file)

    def name_faults(
        self, annotation: ImageAnnotation, *, counted: npt.NDArray[np.bool_] | None = None
    ) -> list[Fault]:
        """One fault for every region or segment whose class is none of the evaluation's.

        None for mask values: see :meth:`value_faults`.

        Parameters
        ----------
        annotation : ImageAnnotation
        counted : bool (regions,) or None
            The regions that count; None is all of them.
        """
        regions = annotation.content
        if isinstance(regions, LabelMap):
            return []
        unknown = self.unknown(self.of_regions(regions))
        if counted is not None:
            unknown &= counted
        if not unknown.any():
            return []
        faults = []
        suggest = cache(self.target.suggest)
        for i in np.flatnonzero(unknown):
            name = self.source.classes[int(regions.classes[i])].name
            faults.append(
                Fault(
                    code="coco.unknown_class_name",
                    file=self.place(annotation),
                    image=annotation.key,
                    annotation=regions.ids[i] if regions.ids else int(i),
                    expected="a class of the ontology",
                    got=f"{show(name)}{suggest(name)}",
                )
            )
        return faults
