"""The regions of several images of a COCO document, decoded together where all is sound.

Image by image, calling takes longer than decoding.  Here the masks of many images are checked
and decoded at once.  An image that is not plain (polygons, a refused annotation, anything a
fault is due for) is left out: whoever reads it alone says what is wrong with it, in the same words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from segcore import kernels
from segcore.annotation import Regions
from segcore.kernels import RegionRuns
from segcore.masks.order import torn_images
from segcore.region_block import RegionBlock
from segcore.sources.coco_columns import MAX_CHARACTERS, CocoColumns
from segcore.sources.coco_stated import areas_differ, boxes_differ, drawn_boxes

__all__ = ["Ahead", "decode_images"]

_FIRST_IMAGES: Final = 8
"""Only from these on it is known which kernels pay."""

_MAX_IMAGES: Final = 64
_MAX_ROWS: Final = 2048


@dataclass(slots=True, kw_only=True)
class Ahead:
    """Decodes the images that are expected a block at a time, when the first of it is read.

    Parameters
    ----------
    places : sequence of int
        Places of the images that are expected, in this order.
    """

    places: Sequence[int] = ()
    _next: int = 0
    _first: int = 0
    _block: RegionBlock | None = None
    _sound: npt.NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, np.bool_))

    def regions(self, columns: CocoColumns, place: int) -> Regions | None:
        """The regions of an image; None where it is to be read alone."""
        block = self.block(columns, [place])
        return None if block is None else block[0]

    def block(self, columns: CocoColumns, places: Sequence[int]) -> RegionBlock | None:
        """The first of ``places``, as many as were decoded together; None where there is none."""
        if not 0 <= places[0] - self._first < len(self._sound):
            self._decode(columns, places[0])
        begin = last = places[0] - self._first
        if begin < 0:
            return None
        for place in places:
            if place != self._first + last or last >= len(self._sound) or not self._sound[last]:
                break
            last += 1
        return None if last == begin or self._block is None else self._block.part(begin, last)

    def _decode(self, columns: CocoColumns, first: int) -> None:
        """The block that begins with an image, if it is the next of those expected."""
        # Blocks of both sides end at the same images, so that what is read of them fits together.
        end = (self._next // _MAX_IMAGES + 1) * _MAX_IMAGES if self._next else _FIRST_IMAGES
        following = self.places[self._next : end]
        if not following or following[0] != first:
            return
        count = next((n for n, place in enumerate(following) if place != first + n), len(following))
        self._block, self._sound = decode_images(columns, first, count)
        self._first = first
        self._next += len(self._sound)


def decode_images(
    columns: CocoColumns, first: int, count: int
) -> tuple[RegionBlock | None, npt.NDArray[np.bool_]]:
    """Decode up to ``count`` images from the place ``first`` on, at least one.

    Returns
    -------
    block : RegionBlock or None
        None where the first has to be read alone.
    sound : bool (n_images,)
        Which images of the block, or which one image instead, need not be read alone.
    """
    if not columns.plain[first]:
        return None, np.zeros(1, np.bool_)
    begins = columns.begins[first : first + count + 1]
    fit = begins <= begins[0] + _MAX_ROWS
    fit &= columns.masks.characters[begins] <= columns.masks.characters[begins[0]] + MAX_CHARACTERS
    fit[1:] &= columns.plain[first : first + count]
    last = first + max(1, int(np.append(fit, False).argmin()) - 1)
    begins = columns.begins[first : last + 1]
    rows = slice(int(begins[0]), int(begins[-1]))
    begins = begins - rows.start
    sizes = columns.sizes[first:last]
    image = np.repeat(np.arange(len(sizes)), np.diff(begins))
    offsets = columns.masks.characters[rows.start : rows.stop + 1]
    text = columns.masks.text[offsets[0] : offsets[-1]]
    pixels = sizes.prod(axis=1)[image]
    decoded = kernels.decode_counts(text, offsets - offsets[0], pixels=pixels)
    runs = RegionRuns(decoded.starts, decoded.ends, decoded.offsets, begins)
    odd = decoded.status != kernels.OK
    areas = None
    if columns.areas is not None and columns.corners is not None:
        areas = columns.areas[rows]
        odd |= areas_differ(areas, kernels.areas(runs.starts, runs.ends, runs.offsets))
        odd |= boxes_differ(columns.corners[rows], drawn_boxes(runs, heights=sizes[:, 0]))
    block = RegionBlock(
        sizes=sizes,
        images=begins,
        starts=runs.starts,
        ends=runs.ends,
        offsets=runs.offsets,
        classes=columns.classes[rows],
        crowd=columns.crowd[rows],
        scores=None if columns.scores is None else columns.scores[rows],
        ids=tuple(columns.ids[rows]),
        stated_areas_px=areas,
    )
    return block, ~torn_images(runs, sizes) & (np.bincount(image[odd], minlength=len(sizes)) == 0)
