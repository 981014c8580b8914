"""Two masks of three classes, counted by hand, and the mask targets that name their values."""

from __future__ import annotations

import numpy as np
import scenes

from segcore.ontology import LabelClass, Ontology

NAMES = ("sky", "car", "road")
TARGETS = dict(enumerate(NAMES))
GOLD = scenes.drawn(
    """
    0011
    0011
    2211
    """
)
FOUND = scenes.drawn(
    """
    0111
    0011
    2200
    """
)
SIZE = GOLD.shape
CONFUSION = [[3, 1, 0, 0], [2, 4, 0, 0], [0, 0, 2, 0], [0, 0, 0, 0]]
"""Counted by hand: of sky one pixel is car, of car two are sky."""

COLORS = {0: (10, 20, 30), 1: (255, 0, 0), 2: (0, 0, 255)}
HEX = {"#0a141e": "sky", "#FF0000": "car", "#0000ff": "road"}


def ontology(*names: str, **options) -> Ontology:
    return Ontology(tuple(LabelClass(id=i, name=n) for i, n in enumerate(names)), **options)


def colored(mask: np.ndarray, colors=None) -> np.ndarray:
    pixels = np.zeros((*mask.shape, 3), np.uint8)
    for value, color in (colors or COLORS).items():
        pixels[mask == value] = color
    return pixels


def faults_of(error) -> list[tuple[str, str | None, str]]:
    return [(f.code, f.image, f.got) for f in error.value.faults if f.severity == "error"]
