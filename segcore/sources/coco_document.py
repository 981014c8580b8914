"""The structure of a COCO document: who is in it, and every fault of it, before any mask is read.

Two kinds: a data set (an object with images, annotations and categories) and a list of results
(detections), which names neither images nor classes and is read with those of its gold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from operator import attrgetter, itemgetter, mul
from typing import Any, Final

import numpy as np

from segcore.faults import Fault
from segcore.files import composed
from segcore.limits import MAX_ANNOTATIONS, MAX_CLASSES, MAX_NAME_LENGTH, MAX_PIXELS
from segcore.ontology import LabelClass, Ontology
from segcore.sources.coco_attributes import extra_of
from segcore.sources.coco_entries import (
    CocoImage,
    CocoIndex,
    EntryFaults,
    EntryReader,
    TooManyFaultsError,
    entries_at,
    is_id,
    is_plain,
    repeated,
)
from segcore.sources.coco_table import EntryTable, are_ids
from segcore.wording import printable, show

__all__ = [
    "adopt_ontology",
    "category_order",
    "image_key",
    "index_categories",
    "index_dataset",
    "index_images",
    "index_results",
]

_THING: Final[dict[object, bool]] = {1: True, 0: False, "thing": True, "stuff": False}


def image_key(file_name: str) -> str | None:
    """The key of an image: its file name without folders and extension.

    Both kinds of slashes separate folders; letters are composed (Unicode NFC).  An absolute path
    is fine: no file is ever opened by this name.  None where the name climbs out of its folder
    (``..``), holds control characters, is longer than the limit or names nothing.
    """
    if len(file_name) > MAX_NAME_LENGTH:
        return None
    parts = file_name.replace("\\", "/").split("/")
    if ".." in parts or not is_plain(file_name):
        return None
    name = parts[-1]
    stem, dot, _ = name.rpartition(".")
    key = stem if dot and stem else name
    return None if key in ("", ".") else composed(key)


def index_dataset(document: Mapping[str, Any], *, file: str) -> CocoIndex:
    """Check a data set and group its annotations by image.

    Parameters
    ----------
    document : mapping
        The parsed JSON object, with an :class:`EntryTable` in place of the list of annotations.
    file : str
        What faults call it.
    """
    faults = EntryFaults()
    parts: dict[str, Any] = {}
    for name in ("images", "annotations", "categories"):
        kind = EntryTable if name == "annotations" else list
        if name not in document:
            faults.append(Fault(code="coco.missing_field", file=file, expected=name, got="no such key"))
        elif not isinstance(document[name], kind):
            got = show(document[name])
            faults.append(
                Fault(code="coco.bad_structure", file=file, expected=f"{name}: a list", got=got)
            )
        else:
            parts[name] = document[name]
    if len(parts) < 3:
        return CocoIndex(faults=tuple(faults))
    entries: EntryTable = document["annotations"]
    limits = (
        ("images", MAX_ANNOTATIONS, "limits.annotations"),
        ("annotations", MAX_ANNOTATIONS, "limits.annotations"),
        ("categories", MAX_CLASSES, "limits.entries"),
    )
    for name, limit, code in limits:
        if len(parts[name]) > limit:
            expected, got = f"at most {limit} {name}", f"{len(parts[name])}"
            faults.append(Fault(code=code, file=file, expected=expected, got=got))
    if faults:
        return CocoIndex(faults=tuple(faults))
    if len(entries) and entries.all_have("segments_info"):
        expected, got = "an instances file", "a panoptic file (read it as coco-panoptic:)"
        faults.append(Fault(code="coco.bad_structure", file=file, expected=expected, got=got))
        return CocoIndex(faults=tuple(faults))
    try:
        images, refused_images = index_images(parts["images"], file=file, faults=faults)
        ontology, refused_classes = index_categories(parts["categories"], file=file, faults=faults)
        scored = len(entries) > 0 and entries.all_have("score")
        reader = EntryReader(
            file=file,
            images=images,
            refused_images=refused_images,
            ontology=ontology,
            refused_classes=refused_classes,
            scored=scored,
            results=False,
            faults=faults,
        )
        return replace(reader.index(entries), category_order=category_order(parts["categories"]))
    except TooManyFaultsError:
        return CocoIndex(unplaced=len(entries), faults=tuple(faults))


def index_results(entries: EntryTable, *, file: str, gold: CocoIndex) -> CocoIndex:
    """Check a list of detections against the images and categories of its gold.

    Every image of the gold counts as delivered: a list cannot say "looked at, nothing found".
    Faults call a detection by its position in the list.
    """
    if len(entries) > MAX_ANNOTATIONS:
        expected, got = f"at most {MAX_ANNOTATIONS} annotations", f"{len(entries)}"
        fault = Fault(code="limits.annotations", file=file, expected=expected, got=got)
        return CocoIndex(faults=(fault,))
    if gold.ontology is None or not gold.images:  # what broke the gold is reported there
        return CocoIndex(ontology=gold.ontology, unplaced=len(entries), is_results=True)
    reader = EntryReader(
        file=file,
        images=gold.images,
        refused_images=frozenset(),
        ontology=gold.ontology,
        refused_classes=frozenset(),
        scored=True,
        results=True,
        faults=EntryFaults(),
    )
    try:
        return reader.index(entries)
    except TooManyFaultsError:
        return CocoIndex(unplaced=len(entries), faults=tuple(reader.faults), is_results=True)


def adopt_ontology(index: CocoIndex, ontology: Ontology, *, file: str) -> CocoIndex:
    """The same document with the classes of ``ontology``, matched by name or alias.

    An annotation whose category is no class of it is refused; categories nobody uses may be
    called anything.
    """
    own = index.ontology
    if own is None:
        return replace(index, ontology=ontology)
    faults = list(index.faults)
    table = ontology.match(own)
    suggest = cache(ontology.suggest)
    for category, at in zip(own.classes, table.tolist(), strict=True):
        thing = None if at < 0 else ontology.classes[at].thing
        if thing is not None and category.thing is not None and thing is not category.thing:
            expected, got = ("a thing", "stuff") if thing else ("stuff", "a thing")
            expected = f"category {category.id} {show(category.name)}: {expected}"
            faults.append(Fault(code="coco.category_conflict", file=file, expected=expected, got=got))
    classes = np.where(index.classes >= 0, table[index.classes], np.int32(-1)).astype(np.int32)
    image_of = np.repeat(np.arange(len(index.images)), np.diff(index.offsets))
    placed = index.order[index.offsets[0] :]
    for entry, place in zip(placed.tolist(), image_of.tolist(), strict=True):
        if index.classes[entry] >= 0 and classes[entry] < 0:
            name = own.classes[index.classes[entry]].name
            faults.append(
                Fault(
                    code="coco.unknown_class_name",
                    file=file,
                    image=index.images[place].key,
                    image_id=index.images[place].id,
                    annotation=index.ids[entry],
                    expected="a class of the ontology",
                    got=f"{show(name)}{suggest(name)}",
                )
            )
    classes = np.maximum(classes, -1)
    return replace(index, ontology=ontology, classes=classes, faults=tuple(faults))


# ---- images


def index_images(
    entries: list[Any], *, file: str, faults: list[Fault], text_ids: bool = False
) -> tuple[tuple[CocoImage, ...], frozenset[int | str]]:
    """The accepted images by key, and the ids of the refused ones.

    With ``text_ids`` an id may be text, which is the key then (Cityscapes).
    """
    if (sound := _sound_images(entries)) is not None:
        return sound, frozenset()
    known: list[tuple[int | str, int]] = []
    images: list[CocoImage | None] = []
    names: list[str] = []
    for at, entry in enumerate(entries):
        image_id, image, name = _read_image(entry, at, file=file, faults=faults, text_ids=text_ids)
        if image_id is not None:
            known.append((image_id, len(images)))
        images.append(image)
        names.append(name)
    refused: set[int | str] = {image_id for image_id, at in known if images[at] is None}
    for nth in repeated(image_id for image_id, _ in known).values():
        image_id, places = known[nth[0]][0], [known[n][1] for n in nth]
        got = entries_at("images", places)
        faults.append(
            Fault(
                code="coco.duplicate_image_id",
                file=file,
                image_id=image_id,
                expected="one image",
                got=got,
            )
        )
        refused.add(image_id)
    accepted = [(image, name) for image, name in zip(images, names, strict=True) if image is not None]
    for key, places in repeated(image.key for image, _ in accepted).items():
        same = [accepted[at] for at in places]
        if len({image.id for image, _ in same}) == 1:
            continue  # a duplicate id, reported above
        one_name = len({name for _, name in same}) < len(same)
        twins = len({composed(name) for _, name in same}) < len(same)
        twice = "delivery.duplicate_image" if twins else "delivery.ambiguous_image"
        # Twins look the same: their letters are written out.
        shown = ascii if twins and not one_name else show
        got = ", ".join(f"{printable(shown(name))} (id {image.id})" for image, name in same[:3])
        faults.append(
            Fault(
                code="coco.duplicate_file_name" if one_name else twice,
                file=file,
                image=key,
                expected="one image",
                got=got if len(got) <= 160 else f"{got[:157]}...",
            )
        )
        refused |= {image.id for image, _ in same}
    kept = [image for image, _ in accepted if image.id not in refused]
    return tuple(sorted(kept, key=lambda image: image.key)), frozenset(refused)


def _sound_images(entries: list[Any]) -> tuple[CocoImage, ...] | None:
    """All images at once where nothing is wrong with any of them, as in nearly all files."""
    try:
        columns = [
            list(map(itemgetter(name), entries)) for name in ("id", "file_name", "height", "width")
        ]
    except (KeyError, TypeError, IndexError):
        return None
    ids, names, heights, widths = columns
    if set(map(type, entries)) != {dict} or set(map(type, names)) != {str}:
        return None
    if {*map(type, ids), *map(type, heights), *map(type, widths)} != {int}:
        return None
    keys = list(map(image_key, names))
    if None in keys or len(set(keys)) < len(keys) or not are_ids(ids):
        return None
    if min(heights) < 1 or min(widths) < 1 or max(map(mul, heights, widths)) > MAX_PIXELS:
        return None
    found = (
        CocoImage(id=own_id, key=key, height=height, width=width, extra=extra_of(entry))
        for own_id, key, height, width, entry in zip(ids, keys, heights, widths, entries, strict=True)
        if key is not None
    )
    return tuple(sorted(found, key=attrgetter("key")))


def _read_image(
    entry: Any, at: int, *, file: str, faults: list[Fault], text_ids: bool
) -> tuple[int | str | None, CocoImage | None, str]:
    """The id, the image if it is sound, and the file name of one entry of ``images``."""
    where = f"images[{at}]"
    if not isinstance(entry, dict):
        expected, got = f"{where}: an object", show(entry)
        faults.append(Fault(code="coco.bad_structure", file=file, expected=expected, got=got))
        return None, None, ""
    name = entry.get("file_name")
    key = image_key(name) if isinstance(name, str) else None
    raw_id = entry.get("id")
    image_id: int | str | None = raw_id if is_id(raw_id) else None
    if text_ids and isinstance(raw_id, str) and (own_key := image_key(raw_id)) is not None:
        image_id, key = raw_id, own_key if key is not None else None
    before = len(faults)

    def fault(code: str, expected: str, got: str) -> None:
        expected = expected if image_id is not None else f"{where}.{expected}"
        faults.append(
            Fault(code=code, file=file, image=key, image_id=image_id, expected=expected, got=got)
        )

    for field_name, kind in (("id", "an integer"), ("file_name", "text")):
        if field_name not in entry:
            fault("coco.missing_field", field_name, "no such key")
        elif (image_id is None) if field_name == "id" else not isinstance(name, str):
            fault("coco.bad_type", f"{field_name}: {kind}", show(entry[field_name]))
    if isinstance(name, str) and key is None:
        expected = "file_name: a plain file name"
        if len(name) > MAX_NAME_LENGTH:
            expected += f" of at most {MAX_NAME_LENGTH} characters"
        fault("path.unsafe", expected, show(name))
    size = []
    for field_name in ("height", "width"):
        value = entry.get(field_name)
        if field_name not in entry:
            fault("coco.missing_field", field_name, "no such key")
        elif type(value) is not int or value < 1:
            fault("coco.bad_type", f"{field_name}: a positive integer", show(value))
        else:
            size.append(value)
    if len(size) == 2 and size[0] * size[1] > MAX_PIXELS:
        fault("limits.pixels", f"at most {MAX_PIXELS} pixels", f"{show(size[1])} x {show(size[0])}")
    if len(faults) > before or image_id is None or key is None:
        return image_id, None, ""
    image = CocoImage(id=image_id, key=key, height=size[0], width=size[1], extra=extra_of(entry))
    return image_id, image, str(name)


# ---- categories


def index_categories(
    entries: list[Any], *, file: str, faults: list[Fault]
) -> tuple[Ontology | None, frozenset[int]]:
    """The classes by id, and the ids of the refused categories."""
    classes: list[LabelClass] = []
    refused: set[int] = set()
    for at, entry in enumerate(entries):
        found = _read_category(entry, f"categories[{at}]", file=file, faults=faults)
        if found is not None:
            classes.append(found)
        elif isinstance(entry, dict) and is_id(entry.get("id")):
            refused.add(entry["id"])
    for what, values in (("id", [c.id for c in classes]), ("name", [c.name for c in classes])):
        for value, places in repeated(values).items():
            same = [classes[at] for at in places]
            got = ", ".join(f"{c.id} {show(c.name)}" for c in same[:3])
            expected = f"one category with {what} {show(value)}"
            faults.append(Fault(code="coco.duplicate_category", file=file, expected=expected, got=got))
            refused |= {c.id for c in same}
    kept = sorted((c for c in classes if c.id not in refused), key=lambda c: c.id)
    if not entries:
        expected = "categories: at least one"
        faults.append(Fault(code="coco.bad_structure", file=file, expected=expected, got="[]"))
    return (Ontology(tuple(kept)) if kept else None), frozenset(refused)


def category_order(entries: list[Any]) -> tuple[int, ...]:
    """The ids of the categories as the file lists them, sound or not."""
    ids = (entry.get("id") for entry in entries if isinstance(entry, dict))
    return tuple(found for found in ids if is_id(found))


def _read_category(entry: Any, where: str, *, file: str, faults: list[Fault]) -> LabelClass | None:
    before = len(faults)

    def fault(code: str, expected: str, got: str) -> None:
        faults.append(Fault(code=code, file=file, expected=f"{where}{expected}", got=got))

    if not isinstance(entry, dict):
        fault("coco.bad_structure", ": an object", show(entry))
        return None
    for required in ("id", "name"):
        if required not in entry:
            fault("coco.missing_field", f".{required}", "no such key")
    category_id, name = entry.get("id"), entry.get("name")
    if "id" in entry and not is_id(category_id):
        fault("coco.bad_type", ".id: an integer", show(category_id))
    if "name" in entry and not (isinstance(name, str) and name.strip() and is_plain(name)):
        fault("coco.bad_type", ".name: printable text", show(name))
    elif isinstance(name, str) and len(name) > MAX_NAME_LENGTH:
        fault("coco.bad_type", f".name: at most {MAX_NAME_LENGTH} characters", f"{len(name)}")
    if len(faults) > before or not is_id(category_id):
        return None
    thing = entry.get("isthing", entry.get("supercategory"))
    known = _THING.get(thing) if isinstance(thing, (int, str)) else None
    return LabelClass(id=category_id, name=str(name), thing=known)
