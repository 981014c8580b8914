"""What every two annotators share, image by image and class by class: integers, one row each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
import numpy.typing as npt

from segcore.agreement.patterns import MISSING, Patterns

__all__ = ["PairCounts", "PairRow", "PairTable", "pair_counts"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PairCounts:
    """Two annotators on one image.

    Attributes
    ----------
    shared, one, other : int64 (K,)
        Pixels of each class that both mark, and that either marks, where both say something.
    """

    shared: Integers
    one: Integers
    other: Integers


def pair_counts(patterns: Patterns, one: int, other: int, *, num_classes: int) -> PairCounts:
    """What two annotators share of each class, by their places in the patterns."""
    left, right = patterns.codes[:, one], patterns.codes[:, other]
    both = (left != MISSING) & (right != MISSING)
    left, right, pixels = left[both], right[both], patterns.pixels[both]
    found = np.zeros((3, num_classes + 1), np.int64)
    same = left == right
    np.add.at(found[0], left[same], pixels[same])
    np.add.at(found[1], left, pixels)
    np.add.at(found[2], right, pixels)
    return PairCounts(
        shared=found[0, :num_classes], one=found[1, :num_classes], other=found[2, :num_classes]
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PairRow:
    """One class of one image, marked by one or both of two annotators.

    Attributes
    ----------
    image, pair, class_index : int
        Their places.
    shared_px, union_px : int
    boundary_shared_px, boundary_union_px : int
        Of the bands inside the outlines.
    """

    image: int
    pair: int
    class_index: int
    shared_px: int
    union_px: int
    boundary_shared_px: int
    boundary_union_px: int


@dataclass(frozen=True, kw_only=True, eq=False)
class PairTable:
    """All rows.

    Attributes
    ----------
    rows : tuple of PairRow
        By image, then pair, then class.
    num_annotators, num_classes, num_images : int
    """

    rows: tuple[PairRow, ...]
    num_annotators: int
    num_classes: int
    num_images: int

    @cached_property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """The two annotators of each pair, the first before the second."""
        return tuple(combinations(range(self.num_annotators), 2))

    @cached_property
    def _columns(self) -> Integers:
        """(7, n_rows)."""
        names = PairRow.__slots__
        found = np.array([[getattr(row, name) for name in names] for row in self.rows], np.int64)
        return found.reshape(len(self.rows), len(names)).T

    def of_class(self, index: int, *, boundary: bool = False) -> tuple[Integers, Integers]:
        """Shared pixels and unions of a class.

        Returns
        -------
        shared, union : int64 (n_pairs, n_images)
            0 where a pair did not both annotate the image.
        """
        image, pair, class_, *counts = self._columns
        kept = class_ == index
        found = np.zeros((2, len(self.pairs), self.num_images), np.int64)
        for table, values in zip(found, counts[2:] if boundary else counts[:2], strict=True):
            table[pair[kept], image[kept]] = values[kept]
        return found[0], found[1]

    def image_means(self) -> Floats:
        """The mean IoU of every pair on every image, over the classes either of them marks there.

        Returns
        -------
        float64 (n_pairs, n_images)
            NaN where there is none.
        """
        image, pair, _, shared, union, _, _ = self._columns
        sums = np.zeros((2, len(self.pairs), self.num_images))
        np.add.at(sums[0], (pair, image), shared / union)
        np.add.at(sums[1], (pair, image), 1.0)
        none = sums[1] == 0
        return np.where(none, np.nan, sums[0] / np.where(none, 1.0, sums[1]))

    def between(self, one: int, others: Sequence[int]) -> list[int]:
        """The pairs of an annotator with some others."""
        wanted = set(others)
        return [
            at
            for at, (a, b) in enumerate(self.pairs)
            if (a == one and b in wanted) or (b == one and a in wanted)
        ]
