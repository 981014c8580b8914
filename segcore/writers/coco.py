"""``coco:file.json``: one COCO document, run lengths unless ``encoding=polygon`` asks for polygons.

Polygons run along the edges of the pixels and are exact; ``tolerance=PX`` leaves out vertices and is
not.  Holes are cut open, because a ring of COCO's has none.  A crowd keeps its run lengths, as the
format has it.  ``image=.png`` is the extension of the images.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from segcore.annotation import Region
from segcore.masks.rle import encode_counts
from segcore.sources.spec import Spec
from segcore.writers.base import Keeps, Target, Writer, choice, file_of, image_option, number
from segcore.writers.rings import rings_of
from segcore.writers.scene import Scene

__all__ = ["CocoWriter", "box_of", "categories"]


class CocoWriter(Writer):
    """Keeps everything but void pixels."""

    keeps = Keeps(crowd=True, scores=True)
    folder = False

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        target.spec.require_known({"encoding", "image", "tolerance"})
        self._polygons = choice(target.spec, "encoding", ("rle", "polygon")) == "polygon"
        self._tolerance_px = number(target.spec, "tolerance")
        self._image = image_option(target.spec)
        self._images: list[dict[str, Any]] = []
        self._annotations: list[dict[str, Any]] = []

    def write(self, scene: Scene) -> None:
        """Add the image and its annotations."""
        image_id = len(self._images) + 1
        name = file_of(scene.key, self._image)
        size = {"height": scene.height, "width": scene.width}
        self._images.append({"id": image_id, "file_name": name, **size})
        for region in scene.objects:
            entry: dict[str, Any] = {
                "id": len(self._annotations) + 1,
                "image_id": image_id,
                "category_id": self.ontology.classes[region.class_index].id,
                "segmentation": self._segmentation(region),
                "area": region.mask.area_px,
                "bbox": box_of(region),
                "iscrowd": int(region.crowd),
            }
            if region.score is not None:
                entry["score"] = region.score
            self._annotations.append(entry)

    def finish(self) -> None:
        """Write the document."""
        document = {
            "images": self._images,
            "categories": categories(self.ontology.classes),
            "annotations": self._annotations,
        }
        self.target.path.write_text(json.dumps(document), "ascii")

    def reading(self, location: str) -> Spec:
        """Without options: the document says everything."""
        return Spec(format="coco", location=location)

    def _segmentation(self, region: Region) -> object:
        mask = region.mask
        if self._polygons and not region.crowd and len(mask.starts):
            return [_plain(ring) for ring in rings_of(mask, tolerance_px=self._tolerance_px)]
        return {"size": [mask.height, mask.width], "counts": encode_counts(mask)}


def categories(classes: Any) -> list[dict[str, Any]]:
    """The categories of a COCO document; ``isthing`` where the source says which are."""
    found = []
    for c in classes:
        entry: dict[str, Any] = {"id": c.id, "name": c.name}
        if c.thing is not None:
            entry["isthing"] = int(c.thing)
        if c.color is not None:
            entry["color"] = list(c.color)
        found.append(entry)
    return found


def box_of(region: Region) -> list[int]:
    """Left, top, width and height of the pixels of an object; zeros where it has none."""
    mask = region.mask
    if not len(mask.starts):
        return [0, 0, 0, 0]
    first, last = mask.starts % mask.height, (mask.ends - 1) % mask.height
    left, right = int(mask.starts[0]) // mask.height, (int(mask.ends[-1]) - 1) // mask.height
    # A run that goes on into the next column touches the lower and the upper border.
    whole = bool((mask.starts // mask.height != (mask.ends - 1) // mask.height).any())
    top = 0 if whole else int(first.min())
    bottom = mask.height - 1 if whole else int(last.max())
    return [left, top, right - left + 1, bottom - top + 1]


def _plain(ring: np.ndarray[Any, np.dtype[np.float64]]) -> list[int | float]:
    return [int(v) if v.is_integer() else v for v in ring.ravel().tolist()]
