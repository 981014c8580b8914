"""``yolo:dir``: YOLO segmentation labels, a text file an image below ``labels``, and ``data.yaml``.

A line is one ring, so the parts of an object are joined by bridges that enclose nothing.  Coordinates
have all their digits: pixel edges stay where they are.  ``tolerance=PX`` leaves vertices out.  Sizes
are not in the format; the images beside the labels, or a gold, have to say them.
"""

from __future__ import annotations

import json

from segcore.sources.spec import Spec
from segcore.writers.base import Target, Writer, file_of, number
from segcore.writers.rings import joined, rings_of
from segcore.writers.scene import Scene

__all__ = ["YoloWriter"]


class YoloWriter(Writer):
    """Keeps objects and overlap; neither void nor crowds; scores are not written."""

    needs_size = False

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        target.spec.require_known({"tolerance"})
        self._tolerance_px = number(target.spec, "tolerance")

    def write(self, scene: Scene) -> None:
        """Write the labels of one image; an empty file says that there is no object."""
        lines = []
        for region in scene.objects:
            rings = rings_of(region.mask, tolerance_px=self._tolerance_px)
            if not rings:
                continue
            shares = (joined(rings) / (scene.width, scene.height)).ravel().tolist()
            lines.append(" ".join([str(region.class_index), *map(repr, shares)]) + "\n")
        path = self.target.path / "labels" / file_of(scene.key, ".txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(lines), "ascii")

    def finish(self) -> None:
        """Write the names of the classes."""
        (self.target.path / "labels").mkdir(parents=True, exist_ok=True)
        # JSON strings are YAML strings, whatever a vendor called a class.
        names = [json.dumps(name, ensure_ascii=False) for name in self.ontology.names]
        text = "".join(f"  {i}: {name}\n" for i, name in enumerate(names))
        head = "path: .\ntrain: images\nval: images\nnames:\n"
        (self.target.path / "data.yaml").write_text(head + text, "utf-8")

    def reading(self, location: str) -> Spec:
        """With the sizes of the gold, until images lie beside the labels."""
        return Spec(format="yolo", location=location, options={"sizes": "gold"})
