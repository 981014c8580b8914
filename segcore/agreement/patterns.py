"""What several annotators say of the pixels of an image: every combination once, with its pixels.

A pattern is one code an annotator; pixels with the same pattern are the same to every measure of
agreement, so the patterns of an image hold all there is to know, and few of them do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from segcore.kernels import LabelRuns

__all__ = ["MISSING", "Patterns"]

MISSING = -1
"""Nothing is said of the pixel: void, or not annotated by this annotator."""

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Patterns:
    """Combinations of codes, each different from the others, in rising order.

    Attributes
    ----------
    codes : int64 (n, n_annotators)
        A class, K for pixels nobody claimed, or :data:`MISSING`.
    pixels : int64 (n,)
        How many pixels carry the combination, above 0.
    """

    codes: Integers
    pixels: Integers

    @classmethod
    def of_runs(cls, runs: Sequence[LabelRuns | None], *, num_classes: int) -> Patterns:
        """The patterns of one image.

        Parameters
        ----------
        runs : sequence of LabelRuns or None
            Of each annotator, of one size; None for one who did not annotate the image.
        num_classes : int
            K; codes above are void.
        """
        present = [one for one in runs if one is not None]
        if not present or not present[0].pixels:
            return cls(codes=np.zeros((0, len(runs)), np.int64), pixels=np.zeros(0, np.int64))
        starts = np.unique(np.concatenate([one.starts for one in present]))
        codes = np.full((len(starts), len(runs)), MISSING, np.int64)
        for column, one in enumerate(runs):
            if one is not None:
                codes[:, column] = one.codes[np.searchsorted(one.starts, starts, side="right") - 1]
        codes[codes > num_classes] = MISSING
        lengths = np.diff(starts.astype(np.int64), append=np.int64(present[0].pixels))
        return cls._summed(codes, lengths, num_classes)

    @classmethod
    def joined(cls, parts: Sequence[Patterns], *, num_classes: int) -> Patterns:
        """All pooled; at least one."""
        codes = np.concatenate([part.codes for part in parts])
        pixels = np.concatenate([part.pixels for part in parts])
        return cls._summed(codes, pixels, num_classes)

    def of_class(self, index: int) -> Patterns:
        """The same question about one class: 1 for it, 0 for anything else."""
        binary = np.where(self.codes == MISSING, MISSING, (self.codes == index).astype(np.int64))
        return self._summed(binary, self.pixels, 1)

    def taking(self, annotators: Sequence[int]) -> Patterns:
        """The same of some annotators, by their places."""
        top = int(self.codes.max(initial=0))
        return self._summed(self.codes[:, list(annotators)], self.pixels, top)

    @classmethod
    def _summed(cls, codes: Integers, pixels: Integers, top: int) -> Patterns:
        width = codes.shape[1]
        base = top + 2
        if width * np.log2(base) < 62:
            scale = base ** np.arange(width - 1, -1, -1, dtype=np.int64)
            _, first, place = np.unique((codes + 1) @ scale, return_index=True, return_inverse=True)
            distinct = codes[first]
        else:
            distinct, place = np.unique(codes, axis=0, return_inverse=True)
        sums = np.zeros(len(distinct), np.int64)
        np.add.at(sums, place.reshape(-1), pixels)
        return cls(codes=distinct, pixels=sums)
