"""Where one image loses IoU: errors along outlines told from the others, and masks that are shifted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from segcore import kernels
from segcore.annotation import ImageAnnotation
from segcore.dilation import Dilation
from segcore.kernels.arrays import Values
from segcore.measures.segments import is_dense
from segcore.measures.semantic import SemanticMeasure
from segcore.tally import Tally

__all__ = ["LostMeasure", "LostTally", "best_moves", "moves"]

Bools = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]

_BLOCK_PX: Final = 1 << 20
"""Pixels looked at one by one at a time, so that scratch does not grow with the image."""

_DENSE_CELLS: Final = 1 << 20
"""Cells of a confusion that are counted in a table; of a larger one, only those that occur."""


def moves(reach_px: int) -> tuple[tuple[int, int], ...]:
    """The moves (dx, dy) up to ``reach_px`` in x and in y, the shortest first: (0, 0) is the first."""
    steps = range(-reach_px, reach_px + 1)
    return tuple(
        sorted(((x, y) for y in steps for x in steps), key=lambda v: (v[0] ** 2 + v[1] ** 2, v))
    )


def best_moves(moved: IntArray) -> IntArray:
    """The place of the best move of every class: int64 (K,).

    It shares the most pixels, more than staying does, which is best otherwise; of several the one with
    the smallest union, then the shortest.

    Parameters
    ----------
    moved : int64 (2, K, n_moves)
        Intersections and unions, each below 2**62.
    """
    both, either = moved
    most = both.max(axis=1)
    unions = np.where(both == most[:, None], either, np.iinfo(np.int64).max)
    return np.where(most > both[:, 0], np.argmin(unions, axis=1), 0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LostTally:
    """What one image loses, or many pooled.

    Attributes
    ----------
    pixels : Tally
        The confusion.
    tight : Tally
        Of its wrong pixels those that the class of their row misses along its outline.
    loose : Tally
        Those that the class of their column has too much along its outline.
    moved : int64 (2, K, n_moves)
        Intersection and union of every class with the delivered mask moved, see :func:`moves`.
    mended : int64 (2, K)
        The same with the best move of each image.
    shifted_images : int64 (K,)
        Images whose best move is not (0, 0).
    """

    pixels: Tally
    tight: Tally
    loose: Tally
    moved: IntArray
    mended: IntArray
    shifted_images: IntArray

    @classmethod
    def none(cls, *, num_classes: int, reach_px: int) -> LostTally:
        """Of no image."""
        nothing = Tally.sum([], num_classes=num_classes)
        return cls(
            pixels=nothing,
            tight=nothing,
            loose=nothing,
            moved=np.zeros((2, num_classes, len(moves(reach_px))), np.int64),
            mended=np.zeros((2, num_classes), np.int64),
            shifted_images=np.zeros(num_classes, np.int64),
        )

    def __add__(self, other: LostTally) -> LostTally:
        return LostTally(
            pixels=self.pixels + other.pixels,
            tight=self.tight + other.tight,
            loose=self.loose + other.loose,
            moved=self.moved + other.moved,
            mended=self.mended + other.mended,
            shifted_images=self.shifted_images + other.shifted_images,
        )


@dataclass(kw_only=True, eq=False)
class LostMeasure:
    """Counts what every class of one image loses.

    Parameters
    ----------
    pixels : SemanticMeasure
    dilation : Dilation
        How near to an outline an error belongs to it.
    reach_px : int
        How far a mask is moved at most, in x and in y.

    Notes
    -----
    With *near* for a Chebyshev distance of at most the width of ``dilation``, a pixel that gold gives
    to a class and the delivery does not is an error along the outline if a pixel that gold does not
    give to the class is near, and one that the delivery gives to it is near as well.  For a pixel that
    only the delivery gives to the class the two sides change places.  So an object that is missed as a
    whole is no error of its outline, however small it is.  The border of the image is no outline.
    """

    pixels: SemanticMeasure
    dilation: Dilation
    reach_px: int

    def __post_init__(self) -> None:
        self._moves = np.array(moves(self.reach_px), np.int64)

    def __call__(self, gold: ImageAnnotation, delivery: ImageAnnotation | None) -> LostTally:
        """Count one image of a batch that was evaluated before: faults are not looked for."""
        k = self.pixels.num_classes
        left, right = self.pixels.code_maps(gold, delivery)
        # what the delivery calls void where the gold counts is nothing delivered
        np.copyto(right, k, where=(right > k) & (left <= k))
        turned = not is_dense(gold)
        height, width = left.shape
        near_px = self.dilation.of(height=height, width=width)
        tight, loose = _along_outlines(left, right, near_px, num_classes=k)
        everything, wrong = _Cells(k), left != right
        tables = everything, _Cells(k), _Cells(k)
        for rows in _blocks(left):
            a, b = left[rows].ravel(), right[rows].ravel()
            counted = a <= k
            tables[0].add(a, b, counted)
            for table, near in zip(tables[1:], (tight, loose), strict=True):
                table.add(a, b, near[rows].ravel() & wrong[rows].ravel() & counted)
        moved = self._moved(left, right, everything, turned=turned)
        best = best_moves(moved)
        return LostTally(
            pixels=tables[0].tally(),
            tight=tables[1].tally(),
            loose=tables[2].tally(),
            moved=moved,
            mended=np.take_along_axis(moved, best[None, :, None], axis=2)[:, :, 0],
            shifted_images=(best != 0).astype(np.int64),
        )

    def _moved(self, left: Values, right: Values, cells: _Cells, *, turned: bool) -> IntArray:
        """Intersection and union of every class under every move.

        Only pixels near another code of the delivery can change by a move.
        """
        k, reach = self.pixels.num_classes, self.reach_px
        gold, delivered, same = cells.sums()
        found = np.repeat(np.stack([same, delivered])[:, :, None], len(self._moves), axis=2)
        both = np.flatnonzero((gold > 0) & (delivered > 0))
        if len(both):
            change = kernels.band(right, width_px=reach)
            change &= left <= k
            padded = np.pad(right, reach, constant_values=k)
            width = padded.shape[1]
            steps = self._moves @ ((width, 1) if turned else (1, width))
            flat = padded.reshape(-1)
            first = 0
            for rows in _blocks(left):
                y, x = np.nonzero(change[rows])
                at = (y + first + reach) * width + x + reach
                first += len(left[rows])
                codes = left[rows][y, x]
                still = _by_class(codes, flat[at], k)
                for move, step in enumerate(steps.tolist()):
                    if move:
                        found[:, :, move] += _by_class(codes, flat[at - step], k) - still
        found[1] = gold[:, None] + found[1] - found[0]
        return found


def _by_class(gold: Values, delivered: Values, k: int) -> IntArray:
    """Shared pixels and delivered pixels of every class: int64 (2, K)."""
    same = np.bincount(gold[gold == delivered], minlength=k + 2)[:k]
    return np.stack([same, np.bincount(delivered, minlength=k + 2)[:k]])


def _along_outlines(
    left: Values, right: Values, near_px: int, *, num_classes: int
) -> tuple[Bools, Bools]:
    """Which wrong pixels are errors along an outline: of the class of gold, and of the delivered one."""
    wrong = left != right
    found = np.zeros(left.shape, np.bool_), np.zeros(left.shape, np.bool_)
    if not wrong.any():
        return found
    for own, other, marked in ((left, right, found[0]), (right, left, found[1])):
        edge = _band(own, near_px)
        edge &= wrong
        edge &= own < num_classes
        for code in np.unique(own[edge]).tolist():
            errors = edge & (own == code)
            window = _window(errors, near_px)
            reached = other[window] == code
            if reached.any():
                near = _band(reached.view(np.uint8), near_px)
                marked[window] |= errors[window] & near
    return found


def _band(codes: Values, width_px: int) -> Bools:
    """The pixels near one of another code; what lies outside of the map is like its border."""
    height, width = codes.shape
    rows, columns = np.arange(-width_px, height + width_px), np.arange(-width_px, width + width_px)
    padded = codes.take(rows, axis=0, mode="clip").take(columns, axis=1, mode="clip")
    return kernels.band(padded, width_px=width_px)[width_px:-width_px, width_px:-width_px]


def _window(mask: Bools, margin: int) -> tuple[slice, slice]:
    """Where ``mask`` is true, and ``margin`` around it."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return (
        slice(max(int(rows[0]) - margin, 0), int(rows[-1]) + margin + 1),
        slice(max(int(columns[0]) - margin, 0), int(columns[-1]) + margin + 1),
    )


def _blocks(codes: Values) -> Iterator[slice]:
    """Slices of whole rows."""
    height, width = codes.shape
    rows = max(1, _BLOCK_PX // max(width, 1))
    return (slice(first, first + rows) for first in range(0, height, rows))


class _Cells:
    """A confusion while it is counted: a table of the usual size, or a list of the cells that occur."""

    def __init__(self, num_classes: int) -> None:
        self._k = num_classes
        cells = (num_classes + 1) ** 2
        self._dense = np.zeros(cells, np.int64) if cells <= _DENSE_CELLS else None
        self._sparse = Tally.sum([], num_classes=num_classes)

    def add(self, gold: Values, delivered: Values, chosen: Bools) -> None:
        cells = gold[chosen].astype(np.int64) * (self._k + 1) + delivered[chosen]
        if self._dense is not None:
            self._dense += np.bincount(cells, minlength=len(self._dense))
            return
        found, pixels = np.unique(cells, return_counts=True)
        self._sparse += Tally(num_classes=self._k, cells=found, pixels=pixels.astype(np.int64))

    def tally(self) -> Tally:
        if self._dense is None:
            return self._sparse
        return Tally.from_table(self._dense.reshape(self._k + 1, self._k + 1))

    def sums(self) -> tuple[IntArray, IntArray, IntArray]:
        """Pixels of every class in gold, in the delivery, and in both: int64 (K,) each."""
        tally, k = self.tally(), self._k
        rows, columns = np.divmod(tally.cells, k + 1)
        chosen = (rows, columns, rows[rows == columns])
        weights = (tally.pixels, tally.pixels, tally.pixels[rows == columns])
        gold, delivered, same = (
            np.bincount(at, weight, minlength=k + 1)[:k].astype(np.int64)
            for at, weight in zip(chosen, weights, strict=True)
        )
        return gold, delivered, same
