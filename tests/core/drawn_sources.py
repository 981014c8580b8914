"""Sources of images drawn with letters, small enough to count by hand."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from PIL import Image

from segcore.annotation import ImageAnnotation, LabelMap, Region, Regions, RunMask
from segcore.faults import FaultLog
from segcore.ontology import LabelClass, Ontology
from segcore.sources import Source

ONTOLOGY = Ontology(
    (LabelClass(id=0, name="sky"), LabelClass(id=1, name="car")), ignore=(255,), unlabeled=(254,)
)
SYMBOLS = {"s": 0, "c": 1, ".": 254, "?": 255, "!": 77}


def labels(drawing: str) -> np.ndarray:
    """``s`` sky, ``c`` car, ``.`` unlabeled, ``?`` ignore, ``!`` a value nobody declared."""
    return np.array([[SYMBOLS[x] for x in row] for row in drawing.split()], np.uint8)


class Drawn(Source):
    """A source of label maps or regions held in memory: what a third party would write."""

    def __init__(self, images, *, ontology=ONTOLOGY, name="drawn:"):
        self.images, self.name, self.faults = images, name, FaultLog()
        self._ontology = ontology

    @property
    def ontology(self):
        return self._ontology

    def keys(self):
        return tuple(sorted(self.images))

    def read(self, key):
        held = self.images[key]
        if isinstance(held, Regions):
            return ImageAnnotation(
                key=key, height=held.height, width=held.width, content=held, read=len(held)
            )
        content = LabelMap(values=held, lookup=self._ontology.lookup(256))
        return ImageAnnotation(key=key, height=held.shape[0], width=held.shape[1], content=content)

    def annotation_count(self, key):
        held = self.images[key]
        return len(held) if isinstance(held, Regions) else 1

    def digest(self):
        return hashlib.sha256(repr([(key, self._held(key)) for key in self.keys()]).encode()).hexdigest()

    def _held(self, key):
        held = self.images[key]
        if isinstance(held, Regions):
            return [getattr(held, name).tolist() for name in ("starts", "ends", "offsets", "classes")]
        return held.tolist()


def drawn(**drawings):
    return Drawn({key: labels(drawing) for key, drawing in drawings.items()})


def regions(*pairs, shape, crowd=()):
    """Regions from (class index, rows of 0 and 1)."""
    made = [
        Region(class_index=c, mask=RunMask.from_array(mask), crowd=i in crowd, id=i + 1)
        for i, (c, mask) in enumerate(pairs)
    ]
    return Regions.from_regions(made, height=shape[0], width=shape[1])


def mask(drawing: str) -> np.ndarray:
    return np.array([[x == "#" for x in row] for row in drawing.split()])


def davis(folder: Path, *, every: int) -> tuple[list[str], list[tuple[np.ndarray, ...]], list[Drawn]]:
    """Names, pairs of label maps and both sources of what two methods found in one of so many frames."""
    one, two = folder / "semi-supervised/osvos", folder / "unsupervised/rvos"
    names = sorted(str(path.relative_to(one)) for path in one.rglob("*.png"))[::every]
    pairs = [tuple(np.array(Image.open(side / name)) for side in (one, two)) for name in names]
    ontology = Ontology(tuple(LabelClass(id=i, name=f"object {i}") for i in range(256)))
    sides = [
        Drawn({name: pair[side] for name, pair in zip(names, pairs, strict=True)}, ontology=ontology)
        for side in (0, 1)
    ]
    return names, pairs, sides
