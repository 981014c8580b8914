"""Krippendorff's alpha for nominal data, from counts of patterns; integers until the last division.

K. Krippendorff, Content Analysis (4th edition 2018), chapter 12.  The unit is the pixel: a unit with m
values, of m annotators who say something of it, adds each of its m (m - 1) ordered pairs of values
with the weight 1 / (m - 1).  What an annotator leaves void, and images they were not given, are missing
data; pixels of which fewer than two say something are no units.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from segcore.agreement.patterns import MISSING, Patterns

__all__ = ["Coincidences"]

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Coincidences:
    """Ordered pairs of values within units, by how many values the units have.

    Attributes
    ----------
    tables : dict of int to int64 (K + 1, K + 1)
        Symmetric, by the number of values; the last row and column are pixels nobody claimed.
    num_values : int
        K + 1.
    """

    tables: dict[int, Integers]
    num_values: int

    @classmethod
    def of(cls, patterns: Patterns, *, num_classes: int) -> Coincidences:
        """Count the pairs of some patterns."""
        size = num_classes + 1
        said = (patterns.codes != MISSING).sum(axis=1)
        tables: dict[int, Integers] = {}
        width = patterns.codes.shape[1]
        for number in range(2, width + 1):
            rows = said == number
            if not rows.any():
                continue
            codes, pixels = patterns.codes[rows], patterns.pixels[rows]
            table = np.zeros((size, size), np.int64)
            for one in range(width):
                for other in range(width):
                    if one != other:
                        both = (codes[:, one] != MISSING) & (codes[:, other] != MISSING)
                        np.add.at(table, (codes[both, one], codes[both, other]), pixels[both])
            tables[number] = table
        return cls(tables=tables, num_values=size)

    def __add__(self, other: Coincidences) -> Coincidences:
        """Those of both."""
        tables = dict(self.tables)
        for number, table in other.tables.items():
            tables[number] = tables[number] + table if number in tables else table
        return Coincidences(tables=tables, num_values=self.num_values)

    @property
    def units_px(self) -> int:
        """Pixels of which two or more annotators say something."""
        return sum(int(t.sum()) // (m * (m - 1)) for m, t in self.tables.items())

    def alpha(self, index: int | None = None) -> float | None:
        """Of all values, or of one class against everything else.

        Returns
        -------
        float or None
            1 is agreement, 0 what chance gives; None where there is one value only, or no unit.
        """
        scale = math.lcm(*(number - 1 for number in self.tables))
        size = self.num_values
        weighted = [[0] * size for _ in range(size)]
        for number, table in self.tables.items():
            weight = scale // (number - 1)
            for row, counts in enumerate(table.tolist()):
                line = weighted[row]
                for column, count in enumerate(counts):
                    if count:
                        line[column] += weight * count
        totals = [sum(line) for line in weighted]
        if index is None:
            same = sum(weighted[i][i] for i in range(size))
            return _alpha(sum(totals) - same, totals, scale)
        apart = totals[index] - weighted[index][index]
        return _alpha(2 * apart, [totals[index], sum(totals) - totals[index]], scale)


def _alpha(apart: int, totals: list[int], scale: int) -> float | None:
    """1 - observed / expected disagreement; everything ``scale`` times as large."""
    whole = sum(totals)
    expected = whole * whole - sum(total * total for total in totals)
    if not expected:
        return None
    return 1 - (whole - scale) * apart / expected
