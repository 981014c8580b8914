"""How far the outlines of gold and delivery lie apart, counted image by image and class by class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from segcore.kernels import NOWHERE, CodedPixels, squared_distances

__all__ = ["Histograms", "ImageSurfaces", "SurfaceTable", "SurfaceTally"]

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Histograms:
    """How many surface pixels of one side have which squared distance to the other side's surface.

    Attributes
    ----------
    offsets : int64 (n_rows + 1,)
        Row ``i`` owns ``offsets[i]:offsets[i + 1]`` of the next columns.
    squared_px : int64 (n,)
        Squared distances, increasing within a row; ``NOWHERE`` where the other side has no surface.
    pixels : int64 (n,)
        How many pixels have it, above 0.
    """

    offsets: Integers
    squared_px: Integers
    pixels: Integers

    @classmethod
    def of(cls, rows: Integers, squared_px: Integers, *, size: int) -> Histograms:
        """Count distances, given in any order, of ``size`` rows."""
        values, rank = np.unique(squared_px, return_inverse=True)
        cells, pixels = np.unique(rows * max(len(values), 1) + rank, return_counts=True)
        row, rank = np.divmod(cells, max(len(values), 1))
        return cls(
            offsets=np.searchsorted(row, np.arange(size + 1)).astype(np.int64),
            squared_px=values[rank],
            pixels=pixels.astype(np.int64),
        )

    @classmethod
    def joined(cls, parts: Sequence[Histograms]) -> Histograms:
        """The rows of several, in order."""
        return cls(
            offsets=_offsets([np.diff(part.offsets) for part in parts]),
            squared_px=_joined([part.squared_px for part in parts]),
            pixels=_joined([part.pixels for part in parts]),
        )

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def take(self, rows: Integers) -> Histograms:
        """Some of the rows."""
        sizes = np.diff(self.offsets)[rows]
        offsets = _offsets([sizes])
        inner = np.arange(offsets[-1]) + np.repeat(self.offsets[rows] - offsets[:-1], sizes)
        return Histograms(offsets=offsets, squared_px=self.squared_px[inner], pixels=self.pixels[inner])

    def totals(self) -> Integers:
        """Surface pixels of every row: int64 (n_rows,)."""
        return self._sums(self.pixels)

    def within(self, squared_px: int) -> Integers:
        """Surface pixels of every row whose squared distance is at most this: int64 (n_rows,)."""
        near = (self.squared_px <= squared_px) & (self.squared_px != NOWHERE)
        return self._sums(np.where(near, self.pixels, 0))

    def _sums(self, values: Integers) -> Integers:
        running = _offsets([values])
        return running[self.offsets[1:]] - running[self.offsets[:-1]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SurfaceTally:
    """The surfaces of one image.

    Attributes
    ----------
    diagonal_squared_px : int
        Height squared plus width squared.
    classes : int32 (n_rows,)
        The classes with a surface on either side, increasing.
    gold, delivery : Histograms
        A row for each class: from gold's surface to the delivery's, and back.
    """

    diagonal_squared_px: int
    classes: npt.NDArray[np.int32]
    gold: Histograms
    delivery: Histograms

    @classmethod
    def measure(cls, gold: CodedPixels, delivery: CodedPixels) -> SurfaceTally:
        """From the surface pixels of both sides, which may be none."""
        height, width = gold.shape
        classes = np.union1d(gold.codes, delivery.codes).astype(np.int32)
        sides = (gold, delivery), (delivery, gold)
        there, back = (
            Histograms.of(
                np.searchsorted(classes, side.codes), squared_distances(side, other), size=len(classes)
            )
            for side, other in sides
        )
        return cls(diagonal_squared_px=height**2 + width**2, classes=classes, gold=there, delivery=back)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageSurfaces:
    """One class over the images in which gold or delivery have a surface of it.

    Attributes
    ----------
    keys : tuple of str
        Image keys, sorted.
    diagonals_squared_px : int64 (n,)
        Of each image.
    gold, delivery : Histograms
        A row for each image.
    """

    keys: tuple[str, ...]
    diagonals_squared_px: Integers
    gold: Histograms
    delivery: Histograms


@dataclass(frozen=True, kw_only=True, eq=False)
class SurfaceTable:
    """What is kept of the surfaces of many images; every score of surfaces is derived from it.

    Sixteen bytes for each distance that occurs in a class of an image: a few kilobytes an image
    where outlines are close, up to some hundred where many objects are missing.

    Attributes
    ----------
    keys : tuple of str
        Image keys, sorted.
    diagonals_squared_px : int64 (n_images,)
    offsets : int64 (n_images + 1,)
        Image ``i`` owns the rows ``offsets[i]:offsets[i + 1]``.
    classes : int32 (n_rows,)
        One row for every class with a surface on either side, by image, then class.
    gold, delivery : Histograms
        From gold's surface to the delivery's, and back.
    """

    keys: tuple[str, ...]
    diagonals_squared_px: Integers
    offsets: Integers
    classes: npt.NDArray[np.int32]
    gold: Histograms
    delivery: Histograms

    @classmethod
    def from_tallies(cls, tallies: Sequence[tuple[str, SurfaceTally]]) -> SurfaceTable:
        """The table of image keys and tallies, given in any order."""
        rows = sorted(tallies, key=lambda row: row[0])
        found = [tally for _, tally in rows]
        return cls(
            keys=tuple(key for key, _ in rows),
            diagonals_squared_px=np.array([tally.diagonal_squared_px for tally in found], np.int64),
            offsets=_offsets([np.array([len(tally.classes) for tally in found], np.int64)]),
            classes=_classes([tally.classes for tally in found]),
            gold=Histograms.joined([tally.gold for tally in found]),
            delivery=Histograms.joined([tally.delivery for tally in found]),
        )

    @classmethod
    def joined(cls, tables: Sequence[SurfaceTable]) -> SurfaceTable:
        """Several tables as one; their keys follow one another in order."""
        return cls(
            keys=tuple(key for table in tables for key in table.keys),
            diagonals_squared_px=_joined([table.diagonals_squared_px for table in tables]),
            offsets=_offsets([np.diff(table.offsets) for table in tables]),
            classes=_classes([table.classes for table in tables]),
            gold=Histograms.joined([table.gold for table in tables]),
            delivery=Histograms.joined([table.delivery for table in tables]),
        )

    def take(self, images: Integers) -> SurfaceTable:
        """The table of some images, given by their places in ``keys``, rising."""
        sizes = np.diff(self.offsets)[images]
        offsets = _offsets([sizes])
        rows = np.arange(offsets[-1]) + np.repeat(self.offsets[images] - offsets[:-1], sizes)
        return SurfaceTable(
            keys=tuple(map(self.keys.__getitem__, images.tolist())),
            diagonals_squared_px=self.diagonals_squared_px[images],
            offsets=offsets,
            classes=self.classes[rows],
            gold=self.gold.take(rows),
            delivery=self.delivery.take(rows),
        )

    def __len__(self) -> int:
        return len(self.keys)

    @cached_property
    def images(self) -> Integers:
        """The image of every row: its place in ``keys``, int64 (n_rows,)."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))

    def image_surfaces(self, class_index: int) -> ImageSurfaces:
        """One class, image by image."""
        rows = np.flatnonzero(self.classes == class_index)
        images = self.images[rows]
        return ImageSurfaces(
            keys=tuple(self.keys[i] for i in images),
            diagonals_squared_px=self.diagonals_squared_px[images],
            gold=self.gold.take(rows),
            delivery=self.delivery.take(rows),
        )


def _offsets(lengths: Sequence[Integers]) -> Integers:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(_joined(lengths))])


def _joined(parts: Sequence[Integers]) -> Integers:
    return np.concatenate([np.empty(0, np.int64), *parts])


def _classes(parts: Sequence[npt.NDArray[np.int32]]) -> npt.NDArray[np.int32]:
    return np.concatenate([np.empty(0, np.int32), *parts])
