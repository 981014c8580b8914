"""The regions of several images of a COCO document, decoded together where all is sound.

Image by image, calling takes longer than decoding.  Here the masks of many images are checked
and decoded at once.  An image that is not plain (polygons, a refused annotation, anything a
fault is due for) is left out: whoever reads it alone says what is wrong with it, in the same words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain, compress
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from segcore import kernels
from segcore.annotation import Regions, segment_sums
from segcore.kernels import RegionRuns
from segcore.masks.order import torn_images
from segcore.region_block import RegionBlock
from segcore.sources.coco_entries import CocoIndex
from segcore.sources.coco_stated import (
    areas_differ,
    boxes_differ,
    drawn_boxes,
    stated_areas,
    stated_boxes,
)

__all__ = ["Ahead", "Decoded", "decode_block"]

_FIRST_IMAGES: Final = 8
_MAX_IMAGES: Final = 128
_MAX_ENTRIES: Final = 2048
_MAX_CHARACTERS: Final = 1 << 19
"""Of the run lengths of a block, whose masks then stay within the processor's cache."""

Bools = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Decoded:
    """Some images, as far as they are sound.

    Attributes
    ----------
    looked_at : int
        How many of the places asked for were looked at, the first ones.
    regions : RegionBlock
    at : dict of int to int
        The image of the block by its place; places looked at that are not in it are to be read alone.
    """

    looked_at: int
    regions: RegionBlock
    at: dict[int, int]


def decode_block(index: CocoIndex, places: Sequence[int]) -> Decoded:
    """Decode the first of ``places``: as many as make a block, at least one.

    Parameters
    ----------
    index : CocoIndex
    places : sequence of int
        Distinct places in ``index.images``; not empty.
    """
    wanted = np.array(places, np.int64)
    entries = np.cumsum(index.offsets[wanted + 1] - index.offsets[wanted])
    wanted = wanted[: max(1, int(np.searchsorted(entries, _MAX_ENTRIES, "right")))]
    rows = _Rows.of(index, wanted)
    rows = rows.only(~rows.images_with(index.classes[rows.at] < 0))
    entries = rows.entries()
    texts = _plain_texts(entries, rows.sizes[rows.image])
    lengths = np.fromiter((0 if text is None else len(text) for text in texts), np.int64, len(texts))
    characters = np.bincount(rows.image, lengths, len(rows.places))
    odd = characters > _MAX_CHARACTERS
    if None in texts:
        odd |= rows.images_with(np.array([text is None for text in texts], np.bool_))
    late = np.cumsum(np.where(odd, 0, characters)) > _MAX_CHARACTERS
    if late.any():  # odd ones before the first that is too late were looked at as well
        wanted = wanted[: int(np.flatnonzero(wanted == rows.places[late.argmax()])[0])]
    if (odd | late).any():
        kept = ~(odd | late)[rows.image]
        texts, entries = list(compress(texts, kept)), list(compress(entries, kept))
        lengths, rows = lengths[kept], rows.only(~(odd | late))
    regions, sound = _decode(rows, entries, "".join(filter(None, texts)), lengths)
    at = {place: i for i, place in enumerate(rows.places.tolist()) if sound[i]}
    return Decoded(looked_at=len(wanted), regions=regions, at=at)


@dataclass(slots=True, kw_only=True)
class Ahead:
    """Decodes the images that are expected a block at a time, when the first of it is read.

    Parameters
    ----------
    places : sequence of int
        What is expected, in this order.
    """

    places: Sequence[int] = ()
    _next: int = 0
    _images: int = _FIRST_IMAGES
    _decoded: RegionBlock | None = None
    _at: dict[int, int] = field(default_factory=dict)

    def regions(self, index: CocoIndex, place: int) -> Regions | None:
        """The regions of an image; None where it is to be read alone."""
        block = self.block(index, [place])
        return None if block is None else block[0]

    def block(self, index: CocoIndex, places: Sequence[int]) -> RegionBlock | None:
        """The first of ``places``, as many as were decoded together; None where there is none."""
        following = self.places[self._next : self._next + self._images]
        if places[0] not in self._at and following and following[0] == places[0]:
            found = decode_block(index, following)
            self._decoded, self._at = found.regions, found.at
            self._next += found.looked_at
            # Where masks are large fewer images make a block: not to look at many in vain.
            self._images = min(_MAX_IMAGES, 2 * found.looked_at)
        first = self._at.get(places[0])
        if first is None or self._decoded is None:
            return None
        last = first + 1
        for place in places[1:]:
            if self._at.get(place) != last:
                break
            last += 1
        return self._decoded.part(first, last)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Rows:
    """The annotations of some images, image by image.

    Attributes
    ----------
    places : int64 (n_images,)
        Places of the images in the index.
    sizes : int64 (n_images, 2)
        Their heights and widths.
    begins : int64 (n_images + 1,)
        Image ``i`` owns the rows ``begins[i]:begins[i + 1]``.
    image : int64 (n,)
        Which of the images each row belongs to.
    at : int64 (n,)
        Place of each row among the entries of the document.
    """

    index: CocoIndex
    places: Integers
    sizes: Integers
    begins: Integers
    image: Integers
    at: Integers

    @classmethod
    def of(cls, index: CocoIndex, places: Integers) -> _Rows:
        images = [index.images[place] for place in places.tolist()]
        sizes = np.array([(image.height, image.width) for image in images], np.int64)
        first = index.offsets[places]
        counts = index.offsets[places + 1] - first
        begins = np.append(0, np.cumsum(counts))
        image = np.repeat(np.arange(len(places)), counts)
        at = index.order[np.arange(len(image)) + (first - begins[:-1])[image]]
        return cls(
            index=index,
            places=places,
            sizes=sizes.reshape(-1, 2),
            begins=begins,
            image=image,
            at=at,
        )

    def only(self, images: Bools) -> _Rows:
        """Those of some images."""
        return self if images.all() else _Rows.of(self.index, self.places[images])

    def images_with(self, rows: Bools) -> Bools:
        """Which images have one of some rows."""
        found: Bools = np.bincount(self.image[rows], minlength=len(self.places)) > 0
        return found

    def entries(self) -> list[Any]:
        return list(map(self.index.entries.__getitem__, self.at.tolist()))


def _plain_texts(entries: list[dict[str, Any]], sizes: Integers) -> list[str | None]:
    """The run lengths of every annotation; None where it is no text of ASCII with the image's size."""
    found = [entry.get("segmentation") for entry in entries]
    if not found:
        return []
    try:  # as nearly all files are
        texts = [mask["counts"] for mask in found]  # type: ignore[index]
        stated = [mask["size"] for mask in found]  # type: ignore[index]
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


def _decode(
    rows: _Rows, entries: list[dict[str, Any]], text: str, lengths: Integers
) -> tuple[RegionBlock, Bools]:
    """The regions of images whose annotations are all run lengths, and which images are sound."""
    index = rows.index
    offsets = np.append(0, np.cumsum(lengths))
    data = np.frombuffer(text.encode("ascii"), np.uint8)
    pixels = rows.sizes.prod(axis=1)[rows.image]
    decoded = kernels.decode_counts(data, offsets, pixels=pixels)
    runs = RegionRuns(decoded.starts, decoded.ends, decoded.offsets, rows.begins)
    odd = rows.images_with(decoded.status != kernels.OK) | torn_images(runs, rows.sizes)
    areas = None
    if not index.is_results:
        areas = stated_areas(entries)
        odd |= rows.images_with(
            areas_differ(areas, segment_sums(runs.ends - runs.starts, runs.offsets))
            | boxes_differ(
                stated_boxes(entries, sizes=rows.sizes[rows.image]),
                drawn_boxes(runs, heights=rows.sizes[:, 0]),
            )
        )
    block = RegionBlock(
        sizes=rows.sizes,
        images=rows.begins,
        starts=runs.starts,
        ends=runs.ends,
        offsets=runs.offsets,
        classes=index.classes[rows.at],
        crowd=index.crowd[rows.at],
        scores=None if index.scores is None else index.scores[rows.at],
        ids=tuple(map(index.ids.__getitem__, rows.at.tolist())),
        stated_areas_px=areas,
    )
    return block, ~odd
