"""The ``result`` of an annotation: several entries make one region, and nothing in it is certain.

The server stores whatever it is sent.  Every entry is looked at as if a stranger had written it:
what does not fit becomes a fault of its region, and the other regions are read all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from segcore.annotation import RunMask
from segcore.errors import RefusedMaskError
from segcore.faults import Fault
from segcore.limits import MAX_IMAGE_RUNS, MAX_NAME_LENGTH, MAX_PIXELS
from segcore.sources.coco_entries import is_plain
from segcore.wording import did_you_mean, show
from segcore_labelstudio.images import TaskImage
from segcore_labelstudio.labeling import Labeling
from segcore_labelstudio.shapes import DrawingWork, draw

__all__ = [
    "SHAPES",
    "DrawnRegion",
    "DrawnRegions",
    "RegionGroup",
    "draw_regions",
    "group_results",
    "labels_of",
    "unsupported_type",
]

_GEOMETRY_OF: Final = {
    "bitmask": "imageDataURL",
    "brush": "rle",
    "ellipse": "radiusX",
    "magicwand": "rle",
    "polygon": "points",
    "rectangle": "width",
    "vector": "vertices",
}
"""The one field of ``value`` that tells a shape from all others, by the type of its entry."""

SHAPES: Final = frozenset(_GEOMETRY_OF) | frozenset(f"{shape}labels" for shape in _GEOMETRY_OF)
_TELLING: Final = tuple(sorted(set(_GEOMETRY_OF.values())))
_GEOMETRY: Final = (*_TELLING, "closed", "format", "height", "radiusY", "rotation", "x", "y")
_ANSWERS: Final = frozenset(
    {"choices", "datetime", "number", "pairwise", "ranker", "rating", "taxonomy", "textarea"}
)
"""Types that say something about a region or an image and draw nothing."""

_Problem = tuple[str, str, str]
"""Code, expected, got."""


@dataclass(slots=True, kw_only=True)
class RegionGroup:
    """The entries of a ``result`` that share a region id.

    Attributes
    ----------
    id : str
        What faults call it: the region id, or ``result[4]`` where an entry has none.
    entries : list of dict
        In the order of the result.
    to_name : str or None
        The tag its image is shown by; None where it does not say.
    item : int
        Its image among those of the tag.
    problems : list of tuple
        What is wrong with it, whichever its image.
    """

    id: str
    entries: list[Mapping[str, object]] = field(default_factory=list)
    to_name: str | None = None
    item: int = 0
    problems: list[_Problem] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DrawnRegion:
    """A region with its mask.

    Attributes
    ----------
    id, label : str
        As the result names them.
    to_name : str
    item, width, height : int
        Which image it lies in, and the size of that in pixels.
    mask : RunMask
    """

    id: str
    label: str
    to_name: str
    item: int
    width: int
    height: int
    mask: RunMask


@dataclass(slots=True, kw_only=True, eq=False)
class DrawnRegions:
    """The regions of one image.

    Attributes
    ----------
    height, width : int
        Of the image, as its first sound region has it; 0 where there is none.
    regions : list of DrawnRegion
        In the order of the result.
    faults : list of Fault
    rejected : int
        Regions refused.
    """

    height: int = 0
    width: int = 0
    regions: list[DrawnRegion] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    rejected: int = 0


def group_results(result: Sequence[object]) -> list[RegionGroup]:
    """The regions of a result, in the order in which each first appears.

    Relations and answers about the whole image are no regions.  An entry that is not understood
    is a region with a problem.
    """
    groups: dict[object, RegionGroup] = {}
    for at, entry in enumerate(result):
        own = f"result[{at}]"
        if not isinstance(entry, dict):
            problem = ("ls.missing_field", "an object", show(entry))
            groups[at] = RegionGroup(id=own, problems=[problem])
            continue
        kind = entry.get("type")
        if kind == "relation" or (_is_answer(kind) and not _telling(entry)):
            continue
        given = entry.get("id")
        if isinstance(given, str) and 0 < len(given) <= MAX_NAME_LENGTH and is_plain(given):
            group = groups.setdefault(given, RegionGroup(id=given))
        else:
            group = groups[at] = RegionGroup(id=own)
            if given is not None:
                group.problems.append(("ls.missing_field", "id: plain text", show(given)))
        group.entries.append(entry)
    found = list(groups.values())
    for group in found:
        if group.entries:
            _place(group)
    return found


def labels_of(group: RegionGroup) -> list[str]:
    """The different labels of a region, in order; entries of the wrong type have none."""
    found: dict[str, None] = {}
    for entry in group.entries:
        kind, value = entry.get("type"), entry.get("value")
        if isinstance(kind, str) and kind.endswith("labels") and isinstance(value, dict):
            labels = value.get(kind)
            if isinstance(labels, list):
                found.update(dict.fromkeys(label for label in labels if _is_label(label)))
    return list(found)


def unsupported_type(entry: Mapping[str, object]) -> tuple[str, str, str] | None:
    """The problem of an entry whose type is known and has no area: key points, video, sound, text."""
    kind = entry.get("type")
    if not isinstance(kind, str) or kind in SHAPES or kind == "labels" or kind in _ANSWERS:
        return None
    expected = "a brush, bitmask, polygon, rectangle, ellipse or closed vector"
    return "ls.unsupported_type", expected, show(kind)


def draw_regions(
    groups: Sequence[RegionGroup],
    *,
    file: str,
    image: TaskImage,
    task_id: int,
    labeling: Labeling | None,
    threshold: int,
) -> DrawnRegions:
    """Draw the regions of one image.

    Parameters
    ----------
    groups : sequence of RegionGroup
        Those that lie in this image.
    file : str
        What faults call the file.
    image : TaskImage
    task_id : int
    labeling : Labeling or None
        Where it is known, a region must come from one of its tags.
    threshold : int
        The least alpha, 1 to 255, that belongs to a brush mask.

    Returns
    -------
    DrawnRegions
        Nothing raises: what is wrong with a region is among the faults.
    """
    drawn = DrawnRegions()
    work, runs = DrawingWork(), 0

    def fault(region: str, problem: _Problem) -> None:
        code, expected, got = problem
        drawn.faults.append(
            Fault(
                code=code,
                file=file,
                image=image.key,
                image_id=task_id,
                annotation=region,
                expected=expected,
                got=got,
            )
        )

    for group in groups:
        problems = [*group.problems, *_problems(group, labeling)]
        size = None
        if not problems:
            size = _size(group, problems)
        if size is not None and drawn.width and size != (drawn.width, drawn.height):
            expected = f"{drawn.width} x {drawn.height} px, as the regions before it"
            problems.append(("ls.size_mismatch", expected, f"{size[0]} x {size[1]} px"))
        elif size is not None:
            drawn.width, drawn.height = size
            try:
                if runs <= MAX_IMAGE_RUNS:
                    shape, (width, height) = _shape(group), size
                    mask = draw(shape, width=width, height=height, threshold=threshold, work=work)
                    runs += len(mask.mask.starts)
            except RefusedMaskError as error:
                problems += [(e.code, e.expected, e.got) for e in (error, *error.also)]
            if runs > MAX_IMAGE_RUNS:
                expected = f"at most {MAX_IMAGE_RUNS} runs of pixels in one image"
                problems.append(("limits.entries", expected, str(runs)))
            if not problems:
                drawn.regions.append(
                    DrawnRegion(
                        id=group.id,
                        label=labels_of(group)[0],
                        to_name=group.to_name or "",
                        item=group.item,
                        width=size[0],
                        height=size[1],
                        mask=mask.mask,
                    )
                )
                for warning in mask.warnings:
                    fault(group.id, (warning.code, warning.expected, warning.got))
                if mask.soft_px > mask.mask.area_px:
                    expected = f"mostly alpha 0 or 255 around the threshold {threshold}"
                    got = f"{mask.soft_px} px in between, {mask.mask.area_px} px counted"
                    fault(group.id, ("ls.soft_alpha", expected, got))
        for problem in problems:
            fault(group.id, problem)
        drawn.rejected += bool(problems)
    return drawn


def _place(group: RegionGroup) -> None:
    """Find out which image a region lies in; its entries must agree."""
    first, *others = sorted(group.entries, key=lambda entry: not _is_shape(entry.get("type")))
    to_name, item = first.get("to_name"), first.get("item_index")
    if isinstance(to_name, str) and 0 < len(to_name) <= MAX_NAME_LENGTH:
        group.to_name = to_name
    else:
        group.problems.append(("ls.missing_field", "to_name: text", show(to_name)))
    if item is None or (type(item) is int and 0 <= item < 1 << 31):
        group.item = item or 0
    else:
        group.to_name = None
        group.problems.append(("ls.missing_field", "item_index: 0 or more", show(item)))
    for other in others:
        for name in ("to_name", "item_index", "original_width", "original_height"):
            if name in other and other[name] != first.get(name):
                got = f"{name} {show(other[name])}"
                expected = f"{name} {show(first.get(name))}, as in its other entry"
                group.problems.append(("ls.duplicate_region_id", expected, got))
                return


def _problems(group: RegionGroup, labeling: Labeling | None) -> list[_Problem]:
    """What is wrong with a region that only its own entries tell, before it is drawn."""
    found = [problem for entry in group.entries for problem in _entry_problems(entry)]
    if labeling is not None:
        found += [problem for entry in group.entries for problem in _unknown(entry, labeling)]
    if found or not group.entries:
        return found  # what follows from these is not worth naming
    found += _shape_problems(group)
    labels = labels_of(group)
    if not labels:
        found.append(("ls.missing_label", "one label", "none"))
    elif len(labels) > 1:
        found.append(("ls.ambiguous_label", "one label", show(labels)))
    return found


def _entry_problems(entry: Mapping[str, object]) -> Iterator[_Problem]:
    kind, value = entry.get("type"), entry.get("value")
    if not isinstance(kind, str):
        yield ("ls.missing_field", "type: text", show(kind))
    elif (unsupported := unsupported_type(entry)) is not None:
        yield unsupported
    elif not isinstance(value, dict):
        yield ("ls.missing_field", "value: an object", show(value))
    elif kind.endswith("labels"):
        labels = value.get(kind)
        if labels is not None and not (isinstance(labels, list) and all(map(_is_label, labels))):
            yield ("ls.missing_label", f"{kind}: a list of names", show(labels))


def _unknown(entry: Mapping[str, object], labeling: Labeling) -> Iterator[_Problem]:
    from_name = entry.get("from_name")
    if not isinstance(from_name, str) or from_name not in labeling.controls:
        hint = did_you_mean(from_name, labeling.controls) if isinstance(from_name, str) else ""
        yield ("ls.unknown_control", "from_name: a tag of the configuration", show(from_name) + hint)


def _shape_problems(group: RegionGroup) -> Iterator[_Problem]:
    shapes = [entry for entry in group.entries if _telling(entry)]
    if not shapes:
        kinds = [entry.get("type") for entry in group.entries]
        if all(kind == "labels" for kind in kinds):  # a passage of text, a stretch of sound
            yield ("ls.unsupported_type", "an area of an image", "labels without a shape")
        else:
            yield ("ls.missing_field", f"value with one of {', '.join(_TELLING)}", "none of them")
        return
    first = _shape(group)
    for entry in shapes:
        value, kind = entry["value"], entry.get("type")
        told = _telling(entry)
        wanted = _GEOMETRY_OF.get(kind.removesuffix("labels")) if isinstance(kind, str) else None
        if len(told) > 1 or (wanted is not None and told != [wanted]):
            yield ("ls.missing_field", f"{wanted or 'one shape'} in value", ", ".join(told))
        elif isinstance(value, dict):
            for name in _GEOMETRY:
                if value.get(name) != first.get(name):
                    expected = "one shape for one region id"
                    yield ("ls.duplicate_region_id", expected, f"two that differ in {name}")
                    return


def _shape(group: RegionGroup) -> Mapping[str, object]:
    """The value to draw: all entries of a region repeat it."""
    for entry in group.entries:
        value = entry.get("value")
        if _telling(entry) and isinstance(value, dict):
            return value
    return {}


def _size(group: RegionGroup, problems: list[_Problem]) -> tuple[int, int] | None:
    """Width and height of the image in pixels."""
    entry = next(entry for entry in group.entries if _telling(entry))
    found: list[int] = []
    for name in ("original_width", "original_height"):
        value = entry.get(name)
        if type(value) is int and 0 < value <= MAX_PIXELS:
            found.append(value)
        else:
            got = show(value) if name in entry else "no such key"
            problems.append(("ls.missing_field", f"{name}: a number of pixels", got))
    if len(found) < 2:
        return None
    if found[0] * found[1] > MAX_PIXELS:
        problems.append(("limits.pixels", f"at most {MAX_PIXELS} pixels", f"{found[0]} x {found[1]}"))
        return None
    return found[0], found[1]


def _telling(entry: Mapping[str, object]) -> list[str]:
    """Which shapes the value of an entry holds."""
    value = entry.get("value")
    return [name for name in _TELLING if name in value] if isinstance(value, dict) else []


def _is_shape(kind: object) -> bool:
    return isinstance(kind, str) and kind in SHAPES


def _is_answer(kind: object) -> bool:
    return isinstance(kind, str) and kind in _ANSWERS


def _is_label(label: object) -> bool:
    return (
        isinstance(label, str)
        and bool(label.strip())
        and len(label) <= MAX_NAME_LENGTH
        and is_plain(label)
    )
