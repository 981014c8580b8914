"""What a LabelMe file says of its image, apart from the shapes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from segcore.files import composed
from segcore.fingerprint import FingerprintBuilder, FormatField
from segcore.limits import MAX_ANNOTATIONS, MAX_NAME_LENGTH, MAX_PIXELS
from segcore.sources.coco_entries import is_plain
from segcore.sources.labelme_shapes import Kind, Problem, is_label
from segcore.wording import show

__all__ = ["add_shapes", "flags_of", "name_problem", "size_of", "structure_problem"]


def structure_problem(value: object) -> Problem | None:
    """Why a parsed file is no LabelMe annotation; None where it is one."""
    expected = "a LabelMe file: an object with shapes, imageHeight and imageWidth"
    if not isinstance(value, dict):
        return "labelme.bad_structure", expected, show(value)
    if "shapes" not in value:
        got = "no shapes"
        if "annotations" in value and "images" in value:
            got += ", but images and annotations: read it as coco:"
        return "labelme.bad_structure", expected, got
    shapes = value["shapes"]
    if not isinstance(shapes, list):
        return "labelme.bad_structure", "shapes: a list", show(shapes)
    if len(shapes) > MAX_ANNOTATIONS:
        return "limits.annotations", f"at most {MAX_ANNOTATIONS} shapes", f"{len(shapes)}"
    return None


def size_of(document: Mapping[str, Any], problems: list[Problem]) -> tuple[int, int] | None:
    """Height and width; None where they are not usable, and why in ``problems``."""
    size = []
    for name in ("imageHeight", "imageWidth"):
        value = document.get(name)
        if value is None:
            got = "null" if name in document else "no such key"
            problems.append(("labelme.missing_field", name, got))
        elif type(value) is not int or value < 1:
            problems.append(("labelme.bad_type", f"{name}: a positive integer", show(value)))
        else:
            size.append(value)
    if len(size) < 2:
        return None
    height, width = size
    if height * width > MAX_PIXELS:
        got = f"{show(width)} x {show(height)}"
        problems.append(("limits.pixels", f"at most {MAX_PIXELS} pixels", got))
        return None
    return height, width


def add_shapes(found: FingerprintBuilder, shapes: Iterable[object], *, image: str) -> None:
    """Note how the shapes of a file are drawn, and their labels; the unsound are refused elsewhere."""
    for shape in shapes:
        if not isinstance(shape, dict):
            continue
        kind, label = shape.get("shape_type") or Kind.POLYGON.value, shape.get("label")
        if isinstance(kind, str) and kind in set(Kind):
            found.add(FormatField.ENCODING, kind, image=image)
        if isinstance(label, str) and is_label(label):
            found.add(FormatField.LABELS, label, image=image)


def flags_of(document: Mapping[str, Any], problems: list[Problem]) -> dict[str, bool]:
    """The flags of the image; what is none is left out, and named in ``problems``."""
    flags = document.get("flags")
    if flags is None:
        return {}
    expected = "flags: true or false by name"
    if not isinstance(flags, dict):
        problems.append(("labelme.bad_flags", expected, show(flags)))
        return {}
    found: dict[str, bool] = {}
    for name, value in flags.items():
        if isinstance(value, bool) and is_plain(name) and len(name) <= MAX_NAME_LENGTH:
            found[name] = value
        else:
            problems.append(("labelme.bad_flags", expected, show({name: value})))
    return found


def name_problem(document: Mapping[str, Any], key: str) -> Problem | None:
    """A warning where ``imagePath`` names another image than the file; folders do not count."""
    path = document.get("imagePath")
    if not isinstance(path, str) or not path:
        return None
    name = path.replace("\\", "/").rpartition("/")[2]
    stem, dot, _ = name.rpartition(".")
    if composed(stem if dot and stem else name) == key:
        return None
    return "labelme.image_name", f"imagePath: {show(key)[:60]} with some extension", show(name)
