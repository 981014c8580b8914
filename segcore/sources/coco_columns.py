"""The annotations of a COCO document column by column, for reading many images at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from operator import itemgetter
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from segcore.annotation import AnnotationId
from segcore.sources.coco_entries import CocoIndex, column
from segcore.sources.coco_stated import stated_areas, stated_boxes

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
    text : bytes
        The run lengths of all masks of the right size that are text of ASCII, one after the other.
    characters : int64 (n + 1,)
        Row ``i`` owns ``text[characters[i]:characters[i + 1]]``.
    others : dict
        The segmentations that are no such text, by row.
    classes, crowd, scores, ids
        See :class:`CocoIndex`.
    areas : float64 (n,) or None
        What is stated; None for a list of results.
    corners : float64 (n, 4) or None
        The stated boxes, as :func:`stated_boxes` gives them; None for a list of results.
    """

    sizes: Integers
    begins: Integers
    order: Integers
    plain: Bools
    text: bytes
    characters: Integers
    others: dict[int, Any]
    classes: npt.NDArray[np.int32]
    crowd: Bools
    scores: npt.NDArray[np.float64] | None
    ids: Sequence[AnnotationId]
    areas: npt.NDArray[np.float64] | None
    corners: npt.NDArray[np.float64] | None

    @classmethod
    def of(cls, index: CocoIndex) -> CocoColumns:
        """Sort what was indexed by image."""
        sizes = np.array([(image.height, image.width) for image in index.images], np.int64)
        sizes = sizes.reshape(-1, 2)
        order = index.order[index.offsets[0] :]
        begins = index.offsets - index.offsets[0]
        at = order.tolist()
        classes = index.classes[order]
        entries = list(map(index.entries.__getitem__, at))
        refused = np.flatnonzero(classes < 0).tolist()
        for row in refused:  # of which nothing is known, not even that they are objects
            entries[row] = {}
        image = np.repeat(np.arange(len(sizes)), np.diff(begins))
        found = column(entries, "segmentation")
        texts = _plain_texts(found, sizes[image])
        others = {}
        if None in texts:
            others = {row: found[row] for row, text in enumerate(texts) if text is None}
            texts = [text or "" for text in texts]
        lengths = list(map(len, texts))  # type: ignore[arg-type]
        characters = np.append(0, np.cumsum(np.array(lengths, np.int64)))
        plain = np.diff(characters[begins]) <= MAX_CHARACTERS
        plain[image[list(others)]] = False
        return cls(
            sizes=sizes,
            begins=begins,
            order=order,
            plain=plain,
            text="".join(texts).encode("ascii"),  # type: ignore[arg-type]
            characters=characters,
            others=others,
            classes=classes,
            crowd=index.crowd[order],
            scores=None if index.scores is None else index.scores[order],
            ids=list(map(index.ids.__getitem__, at)),
            areas=None if index.is_results else stated_areas(entries),
            corners=None if index.is_results else stated_boxes(entries, sizes=sizes[image]),
        )

    def adopt(self, classes: npt.NDArray[np.int32]) -> CocoColumns:
        """The same with other classes, int32 (n_entries,) as in :class:`CocoIndex`."""
        classes, plain = classes[self.order], self.plain.copy()
        plain[np.repeat(np.arange(len(plain)), np.diff(self.begins))[classes < 0]] = False
        return replace(self, classes=classes, plain=plain)

    def segmentation(self, row: int) -> Any:
        """What the file says."""
        if row in self.others:
            return self.others[row]
        image = int(np.searchsorted(self.begins, row, side="right")) - 1
        counts = self.text[self.characters[row] : self.characters[row + 1]]
        return {"size": self.sizes[image].tolist(), "counts": counts.decode("ascii")}


def _plain_texts(found: list[Any], sizes: Integers) -> list[str | None]:
    """The run lengths of every annotation; None where it is no text of ASCII with the image's size."""
    try:  # as nearly all files are
        texts, stated = (list(map(itemgetter(name), found)) for name in ("counts", "size"))
        edges = list(chain.from_iterable(stated))
        if (
            set(map(type, found)) == {dict}
            and set(map(type, texts)) == {str}
            and set(map(type, stated)) == {list}
            and set(map(type, edges)) == {int}
            and set(map(len, stated)) == {2}
            and edges == sizes.ravel().tolist()
            and all(map(str.isascii, texts))
        ):
            return texts
    except (KeyError, TypeError, IndexError):
        pass
    sides = sizes.tolist()
    return [_plain_text(mask, size) for mask, size in zip(found, sides, strict=True)]


def _plain_text(mask: Any, size: list[int]) -> str | None:
    if type(mask) is not dict or type(stated := mask.get("size")) is not list or stated != size:
        return None
    if type(counts := mask.get("counts")) is not str or set(map(type, stated)) != {int}:
        return None
    return counts if counts.isascii() else None
