"""The semantic measure: gold and delivery of one image into a (K + 1) x (K + 1) confusion.

Inside a pair, every pixel carries a code on either side::

    0 .. K-1   the classes of the evaluation's ontology
    K          other: unlabeled, or claimed by nobody
    K + 1      ignore
    K + 2      unknown: a value the ontology does not define (a fault, never a number)

Nothing is dropped but what the gold ignores.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from segcore import kernels
from segcore.annotation import ImageAnnotation, LabelMap, Regions, SegmentMap
from segcore.faults import Fault
from segcore.kernels import LabelRuns
from segcore.kernels.arrays import Values
from segcore.measures.class_map import ClassMap
from segcore.measures.ignored import left_out_of_pixels
from segcore.measures.measured import Measured, refused_count, size_mismatch
from segcore.measures.segments import as_label_map
from segcore.ontology import IGNORE, UNLABELED, Crowd, Overlap
from segcore.tally import Tally

__all__ = ["SemanticMeasure"]

Codes = npt.NDArray[np.int32]


@dataclass(kw_only=True, eq=False)
class SemanticMeasure:
    """Counts pixels, image by image.

    Parameters
    ----------
    gold, delivery : ClassMap
        How either side's classes become codes.
    overlap, crowd
        How regions become a label map.
    """

    gold: ClassMap
    delivery: ClassMap
    overlap: Overlap
    crowd: Crowd

    def __post_init__(self) -> None:
        names = [c.name for c in self.gold.target.classes]
        ranks = np.arange(self.num_classes + 3, dtype=np.int32)
        ranks[sorted(range(len(names)), key=names.__getitem__)] = ranks[: len(names)]
        self._ranks = ranks

    @property
    def num_classes(self) -> int:
        """K."""
        return len(self.gold.target)

    def __call__(self, gold: ImageAnnotation, delivery: ImageAnnotation | None) -> Measured[Tally]:
        """Count one image.

        Parameters
        ----------
        gold : ImageAnnotation
        delivery : ImageAnnotation or None
            None for an image that was not delivered: all its gold pixels count as missed.
        """
        k = self.num_classes
        faults: tuple[list[Fault], list[Fault]] = [], []
        if delivery is not None:
            gold, delivery = gold.sized_like(delivery), delivery.sized_like(gold)
        if delivery is not None and (gold.height, gold.width) != (delivery.height, delivery.width):
            fault = size_mismatch(gold, delivery, file=self.delivery.place(delivery))
            refused = 0, delivery.read - delivery.rejected
            return Measured(tally=_nothing(k), faults=(fault,), rejected=refused)
        delivered = None if delivery is None else self._dense(delivery, self.delivery)
        table = self._joint(self._dense(gold, self.gold), delivered, faults)
        if table[k + 2].any():
            faults[0].extend(self._unknown(gold, self.gold))
        if delivery is not None and table[:, k + 2].any():
            faults[1].extend(self._unknown(delivery, self.delivery))
        void = int(table[: k + 1, k + 1].sum())
        if delivery is not None and void:
            faults[1].append(
                Fault(
                    code="mask.vendor_void",
                    file=self.delivery.place(delivery),
                    image=gold.key,
                    expected="a class for every pixel the gold counts",
                    got=f"{void} px of ignore",
                )
            )
        table[:, k] += table[:, k + 1]
        instances = None
        if not isinstance(gold.content, LabelMap):
            codes, regions = self.gold.of_regions(gold.content), gold.content
            single = ~regions.crowd
            instances = np.bincount(codes[single], minlength=k)[:k].astype(np.int64)
        left_out = left_out_of_pixels(gold.content, crowds=self.crowd is Crowd.IGNORE)
        other = {} if delivery is None else left_out_of_pixels(delivery.content, crowds=False)
        tally = Tally.from_table(table[: k + 1, : k + 1], instances=instances)
        return Measured(
            tally=tally,
            faults=(*faults[0], *faults[1]),
            rejected=(refused_count(faults[0]), refused_count(faults[1])),
            ignored=(left_out, other),
        )

    def label_runs(
        self, gold: ImageAnnotation, delivery: ImageAnnotation
    ) -> tuple[LabelRuns, LabelRuns]:
        """What is compared pixel by pixel: the codes of gold and delivery, of one size, column-major.

        Faults are not looked for; the pair is one that was counted before.
        """
        gold, delivery = gold.sized_like(delivery), delivery.sized_like(gold)
        pairs = (
            (self._dense(annotation, classes), classes)
            for annotation, classes in ((gold, self.gold), (delivery, self.delivery))
        )
        left, right = (
            kernels.dense_runs(annotation.content.values, classes.of_values(annotation.content))
            if isinstance(annotation.content, LabelMap)
            else self._paint(annotation, classes, [])
            for annotation, classes in pairs
        )
        return left, right

    def runs_of(self, annotation: ImageAnnotation) -> tuple[LabelRuns, list[Fault]]:
        """The codes of one annotation taken as gold, column-major, and what is wrong with its classes.

        For annotations that are held against each other, none of which is the delivery.
        """
        faults: list[Fault] = []
        dense = self._dense(annotation, self.gold)
        content = dense.content
        if isinstance(content, LabelMap):
            runs = kernels.dense_runs(content.values, self.gold.of_values(content))
        else:
            runs = self._paint(dense, self.gold, faults)
        if (runs.codes == self.num_classes + 2).any():
            faults += self._unknown(annotation, self.gold)
        return runs, faults

    def code_maps(
        self, gold: ImageAnnotation, delivery: ImageAnnotation | None
    ) -> tuple[Values, Values]:
        """The codes of gold and delivery, of one size; ignored by the gold is ignored on both sides.

        Faults are not looked for; the pair is one that was counted before.

        Returns
        -------
        tuple of uint8 or uint16 arrays
            (H, W), or both (W, H) where the gold is made of regions.  An image that was not delivered
            holds "other".
        """
        k = self.num_classes
        if delivery is not None:
            gold, delivery = gold.sized_like(delivery), delivery.sized_like(gold)
            delivery = self._dense(delivery, self.delivery)
        gold = self._dense(gold, self.gold)
        left = self._codes(gold, self.gold)
        if delivery is None:
            right = left.copy()
            right.fill(k)
        else:
            right = self._codes(delivery, self.delivery)
            if isinstance(gold.content, LabelMap) is not isinstance(delivery.content, LabelMap):
                right = right.T.copy()
        np.copyto(right, k + 1, where=left == k + 1)
        return left, right

    def _codes(self, annotation: ImageAnnotation, classes: ClassMap) -> Values:
        """(H, W) of a label map, (W, H) of regions."""
        small = self.num_classes + 2 <= np.iinfo(np.uint8).max
        content = annotation.content
        if isinstance(content, LabelMap):
            table = classes.of_values(content)
            if small and content.values.dtype == np.uint8:
                # Four times as fast as NumPy's indexing.
                mapped = bytearray(content.values).translate(table.astype(np.uint8).tobytes())
                return np.frombuffer(mapped, np.uint8).reshape(content.values.shape)
            narrow: Values = table.astype(np.uint8) if small else table.astype(np.uint16)
            return narrow[content.values]
        runs = self._paint(annotation, classes, [])
        lengths = np.diff(runs.starts, append=np.int32(runs.pixels))
        codes: Values = runs.codes.astype(np.uint8) if small else runs.codes.astype(np.uint16)
        return codes.repeat(lengths).reshape(annotation.width, annotation.height)

    def _dense(self, annotation: ImageAnnotation, classes: ClassMap) -> ImageAnnotation:
        """Segments as a label map; label maps and regions as they are."""
        if not isinstance(annotation.content, SegmentMap):
            return annotation
        if classes is not self.gold:
            return as_label_map(annotation, void=UNLABELED, ignored=None)
        ignored = annotation.content.crowd if self.crowd is Crowd.IGNORE else None
        return as_label_map(annotation, void=IGNORE, ignored=ignored)

    def _unknown(self, annotation: ImageAnnotation, classes: ClassMap) -> list[Fault]:
        """The faults of what is no class of the evaluation; those of regions come with painting."""
        content = annotation.content
        if not isinstance(content, SegmentMap):
            return classes.value_faults(annotation)
        ignored = classes is self.gold and self.crowd is Crowd.IGNORE
        return classes.name_faults(annotation, counted=~(content.crowd & ignored))

    def _joint(
        self,
        gold: ImageAnnotation,
        delivery: ImageAnnotation | None,
        faults: tuple[list[Fault], list[Fault]],
    ) -> npt.NDArray[np.int64]:
        size = self.num_classes + 3
        left: LabelMap | LabelRuns
        right: LabelMap | LabelRuns
        left = (
            gold.content
            if isinstance(gold.content, LabelMap)
            else self._paint(gold, self.gold, faults[0])
        )
        if delivery is None:
            pixels = gold.height * gold.width
            start = np.zeros(min(pixels, 1), np.int32)
            right = LabelRuns(pixels=pixels, starts=start, codes=np.full_like(start, self.num_classes))
        elif isinstance(delivery.content, LabelMap):
            right = delivery.content
        else:
            right = self._paint(delivery, self.delivery, faults[1])
        if isinstance(left, LabelMap):
            codes = self.gold.of_values(left)
            if isinstance(right, LabelMap):
                return kernels.joint_dense(
                    left.values, right.values, codes, self.delivery.of_values(right), size=size
                )
            return kernels.joint_runs_dense(right, left.values, codes, size=size, runs_are_gold=False)
        if isinstance(right, LabelMap):
            codes = self.delivery.of_values(right)
            return kernels.joint_runs_dense(left, right.values, codes, size=size, runs_are_gold=True)
        return kernels.joint_runs(left, right, size=size)

    def _paint(self, annotation: ImageAnnotation, classes: ClassMap, faults: list[Fault]) -> LabelRuns:
        regions = annotation.content
        if not isinstance(regions, Regions):
            raise TypeError("only regions are painted")
        codes = classes.of_regions(regions)
        void: npt.NDArray[np.bool_] = np.zeros(len(regions), np.bool_)
        if classes is self.gold and self.crowd is Crowd.IGNORE:
            void = regions.crowd
            codes = np.where(void, np.int32(self.num_classes + 1), codes)
        faults += classes.name_faults(annotation, counted=~void)
        if self.overlap is Overlap.ERROR:
            faults += self._overlaps(annotation, regions, codes, ~void, classes.place(annotation))
        return self._painted(regions, codes, self._priority(regions, codes, void))

    def _painted(self, regions: Regions, codes: Codes, priority: Codes) -> LabelRuns:
        return kernels.paint(
            regions.starts,
            regions.ends,
            regions.offsets,
            priority,
            codes,
            pixels=regions.height * regions.width,
            background=self.num_classes,
        )

    def _priority(self, regions: Regions, codes: Codes, void: npt.NDArray[np.bool_]) -> Codes:
        """Who owns a contested pixel: the region with the highest number, void regions last."""
        order = np.arange(len(regions), dtype=np.int32)
        if self.overlap is Overlap.SMALLEST:
            ranked = np.lexsort((order, self._ranks[codes], -regions.areas_px(), ~void))
        else:
            ranked = np.lexsort((order, ~void))
        priority = np.empty(len(regions), np.int32)
        priority[ranked] = order
        return priority

    def _overlaps(
        self,
        annotation: ImageAnnotation,
        regions: Regions,
        codes: Codes,
        counted: npt.NDArray[np.bool_],
        file: str,
    ) -> list[Fault]:
        """A fault if regions of different classes share pixels.

        Painted once with the highest class on top and once with the lowest, the two maps differ
        exactly where more than one class lies.
        """
        order = np.arange(len(regions), dtype=np.int32)
        ranks = []
        for key in (codes, -codes):
            rank = np.empty(len(regions), np.int32)
            rank[np.lexsort((order, key, counted))] = order
            ranks.append(rank)
        # Regions that do not count lie below both, and are the same in both.
        top, bottom = (self._painted(regions, codes, rank) for rank in ranks)
        joint = kernels.joint_runs(top, bottom, size=self.num_classes + 3)
        shared = int(joint.sum() - np.trace(joint))
        if not shared:
            return []
        position = _first_difference(top, bottom)
        inside = (regions.starts <= position) & (position < regions.ends)
        owners = np.searchsorted(regions.offsets, np.flatnonzero(inside), side="right") - 1
        ids = [regions.ids[i] if regions.ids else int(i) for i in owners if counted[i]]
        x, y = divmod(position, regions.height)
        return [
            Fault(
                code="semantic.overlap",
                file=file,
                image=annotation.key,
                annotation=ids[0],
                expected="one class a pixel",
                got=f"{shared} px shared, first at x={x} y={y} by annotations {ids[:4]}",
            )
        ]


def _first_difference(a: LabelRuns, b: LabelRuns) -> int:
    starts = np.union1d(a.starts, b.starts)
    left = a.codes[np.searchsorted(a.starts, starts, side="right") - 1]
    right = b.codes[np.searchsorted(b.starts, starts, side="right") - 1]
    return int(starts[np.flatnonzero(left != right)[0]])


def _nothing(num_classes: int) -> Tally:
    return Tally.from_table(np.zeros((num_classes + 1, num_classes + 1), np.int64))
