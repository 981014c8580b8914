"""``cvat:file.xml``: "CVAT for images 1.1", objects as ``mask`` shapes, or with ``encoding=polygon``.

Shapes lie in the order of the source; the parts of a polygon object share a ``group_id``, which
``?groups=merge`` joins again.  A crowd has CVAT's attribute ``is_crowd``.  ``image=.png`` is the
extension of the images; ``tolerance=PX`` leaves vertices of polygons out.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from segcore.annotation import Region, RunMask
from segcore.sources.spec import Spec
from segcore.writers.base import Keeps, Target, Writer, choice, file_of, image_option, number
from segcore.writers.rings import rings_of
from segcore.writers.scene import Scene

__all__ = ["CvatWriter"]


class CvatWriter(Writer):
    """Keeps objects, overlap and crowds; neither void nor scores."""

    keeps = Keeps(crowd=True)
    folder = False

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        target.spec.require_known({"encoding", "image", "tolerance"})
        self._polygons = choice(target.spec, "encoding", ("mask", "polygon")) == "polygon"
        self._tolerance_px = number(target.spec, "tolerance")
        self._image = image_option(target.spec)
        self._images: list[str] = []

    def write(self, scene: Scene) -> None:
        """Add the image and its shapes."""
        name = quoteattr(file_of(scene.key, self._image))
        size = f'width="{scene.width}" height="{scene.height}"'
        lines = [f'  <image id="{len(self._images)}" name={name} {size}>\n']
        for group, region in enumerate(scene.objects, 1):
            lines += self._shapes(region, group)
        self._images.append("".join([*lines, "  </image>\n"]))

    def finish(self) -> None:
        """Write the document."""
        labels = "".join(_label(c.name, c.color) for c in self.ontology.classes)
        head = f"  <version>1.1</version>\n  <meta><task><labels>\n{labels}  </labels></task></meta>\n"
        body = "".join(self._images)
        text = f'<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n{head}{body}</annotations>\n'
        self.target.path.write_text(text, "utf-8")

    def reading(self, location: str) -> Spec:
        """With the parts of polygons joined."""
        options = {"groups": "merge"} if self._polygons else {}
        return Spec(format="cvat", location=location, options=options)

    def _shapes(self, region: Region, group: int) -> Iterator[str]:
        if not len(region.mask.starts):
            return
        label = quoteattr(self.ontology.names[region.class_index])
        common = f'label={label} source="manual" occluded="0" z_order="{group - 1}"'
        inner = '<attribute name="is_crowd">true</attribute>' if region.crowd else ""
        if not self._polygons:
            yield f"    <mask {common} {_rle(region.mask)}>{inner}</mask>\n"
            return
        rings = rings_of(region.mask, tolerance_px=self._tolerance_px)
        if len(rings) > 1:
            common += f' group_id="{group}"'
        for ring in rings:
            points = ";".join(f"{x:.12g},{y:.12g}" for x, y in ring.tolist())
            yield f'    <polygon {common} points="{points}">{inner}</polygon>\n'


def _label(name: str, color: tuple[int, int, int] | None) -> str:
    shown = "" if color is None else "<color>#{:02x}{:02x}{:02x}</color>".format(*color)
    return f"    <label><name>{escape(name)}</name>{shown}<attributes></attributes></label>\n"


def _rle(mask: RunMask) -> str:
    """The attributes of a mask: its box, and run lengths along the rows of the box."""
    drawn = mask.to_array()
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    top, bottom, left, right = (int(v) for v in (rows[0], rows[-1], columns[0], columns[-1]))
    flat = drawn[top : bottom + 1, left : right + 1].ravel()
    edges = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff(np.concatenate([[0] if not flat[0] else [0, 0], edges, [flat.size]]))
    box = f'left="{left}" top="{top}" width="{right - left + 1}" height="{bottom - top + 1}"'
    return f'rle="{", ".join(map(str, counts.tolist()))}" {box}'
