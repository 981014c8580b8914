"""``voc:dir``: class masks, object masks and ``labelmap.txt``, as CVAT and Datumaro write them.

Both masks are palettes of 8 bits: 254 classes and the background, 254 objects an image; 255 is void.
Where the source has a class ``background`` it is that of the masks, and only class masks are written:
VOC knows no object of it.
"""

from __future__ import annotations

from itertools import islice
from typing import Final

import numpy as np

from segcore.sources.spec import Spec
from segcore.writers.base import Keeps, Target, Writer, file_of
from segcore.writers.png_files import voc_palette, write_png
from segcore.writers.rgb import Color, colored
from segcore.writers.scene import VOID, Scene, painted

__all__ = ["VocWriter"]

_MOST: Final = 254
_VOID: Final = 255
_BACKGROUND: Final = "background"
_CLASSES: Final = "SegmentationClass"
_OBJECTS: Final = "SegmentationObject"
_BLACK: Final[Color] = (0, 0, 0)
_BORDER: Final[Color] = (224, 224, 192)


class VocWriter(Writer):
    """Keeps objects and void; no overlap."""

    keeps = Keeps(overlap=False, void=True)

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        target.spec.require_known(())
        names = self.ontology.names
        self._only_classes = _BACKGROUND in names
        if self._only_classes:
            self.keeps = Keeps(objects=False, overlap=False, void=True)
        numbered = [(i, c) for i, c in enumerate(self.ontology.classes) if c.name != _BACKGROUND]
        if len(numbered) > _MOST:
            problem = f"{len(names)} classes, and masks of 8 bits number {_MOST}"
            raise target.refuse(problem, "leave classes out, or convert to png: with 16 bits")
        for _, c in numbered:
            if ":" in c.name or c.name.startswith("#") or c.name != c.name.strip():
                raise target.refuse(f"the class {c.name!r} cannot stand in labelmap.txt", "rename it")
            if c.color in (_BLACK, _BORDER):
                problem = f"the colour of {c.name!r} is that of the background or of the border"
                raise target.refuse(problem, "give it another colour")
        colors = colored(target, apart=0, taken=(_BLACK, _BORDER))
        # The colours are what counts: the place of a class in the file is its number.
        self._values = np.zeros(len(names) + 2, np.uint8)
        self._values[-1] = _VOID
        self._palette = [_BLACK]
        self._labels = [f"{_BACKGROUND}:0,0,0::"]
        for value, (i, c) in enumerate(numbered, 1):
            self._values[i + 1] = value
            self._palette.append(colors[i])
            self._labels.append(f"{c.name}:{','.join(map(str, colors[i]))}::")
        taken = {*self._palette, _BORDER}
        free = (color for color in voc_palette() if color not in taken)
        self._palette += islice(free, _VOID - len(self._palette))
        self._palette += [_BORDER] * (256 - len(self._palette))

    def write(self, scene: Scene) -> None:
        """Write the masks of one image."""
        name = file_of(scene.key, ".png")
        numbers = painted(scene, self.ontology)
        # 0 is nobody's, then come the classes of the objects, and void, which painted() calls -1.
        owner = np.concatenate([[0], scene.objects.classes + 1, [len(self.ontology) + 1]])
        root = self.target.path
        write_png(root / _CLASSES / name, self._values[owner[numbers]], palette=self._palette)
        if self._only_classes:
            return
        if len(scene) > _MOST:
            problem = f"{len(scene)} objects in image {scene.key!r}, and masks of 8 bits number {_MOST}"
            raise self.target.refuse(problem, "convert to coco-panoptic:, which numbers 65535")
        objects = np.where(numbers == VOID, _VOID, numbers).astype(np.uint8)
        write_png(root / _OBJECTS / name, objects, palette=voc_palette())

    def finish(self) -> None:
        """Write the labels."""
        for folder in (_CLASSES,) if self._only_classes else (_CLASSES, _OBJECTS):
            (self.target.path / folder).mkdir(parents=True, exist_ok=True)
        (self.target.path / "labelmap.txt").write_text("\n".join(self._labels) + "\n", "utf-8")

    def reading(self, location: str) -> Spec:
        """The objects, where there are any."""
        view = "class" if self._only_classes else "object"
        return Spec(format="voc", location=location, options={"view": view})
