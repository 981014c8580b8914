"""``rgb:dir``: colour-coded masks, and the ``ontology.yaml`` that says what the colours mean.

A class without a colour gets one of the Pascal VOC palette that is free.  Pixels nobody claimed are
black and void is white, or the first free colours of that palette where classes have those.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from segcore.ontology import Ontology
from segcore.sources.spec import Spec
from segcore.writers.base import Keeps, Target, Writer, file_of, ontology_text
from segcore.writers.png import ONTOLOGY
from segcore.writers.png_files import voc_palette, write_png
from segcore.writers.scene import Scene, painted

__all__ = ["Color", "RgbWriter", "colored"]

Color = tuple[int, int, int]


class RgbWriter(Writer):
    """Keeps classes and void; one object for each class, no overlap."""

    keeps = Keeps(objects=False, overlap=False, void=True)

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        target.spec.require_known(())
        colors = colored(target, apart=2)
        self._unlabeled, *own, self._void = (colors[-2], *colors[:-2], colors[-1])
        classes = (replace(c, color=color) for c, color in zip(self.ontology.classes, own, strict=True))
        self._meaning: Ontology = replace(self.ontology, classes=tuple(classes))
        self._colors = np.array([self._unlabeled, *own, self._void], np.uint8)

    def write(self, scene: Scene) -> None:
        """Write the mask of one image."""
        name = file_of(scene.key, ".png")
        numbers = painted(scene, self.ontology)
        owner = np.append(np.insert(scene.objects.classes + 1, 0, 0), len(self.ontology) + 1)
        write_png(self.target.path / name, self._colors[owner[numbers]])

    def finish(self) -> None:
        """Write the ontology file."""
        self.target.path.mkdir(exist_ok=True)
        (self.target.path / ONTOLOGY).write_text(ontology_text(self._meaning), "utf-8")

    def reading(self, location: str) -> Spec:
        """With the ontology file beside the masks, and the two colours of no class."""
        options = {
            "ontology": f"{location}/{ONTOLOGY}",
            "unlabeled": _hex(self._unlabeled),
            "ignore": _hex(self._void),
        }
        return Spec(format="rgb", location=location, options=options)


def colored(target: Target, *, apart: int, taken: Iterable[Color] = ()) -> list[Color]:
    """A colour for every class, all different, and behind them two for unlabeled and void.

    Parameters
    ----------
    target : Target
    apart : int
        Colours to find beside those of the classes: 2, or 0.
    taken : iterable of (int, int, int)
        Colours that are not to be given away.
    """
    given = [c.color for c in target.ontology.classes]
    taken = {*taken, *(color for color in given if color is not None)}
    special: list[Color] = []
    for wanted in ((0, 0, 0), (255, 255, 255))[:apart]:
        if wanted not in taken:
            special.append(wanted)
            taken.add(wanted)
        else:
            special.append(_first_free(taken))
    found = [_first_free(taken) if color is None else color for color in given]
    return [*found, *special]


def _first_free(taken: set[Color]) -> Color:
    """The next colour of the VOC palette that nobody has, then any; it is taken from then on."""
    for color in voc_palette()[1:]:
        if color not in taken and color != (224, 224, 192):
            taken.add(color)
            return color
    packed = next(i for i in range(1, 1 << 24) if (i >> 16, i >> 8 & 255, i & 255) not in taken)
    color = packed >> 16, packed >> 8 & 255, packed & 255
    taken.add(color)
    return color


def _hex(color: Color) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)
