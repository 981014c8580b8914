"""``labelme:dir``: one LabelMe file an image, objects as ``mask`` shapes, or with ``encoding=polygon``.

The parts of a polygon object share a ``group_id``.  ``labels.txt`` lists the classes, as LabelMe's own
``--labels`` takes them.  Void is the label ``__ignore__``.  ``image=.png`` is the extension of the
images; ``tolerance=PX`` leaves vertices of polygons out.
"""

from __future__ import annotations

import base64
import json
from typing import Any, Final

import numpy as np

from segcore.annotation import RunMask
from segcore.sources.spec import Spec
from segcore.writers.base import Keeps, Target, Writer, choice, file_of, image_option, number
from segcore.writers.png_files import png_bytes
from segcore.writers.rings import rings_of
from segcore.writers.scene import Scene

__all__ = ["LabelmeWriter"]

_VOID: Final = "__ignore__"
_RESERVED: Final = (_VOID, "_background_")


class LabelmeWriter(Writer):
    """Keeps objects, overlap and void; neither crowds nor scores."""

    keeps = Keeps(void=True)

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        target.spec.require_known({"encoding", "image", "tolerance"})
        self._polygons = choice(target.spec, "encoding", ("mask", "polygon")) == "polygon"
        self._tolerance_px = number(target.spec, "tolerance")
        self._image = image_option(target.spec)
        for name in self.ontology.names:
            if name in _RESERVED:
                raise target.refuse(f"the class {name!r} means something else to LabelMe", "rename it")

    def write(self, scene: Scene) -> None:
        """Write the file of one image."""
        shapes: list[dict[str, Any]] = []
        for group, region in enumerate(scene.objects, 1):
            label = self.ontology.names[region.class_index]
            shapes += self._shapes(region.mask, label, group)
        shapes += self._shapes(scene.void, _VOID, len(scene) + 1)
        document: dict[str, Any] = {
            "version": "5.5.0",
            "flags": {},
            "shapes": shapes,
            "imagePath": file_of(scene.key, self._image),
            "imageData": None,
            "imageHeight": scene.height,
            "imageWidth": scene.width,
        }
        name = file_of(scene.key, ".json")
        self.target.path.mkdir(exist_ok=True)
        (self.target.path / name).write_text(json.dumps(document, indent=1), "ascii")

    def finish(self) -> None:
        """Write the list of labels."""
        self.target.path.mkdir(exist_ok=True)
        labels = "".join(f"{name}\n" for name in (_VOID, *self.ontology.names))
        (self.target.path / "labels.txt").write_text(labels, "utf-8")

    def reading(self, location: str) -> Spec:
        """Without options."""
        return Spec(format="labelme", location=location)

    def _shapes(self, mask: RunMask, label: str, group: int) -> list[dict[str, Any]]:
        if not len(mask.starts):
            return []
        if not self._polygons:
            points, png = _crop(mask)
            return [_shape(label, points, kind="mask", group=None) | {"mask": png}]
        rings = rings_of(mask, tolerance_px=self._tolerance_px)
        own = group if len(rings) > 1 else None
        return [_shape(label, ring.tolist(), kind="polygon", group=own) for ring in rings]


def _shape(label: str, points: list[list[float]], *, kind: str, group: int | None) -> dict[str, Any]:
    return {
        "label": label,
        "points": points,
        "group_id": group,
        "description": "",
        "shape_type": kind,
        "flags": {},
    }


def _crop(mask: RunMask) -> tuple[list[list[float]], str]:
    """The corners of the box of a mask, the last pixel included, and the PNG of what is in it."""
    drawn = mask.to_array()
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    top, bottom, left, right = (int(v) for v in (rows[0], rows[-1], columns[0], columns[-1]))
    part = drawn[top : bottom + 1, left : right + 1].astype(np.uint8) * 255
    corners = [[float(left), float(top)], [float(right), float(bottom)]]
    return corners, base64.b64encode(png_bytes(part)).decode("ascii")
