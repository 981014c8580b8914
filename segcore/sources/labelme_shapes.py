"""The shapes of a LabelMe file, checked one by one before any is drawn."""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from segcore.limits import MAX_NAME_LENGTH, MAX_RING_POINTS
from segcore.sources.coco_entries import is_plain
from segcore.wording import did_you_mean, printable, show

__all__ = ["Kind", "Problem", "Shape", "is_label", "objects_of", "read_shape"]

Problem = tuple[str, str, str]
"""Code, expected, got."""

_FAR: Final = 1e300
"""Stands for integers that no float could hold."""


class Kind(enum.StrEnum):
    """What LabelMe draws, by its ``shape_type``."""

    POLYGON = "polygon"
    RECTANGLE = "rectangle"
    ORIENTED_RECTANGLE = "oriented_rectangle"
    CIRCLE = "circle"
    MASK = "mask"
    LINE = "line"
    LINESTRIP = "linestrip"
    POINT = "point"

    @property
    def has_area(self) -> bool:
        """Whether the shape itself covers pixels."""
        return self not in (Kind.LINE, Kind.LINESTRIP, Kind.POINT)


_POINTS: Final[dict[Kind, tuple[int, int]]] = {
    Kind.POLYGON: (3, MAX_RING_POINTS),
    Kind.RECTANGLE: (2, 2),
    Kind.ORIENTED_RECTANGLE: (4, 4),
    Kind.CIRCLE: (2, 2),
    Kind.MASK: (2, 2),
    Kind.LINE: (2, 2),
    Kind.LINESTRIP: (2, MAX_RING_POINTS),
    Kind.POINT: (1, 1),
}
"""The least and the most points of each kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One entry of ``shapes``.

    Attributes
    ----------
    label : str or None
        None where it cannot be used.
    group : int or None
        Shapes of one label and one group are one object.
    kind : Kind or None
    points : list of (float, float)
        Finite, as many as the kind needs; empty where there is a problem.
    mask : str or None
        The PNG of a mask, in base64.
    problems : tuple of Problem
        Why it has to be refused; empty for a sound shape.
    """

    label: str | None = None
    group: int | None = None
    kind: Kind | None = None
    points: Sequence[tuple[float, float]] = ()
    mask: str | None = None
    problems: tuple[Problem, ...] = ()


def read_shape(entry: object) -> Shape:
    """Check one entry of ``shapes``; nothing is drawn yet."""
    if not isinstance(entry, dict):
        return Shape(problems=(("labelme.bad_type", "an object", show(entry)),))
    problems: list[Problem] = []
    label = _label(entry, problems)
    group = entry.get("group_id")
    if group is not None and type(group) is not int:
        problems.append(("labelme.bad_type", "group_id: an integer or null", show(group)))
        group = None
    kind = _kind(entry.get("shape_type"), problems)
    points = _points(entry, kind, problems)
    mask = entry.get("mask") if kind is Kind.MASK else None
    if kind is Kind.MASK and not isinstance(mask, str):
        code, got = (
            ("labelme.missing_field", "no such key")
            if mask is None
            else ("labelme.bad_type", show(mask))
        )
        problems.append((code, "mask: a PNG in base64", got))
        mask = None
    return Shape(label=label, group=group, kind=kind, points=points, mask=mask, problems=tuple(problems))


def _label(entry: dict[str, Any], problems: list[Problem]) -> str | None:
    label = entry.get("label")
    if "label" not in entry:
        problems.append(("labelme.missing_field", "label", "no such key"))
    elif isinstance(label, str) and is_label(label):
        return label
    elif isinstance(label, str) and len(label) > MAX_NAME_LENGTH:
        expected = f"label: at most {MAX_NAME_LENGTH} characters"
        problems.append(("labelme.bad_type", expected, f"{len(label)}"))
    else:
        problems.append(("labelme.bad_type", "label: printable text", show(label)))
    return None


def is_label(text: str) -> bool:
    """Whether ``text`` can name a class."""
    return bool(text.strip()) and len(text) <= MAX_NAME_LENGTH and is_plain(text)


def _kind(value: object, problems: list[Problem]) -> Kind | None:
    if value is None:  # files of old versions have only polygons
        return Kind.POLYGON
    if not isinstance(value, str):
        problems.append(("labelme.bad_type", "shape_type: text", show(value)))
        return None
    try:
        return Kind(value)
    except ValueError:
        known = [kind.value for kind in Kind]
        expected = f"one of {', '.join(known)}"
        problems.append(
            ("labelme.unsupported_shape", expected, f"{show(value)}{did_you_mean(value, known)}")
        )
        return None


def _points(
    entry: dict[str, Any], kind: Kind | None, problems: list[Problem]
) -> list[tuple[float, float]]:
    points = entry.get("points")
    if "points" not in entry:
        problems.append(("labelme.missing_field", "points", "no such key"))
        return []
    if not isinstance(points, list):
        problems.append(("labelme.bad_type", "points: [[x, y], ...]", show(points)))
        return []
    if kind is not None:
        least, most = _POINTS[kind]
        if kind is Kind.POLYGON and len(points) < least:
            got = f"{len(points)} points"
            problems.append(("poly.too_few_points", f"at least {least} points", got))
            return []
        if not least <= len(points) <= most:
            if len(points) > MAX_RING_POINTS:
                code, expected = "poly.too_many_points", f"at most {most} points"
            else:
                amount = f"{least}" if least == most else f"at least {least}"
                code, expected = "labelme.point_count", f"{kind.value}: {amount} points"
            problems.append((code, expected, f"{len(points)} points"))
            return []
    found: list[tuple[float, float]] = []
    for i, point in enumerate(points):
        problem = None
        if type(point) is not list or len(point) != 2:
            problem = "poly.bad_nesting", "[[x, y], ...]"
        elif not {type(point[0]), type(point[1])} <= {int, float}:
            problem = "poly.bad_type", "numbers"
        elif not (math.isfinite(x := _float(point[0])) and math.isfinite(y := _float(point[1]))):
            problem = "poly.not_finite", "finite numbers"
        else:
            found.append((x, y))
        if problem is not None:
            problems.append((*problem, printable(f"point {i}: {show(point)}")))
            return []
    return found


def _float(value: int | float) -> float:
    if type(value) is int and abs(value) > _FAR:
        return _FAR if value > 0 else -_FAR
    return float(value)


def objects_of(shapes: list[Shape]) -> list[int]:
    """The object of every shape, numbered in order of appearance."""
    numbers: dict[tuple[object, ...], int] = {}
    found = []
    for at, shape in enumerate(shapes):
        alone = shape.label is None or shape.group is None
        own = (at,) if alone else (shape.label, shape.group)
        found.append(numbers.setdefault(own, len(numbers)))
    return found
