"""How far pixels are from the nearest one of their own code: exact, in integers.

Most outlines of two people lie a pixel or two apart, so the pixels around are looked at first.  For
the others the points of the other side are put in a tree of nested squares, and squares that are
farther away than a point already known are left out.  Time grows with the pixels that are given,
times the logarithm of their number, and not with the area of the image or the number of codes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from segcore.kernels.arrays import Codes, Counts

__all__ = ["NOWHERE", "CodedPixels", "squared_distances"]

NOWHERE: Final = -1
"""The squared distance of a pixel whose code the other side does not have."""

NEAR_PX: Final = 4
"""Up to this distance the pixels around are looked at one by one."""

MAX_PAIRS: Final = 1 << 17
"""Pairs of a pixel and a square compared at a time; more are halved first."""

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CodedPixels:
    """Some pixels of a map, each with a code.

    Attributes
    ----------
    shape : (int, int)
        Rows and columns of the map.
    positions : int64 (n,)
        ``row * columns + column``, strictly increasing.
    codes : int32 (n,)
        Of every pixel.
    """

    shape: tuple[int, int]
    positions: Counts
    codes: Codes

    def __len__(self) -> int:
        return len(self.positions)

    def take(self, which: npt.NDArray[np.intp] | Bools) -> CodedPixels:
        """Some of them."""
        return CodedPixels(shape=self.shape, positions=self.positions[which], codes=self.codes[which])


def squared_distances(pixels: CodedPixels, others: CodedPixels) -> Counts:
    """The squared Euclidean distance of every pixel to the nearest other one of the same code.

    Parameters
    ----------
    pixels, others : CodedPixels
        Of maps of one shape.

    Returns
    -------
    int64 (n,)
        In squared pixels; ``NOWHERE`` where ``others`` lacks the code.
    """
    if pixels.shape != others.shape:
        raise ValueError(f"the maps differ in shape: {pixels.shape} and {others.shape}")
    found = np.full(len(pixels), NOWHERE, np.int64)
    far = _near(pixels, others, found)
    if far.size:
        left = pixels.take(far)
        wanted = np.isin(others.codes, left.codes)
        if wanted.any():
            found[far] = _tree(others.take(wanted)).squared_distances(left)
    return found


# ------------------------------------------------------------------------------ nearby


def _near(pixels: CodedPixels, others: CodedPixels, found: Counts) -> npt.NDArray[np.intp]:
    """Fill in the distances of up to ``NEAR_PX``; return the pixels that are left."""
    left = np.arange(len(pixels))
    if not len(others):
        return left
    height, width = pixels.shape
    wide = width + 2 * NEAR_PX
    highest = int(max(pixels.codes.max(initial=0), others.codes.max())) + 1
    around = np.full((height + 2 * NEAR_PX) * wide, highest, np.min_scalar_type(highest))
    around[_padded(others, wide)] = others.codes
    places, codes = _padded(pixels, wide), pixels.codes.astype(around.dtype)
    for row, column, squared in _offsets(NEAR_PX):
        same = around.take(places + (row * wide + column)) == codes
        if same.any():
            found[left[same]] = squared
            np.logical_not(same, out=same)
            left, places, codes = left[same], places[same], codes[same]
            if not left.size:
                break
    return left


def _padded(pixels: CodedPixels, wide: int) -> Counts:
    """Their positions in the map with a margin of ``NEAR_PX``."""
    row, column = np.divmod(pixels.positions, pixels.shape[1])
    row += NEAR_PX
    row *= wide
    row += column
    row += NEAR_PX
    return row


def _offsets(radius: int) -> list[tuple[int, int, int]]:
    """Row, column and squared distance of all pixels up to a distance, the nearest first."""
    sides = range(-radius, radius + 1)
    around = [(y, x, y * y + x * x) for y in sides for x in sides]
    return sorted((o for o in around if o[2] <= radius**2), key=lambda o: o[2])


# ------------------------------------------------------------------------------ far away


class _Squares(NamedTuple):
    """The squares of one size that hold points, by code and place.

    Attributes
    ----------
    points : int64 (n,)
        One point in each.
    top, bottom, left, right : int64 (n,)
        The box around the points of each.
    parts : int64 (n + 1,)
        Square ``i`` consists of the squares ``parts[i]:parts[i + 1]`` of half the size.
    """

    points: Counts
    top: Counts
    bottom: Counts
    left: Counts
    right: Counts
    parts: Counts


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Tree:
    """Points, and the squares around them: ``levels[0]`` are the points, the last a square a code."""

    rows: Counts
    columns: Counts
    codes: Codes
    levels: list[_Squares]

    def squared_distances(self, pixels: CodedPixels) -> Counts:
        """As the function of this name; ``NOWHERE`` where no point has the code."""
        rows, columns = np.divmod(pixels.positions, pixels.shape[1])
        top = len(self.levels) - 1
        roots = self.codes[self.levels[top].points]
        square = np.minimum(np.searchsorted(roots, pixels.codes), roots.size - 1)
        known = np.flatnonzero(roots[square] == pixels.codes)
        best = np.full(len(pixels), NOWHERE, np.int64)
        best[known] = np.iinfo(np.int64).max
        # Pairs of a pixel and a square that may hold its nearest point, by pixel.
        waiting = [(top, known, square[known])]
        while waiting:
            level, pixel, square = waiting.pop()
            if pixel.size > MAX_PAIRS and (cut := _middle(pixel)):
                waiting.append((level, pixel[cut:], square[cut:]))
                waiting.append((level, pixel[:cut], square[:cut]))
                continue
            squares = self.levels[level]
            row, column = rows[pixel], columns[pixel]
            point = squares.points[square]
            _lower(best, pixel, (self.rows[point] - row) ** 2 + (self.columns[point] - column) ** 2)
            if not level:
                continue
            down = np.maximum(squares.top[square] - row, row - squares.bottom[square])
            aside = np.maximum(squares.left[square] - column, column - squares.right[square])
            closer = np.maximum(down, 0) ** 2 + np.maximum(aside, 0) ** 2 < best[pixel]
            pixel, square = pixel[closer], square[closer]
            if pixel.size:
                parts, owner = _parts(squares, square)
                waiting.append((level - 1, pixel[owner], parts))
        return best


def _middle(pixel: npt.NDArray[np.intp]) -> int:
    """Where to halve the pairs so that those of a pixel stay together; 0 for those of one pixel."""
    cut = int(np.searchsorted(pixel, pixel[pixel.size // 2]))
    if not cut:
        cut = int(np.searchsorted(pixel, pixel[0], side="right"))
    return cut % pixel.size


def _lower(best: Counts, pixel: npt.NDArray[np.intp], squared: Counts) -> None:
    """Lower the best distance of each pixel to the least of its pairs."""
    first = np.flatnonzero(np.diff(pixel, prepend=-1))
    whose = pixel[first]
    best[whose] = np.minimum(best[whose], np.minimum.reduceat(squared, first))


def _parts(squares: _Squares, square: Counts) -> tuple[Counts, npt.NDArray[np.intp]]:
    """The parts of each square, one square after the other, and which of them each belongs to."""
    first = squares.parts[square]
    number = squares.parts[square + 1] - first
    begins = np.cumsum(number) - number
    owner = np.repeat(np.arange(square.size), number)
    return np.arange(owner.size) + (first - begins)[owner], owner


def _tree(points: CodedPixels) -> _Tree:
    """The tree of at least one point."""
    rows, columns = np.divmod(points.positions, points.shape[1])
    places = _spread(rows) << np.uint64(1) | _spread(columns)
    order = np.lexsort((places, points.codes))
    rows, columns, codes, places = (a[order] for a in (rows, columns, points.codes, places))
    inner = np.arange(rows.size)
    levels = [_Squares(inner, rows, rows, columns, columns, inner)]
    for level in range(1, int(max(rows.max(), columns.max())).bit_length() + 1):
        inner = levels[-1].points
        place, code = places[inner] >> np.uint64(2 * level), codes[inner]
        first = np.flatnonzero(np.append(True, (place[1:] != place[:-1]) | (code[1:] != code[:-1])))
        levels.append(
            _Squares(
                inner[first],
                np.minimum.reduceat(levels[-1].top, first),
                np.maximum.reduceat(levels[-1].bottom, first),
                np.minimum.reduceat(levels[-1].left, first),
                np.maximum.reduceat(levels[-1].right, first),
                np.append(first, inner.size),
            )
        )
    return _Tree(rows=rows, columns=columns, codes=codes, levels=levels)


_SPREAD: Final = (
    (16, 0x0000FFFF0000FFFF),
    (8, 0x00FF00FF00FF00FF),
    (4, 0x0F0F0F0F0F0F0F0F),
    (2, 0x3333333333333333),
    (1, 0x5555555555555555),
)


def _spread(numbers: Counts) -> npt.NDArray[np.uint64]:
    """Every bit of numbers below 2**32 at twice its place, with a zero between two of them.

    Interleaved, the bits of row and column order pixels by nested squares (Morton order).
    """
    spread = numbers.astype(np.uint64)
    for shift, mask in _SPREAD:
        spread = (spread | spread << np.uint64(shift)) & np.uint64(mask)
    return spread
