"""A delivery that lies beside its gold: moved by whole pixels, mirrored, or turned.

What fits better is looked for in up to 64 pairs of images, spread evenly over the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from segcore.lints.findings import Found, LintFinding

__all__ = ["MAX_PAIRS", "Alignment"]

Codes = npt.NDArray[np.unsignedinteger]
Counts = npt.NDArray[np.int64]

MAX_PAIRS: Final = 64
"""Pairs of images that are looked at."""

_GRID: Final = 512
"""Rows and columns compared of a mirrored image."""
_WINDOW: Final = 320
"""Rows and columns compared of a moved image, from its middle."""
_MOST: Final = 0.8
"""Share of the images looked at that have to agree better."""
_AS_GOOD: Final = 0.995
"""From this IoU on an image is taken to lie where it should."""

_MOVES: Final[Mapping[str, Callable[[Codes], Codes]]] = {
    "mirrored left to right": lambda codes: codes[:, ::-1],
    "mirrored top to bottom": lambda codes: codes[::-1],
    "turned by 180 degrees": lambda codes: codes[::-1, ::-1],
    "transposed": lambda codes: codes.T,
    "turned by 90 degrees clockwise": np.rot90,
    "turned by 90 degrees counterclockwise": lambda codes: np.rot90(codes, -1),
    "read by rows instead of columns": lambda codes: codes.ravel(order="F").reshape(codes.shape),
}
"""What may have been done to a delivery, undone."""


@dataclass(slots=True, kw_only=True)
class _Sum:
    """Pixels of a class on both sides, and on either, over all images; and images that fit better."""

    shared: int = 0
    either: int = 0
    better: int = 0

    def add(self, shared: int, either: int, *, than: tuple[int, int]) -> None:
        self.shared += shared
        self.either += either
        self.better += shared * than[1] > than[0] * either

    @property
    def iou(self) -> float:
        return self.shared / self.either if self.either else 1.0


@dataclass(slots=True, kw_only=True)
class Alignment:
    """The agreement of a batch as it is delivered, and as it would be otherwise.

    Parameters
    ----------
    num_classes : int
        K.
    shift_px : int
        How far it is moved at most.
    """

    num_classes: int
    shift_px: int
    images: int = 0
    _as_is: _Sum = field(default_factory=_Sum)
    _moved: dict[str, _Sum] = field(default_factory=dict)
    _in_place: _Sum = field(default_factory=_Sum)
    _shifted: dict[tuple[int, int], _Sum] = field(default_factory=dict)

    def add(self, gold: Codes, delivery: Codes) -> None:
        """Look at one pair.

        Parameters
        ----------
        gold, delivery : uint8 or uint16 (H, W)
            Codes: 0 to K - 1 are classes, K is other, K + 1 is ignored by the gold.
        """
        self.images += 1
        self._mirror(gold, delivery)
        self._shift(gold, delivery)

    # ---- mirrored

    def _mirror(self, gold: Codes, delivery: Codes) -> None:
        step = max(-(-max(gold.shape) // _GRID), 1)
        wanted = gold[::step, ::step]
        as_is = _agreement(wanted, delivery[::step, ::step], self.num_classes)
        self._as_is.add(*as_is, than=as_is)
        for name, undo in _MOVES.items():
            other = undo(delivery)
            if other.shape != gold.shape:
                found = as_is
            else:
                found = _agreement(wanted, other[::step, ::step], self.num_classes)
            self._moved.setdefault(name, _Sum()).add(*found, than=as_is)

    def mirrored(self, *, gain: float, fewest: int) -> Found:
        """What raises the IoU by ``gain`` or more, if anything; the best of it."""
        found = Found(examined=self.images if self.images >= fewest else 0)
        best = max(self._moved, key=lambda name: self._moved[name].iou, default=None)
        if best is not None and found.examined and self._fits(self._as_is, self._moved[best], gain):
            found.add(self._finding(f"the delivery is {best}", self._as_is, self._moved[best], "undone"))
        return found

    # ---- moved

    def _shift(self, gold: Codes, delivery: Codes) -> None:
        reach = min(self.shift_px, min(gold.shape) // 4)
        rows, columns = (_middle(size, reach) for size in gold.shape)
        wanted, k = gold[rows, columns], self.num_classes
        as_is = _agreement(wanted, delivery[rows, columns], k)
        self._in_place.add(*as_is, than=as_is)
        good = as_is[0] >= _AS_GOOD * as_is[1]
        # What is no class is made to differ from whatever is delivered: one comparison then counts.
        named, counted = wanted < k, wanted != k + 1
        classes = np.where(named, wanted, k + 2).astype(wanted.dtype)
        gold_px, everything, drawn = int(np.count_nonzero(named)), bool(counted.all()), delivery < k
        for dy in range(-self.shift_px, self.shift_px + 1):
            for dx in range(-self.shift_px, self.shift_px + 1):
                if good or max(abs(dx), abs(dy)) > reach:
                    found = as_is
                else:
                    # Moved by (dx, dy), what lay dx further left lies here.
                    part = (
                        slice(rows.start - dy, rows.stop - dy),
                        slice(columns.start - dx, columns.stop - dx),
                    )
                    shared = int(np.count_nonzero(delivery[part] == classes))
                    covered = drawn[part] if everything else drawn[part] & counted
                    found = shared, gold_px + int(np.count_nonzero(covered)) - shared
                self._shifted.setdefault((dx, dy), _Sum()).add(*found, than=as_is)

    def shifted(self, *, gain: float, fewest: int) -> Found:
        """The offset that raises the IoU by ``gain`` or more, if there is one."""
        found = Found(examined=self.images if self.images >= fewest else 0)
        best = max(
            self._shifted,
            key=lambda at: (self._shifted[at].iou, -abs(at[0]) - abs(at[1]), at),
            default=None,
        )
        if best is not None and found.examined and self._fits(self._in_place, self._shifted[best], gain):
            dx, dy = best
            what = f"the delivery is shifted: moved by dx={dx:+d} dy={dy:+d} px it fits better"
            found.add(self._finding(what, self._in_place, self._shifted[best], "moved"))
        return found

    def _fits(self, as_is: _Sum, other: _Sum, gain: float) -> bool:
        return other.iou - as_is.iou >= gain and other.better >= _MOST * self.images

    def _finding(self, what: str, as_is: _Sum, other: _Sum, done: str) -> LintFinding:
        return LintFinding(
            what=f"{what} in {other.better} of {self.images} images",
            expected=f"IoU {other.iou:.4f} {done}",
            got=f"IoU {as_is.iou:.4f} as delivered",
        )


def _agreement(gold: Codes, delivery: Codes, num_classes: int) -> tuple[int, int]:
    """Pixels with the same class on both sides, and with a class on either, where the gold counts."""
    counted = gold != num_classes + 1
    named, drawn = gold < num_classes, (delivery < num_classes) & counted
    shared = int(np.count_nonzero((gold == delivery) & named))
    return shared, int(np.count_nonzero(named)) + int(np.count_nonzero(drawn)) - shared


def _middle(size: int, reach: int) -> slice:
    """The middle of one side, so far from the border that it can be moved."""
    length = min(size - 2 * reach, _WINDOW)
    begin = (size - length) // 2
    return slice(begin, begin + length)
