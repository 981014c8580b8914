"""An image of object numbers beside an image of classes: the runs of every object and class in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from segcore.annotation import LabelMap
from segcore.errors import RefusedMaskError
from segcore.limits import MAX_IMAGE_RUNS

__all__ = ["NumberedRuns", "numbered_runs"]

_BLOCK_PX: Final = 1 << 20
"""Pixels turned from rows to columns at a time."""

_CLASS_BITS: Final = 20
_CLASS_OFFSET: Final = 16
"""Class indices from -16 on fit into the lower bits."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NumberedRuns:
    """Column-major runs of equal object number and equal class, by number, class and position.

    Attributes
    ----------
    starts, ends : int32 (n_runs,)
    numbers : int64 (n_runs,)
        The object number of each run.
    classes : int32 (n_runs,)
        Its class index, or UNLABELED, IGNORE or UNKNOWN.
    """

    starts: npt.NDArray[np.int32]
    ends: npt.NDArray[np.int32]
    numbers: npt.NDArray[np.int64]
    classes: npt.NDArray[np.int32]

    def pixels(self) -> dict[int, dict[int, int]]:
        """Object number to class to number of pixels, both in increasing order."""
        found: dict[int, dict[int, int]] = {}
        if not len(self.starts):
            return found
        changed = (np.diff(self.numbers) != 0) | (np.diff(self.classes) != 0)
        first = np.concatenate([np.zeros(1, np.int64), np.flatnonzero(changed) + 1])
        sums = np.add.reduceat((self.ends - self.starts).astype(np.int64), first)
        rows = zip(
            self.numbers[first].tolist(), self.classes[first].tolist(), sums.tolist(), strict=True
        )
        for number, index, count in rows:
            found.setdefault(number, {})[index] = count
        return found


def numbered_runs(numbers: npt.NDArray[np.unsignedinteger], classes: LabelMap) -> NumberedRuns:
    """The runs of two images of one size.

    Parameters
    ----------
    numbers : uint8 or uint16 (H, W)
        Object numbers.
    classes : LabelMap
        Of the same size.

    Raises
    ------
    RefusedMaskError
        ``limits.entries``: more runs than the limit.
    """
    height, width = numbers.shape
    step = max(_BLOCK_PX // height, 1)
    starts: list[npt.NDArray[np.int64]] = []
    codes: list[npt.NDArray[np.int64]] = []
    total, last = 0, -1
    for x in range(0, width, step):
        # A few columns at a time, because a position takes eight bytes.
        code = numbers[:, x : x + step].T.ravel().astype(np.int64) << _CLASS_BITS
        code += classes.lookup[classes.values[:, x : x + step].T.ravel()] + _CLASS_OFFSET
        edges = np.flatnonzero(np.diff(code, prepend=last))
        last = int(code[-1])
        total += len(edges)
        if total > MAX_IMAGE_RUNS:
            expected = f"at most {MAX_IMAGE_RUNS} runs of pixels in one image"
            raise RefusedMaskError("limits.entries", expected, f"{total}")
        starts.append(edges + x * height)
        codes.append(code[edges])
    begin = np.concatenate(starts)
    end = np.append(begin[1:], height * width)
    code = np.concatenate(codes)
    order = np.argsort(code, kind="stable")
    code = code[order]
    return NumberedRuns(
        starts=begin[order].astype(np.int32),
        ends=end[order].astype(np.int32),
        numbers=code >> _CLASS_BITS,
        classes=((code & ((1 << _CLASS_BITS) - 1)) - _CLASS_OFFSET).astype(np.int32),
    )
