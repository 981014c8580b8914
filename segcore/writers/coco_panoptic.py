"""``coco-panoptic:file.json``: a document and, in the folder of its name, a PNG an image.

The colour of a pixel is the number of its segment, red + 256 green + 65536 blue, as panopticapi has
it; segments are numbered from 1 in each image, 0 is nobody's.  ``image=.png`` is the extension of the
images.  ``isthing`` is 1 for a class of which the source does not say whether it is a thing.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from segcore.annotation import Region, RunMask
from segcore.limits import MAX_IMAGE_SEGMENTS
from segcore.sources.spec import Spec
from segcore.writers.base import Keeps, Target, Writer, file_of, image_option
from segcore.writers.coco import box_of, categories
from segcore.writers.png_files import write_png
from segcore.writers.scene import Scene, painted

__all__ = ["CocoPanopticWriter"]


class CocoPanopticWriter(Writer):
    """Keeps objects and crowds; no overlap, and void is what nobody claimed."""

    keeps = Keeps(overlap=False, crowd=True)
    folder = False

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        target.spec.require_known({"image"})
        self._image = image_option(target.spec)
        if not target.path.name.endswith(".json"):
            raise target.refuse(f"the document is called {target.path.name!r}", "end it with .json")
        self._masks = Path(str(target.path).removesuffix(".json"))
        self._images: list[dict[str, Any]] = []
        self._annotations: list[dict[str, Any]] = []

    def write(self, scene: Scene) -> None:
        """Write the PNG of one image, and note its segments."""
        image_id = len(self._images) + 1
        name = file_of(scene.key, ".png")
        if len(scene) > MAX_IMAGE_SEGMENTS:
            problem = f"{len(scene)} segments in image {scene.key!r}, the limit is {MAX_IMAGE_SEGMENTS}"
            raise self.target.refuse(problem, "convert to coco:")
        size = {"height": scene.height, "width": scene.width}
        self._images.append({"id": image_id, "file_name": file_of(scene.key, self._image), **size})
        numbers = np.maximum(painted(scene, self.ontology), 0)
        parts = np.stack([numbers >> shift & 255 for shift in (0, 8, 16)], axis=-1)
        write_png(self._masks / name, parts.astype(np.uint8))
        areas = np.bincount(numbers.ravel(), minlength=len(scene) + 1)
        segments = [
            self._segment(region, i, RunMask.from_array(numbers == i))
            for i, region in enumerate(scene.objects, 1)
            if areas[i]  # what lies wholly below others has no pixel, and the format no entry for it
        ]
        self._annotations.append({"image_id": image_id, "file_name": name, "segments_info": segments})

    def finish(self) -> None:
        """Write the document."""
        self._masks.mkdir(exist_ok=True)
        document = {
            "images": self._images,
            # The format asks for it: a class nobody calls stuff has objects.
            "categories": [{"isthing": 1} | c for c in categories(self.ontology.classes)],
            "annotations": self._annotations,
        }
        self.target.path.write_text(json.dumps(document), "ascii")

    def reading(self, location: str) -> Spec:
        """Without options: the PNGs lie where they are looked for."""
        return Spec(format="coco-panoptic", location=location)

    def _segment(self, region: Region, number: int, mask: RunMask) -> dict[str, Any]:
        return {
            "id": number,
            "category_id": self.ontology.classes[region.class_index].id,
            "area": mask.area_px,
            "bbox": box_of(mask),
            "iscrowd": int(region.crowd),
        }
