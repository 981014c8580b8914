"""Run lengths along the rows of a part of the image, as CVAT stores masks: to runs down its columns.

Nothing is rasterised: a few bytes may describe an image of any size.  A run down a column begins
where a pixel is in the mask and the one above it is not, and those pixels are again stretches along
the rows: the runs of the mask without the same runs one row further down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from segcore.limits import MAX_IMAGE_RUNS
from segcore.masks.batch import MaskBatch, MaskProblem

__all__ = ["Crop", "decode_crops"]

_I = npt.NDArray[np.int64]
_MAX_COUNT: Final = 1 << 40
"""Beyond what any image holds, and far from what 64 bits do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crop:
    """A mask that is stored for a part of its image.

    Attributes
    ----------
    left, top, width, height : int
        The part, in pixels; not negative.
    counts : sequence of int
        Run lengths along the rows, background and foreground by turns; the first is background.
    """

    left: int
    top: int
    width: int
    height: int
    counts: Sequence[int] = field(repr=False)


def decode_crops(crops: Sequence[Crop], *, height: int, width: int) -> MaskBatch:
    """The masks of one image.

    Parameters
    ----------
    crops : sequence of Crop
    height, width : int
        Size of the image in pixels.

    Returns
    -------
    MaskBatch
        Canonical runs; refused with ``cvat.crop_outside``, ``rle.negative_run``,
        ``rle.sum_mismatch``, ``seg.empty`` or ``limits.entries``.
    """
    parts: list[tuple[_I, _I]] = []
    problems: list[MaskProblem] = []
    total = 0
    for item, crop in enumerate(crops):
        problem = _problem(crop, height=height, width=width)
        runs: tuple[_I, _I] = _NOTHING
        if problem is None:
            row_starts, row_ends = _row_runs(crop.counts)
            columns = _Columns.of(row_starts, row_ends, width=crop.width)
            total += columns.count
            if total > MAX_IMAGE_RUNS:
                expected = f"at most {MAX_IMAGE_RUNS} runs of pixels in one image"
                problem = ("limits.entries", expected, str(total))
            elif not columns.count:
                problem = ("seg.empty", "foreground", "background only")
            else:
                runs = columns.runs(crop, image_height=height)
        if problem is not None:
            code, expected, got = problem
            problems.append(MaskProblem(item=item, code=code, expected=expected, got=got))
        parts.append(runs)
    refused = np.zeros(len(crops), np.bool_)
    refused[[problem.item for problem in problems]] = True
    sizes = np.fromiter((len(starts) for starts, _ in parts), np.int64, len(parts))
    return MaskBatch(
        starts=np.concatenate([np.empty(0, np.int32), *(starts for starts, _ in parts)]).astype(
            np.int32
        ),
        ends=np.concatenate([np.empty(0, np.int32), *(ends for _, ends in parts)]).astype(np.int32),
        offsets=np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)]),
        refused=refused,
        problems=tuple(problems),
    )


_NOTHING: Final = (np.empty(0, np.int64), np.empty(0, np.int64))


def _problem(crop: Crop, *, height: int, width: int) -> tuple[str, str, str] | None:
    right, bottom = crop.left + crop.width, crop.top + crop.height
    inside = 0 <= crop.left < right <= width and 0 <= crop.top < bottom <= height
    if not inside:
        got = f"x {crop.left:.6g} to {right:.6g}, y {crop.top:.6g} to {bottom:.6g}"
        return "cvat.crop_outside", f"a part of {width} x {height} px", got
    counts, pixels = crop.counts, crop.width * crop.height
    if counts and min(counts) < 0:
        return "rle.negative_run", "runs of 0 or more", f"{max(min(counts), -_MAX_COUNT)}"
    # One after the other in Python: no sum of them may wrap around.
    filled = sum(counts)
    if filled != pixels:
        shown = str(filled) if filled < _MAX_COUNT else "more than any image has"
        return "rle.sum_mismatch", f"a sum of {pixels} ({crop.width} x {crop.height})", shown
    return None


def _row_runs(counts: Sequence[int]) -> tuple[_I, _I]:
    """Canonical foreground runs of a sound mask, over the positions along the rows."""
    edges = np.cumsum(np.fromiter(counts, np.int64, len(counts)))
    if len(edges) % 2:
        edges = edges[:-1]
    starts, ends = edges[0::2], edges[1::2]
    some = starts < ends
    starts, ends = starts[some], ends[some]
    # Where a run of background is empty, its neighbours are one run.
    gap = starts[1:] > ends[:-1]
    if not len(starts):
        return _NOTHING
    return starts[np.append(True, gap)], ends[np.append(gap, True)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Columns:
    """Where the runs down the columns begin and end: each a set of stretches along the rows.

    An end is the pixel below the last one, which may lie one row below the part.
    """

    tops: tuple[_I, _I]
    bottoms: tuple[_I, _I]
    count: int

    @classmethod
    def of(cls, starts: _I, ends: _I, *, width: int) -> _Columns:
        below = starts + width, ends + width
        tops = _without((starts, ends), below)
        bottoms = _without(below, (starts, ends))
        return cls(tops=tops, bottoms=bottoms, count=int((tops[1] - tops[0]).sum()))

    def runs(self, crop: Crop, *, image_height: int) -> tuple[_I, _I]:
        starts, ends = (self._down(side, crop, image_height) for side in (self.tops, self.bottoms))
        # Columns that are covered from top to bottom of the image follow each other without a gap.
        gap = starts[1:] > ends[:-1]
        return starts[np.append(True, gap)], ends[np.append(gap, True)]

    def _down(self, stretches: tuple[_I, _I], crop: Crop, image_height: int) -> _I:
        """The column-major positions of all pixels of some stretches, in order."""
        starts, ends = stretches
        lengths = ends - starts
        before = np.cumsum(lengths) - lengths
        pixels = np.repeat(starts - before, lengths) + np.arange(self.count)
        y, x = np.divmod(pixels, crop.width)
        positions: _I = (crop.left + x) * image_height + crop.top + y
        positions.sort()
        return positions


def _without(some: tuple[_I, _I], others: tuple[_I, _I]) -> tuple[_I, _I]:
    """The positions of ``some`` that are in none of ``others``, which are canonical both."""
    (a, b), (c, d) = some, others
    places = np.concatenate([a, b, c, d])
    steps = np.repeat(np.array([2, -2, -1, 1], np.int64), [len(a), len(b), len(c), len(d)])
    order = np.argsort(places, kind="stable")
    places, level = places[order], np.cumsum(steps[order])
    # 2 is "in some and in no other"; a stretch ends at the next place that differs.
    at = np.flatnonzero(level[:-1] == 2)
    starts, ends = places[at], places[at + 1]
    full = starts < ends
    return starts[full], ends[full]
