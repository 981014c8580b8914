"""``cityscapes:dir``: the gtFine layout, ``labelIds`` and ``instanceIds`` of every image.

The classes must be of the 19 that Cityscapes evaluates.  From person on an object is label id x 1000 +
its number, so an image holds 1000 objects of a class; the classes before it have no objects, and a
crowd is a group: its pixels keep the label id.  What nobody claimed is void.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from segcore.masks.schemes import CITYSCAPES
from segcore.ontology import UNKNOWN
from segcore.sources.spec import Spec
from segcore.writers.base import Keeps, Target, Writer, file_of
from segcore.writers.png_files import write_png
from segcore.writers.scene import Scene, painted

__all__ = ["CityscapesWriter"]

_LIMIT: Final = CITYSCAPES["instanceIds"].first_object or 1000
"""The numbers an object of a class can have are fewer than this."""


class CityscapesWriter(Writer):
    """Keeps the objects of the eight classes that have them, and their groups; no overlap."""

    keeps = Keeps(overlap=False, crowd=True)

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        target.spec.require_known(())
        from segcore.ontology_file import preset

        known = preset("cityscapes")
        places = known.match(self.ontology)
        strange = [n for n, at in zip(self.ontology.names, places, strict=True) if at == UNKNOWN]
        if strange:
            shown = ", ".join(repr(name) for name in strange[:5])
            more = f" and {len(strange) - 5} more" if len(strange) > 5 else ""
            problem = f"{len(strange)} of {len(places)} classes are none of its 19: {shown}{more}"
            raise target.refuse(problem, "rename them, or give them aliases in an ontology")
        label_of = {name: i for i, name in CITYSCAPES["labelIds"].ids.items() if name is not None}
        self._labels = [label_of[known.names[at]] for at in places]
        self._counted = CITYSCAPES["instanceIds"].ids

    def write(self, scene: Scene) -> None:
        """Write both masks of one image."""
        labels, values = [0], [0]
        found: dict[int, int] = {}
        for region in scene.objects:
            label = self._labels[region.class_index]
            value = label
            if label * _LIMIT in self._counted and not region.crowd:
                number = found.get(label, 0)
                if number == _LIMIT:
                    n = sum(self._labels[c] == label for c in scene.objects.classes.tolist())
                    problem = f"{n} objects of {self.ontology.names[region.class_index]!r} in image "
                    problem += f"{scene.key!r}, and Cityscapes numbers {_LIMIT} of a class"
                    raise self.target.refuse(problem, "convert to coco-panoptic:")
                found[label], value = number + 1, label * _LIMIT + number
            labels.append(label)
            values.append(value)
        numbers = painted(scene, self.ontology)
        place = np.maximum(numbers, 0)
        city = self.target.path / _city(scene.key)
        name = file_of(scene.key, "_gtFine_labelIds.png")
        write_png(city / name, np.array(labels, np.uint8)[place])
        name = file_of(scene.key, "_gtFine_instanceIds.png")
        write_png(city / name, np.array(values, np.uint16)[place])

    def finish(self) -> None:
        """Nothing is left to write but the folder of a source without images."""
        self.target.path.mkdir(exist_ok=True)

    def reading(self, location: str) -> Spec:
        """The objects."""
        return Spec(format="cityscapes", location=location, options={"file": "instanceIds"})


def _city(key: str) -> str:
    """The folder of an image: its city, as in ``bonn_000000_000019``, else one for all."""
    parts = key.split("_")
    plain = len(parts) == 3 and parts[0].isalnum() and all(part.isdigit() for part in parts[1:])
    return parts[0] if plain else "images"
