"""``voc:dir``: class masks, object masks and ``labelmap.txt``, as CVAT and Datumaro write them.

Both masks are palettes of 8 bits: 254 classes and the background, 254 objects an image; 255 is void.
"""

from __future__ import annotations

import numpy as np

from segcore.sources.spec import Spec
from segcore.writers.base import Keeps, Target, Writer, file_of
from segcore.writers.png_files import voc_palette, write_png
from segcore.writers.rgb import Color, colored
from segcore.writers.scene import VOID, Scene, painted

__all__ = ["VocWriter"]

_MOST = 254
_VOID = 255
_BLACK: Color = (0, 0, 0)
_BORDER: Color = (224, 224, 192)


class VocWriter(Writer):
    """Keeps objects and void; no overlap."""

    keeps = Keeps(overlap=False, void=True)

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        target.spec.require_known(())
        names = self.ontology.names
        if len(names) > _MOST:
            problem = f"{len(names)} classes, and masks of 8 bits number {_MOST}"
            raise target.refuse(problem, "leave classes out, or convert to png: with 16 bits")
        for name in names:
            if ":" in name or name.startswith("#") or name != name.strip() or name == "background":
                problem = f"the class {name!r} cannot stand in labelmap.txt"
                raise target.refuse(problem, "rename it")
        for c in self.ontology.classes:
            if c.color in (_BLACK, _BORDER):
                problem = f"the colour of {c.name!r} is that of the background or of the border"
                raise target.refuse(problem, "give it another colour")
        self._palette = voc_palette()
        # The colours are what counts: the place of a class in the file is its number.
        own = colored(target, apart=1)[:-1]
        self._palette[1 : 1 + len(own)] = own
        self._labels = ["background:0,0,0::"]
        self._labels += [
            f"{name}:{','.join(map(str, color))}::" for name, color in zip(names, own, strict=True)
        ]
        taken = {*own, _BLACK, _BORDER}
        free = [color for color in voc_palette() if color not in taken]
        for i in range(1 + len(own), 255):
            self._palette[i] = free.pop()

    def write(self, scene: Scene) -> None:
        """Write both masks of one image."""
        name = file_of(scene.key, ".png")
        if len(scene) > _MOST:
            problem = f"{len(scene)} objects in image {scene.key!r}, and masks of 8 bits number {_MOST}"
            raise self.target.refuse(problem, "convert to coco-panoptic:, which numbers 16 million")
        numbers = painted(scene, self.ontology)
        owner = np.append(np.insert(scene.objects.classes + 1, 0, 0), _VOID).astype(np.uint8)
        objects = np.where(numbers == VOID, _VOID, numbers).astype(np.uint8)
        root = self.target.path
        write_png(root / "SegmentationClass" / name, owner[numbers], palette=self._palette)
        write_png(root / "SegmentationObject" / name, objects, palette=voc_palette())

    def finish(self) -> None:
        """Write the labels."""
        for folder in ("SegmentationClass", "SegmentationObject"):
            (self.target.path / folder).mkdir(parents=True, exist_ok=True)
        (self.target.path / "labelmap.txt").write_text("\n".join(self._labels) + "\n", "utf-8")

    def reading(self, location: str) -> Spec:
        """The objects."""
        return Spec(format="voc", location=location, options={"view": "object"})
