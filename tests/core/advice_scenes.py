"""Masks whose geometry is known, as the advice sees them."""

from __future__ import annotations

import itertools

import numpy as np

from segcore.advice.filling import fill
from segcore.advice.masks import Masks, framed, joined
from segcore.annotation import RunMask
from segcore.lints.layers import Runs
from segcore.lints.parts import by_line


def masks_of(*arrays):
    """Masks drawn as bool arrays of one size, one object each."""
    height = arrays[0].shape[0]
    runs = [RunMask.from_array(array) for array in arrays]
    owner = np.repeat(np.arange(len(runs)), [len(mask.starts) for mask in runs])
    whole = Runs(
        starts=np.concatenate([mask.starts for mask in runs]).astype(np.int64),
        ends=np.concatenate([mask.ends for mask in runs]).astype(np.int64),
        owner=owner,
    )
    return framed(by_line(whole, line=height), line=height)


def drawn(text):
    """A mask drawn with #."""
    return np.array([[x == "#" for x in row] for row in text.split()])


def disc(radius, *, size=None, hole=0.0):
    """Pixels whose centre is in a circle, and not in a smaller one."""
    size = size or 2 * radius + 4
    y, x = np.mgrid[:size, :size] + 0.5
    square = (x - size / 2) ** 2 + (y - size / 2) ** 2
    return (square <= radius**2) & (square >= hole**2)


def turned_rectangle(long, short, degrees, *, size):
    """Pixels whose centre is in a rectangle turned around the middle."""
    y, x = np.mgrid[:size, :size] + 0.5 - size / 2
    angle = np.radians(degrees)
    along = x * np.cos(angle) + y * np.sin(angle)
    across = y * np.cos(angle) - x * np.sin(angle)
    return (np.abs(along) <= long / 2) & (np.abs(across) <= short / 2)


def best_subset(masks: Masks, vertices: int) -> float:
    """The best IoU of any so many corners of the outline of one ring, all of them tried."""
    outline = masks.outline
    chosen = np.array(list(itertools.combinations(range(len(outline.u)), vertices)))
    copies = joined([masks] * len(chosen))
    filled = fill(
        copies,
        outline.u[chosen].ravel(),
        outline.v[chosen].ravel(),
        offsets=np.arange(len(chosen) + 1) * vertices,
        owner=np.arange(len(chosen)),
    )
    union = copies.areas_px + filled.area_px - filled.intersection
    return float((filled.intersection / union).max())
