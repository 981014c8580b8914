"""Objects of images: their classes, areas and what they share; integers, in an order of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import numpy as np
import numpy.typing as npt

from segcore.annotation import AnnotationId
from segcore.kernels import Overlaps

__all__ = ["Boundaries", "InstanceTable", "Objects"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Objects:
    """The objects of one side.

    Attributes
    ----------
    classes : int32 (n,)
        Class index in the ontology of the evaluation.
    areas_px : int64 (n,)
        Pixels of each mask.
    stated_areas_px : float64 (n,)
        The area the file states, which decides on the size band; else that of the mask.
    crowd : bool (n,)
        Groups of objects, which several delivered objects may match; never in a delivery.
    scores : float64 (n,)
        Confidences; NaN where the input has none.
    ids : tuple
        The annotation ids of the file.
    """

    classes: npt.NDArray[np.int32]
    areas_px: Integers
    stated_areas_px: npt.NDArray[np.float64]
    crowd: npt.NDArray[np.bool_]
    scores: npt.NDArray[np.float64]
    ids: tuple[AnnotationId, ...]

    def __len__(self) -> int:
        return len(self.classes)

    def take(self, order: npt.NDArray[np.intp]) -> Objects:
        """Some of them, or all in another order."""
        return Objects(
            classes=self.classes[order],
            areas_px=self.areas_px[order],
            stated_areas_px=self.stated_areas_px[order],
            crowd=self.crowd[order],
            scores=self.scores[order],
            ids=tuple(map(self.ids.__getitem__, order.tolist())),
        )

    @classmethod
    def none(cls) -> Objects:
        """No object."""
        return cls(
            classes=np.empty(0, np.int32),
            areas_px=np.empty(0, np.int64),
            stated_areas_px=np.empty(0),
            crowd=np.empty(0, np.bool_),
            scores=np.empty(0),
            ids=(),
        )

    @classmethod
    def joined(cls, parts: Sequence[Objects]) -> Objects:
        """Several as one, in order."""
        parts = parts or [cls.none()]
        return cls(
            classes=np.concatenate([part.classes for part in parts]),
            areas_px=np.concatenate([part.areas_px for part in parts]),
            stated_areas_px=np.concatenate([part.stated_areas_px for part in parts]),
            crowd=np.concatenate([part.crowd for part in parts]),
            scores=np.concatenate([part.scores for part in parts]),
            ids=tuple(chain.from_iterable(part.ids for part in parts)),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Boundaries:
    """The bands along the outlines of the objects of an :class:`InstanceTable`.

    Attributes
    ----------
    gold_px, delivery_px : int64 (n,)
        Pixels of the band of every object; of a delivered segment (panoptic) without those the gold
        leaves void.
    shared_px : int64 (n_overlaps,)
        Pixels the bands of every pair share, which may be none.
    """

    gold_px: Integers
    delivery_px: Integers
    shared_px: Integers

    @classmethod
    def joined(cls, parts: Sequence[Boundaries]) -> Boundaries:
        """Several as one, in order."""
        return cls(
            gold_px=np.concatenate([part.gold_px for part in parts]),
            delivery_px=np.concatenate([part.delivery_px for part in parts]),
            shared_px=np.concatenate([part.shared_px for part in parts]),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class InstanceTable:
    """What is kept of many images.  Everything a report says is derived from it.

    The objects of an image are in order of class, then of their masks, never of the file.

    Attributes
    ----------
    keys : tuple of str
        Image keys, sorted.
    gold, delivery : Objects
        Of all images, in the order of their keys.
    gold_offsets, delivery_offsets, overlap_offsets : int64 (n_images + 1,)
        Image ``i`` owns ``offsets[i]:offsets[i + 1]`` of the objects and of the overlaps.
    overlaps : Overlaps
        Every pair that shares a pixel, whatever its classes; numbers count within the image.
    boundaries : Boundaries or None
        Where they were asked for.
    """

    keys: tuple[str, ...]
    gold: Objects
    delivery: Objects
    overlaps: Overlaps
    gold_offsets: Integers
    delivery_offsets: Integers
    overlap_offsets: Integers
    boundaries: Boundaries | None = None

    @classmethod
    def joined(cls, tables: Sequence[InstanceTable]) -> InstanceTable:
        """Several tables as one; their keys follow one another in order."""

        def offsets(name: str) -> Integers:
            return _offsets([n for table in tables for n in np.diff(getattr(table, name)).tolist()])

        boundaries = [table.boundaries for table in tables if table.boundaries is not None]
        return cls(
            keys=tuple(key for table in tables for key in table.keys),
            gold=Objects.joined([table.gold for table in tables]),
            delivery=Objects.joined([table.delivery for table in tables]),
            overlaps=_joined([table.overlaps for table in tables]),
            gold_offsets=offsets("gold_offsets"),
            delivery_offsets=offsets("delivery_offsets"),
            overlap_offsets=offsets("overlap_offsets"),
            boundaries=Boundaries.joined(boundaries) if boundaries else None,
        )

    def take(self, images: Integers) -> InstanceTable:
        """The table of some images, given by their places in ``keys``, rising."""
        gold_offsets, gold = _rows_of(self.gold_offsets, images)
        delivery_offsets, delivery = _rows_of(self.delivery_offsets, images)
        overlap_offsets, overlaps = _rows_of(self.overlap_offsets, images)
        bands = self.boundaries
        return InstanceTable(
            keys=tuple(map(self.keys.__getitem__, images.tolist())),
            gold=self.gold.take(gold),
            delivery=self.delivery.take(delivery),
            overlaps=Overlaps(*(column[overlaps] for column in self.overlaps)),
            gold_offsets=gold_offsets,
            delivery_offsets=delivery_offsets,
            overlap_offsets=overlap_offsets,
            boundaries=bands
            and Boundaries(
                gold_px=bands.gold_px[gold],
                delivery_px=bands.delivery_px[delivery],
                shared_px=bands.shared_px[overlaps],
            ),
        )

    def __len__(self) -> int:
        return len(self.keys)

    @cached_property
    def gold_images(self) -> Integers:
        """The image of every gold object: its place in ``keys``, int64 (n,)."""
        return np.repeat(np.arange(len(self)), np.diff(self.gold_offsets))

    @cached_property
    def delivery_images(self) -> Integers:
        """The image of every delivered object: its place in ``keys``, int64 (n,)."""
        return np.repeat(np.arange(len(self)), np.diff(self.delivery_offsets))

    def images_by_class(self, num_classes: int) -> Integers:
        """In how many images the gold has an object of each class, crowds left out: int64 (K,)."""
        single = ~self.gold.crowd
        held = np.unique(np.stack([self.gold.classes[single], self.gold_images[single]]), axis=1)
        return np.bincount(held[0], minlength=num_classes)

    @cached_property
    def pairs(self) -> Overlaps:
        """The overlaps by the number of each object among those of all images."""
        images = np.repeat(np.arange(len(self)), np.diff(self.overlap_offsets))
        return Overlaps(
            self.overlaps.gold + self.gold_offsets[images],
            self.overlaps.delivery + self.delivery_offsets[images],
            self.overlaps.shared_px,
        )

    def boundary_iou(self, gold: Integers, delivery: Integers) -> Floats:
        """Intersection over union of the bands of objects; 0 for a pair that shares no pixel.

        Parameters
        ----------
        gold, delivery : int64 (n,)
            Their numbers among those of all images.

        Returns
        -------
        float64 (n,)
            NaN where boundaries were not asked for.
        """
        if self.boundaries is None:
            return np.full(len(gold), np.nan)
        # Both tables of pairs are in order of gold, then delivery.
        size = len(self.delivery)
        keys = np.append(self.pairs.gold * size + self.pairs.delivery, np.iinfo(np.int64).max)
        wanted = gold * size + delivery
        row = np.searchsorted(keys, wanted)
        shared = np.where(keys[row] == wanted, np.append(self.boundaries.shared_px, 0)[row], 0)
        areas = self.boundaries.gold_px[gold] + self.boundaries.delivery_px[delivery]
        # An object without a pixel has no band either.
        iou: Floats = shared / np.maximum(areas - shared, 1)
        return iou


def _joined(parts: Sequence[Overlaps]) -> Overlaps:
    empty = np.empty(0, np.int64)
    return Overlaps(
        *(np.concatenate([empty, *columns]) for columns in zip(*parts, strict=True))
        if parts
        else (empty,) * 3
    )


def _rows_of(offsets: Integers, images: Integers) -> tuple[Integers, Integers]:
    """The offsets of some images by themselves, and which rows are theirs."""
    sizes = np.diff(offsets)[images]
    own = np.append(0, np.cumsum(sizes))
    return own, np.arange(own[-1]) + np.repeat(offsets[images] - own[:-1], sizes)


def _offsets(lengths: list[int]) -> Integers:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(np.array(lengths, np.int64))])
