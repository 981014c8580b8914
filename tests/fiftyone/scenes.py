"""Masks drawn by hand, the files and labels that hold them, and what they score by plain NumPy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

OTHER = -1
"""Class index of a pixel that is unlabeled, or of an image that was not delivered."""

IGNORE = -2
"""Class index of a pixel of the gold that is not counted."""


def drawn(text: str, **meaning: int) -> np.ndarray:
    """A mask written as rows of letters and digits; letters mean what the keywords say: int64 (H, W)."""
    rows = [[meaning[c] if c in meaning else int(c) for c in row] for row in text.split()]
    return np.array(rows, np.int64)


def png(path: Path, pixels: np.ndarray, *, palette: Sequence[tuple[int, int, int]] = ()) -> str:
    """Write a PNG: gray of 8 or 16 bits, RGB, or palette indices; its path as text."""
    image = Image.fromarray(pixels)
    if palette:
        image = Image.new("P", image.size)
        image.putdata(pixels.ravel().tolist())
        image.putpalette([channel for color in palette for channel in color])
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
    return str(path)


def picture(folder: Path, name: str, *, width: int, height: int) -> str:
    """An image file of a size; nobody looks at its pixels."""
    path = folder / "images" / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (width, height)).save(path)
    return str(path)


def add_samples(
    fo: Any, dataset: Any, folder: Path, labels: Mapping[str, Mapping[str, Any]], size: tuple[int, int]
) -> None:
    """A sample for each name: an image file of (height, width), no metadata, and labels by field."""
    height, width = size
    dataset.add_samples(
        [
            fo.Sample(filepath=picture(folder, name, width=width, height=height), **fields)
            for name, fields in labels.items()
        ]
    )


def confusion(
    gold: Mapping[str, np.ndarray], delivery: Mapping[str, np.ndarray], *, classes: int
) -> np.ndarray:
    """The (K + 1) x (K + 1) table of class indices, pixel by pixel: rows gold, columns delivery.

    An image that was not delivered is OTHER everywhere; a pixel whose gold is IGNORE does not count.
    """
    table = np.zeros((classes + 1, classes + 1), np.int64)
    for key, wanted in gold.items():
        found = delivery.get(key, np.full_like(wanted, OTHER))
        for g, d in zip(wanted.ravel().tolist(), found.ravel().tolist(), strict=True):
            if g != IGNORE:
                table[classes if g == OTHER else g, classes if d < 0 else d] += 1
    return table
