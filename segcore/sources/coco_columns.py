"""The annotations of a COCO document column by column, for reading many images at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from segcore.annotation import AnnotationId
from segcore.sources.coco_attributes import annotators_by_image
from segcore.sources.coco_entries import CocoIndex
from segcore.sources.coco_table import MaskTexts

__all__ = ["MAX_CHARACTERS", "CocoColumns"]

MAX_CHARACTERS: Final = 1 << 18
"""Of the run lengths decoded at once, whose masks then stay within the processor's cache."""

Bools = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CocoColumns:
    """What the annotations say, image after image; nothing is decoded yet.

    It takes the place of the document, which is several times as large.

    Attributes
    ----------
    sizes : int64 (n_images, 2)
        Heights and widths.
    begins : int64 (n_images + 1,)
        Image ``i`` owns the rows ``begins[i]:begins[i + 1]``.
    order : int64 (n,)
        The place of each row in the document.
    plain : bool (n_images,)
        Images all annotations of which are accepted, with masks as text of the right size; the
        others are to be read alone.
    masks : MaskTexts
    classes, crowd, scores, ids
        See :class:`CocoIndex`.
    areas : float64 (n,) or None
        What is stated; None for a list of results.
    corners : float64 (n, 4) or None
        The stated boxes, as :func:`stated_boxes` gives them; None for a list of results.
    annotators : sequence of tuple of str, or None
        Who drew the annotations of each image; None where no annotation says it.
    """

    sizes: Integers
    begins: Integers
    order: Integers
    plain: Bools
    masks: MaskTexts
    classes: npt.NDArray[np.int32]
    crowd: Bools
    scores: npt.NDArray[np.float64] | None
    ids: Sequence[AnnotationId]
    areas: npt.NDArray[np.float64] | None
    corners: npt.NDArray[np.float64] | None
    annotators: Sequence[tuple[str, ...]] | None

    @classmethod
    def of(cls, index: CocoIndex) -> CocoColumns:
        """Sort what was indexed by image."""
        sizes = np.array([(image.height, image.width) for image in index.images], np.int64)
        sizes = sizes.reshape(-1, 2)
        order = index.order[index.offsets[0] :]
        begins = index.offsets - index.offsets[0]
        image = np.repeat(np.arange(len(sizes)), np.diff(begins))
        masks = index.entries.masks(order, sizes=sizes[image])
        plain = np.diff(masks.characters[begins]) <= MAX_CHARACTERS
        plain[image[list(masks.others)]] = False
        plain[image[index.classes[order] < 0]] = False
        stated = not index.is_results
        return cls(
            sizes=sizes,
            begins=begins,
            order=order,
            plain=plain,
            masks=masks,
            classes=index.classes[order],
            crowd=index.crowd[order],
            scores=None if index.scores is None else index.scores[order],
            ids=list(map(index.ids.__getitem__, order.tolist())),
            areas=index.entries.areas(order) if stated else None,
            corners=index.entries.corners(order, sizes=sizes[image]) if stated else None,
            annotators=annotators_by_image(index.entries.annotators(), order, begins),
        )

    def adopt(self, classes: npt.NDArray[np.int32]) -> CocoColumns:
        """The same with other classes, int32 (n_entries,) as in :class:`CocoIndex`."""
        classes, plain = classes[self.order], self.plain.copy()
        plain[np.repeat(np.arange(len(plain)), np.diff(self.begins))[classes < 0]] = False
        return replace(self, classes=classes, plain=plain)

    def segmentation(self, row: int) -> Any:
        """What the file says."""
        if row in self.masks.others:
            return self.masks.others[row]
        image = int(np.searchsorted(self.begins, row, side="right")) - 1
        begin, end = self.masks.characters[row : row + 2].tolist()
        counts = self.masks.text[begin:end]
        return {"size": self.sizes[image].tolist(), "counts": counts.tobytes().decode("ascii")}
