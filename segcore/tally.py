"""Tallies: the integer counts of images, sparse, exact and associative."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

__all__ = ["ImageCounts", "Tally", "TallyTable"]

IntArray = npt.NDArray[np.int64]


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

    def __add__(self, other: Tally) -> Tally:
        """Both pooled; instances are known only if both sides know them."""
        if self.num_classes != other.num_classes:
            raise ValueError(
                f"tallies of {self.num_classes} and {other.num_classes} classes do not add up"
            )
        cells, place = np.unique(np.concatenate([self.cells, other.cells]), return_inverse=True)
        pixels = np.zeros(len(cells), np.int64)
        np.add.at(pixels, place, np.concatenate([self.pixels, other.pixels]))
        known = self.instances is not None and other.instances is not None
        return Tally(
            num_classes=self.num_classes,
            cells=cells,
            pixels=pixels,
            instances=self.instances + other.instances if known else None,  # type: ignore[operator]
        )

    def confusion(self) -> IntArray:
        """The dense int64 (K + 1, K + 1) table."""
        width = self.num_classes + 1
        table = np.zeros(width * width, np.int64)
        table[self.cells] = self.pixels
        return table.reshape(width, width)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageCounts:
    """One class over the images in which gold or delivery hold it.

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


class TallyTable:
    """The tallies of many images, column by column: the table everything is derived from.

    Parameters
    ----------
    tallies : iterable of (str, Tally)
        Image key and counts.  Rows are kept in key order, whatever the order given.
    num_classes : int
        K of every tally.
    """

    def __init__(self, tallies: Iterable[tuple[str, Tally]], *, num_classes: int) -> None:
        rows = sorted(tallies, key=lambda row: row[0])
        self.num_classes = num_classes
        self.keys: tuple[str, ...] = tuple(key for key, _ in rows)
        sizes = np.fromiter((len(t.cells) for _, t in rows), np.int64, len(rows))
        self.offsets: IntArray = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
        # An image has fewer than 2**31 pixels, so 32 bits hold a cell's count: half the memory.
        self.cells = _concatenate([t.cells for _, t in rows], np.int64)
        self.pixels = _concatenate([t.pixels for _, t in rows], np.int32)
        known = [t.instances for _, t in rows if t.instances is not None]
        self.instances: IntArray | None = None
        if rows and len(known) == len(rows):
            self.instances = np.sum(known, axis=0, dtype=np.int64)

    def __len__(self) -> int:
        return len(self.keys)

    @cached_property
    def confusion(self) -> IntArray:
        """All images pooled: int64 (K + 1, K + 1)."""
        width = self.num_classes + 1
        flat = np.zeros(width * width, np.int64)
        np.add.at(flat, self.cells, self.pixels)
        return flat.reshape(width, width)

    def tally(self, row: int) -> Tally:
        """The counts of the image in ``row`` (without its instances)."""
        lo, hi = int(self.offsets[row]), int(self.offsets[row + 1])
        return Tally(
            num_classes=self.num_classes,
            cells=self.cells[lo:hi].astype(np.int64),
            pixels=self.pixels[lo:hi].astype(np.int64),
        )

    @cached_property
    def _by_class(self) -> tuple[IntArray, IntArray, IntArray, IntArray, IntArray, IntArray]:
        """Image row, intersection, gold and delivery pixels of each class and image that meet.

        Sorted by class, then image; the first array says where each class begins.
        """
        images, width = len(self.keys), self.num_classes + 1
        row = np.repeat(np.arange(images), np.diff(self.offsets))
        gold, delivery = np.divmod(self.cells.astype(np.int64), width)
        same = gold == delivery
        picked = (
            (gold, gold < self.num_classes),
            (delivery, delivery < self.num_classes),
            (gold, same & (gold < self.num_classes)),
        )
        places = [column[chosen] * images + row[chosen] for column, chosen in picked]
        counts = [self.pixels[chosen] for _, chosen in picked]
        unique, place = np.unique(np.concatenate(places), return_inverse=True)
        totals = np.zeros((3, len(unique)), np.int64)
        which = np.repeat(np.arange(3), [len(p) for p in places])
        np.add.at(totals, (which, place), np.concatenate(counts))
        classes, rows = np.divmod(unique, max(images, 1))
        begins = np.searchsorted(classes, np.arange(self.num_classes + 1))
        return begins, classes, rows, totals[2], totals[0], totals[1]

    def image_counts(self, class_index: int) -> ImageCounts:
        """One class, image by image."""
        begins, _, rows, intersection, gold, delivery = self._by_class
        part = slice(int(begins[class_index]), int(begins[class_index + 1]))
        return ImageCounts(
            keys=tuple(self.keys[i] for i in rows[part]),
            intersection=intersection[part],
            gold_pixels=gold[part],
            delivery_pixels=delivery[part],
        )

    def columns(self) -> dict[str, IntArray]:
        """Image row, class and counts of every class and image that meet, by image, then class."""
        _, classes, rows, intersection, gold, delivery = self._by_class
        order = np.lexsort((classes, rows))
        return {
            "image": rows[order],
            "class": classes[order],
            "intersection": intersection[order],
            "gold_pixels": gold[order],
            "delivery_pixels": delivery[order],
        }


def _concatenate(parts: list[IntArray], dtype: type[np.signedinteger]) -> npt.NDArray[np.signedinteger]:
    return np.concatenate([np.empty(0, dtype), *(part.astype(dtype) for part in parts)])
