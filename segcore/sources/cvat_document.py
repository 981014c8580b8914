"""The images and shapes of a CVAT document, and every fault of it before any mask is drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from segcore.faults import Fault
from segcore.image_attributes import ANNOTATOR, TAG, Attributes, merged
from segcore.limits import MAX_ANNOTATIONS, MAX_NAME_LENGTH, MAX_PIXELS
from segcore.ontology import Ontology
from segcore.sources.coco_document import image_key
from segcore.sources.coco_entries import TooManyFaultsError
from segcore.sources.cvat_labels import (
    INTEGER,
    CvatClasses,
    CvatFaults,
    Place,
    deleted_frames,
    read_assignees,
    read_labels,
)
from segcore.strict_xml import XmlElement
from segcore.wording import show

__all__ = ["CvatImage", "CvatIndex", "CvatShape", "index_document", "subsets"]

_AREAS: Final = frozenset({"ellipse", "mask", "polygon"})
_NO_AREA: Final = frozenset({"box", "cuboid", "points", "polyline", "skeleton", "tag"})
"""What CVAT puts into an image that is no outline; boxes are one where they are asked for."""

_TRUE: Final = frozenset({"1", "true"})


@dataclass(frozen=True, slots=True, kw_only=True)
class CvatShape:
    """One shape with an area.

    Attributes
    ----------
    element : XmlElement
    id : str
        What faults and regions call it, since CVAT writes no number: its place in the image and line.
    class_index : int
        -1 where the shape was refused.
    z_order : int
        Shapes with a higher one lie over those with a lower one.
    group : int
        0 is none.
    crowd : bool
        The attribute ``is_crowd``, which CVAT's COCO export looks at.
    """

    element: XmlElement
    id: str
    class_index: int
    z_order: int
    group: int
    crowd: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CvatImage:
    """One image that was accepted, its shapes in the order in which CVAT draws them."""

    id: int | None
    key: str
    height: int
    width: int
    line: int
    shapes: tuple[CvatShape, ...]
    element: XmlElement = field(repr=False)

    def attributes(self, assignees: Mapping[str, str]) -> Attributes:
        """Its tags and what they say, its subset, and whom its task was given to.

        Parameters
        ----------
        assignees : mapping of str to str
            By the number of the task; see :func:`segcore.sources.cvat_labels.read_assignees`.
        """
        own = self.element.attributes
        task = own.get("task_id", "")
        found: list[tuple[str, object]] = [("subset", own.get("subset")), ("task", task)]
        found.append((ANNOTATOR, assignees.get(task)))
        for tag in self.element.all("tag"):
            found.append((TAG, tag.attributes.get("label")))
            found += [(said.attributes.get("name", ""), said.text) for said in tag.all("attribute")]
        return merged(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class CvatIndex:
    """What a document holds.

    Attributes
    ----------
    images : dict of str to CvatImage
        By key, sorted.
    ontology : Ontology or None
        None where nothing names the classes.
    left_out : mapping of str to int
        What has no area and what is not to be read, by reason.
    unplaced : int
        Shapes of images that were refused.
    assignees : mapping of str to str
        Whom each task was given to.
    faults : tuple of Fault
    labels : Ontology or None
        Those of the document itself.
    """

    images: Mapping[str, CvatImage] = field(default_factory=dict)
    ontology: Ontology | None = None
    left_out: Mapping[str, int] = field(default_factory=dict)
    unplaced: int = 0
    assignees: Mapping[str, str] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()
    labels: Ontology | None = None


def subsets(root: XmlElement) -> tuple[str, ...]:
    """The subsets that images of a project belong to, sorted."""
    return tuple(sorted({e.attributes["subset"] for e in root.all("image") if "subset" in e.attributes}))


def index_document(
    root: XmlElement, *, file: str, ontology: Ontology | None, subset: str | None, boxes: bool
) -> CvatIndex:
    """Check a document and group its shapes by image.

    Parameters
    ----------
    root : XmlElement
    file : str
        What faults call it.
    ontology : Ontology or None
        The classes to use instead of the labels, matched by name.
    subset : str or None
        Read only the images of this one.
    boxes : bool
        Boxes are shapes with an area.
    """
    faults = CvatFaults(file)
    if root.name != "annotations":
        expected, got = "<annotations>, as in CVAT for images 1.1", _tag(root)
        faults.add(Place(root.line), "cvat.bad_structure", expected, got)
        return CvatIndex(faults=tuple(faults.found))
    elements = [e for e in root.all("image") if subset is None or e.attributes.get("subset") == subset]
    tracks = list(root.all("track"))
    total = sum(len(element.children) for element in elements)
    try:
        if max(total, len(elements)) > MAX_ANNOTATIONS:
            expected, got = f"at most {MAX_ANNOTATIONS} annotations", f"{max(total, len(elements))}"
            faults.add(Place(root.line), "limits.annotations", expected, got)
            return CvatIndex(unplaced=total, faults=tuple(faults.found))
        if tracks:
            expected = "images with shapes: export the task as CVAT for images 1.1"
            got = f"{len(tracks)} tracks" if len(tracks) > 1 else "a track"
            faults.add(Place(tracks[0].line), "cvat.video", expected, got)
        labels = read_labels(root, faults)
        if labels is None and ontology is None:
            expected = "the labels in meta/task, or ?ontology=FILE"
            faults.add(Place(root.line), "cvat.missing_field", expected, "none")
        reader = _ImageReader(
            faults=faults,
            classes=CvatClasses(labels, ontology),
            deleted=deleted_frames(root, faults),
            areas=_AREAS | {"box"} if boxes else _AREAS,
        )
        images = reader.read(elements)
    except TooManyFaultsError:
        return CvatIndex(unplaced=total, faults=tuple(faults.found))
    return CvatIndex(
        images=images,
        ontology=reader.classes.ontology,
        left_out=dict(reader.left_out),
        unplaced=reader.unplaced + len(tracks),
        assignees=read_assignees(root),
        faults=tuple(faults.found),
        labels=labels,
    )


@dataclass(slots=True, kw_only=True)
class _ImageReader:
    """Reads the images of a document and counts what becomes of everything in them."""

    faults: CvatFaults
    classes: CvatClasses
    deleted: frozenset[int]
    areas: frozenset[str]
    left_out: Counter[str] = field(default_factory=Counter)
    unplaced: int = 0

    def read(self, elements: Sequence[XmlElement]) -> dict[str, CvatImage]:
        """The accepted images by key, sorted."""
        found: dict[str, list[CvatImage]] = {}
        for element in elements:
            image = self._image(element)
            if image is not None:
                found.setdefault(image.key, []).append(image)
        images: dict[str, CvatImage] = {}
        for key in sorted(found):
            first, *others = found[key]
            if not others:
                images[key] = first
                continue
            self.unplaced += sum(len(image.shapes) for image in found[key])
            lines = ", ".join(f"{image.line}" for image in found[key][:3])
            place = Place(first.line, key)
            expected = "one image (?subset=NAME reads one subset of a project)"
            got = f"{len(found[key])} images, in the lines {lines}"
            self.faults.add(place, "delivery.ambiguous_image", expected, got)
        return images

    def _image(self, element: XmlElement) -> CvatImage | None:
        before = len(self.faults)
        name = element.attributes.get("name")
        key = None if name is None else image_key(name)
        place = Place(element.line, key)
        if "id" in element.attributes:
            place = place._replace(image_id=self.faults.integer(element, "id", place))
        if place.image_id in self.deleted:
            self.left_out["deleted frame"] += len(element.children)
            return None
        if name is None:
            self.faults.add(place, "cvat.missing_field", "name", "no such attribute")
        elif key is None:
            expected = f"name: a plain file name of at most {MAX_NAME_LENGTH} characters"
            self.faults.add(place, "path.unsafe", expected, show(name))
        size = self._size(element, place)
        refused = len(self.faults) > before
        shapes = self._shapes(element, place)
        if refused or key is None or size is None:
            self.unplaced += len(shapes)
            return None
        width, height = size
        shapes.sort(key=lambda shape: shape.z_order)
        return CvatImage(
            id=place.image_id,
            key=key,
            height=height,
            width=width,
            line=element.line,
            shapes=tuple(shapes),
            element=element,
        )

    def _size(self, element: XmlElement, place: Place) -> tuple[int, int] | None:
        width, height = (self.faults.integer(element, side, place) for side in ("width", "height"))
        if width is None or height is None:
            return None
        if min(width, height) < 1:
            expected, got = "width and height of at least 1", f"{width} x {height}"
            self.faults.add(place, "cvat.bad_value", expected, got)
        elif width * height > MAX_PIXELS:
            expected, got = f"at most {MAX_PIXELS} pixels", f"{width} x {height}"
            self.faults.add(place, "limits.pixels", expected, got)
        return width, height

    def _shapes(self, image: XmlElement, place: Place) -> list[CvatShape]:
        shapes: list[CvatShape] = []
        boxes: list[XmlElement] = []
        for at, element in enumerate(image.children):
            if element.name in self.areas and element.attributes.get("outside") != "1":
                shapes.append(self._shape(element, at, place))
            elif element.name in self.areas:
                self.left_out["outside"] += 1
            elif element.name in _NO_AREA:
                self.left_out[element.name] += 1
                if element.name == "box":
                    boxes.append(element)
            else:
                own = place._replace(annotation=_id(element, at))
                expected = "a shape of CVAT, such as polygon or mask"
                self.faults.add(own, "cvat.unknown_shape", expected, _tag(element))
                shapes.append(_shape_of(element, at))
        if boxes:
            self._warn_of_lone(boxes, shapes, place)
        return shapes

    def _warn_of_lone(
        self, boxes: Sequence[XmlElement], shapes: Sequence[CvatShape], place: Place
    ) -> None:
        """One warning an image for the boxes that stand beside no outline of the same object."""
        outlined = {(s.group, s.element.attributes.get("label")) for s in shapes if s.group}
        lone = [box for box in boxes if (_group(box), box.attributes.get("label")) not in outlined]
        if lone:
            expected = "an outline of the object as well, or ?boxes=area"
            got = f"{len(lone)} boxes without" if len(lone) > 1 else "a box without"
            self.faults.add(place._replace(line=lone[0].line), "cvat.box_only", expected, got)

    def _shape(self, element: XmlElement, at: int, place: Place) -> CvatShape:
        before = len(self.faults)
        own = place._replace(annotation=_id(element, at))
        index = self.classes.index_of(element, own, self.faults)
        z_order = 0
        if "z_order" in element.attributes:
            z_order = self.faults.integer(element, "z_order", own) or 0
        if element.attributes.get("group_id"):
            self.faults.integer(element, "group_id", own)
        if len(self.faults) > before:
            index = -1
        return _shape_of(element, at, class_index=index, z_order=z_order)


def _shape_of(element: XmlElement, at: int, *, class_index: int = -1, z_order: int = 0) -> CvatShape:
    crowd = any(
        child.attributes.get("name") == "is_crowd" and child.text.lower() in _TRUE
        for child in element.all("attribute")
    )
    return CvatShape(
        element=element,
        id=_id(element, at),
        class_index=class_index,
        z_order=z_order,
        group=_group(element),
        crowd=crowd,
    )


def _id(element: XmlElement, at: int) -> str:
    return f"{_tag(element)[1:-1]}[{at}], line {element.line}"


def _tag(element: XmlElement) -> str:
    return f"<{show(element.name)[1:-1]}>"


def _group(element: XmlElement) -> int:
    text = element.attributes.get("group_id", "")
    return int(text) if INTEGER.fullmatch(text) else 0
