"""Synthetic street-like scenes: the same on every machine, with the statistics of real label maps.

A scene is a Voronoi diagram whose borders are warped by smooth noise: 80 to 500 cells, a few
classes that own most of the area, void at the border and in a few cells.  The delivery is the same
scene with its borders moved by a pixel or two and a few cells given to another class, so that gold
and delivery agree on most pixels and differ where annotators do.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

IGNORE_8 = 255
IGNORE_16 = 65535

Labels = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How large a set of scenes is."""

    pairs: int
    height: int = 1024
    width: int = 2048
    classes: int = 19

    @property
    def ignore(self) -> int:
        return IGNORE_8 if self.classes <= 255 else IGNORE_16

    @property
    def name(self) -> str:
        return f"{self.pairs}x{self.width}x{self.height}x{self.classes}"


def load(size: Size, folder: Path) -> tuple[Labels, Labels]:
    """Gold and delivery, (pairs, height, width) each; made on first use and kept in ``folder``."""
    path = folder / f"scenes-{size.name}.npz"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        pairs = [pair(size, seed) for seed in range(size.pairs)]
        part = path.with_suffix(".part.npz")
        np.savez(part, gold=np.stack([g for g, _ in pairs]), delivery=np.stack([d for _, d in pairs]))
        part.replace(path)
    with np.load(path) as arrays:
        return arrays["gold"], arrays["delivery"]


def pair(size: Size, seed: int) -> tuple[Labels, Labels]:
    """One scene and one delivery of it."""
    rng = np.random.default_rng(1000 + seed)
    cells = int(rng.integers(80, 500)) if size.classes <= 100 else int(rng.integers(1500, 3000))
    plan = _voronoi(rng, size.height // 2, size.width // 2, cells)
    weights = 1 / np.arange(1, size.classes + 1) ** 0.7
    classes = rng.choice(size.classes, cells, p=weights / weights.sum())
    delivered = classes.copy()
    swapped = rng.choice(cells, max(3, cells // 40), replace=False)
    delivered[swapped] = rng.integers(0, size.classes, len(swapped))

    gold_cells, delivered_cells = _warped(rng, size, plan)
    dtype = np.uint8 if size.classes <= 255 else np.uint16
    gold = classes[gold_cells].astype(dtype)
    void = rng.choice(cells, max(2, cells // 30), replace=False)
    gold[np.isin(gold_cells, void)] = size.ignore
    edge = max(1, size.height // 17)
    gold[-edge:] = size.ignore
    gold[:4] = gold[:, :4] = gold[:, -4:] = size.ignore
    return gold, delivered[delivered_cells].astype(dtype)


def cells(size: Size, seed: int, count: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """The cells of one scene, numbered from 0, and the same with their borders moved."""
    rng = np.random.default_rng(seed)
    return _warped(rng, size, _voronoi(rng, size.height // 2, size.width // 2, count))


def _warped(
    rng: np.random.Generator, size: Size, plan: npt.NDArray[np.int32]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    y, x = np.mgrid[0 : size.height, 0 : size.width].astype(np.float32)
    y += _noise(rng, size, grain=60, amplitude=10) + _noise(rng, size, grain=14, amplitude=2)
    x += _noise(rng, size, grain=60, amplitude=10) + _noise(rng, size, grain=14, amplitude=2)
    gold = _look_up(plan, y, x)
    y += _noise(rng, size, grain=10, amplitude=1.5)
    x += _noise(rng, size, grain=10, amplitude=1.5)
    return gold, _look_up(plan, y, x)


def _voronoi(rng: np.random.Generator, height: int, width: int, cells: int) -> npt.NDArray[np.int32]:
    from scipy.ndimage import distance_transform_edt

    places = rng.choice(height * width, cells, replace=False)
    empty = np.ones((height, width), bool)
    empty.flat[places] = False
    owner = np.zeros((height, width), np.int32)
    owner.flat[places] = np.arange(cells)
    row, column = distance_transform_edt(empty, return_distances=False, return_indices=True)
    return owner[row, column]


def _noise(
    rng: np.random.Generator, size: Size, *, grain: int, amplitude: float
) -> npt.NDArray[np.float32]:
    """Smooth noise with features of ``grain`` pixels and a standard deviation of ``amplitude``."""
    from scipy.ndimage import zoom

    rows, columns = size.height // grain + 3, size.width // grain + 3
    coarse = rng.standard_normal((rows, columns)).astype(np.float32)
    fine = zoom(coarse, grain, order=1)[: size.height, : size.width]
    return fine * np.float32(amplitude / fine.std())


def _look_up(
    plan: npt.NDArray[np.int32], y: npt.NDArray[np.float32], x: npt.NDArray[np.float32]
) -> npt.NDArray[np.int32]:
    rows = np.clip((y / 2).astype(np.int32), 0, plan.shape[0] - 1)
    columns = np.clip((x / 2).astype(np.int32), 0, plan.shape[1] - 1)
    return plan[rows, columns]
