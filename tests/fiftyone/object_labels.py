"""Boxes and shapes given in pixels of a small image, and what is read from them."""

from __future__ import annotations

import numpy as np

import segcore
from segcore_fiftyone.source import FiftyOneSource

WIDTH, HEIGHT = 10, 8


def box(x: float, y: float, width: float, height: float) -> list[float]:
    """A relative box from one in pixels, left, top, width and height."""
    return [x / WIDTH, y / HEIGHT, width / WIDTH, height / HEIGHT]


def ring(*points: tuple[float, float]) -> list[tuple[float, float]]:
    """A relative shape from points in pixels."""
    return [(x / WIDTH, y / HEIGHT) for x, y in points]


def square(x: float, y: float, side: float) -> list[tuple[float, float]]:
    return ring((x, y), (x + side, y), (x + side, y + side), (x, y + side))


def masks(made, field="found") -> list[list[str]]:
    """Every region as rows of dots and hashes."""
    annotation = FiftyOneSource.of(made, field).read(made.first().id)
    return [rows(region.mask.to_array()) for region in annotation.content]


def rows(mask) -> list[str]:
    return ["".join(".#"[int(v)] for v in row) for row in np.asarray(mask)]


def problems(made, field="found") -> list[tuple[str, str]]:
    report = segcore.check(FiftyOneSource.of(made, field))
    return [(f.code, f.got) for f in report.faults]


BLOB = np.array([[0, 1, 1], [1, 1, 0]], bool)
