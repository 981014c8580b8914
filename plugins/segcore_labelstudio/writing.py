"""``label-studio-export:file.json``: tasks with annotations, as Label Studio imports them.

Objects are brush masks, byte for byte as ``label_studio_sdk`` packs them, or polygons with
``encoding=polygon``; a polygon is one ring, so parts are joined by bridges that enclose nothing.  The
labeling configuration stands in ``file.config.xml``.  ``url=PREFIX`` is what stands before the names of
the images (``/data/local-files/?d=`` if it is not given), ``image=.png`` their extension.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from segcore.annotation import Region
from segcore.sources.spec import Spec
from segcore.writers.base import Keeps, Target, Writer, choice, file_of, image_option, number
from segcore.writers.rings import joined, rings_of
from segcore.writers.scene import Scene
from segcore_labelstudio.brush import encode_brush

__all__ = ["LabelStudioWriter"]

_LOCAL: Final = "/data/local-files/?d="


class LabelStudioWriter(Writer):
    """Keeps objects and overlap; neither void nor crowds nor scores."""

    keeps = Keeps()
    needs_size = False
    folder = False

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        target.spec.require_known({"encoding", "image", "tolerance", "url"})
        self._polygons = choice(target.spec, "encoding", ("brush", "polygon")) == "polygon"
        self._tolerance_px = number(target.spec, "tolerance")
        self._image = image_option(target.spec)
        self._url = target.spec.options.get("url", _LOCAL)
        self._tasks: list[dict[str, Any]] = []

    def write(self, scene: Scene) -> None:
        """Add the task of the image."""
        number = len(self._tasks) + 1
        name = quote(file_of(scene.key, self._image))
        regions = (self._region(region, i) for i, region in enumerate(scene.objects, 1))
        result = [region for region in regions if region is not None]
        annotation = {"id": number, "was_cancelled": False, "ground_truth": False, "result": result}
        self._tasks.append(
            {"id": number, "data": {"image": self._url + name}, "annotations": [annotation]}
        )

    def finish(self) -> None:
        """Write the tasks and the configuration."""
        self.target.path.write_text(json.dumps(self._tasks), "ascii")
        kind = "PolygonLabels" if self._polygons else "BrushLabels"
        labels = "".join(_label(c.name, c.color) for c in self.ontology.classes)
        text = (
            '<View>\n  <Image name="image" value="$image"/>\n'
            f'  <{kind} name="label" toName="image">\n{labels}  </{kind}>\n</View>\n'
        )
        Path(_config(str(self.target.path))).write_text(text, "utf-8")

    def reading(self, location: str) -> Spec:
        """With the configuration, which names the classes nobody used as well."""
        return Spec(
            format="label-studio-export", location=location, options={"config": _config(location)}
        )

    def _region(self, region: Region, number: int) -> dict[str, Any] | None:
        mask = region.mask
        label = self.ontology.names[region.class_index]
        if not len(mask.starts):
            return None
        if self._polygons:
            ring = joined(rings_of(mask, tolerance_px=self._tolerance_px))
            points = (ring * 100 / (mask.width, mask.height)).tolist()
            kind, value = "polygonlabels", {"points": points, "closed": True}
        else:
            kind, value = "brushlabels", {"format": "rle", "rle": encode_brush(mask.to_array())}
        return {
            "id": f"region-{number}",
            "type": kind,
            "from_name": "label",
            "to_name": "image",
            "original_width": mask.width,
            "original_height": mask.height,
            "image_rotation": 0,
            "value": {**value, kind: [label]},
        }


def _config(location: str) -> str:
    return f"{location.removesuffix('.json')}.config.xml"


def _label(name: str, color: tuple[int, int, int] | None) -> str:
    shown = "" if color is None else ' background="#{:02x}{:02x}{:02x}"'.format(*color)
    return f"    <Label value={quoteattr(name)}{shown}/>\n"
