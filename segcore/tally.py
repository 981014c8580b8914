"""Tallies: the integer counts of images, sparse, exact and associative."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from segcore.errors import UsageError

__all__ = ["ImageCells", "ImageCounts", "ImageInstances", "Tally", "TallyTable"]

IntArray = npt.NDArray[np.int64]
Counts = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tally:
    """The confusion of one image, or of many pooled: only the cells that are not zero.

    Attributes
    ----------
    num_classes : int
        K.  Rows are gold, columns delivery; row and column K are "other".
    cells : int64 (n,)
        ``row * (K + 1) + column``, strictly increasing.
    pixels : int64 (n,)
        Pixels of each cell, all above 0.
    instances : int64 (K,) or None
        Gold instances of each class; None where the gold does not tell instances apart.
    """

    num_classes: int
    cells: IntArray
    pixels: IntArray
    instances: IntArray | None = None

    @classmethod
    def from_table(cls, table: IntArray, *, instances: IntArray | None = None) -> Tally:
        """The cells of a dense int64 (K + 1, K + 1) table."""
        flat = np.ascontiguousarray(table).ravel()
        cells = np.flatnonzero(flat)
        return cls(num_classes=len(table) - 1, cells=cells, pixels=flat[cells], instances=instances)

    @classmethod
    def sum(cls, tallies: Sequence[Tally], *, num_classes: int) -> Tally:
        """All pooled; instances are known only if every one knows them.  None at all give no pixel."""
        for tally in tallies:
            if tally.num_classes != num_classes:
                raise ValueError(f"a tally of {tally.num_classes} classes is not one of {num_classes}")
        cells, place = np.unique(_joined([tally.cells for tally in tallies]), return_inverse=True)
        pixels = np.zeros(len(cells), np.int64)
        np.add.at(pixels, place, _joined([tally.pixels for tally in tallies]))
        known = [tally.instances for tally in tallies if tally.instances is not None]
        instances = np.sum(known, axis=0) if known and len(known) == len(tallies) else None
        return cls(num_classes=num_classes, cells=cells, pixels=pixels, instances=instances)

    def __add__(self, other: Tally) -> Tally:
        """Both pooled; instances are known only if both sides know them."""
        return Tally.sum([self, other], num_classes=self.num_classes)

    def confusion(self) -> IntArray:
        """The dense int64 (K + 1, K + 1) table."""
        width = self.num_classes + 1
        table = np.zeros(width * width, np.int64)
        table[self.cells] = self.pixels
        return table.reshape(width, width)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageCounts:
    """One class over the images in which gold or delivery hold it, or several classes summed.

    Attributes
    ----------
    keys : tuple of str
        Image keys, sorted.
    intersection, union, gold_pixels, delivery_pixels : int64 (n,)
        ``union`` is above 0 everywhere.
    """

    keys: tuple[str, ...]
    intersection: IntArray
    gold_pixels: IntArray
    delivery_pixels: IntArray

    @property
    def union(self) -> IntArray:
        """Pixels that gold or delivery give to the class: int64 (n,)."""
        return self.gold_pixels + self.delivery_pixels - self.intersection


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageInstances:
    """The gold instances of every image of a :class:`TallyTable`, of the classes that have some.

    A class may have instances without a pixel, where others lie over them.

    Attributes
    ----------
    offsets : int64 (n_images + 1,)
        Image ``i`` owns ``offsets[i]:offsets[i + 1]`` of the next columns.
    classes, counts : int32 (n_rows,)
        Class by class, all counts above 0.
    known : bool (n_images,)
        Whether the gold of the image tells instances apart.
    """

    offsets: IntArray
    classes: Counts
    counts: Counts
    known: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, tallies: Sequence[Tally]) -> ImageInstances:
        """Those of tallies, one an image."""
        classes: list[Counts] = []
        counts: list[Counts] = []
        for tally in tallies:
            held: IntArray = np.empty(0, np.int64)
            if tally.instances is not None:
                held = np.flatnonzero(tally.instances).astype(np.int64)
                counts.append(tally.instances[held].astype(np.int32))
            classes.append(held.astype(np.int32))
        return cls(
            offsets=_offsets(np.fromiter(map(len, classes), np.int64, len(classes))),
            classes=_column(classes),
            counts=_column(counts),
            known=np.fromiter((t.instances is not None for t in tallies), np.bool_, len(tallies)),
        )

    @classmethod
    def joined(cls, parts: Sequence[ImageInstances]) -> ImageInstances:
        """Several as one, in order."""
        return cls(
            offsets=_offsets(_joined([np.diff(part.offsets) for part in parts])),
            classes=_column([part.classes for part in parts]),
            counts=_column([part.counts for part in parts]),
            known=np.concatenate([np.empty(0, np.bool_), *(part.known for part in parts)]),
        )

    def take(self, images: IntArray) -> ImageInstances:
        """Those of some images, in that order."""
        offsets, rows = _rows_of(self.offsets, images)
        return ImageInstances(
            offsets=offsets,
            classes=self.classes[rows],
            counts=self.counts[rows],
            known=self.known[images],
        )

    def totals(self, *, num_classes: int) -> IntArray | None:
        """Of all images: int64 (K,); None where an image does not know, and for no image."""
        if not len(self.known) or not self.known.all():
            return None
        found = np.zeros(num_classes, np.int64)
        np.add.at(found, self.classes, self.counts)
        return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageCells:
    """The confusion of every image of a :class:`TallyTable`: only the cells that are not zero.

    Attributes
    ----------
    offsets : int64 (n_images + 1,)
        Image ``i`` owns ``offsets[i]:offsets[i + 1]`` of the next columns.
    cells, pixels : int32 (n_cells,)
        As those of :class:`Tally`.
    instances : ImageInstances
    """

    offsets: IntArray
    cells: Counts
    pixels: Counts
    instances: ImageInstances

    @classmethod
    def joined(cls, parts: Sequence[ImageCells]) -> ImageCells:
        """Several as one, in order."""
        return cls(
            offsets=_offsets(_joined([np.diff(part.offsets) for part in parts])),
            cells=_column([part.cells for part in parts]),
            pixels=_column([part.pixels for part in parts]),
            instances=ImageInstances.joined([part.instances for part in parts]),
        )

    def take(self, images: IntArray) -> ImageCells:
        """Those of some images, in that order."""
        offsets, rows = _rows_of(self.offsets, images)
        return ImageCells(
            offsets=offsets,
            cells=self.cells[rows],
            pixels=self.pixels[rows],
            instances=self.instances.take(images),
        )

    def pooled(self, *, num_classes: int) -> Tally:
        """All images together, as :meth:`Tally.sum` has them."""
        cells, place = np.unique(self.cells.astype(np.int64), return_inverse=True)
        pixels = np.zeros(len(cells), np.int64)
        np.add.at(pixels, place, self.pixels)
        instances = self.instances.totals(num_classes=num_classes)
        return Tally(num_classes=num_classes, cells=cells, pixels=pixels, instances=instances)


@dataclass(frozen=True, kw_only=True, eq=False)
class TallyTable:
    """What is kept of many images: their pooled confusion, and class by class what each holds.

    Everything a report says is derived from it.  A few hundred bytes an image, whatever its size.

    Attributes
    ----------
    keys : tuple of str
        Image keys, sorted.
    offsets : int64 (n_images + 1,)
        Image ``i`` owns the rows ``offsets[i]:offsets[i + 1]`` of the columns.
    classes, intersection, gold_pixels, delivery_pixels : int32 (n_rows,)
        One row for every class an image holds on either side, by image, then class.  An image has
        fewer than 2**31 pixels.
    pooled : Tally
        All images together.
    cells : ImageCells or None
        The confusion of each image, where it was asked for.
    """

    keys: tuple[str, ...]
    offsets: IntArray
    classes: Counts
    intersection: Counts
    gold_pixels: Counts
    delivery_pixels: Counts
    pooled: Tally
    cells: ImageCells | None = None

    @classmethod
    def from_tallies(
        cls, tallies: Iterable[tuple[str, Tally]], *, num_classes: int, keep_cells: bool = False
    ) -> TallyTable:
        """The table of image keys and counts, given in any order."""
        rows = sorted(tallies, key=lambda row: row[0])
        pooled = Tally.sum([tally for _, tally in rows], num_classes=num_classes)
        width = num_classes + 1
        sizes = np.fromiter((len(tally.cells) for _, tally in rows), np.int64, len(rows))
        first = np.repeat(np.arange(len(rows)) * width, sizes)
        cells = _joined([tally.cells for _, tally in rows])
        gold, delivery = np.divmod(cells, width)
        pixels = _joined([tally.pixels for _, tally in rows])

        def by_class(codes: IntArray, weights: IntArray) -> IntArray:
            # Summed in float64, exact up to 2**53.
            sums = np.bincount(first + codes, weights=weights, minlength=len(rows) * width)
            return sums.astype(np.int64).reshape(len(rows), width)[:, :num_classes]

        gold_pixels, delivery_pixels = by_class(gold, pixels), by_class(delivery, pixels)
        intersection = by_class(gold, np.where(gold == delivery, pixels, 0))
        held = (gold_pixels > 0) | (delivery_pixels > 0)
        return cls(
            keys=tuple(key for key, _ in rows),
            offsets=_offsets(held.sum(axis=1)),
            classes=held.nonzero()[1].astype(np.int32),
            intersection=intersection[held].astype(np.int32),
            gold_pixels=gold_pixels[held].astype(np.int32),
            delivery_pixels=delivery_pixels[held].astype(np.int32),
            pooled=pooled,
            cells=ImageCells(
                offsets=_offsets(sizes),
                cells=cells.astype(np.int32),
                pixels=pixels.astype(np.int32),
                instances=ImageInstances.of([tally for _, tally in rows]),
            )
            if keep_cells
            else None,
        )

    @classmethod
    def joined(cls, tables: Sequence[TallyTable], *, num_classes: int) -> TallyTable:
        """Several tables as one; their keys follow one another in order."""
        cells = [table.cells for table in tables if table.cells is not None]
        return cls(
            keys=tuple(key for table in tables for key in table.keys),
            offsets=_offsets(_joined([np.diff(table.offsets) for table in tables])),
            classes=_column([table.classes for table in tables]),
            intersection=_column([table.intersection for table in tables]),
            gold_pixels=_column([table.gold_pixels for table in tables]),
            delivery_pixels=_column([table.delivery_pixels for table in tables]),
            pooled=Tally.sum([table.pooled for table in tables], num_classes=num_classes),
            cells=ImageCells.joined(cells) if cells and len(cells) == len(tables) else None,
        )

    def take(self, images: IntArray) -> TallyTable:
        """The table of some images, as if there were no others.

        Parameters
        ----------
        images : int64 (n,)
            Their places in ``keys``, rising.

        Raises
        ------
        UsageError
            The confusions of the images were not kept.
        """
        if self.cells is None:
            raise UsageError(
                "the confusion of each image was not kept: evaluate(..., keep_cells=True) does"
            )
        offsets, rows = _rows_of(self.offsets, images)
        cells = self.cells.take(images)
        return TallyTable(
            keys=tuple(map(self.keys.__getitem__, images.tolist())),
            offsets=offsets,
            classes=self.classes[rows],
            intersection=self.intersection[rows],
            gold_pixels=self.gold_pixels[rows],
            delivery_pixels=self.delivery_pixels[rows],
            pooled=cells.pooled(num_classes=self.pooled.num_classes),
            cells=cells,
        )

    def __len__(self) -> int:
        return len(self.keys)

    @cached_property
    def confusion(self) -> IntArray:
        """All images pooled: int64 (K + 1, K + 1)."""
        return self.pooled.confusion()

    @cached_property
    def images(self) -> IntArray:
        """The image of every row: its place in ``keys``, int64 (n_rows,)."""
        return np.repeat(np.arange(len(self.keys)), np.diff(self.offsets))

    @cached_property
    def _by_class(self) -> tuple[IntArray, IntArray]:
        """The rows in order of class, then image, and where each class begins."""
        order = np.argsort(self.classes, kind="stable")
        return order, np.searchsorted(self.classes[order], np.arange(self.pooled.num_classes + 1))

    def image_counts(self, *class_indices: int) -> ImageCounts:
        """One class, or the sum of several, image by image."""
        order, begins = self._by_class
        rows = _joined([order[begins[index] : begins[index + 1]] for index in class_indices])
        images, place = np.unique(self.images[rows], return_inverse=True)

        def by_image(column: Counts) -> IntArray:
            sums = np.zeros(len(images), np.int64)
            np.add.at(sums, place, column[rows])
            return sums

        return ImageCounts(
            keys=tuple(self.keys[i] for i in images),
            intersection=by_image(self.intersection),
            gold_pixels=by_image(self.gold_pixels),
            delivery_pixels=by_image(self.delivery_pixels),
        )


def _offsets(lengths: IntArray) -> IntArray:
    return np.append(0, np.cumsum(lengths))


def _rows_of(offsets: IntArray, images: IntArray) -> tuple[IntArray, IntArray]:
    """The offsets of some images by themselves, and which rows are theirs."""
    sizes = np.diff(offsets)[images]
    own = _offsets(sizes)
    return own, np.arange(own[-1]) + np.repeat(offsets[images] - own[:-1], sizes)


def _joined(parts: list[IntArray]) -> IntArray:
    """All parts, of which there may be none, as int64."""
    return np.concatenate([np.empty(0, np.int64), *parts])


def _column(parts: list[Counts]) -> Counts:
    return np.concatenate([np.empty(0, np.int32), *parts])
