"""What a CVAT document says of its task, labels and deleted frames, and where its faults stand."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Final, NamedTuple

from segcore.faults import Fault
from segcore.limits import MAX_CLASSES, MAX_NAME_LENGTH
from segcore.ontology import LabelClass, Ontology, Overlap
from segcore.sources.coco_entries import EntryFaults, is_plain
from segcore.strict_xml import XmlElement
from segcore.wording import show

__all__ = [
    "INTEGER",
    "CvatClasses",
    "CvatFaults",
    "Place",
    "deleted_frames",
    "read_assignees",
    "read_labels",
]

INTEGER: Final = re.compile(r"[+-]?[0-9]{1,15}")
_COLOR: Final = re.compile(r"#([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})")


class Place(NamedTuple):
    """Where in a document something is wrong; an annotation says its line itself."""

    line: int
    image: str | None = None
    image_id: int | None = None
    annotation: str | None = None


@dataclass(slots=True)
class CvatFaults:
    """The faults of one document, as many as can be kept.

    Attributes
    ----------
    file : str
        What they call the document.
    found : list of Fault
    """

    file: str
    found: EntryFaults = field(default_factory=EntryFaults)

    def __len__(self) -> int:
        return len(self.found)

    def add(self, place: Place, code: str, expected: str, got: str) -> None:
        """Add a fault; TooManyFaultsError where there are too many."""
        if place.annotation is None:
            got = f"{got} (line {place.line})"
        self.found.append(
            Fault(
                code=code,
                file=self.file,
                image=place.image,
                image_id=place.image_id,
                annotation=place.annotation,
                expected=expected,
                got=got,
            )
        )

    def integer(self, element: XmlElement, name: str, place: Place) -> int | None:
        """An attribute that must be an integer; None, and a fault, where it is not."""
        text = element.attributes.get(name)
        if text is None:
            self.add(place, "cvat.missing_field", name, "no such attribute")
        elif INTEGER.fullmatch(text):
            return int(text)
        else:
            self.add(place, "cvat.bad_value", f"{name}: an integer", show(text))
        return None


class CvatClasses:
    """Which class a label is.

    Parameters
    ----------
    labels : Ontology or None
        The labels of the document.
    ontology : Ontology or None
        The classes to use instead, matched by name.
    """

    def __init__(self, labels: Ontology | None, ontology: Ontology | None) -> None:
        self.ontology = labels if ontology is None else ontology
        self._expected = "a label of the task" if ontology is None else "a class of the ontology"
        self._suggest = cache(str if self.ontology is None else self.ontology.suggest)

    def index_of(self, shape: XmlElement, place: Place, faults: CvatFaults) -> int:
        """The class of a shape; -1, and a fault, where it has none."""
        label = shape.attributes.get("label")
        if label is None:
            faults.add(place, "cvat.missing_field", "label", "no such attribute")
            return -1
        if self.ontology is None:  # said once, for the document
            return -1
        index = self.ontology.index(label)
        if index is None:
            got = f"{show(label)}{self._suggest(label)}"
            faults.add(place, "cvat.unknown_label", self._expected, got)
            return -1
        return index


def read_labels(root: XmlElement, faults: CvatFaults) -> Ontology | None:
    """The labels of the task or project in the order of the file, their ids counted from 1.

    Points of skeletons are no labels of their own.  None where there is no sound label.
    """
    elements = [
        label
        for owner in _owners(root)
        for labels in owner.all("labels")
        for label in labels.all("label")
        if label.first("parent") is None
    ]
    if len(elements) > MAX_CLASSES:
        place = Place(elements[0].line)
        faults.add(place, "limits.entries", f"at most {MAX_CLASSES} labels", f"{len(elements)}")
        return None
    names: dict[str, XmlElement] = {}
    for element in elements:
        name = element.first("name")
        if name is None or not name.text:
            faults.add(Place(element.line), "cvat.missing_field", "the name of a label", "none")
        elif not is_plain(name.text) or len(name.text) > MAX_NAME_LENGTH:
            expected = f"a printable name of at most {MAX_NAME_LENGTH} characters"
            faults.add(Place(name.line), "cvat.bad_value", expected, show(name.text))
        elif name.text in names:
            expected = f"one label {show(name.text)}"
            got = f"another in line {names[name.text].line}"
            faults.add(Place(name.line), "cvat.duplicate_label", expected, got)
        else:
            names[name.text] = element
    if not names:
        return None
    colors = [_color(element.first("color")) for element in names.values()]
    # Nothing is scored by colour, and CVAT lets two labels share one.
    once = {color for color, n in Counter(colors).items() if n == 1}
    classes = (
        LabelClass(id=i, name=name, color=color if color in once else None)
        for i, (name, color) in enumerate(zip(names, colors, strict=True), 1)
    )
    # What lies on top is what the annotator saw.
    return Ontology(tuple(classes), overlap=Overlap.LAST)


def deleted_frames(root: XmlElement, faults: CvatFaults) -> frozenset[int]:
    """The ids of the images that were deleted from their task."""
    deleted: set[int] = set()
    for owner in _owners(root):
        for element in owner.all("deleted_frames"):
            text = " ".join(part.text for part in (element, *element.children))
            for word in text.replace(",", " ").split():
                if INTEGER.fullmatch(word):
                    deleted.add(int(word))
                else:
                    expected = "deleted_frames: numbers of frames"
                    faults.add(Place(element.line), "cvat.bad_value", expected, show(word))
    return frozenset(deleted)


def read_assignees(root: XmlElement) -> dict[str, str]:
    """Whom each task was given to, by its number; of an exported task also by no number.

    Images of a project name their task, those of a task do not.
    """
    found: dict[str, str] = {}
    for owner in _owners(root):
        found |= _assignee(owner, "")
        for tasks in owner.all("tasks"):
            for task in tasks.all("task"):
                number = task.first("id")
                found |= {} if number is None else _assignee(task, number.text)
    return found


def _assignee(task: XmlElement, number: str) -> dict[str, str]:
    assignee = task.first("assignee")
    name = None if assignee is None else assignee.first("username")
    return {} if name is None or not name.text else {number: name.text}


def _owners(root: XmlElement) -> Iterator[XmlElement]:
    """The task, job or project that was exported."""
    return (owner for meta in root.all("meta") for owner in meta.children)


def _color(element: XmlElement | None) -> tuple[int, int, int] | None:
    match = None if element is None else _COLOR.fullmatch(element.text)
    return None if match is None else (int(match[1], 16), int(match[2], 16), int(match[3], 16))
