"""``coco:file.json``: one COCO document, run lengths unless ``encoding=polygon`` asks for polygons.

Polygons run along the edges of the pixels and are exact; ``tolerance=PX`` leaves out vertices and is
not.  Holes are cut open, because a ring of COCO's has none.  A crowd keeps its run lengths, as the
format has it.  ``image=.png`` is the extension of the images.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from segcore.annotation import Region, RunMask
from segcore.masks.polygons import rasterize_polygons
from segcore.masks.rle import encode_counts
from segcore.ontology import LabelClass
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
            segmentation, mask = self._segmentation(region)
            entry: dict[str, Any] = {
                "id": len(self._annotations) + 1,
                "image_id": image_id,
                "category_id": self.ontology.classes[region.class_index].id,
                "segmentation": segmentation,
                "area": mask.area_px,
                "bbox": box_of(mask),
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

    def _segmentation(self, region: Region) -> tuple[object, RunMask]:
        """What stands in the document, and the mask it means."""
        mask = region.mask
        if not self._polygons or region.crowd or not len(mask.starts):
            return {"size": [mask.height, mask.width], "counts": encode_counts(mask)}, mask
        if self._tolerance_px:
            rings = [_plain(ring) for ring in rings_of(mask, tolerance_px=self._tolerance_px)]
            drawn = rasterize_polygons([rings], height=mask.height, width=mask.width)
            if not drawn.refused[0]:
                return rings, replace(mask, starts=drawn.starts, ends=drawn.ends)
        return [_plain(ring) for ring in rings_of(mask)], mask


def categories(classes: Iterable[LabelClass]) -> list[dict[str, Any]]:
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


def box_of(mask: RunMask) -> list[int]:
    """Left, top, width and height of the pixels of a mask; zeros where it has none."""
    if not len(mask.starts):
        return [0, 0, 0, 0]
    first, last = mask.starts % mask.height, (mask.ends - 1) % mask.height
    left, right = int(mask.starts[0]) // mask.height, (int(mask.ends[-1]) - 1) // mask.height
    # A run that goes on into the next column touches the lower and the upper border.
    whole = bool((mask.starts // mask.height != (mask.ends - 1) // mask.height).any())
    top = 0 if whole else int(first.min())
    bottom = mask.height - 1 if whole else int(last.max())
    return [left, top, right - left + 1, bottom - top + 1]


def _plain(ring: npt.NDArray[np.float64]) -> list[int | float]:
    return [int(v) if v.is_integer() else v for v in ring.ravel().tolist()]
