"""Many masks of one image at once, and what was wrong with some of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from segcore.annotation import segment_sums

__all__ = ["MaskBatch", "MaskProblem", "union_of_runs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskProblem:
    """One thing wrong with one segmentation; whoever knows the file makes a fault of it.

    Attributes
    ----------
    item : int
        Position of the segmentation in the sequence that was decoded.
    code : str
        A key of :data:`segcore.faults.CODES`.
    expected, got : str
        Short and printable.
    """

    item: int
    code: str
    expected: str = ""
    got: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MaskBatch:
    """Canonical column-major runs of many masks of one image.

    Attributes
    ----------
    starts, ends : int32 (n_runs,)
        The runs of all masks, one mask after the other (see :class:`segcore.annotation.RunMask`).
    offsets : int64 (n_masks + 1,)
        Mask ``i`` owns the runs ``offsets[i]:offsets[i + 1]``; a refused one owns none.
    refused : bool (n_masks,)
        Masks with a problem that is an error.
    problems : tuple of MaskProblem
        Errors and warnings, by item.
    steps : float
        Pixel steps along the polygon rings, those refused for being too many among them.
    """

    starts: npt.NDArray[np.int32]
    ends: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]
    refused: npt.NDArray[np.bool_]
    problems: tuple[MaskProblem, ...] = ()
    steps: float = 0.0

    def __len__(self) -> int:
        return len(self.refused)

    def areas_px(self) -> npt.NDArray[np.int64]:
        """Foreground pixels of every mask, int64 (n_masks,)."""
        return segment_sums(self.ends - self.starts, self.offsets)

    def take(self, items: npt.NDArray[np.int64]) -> Self:
        """The masks ``items``, in that order, without their problems."""
        lengths = np.diff(self.offsets)[items]
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
        runs = np.repeat(self.offsets[items] - offsets[:-1], lengths) + np.arange(offsets[-1])
        return type(self)(
            starts=self.starts[runs], ends=self.ends[runs], offsets=offsets, refused=self.refused[items]
        )

    def united(self, owner: npt.NDArray[np.int64], *, owners: int, pixels: int) -> Self:
        """One mask for each owner: what its masks cover together.

        Parameters
        ----------
        owner : int64 (n_masks,)
            Whose mask it is, ``0 <= owner < owners``.
        owners, pixels : int
            Number of owners, and of pixels of the image.
        """
        starts, ends, offsets = union_of_runs(
            self.starts,
            self.ends,
            np.repeat(owner, np.diff(self.offsets)),
            owners=owners,
            pixels=pixels,
        )
        refused = np.zeros(owners, np.bool_)
        return type(self)(starts=starts, ends=ends, offsets=offsets, refused=refused)

    @classmethod
    def assemble(cls, parts: Sequence[tuple[Sequence[int], Self]], *, count: int) -> Self:
        """Put batches of some of ``count`` masks together.

        Parameters
        ----------
        parts : sequence of (items, batch)
            ``items[i]`` is the place of the mask ``i`` of ``batch`` in the result, increasing.
        count : int
            Number of masks; a place nobody fills holds a refused mask.

        Returns
        -------
        MaskBatch
            With the problems of all parts, by item.
        """
        if len(parts) == 1 and len(parts[0][0]) == count:  # the usual case: all are of one kind
            return parts[0][1]
        placed = np.array([item for items, _ in parts for item in items], np.int64)
        # One empty mask behind the real ones stands in for every place that stays empty.
        source = np.full(count, len(placed), np.int64)
        source[placed] = np.arange(len(placed))
        empty = np.empty(0, np.int32)
        sizes = [np.diff(batch.offsets) for _, batch in parts]
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.concatenate([*sizes, [0]]))])
        everything = cls(
            starts=np.concatenate([empty, *(batch.starts for _, batch in parts)]),
            ends=np.concatenate([empty, *(batch.ends for _, batch in parts)]),
            offsets=offsets.astype(np.int64),
            refused=np.concatenate([*(batch.refused for _, batch in parts), np.ones(1, np.bool_)]),
        )
        problems = [
            replace(problem, item=items[problem.item])
            for items, batch in parts
            for problem in batch.problems
        ]
        problems.sort(key=lambda problem: problem.item)
        return replace(everything.take(source), problems=tuple(problems))


def union_of_runs(
    starts: npt.NDArray[np.int32],
    ends: npt.NDArray[np.int32],
    owner: npt.NDArray[np.int64],
    *,
    owners: int,
    pixels: int,
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """Unite the runs that belong to one owner.

    Parameters
    ----------
    starts, ends : int32 (n,)
        Non-empty runs in any order.
    owner : int64 (n,)
        Whose run it is, ``0 <= owner < owners``.
    owners, pixels : int
        Number of owners, and of pixels of the image.

    Returns
    -------
    starts, ends : int32 (m,)
        Canonical runs, owner by owner.
    offsets : int64 (owners + 1,)
    """
    # One number line: each owner has a stretch of its own, a gap of one keeps neighbours apart.
    base = owner * (pixels + 1)
    lo, hi = starts + base, ends + base
    order = np.argsort(lo, kind="stable")
    lo, hi = lo[order], np.maximum.accumulate(hi[order])
    first = np.ones(len(lo), np.bool_)
    first[1:] = lo[1:] > hi[:-1]
    last = np.append(first[1:], True)[: len(lo)]
    who = owner[order][first]
    base = who * (pixels + 1)
    counts = np.bincount(who, minlength=owners)
    return (
        (lo[first] - base).astype(np.int32),
        (hi[last] - base).astype(np.int32),
        np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)]),
    )
