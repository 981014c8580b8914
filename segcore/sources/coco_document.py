"""The structure of a COCO document: who is in it, and every fault of it, before any mask is read.

Two kinds: a data set (an object with images, annotations and categories) and a list of results
(detections), which names neither images nor classes and is read with those of its gold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from segcore.annotation import AnnotationId
from segcore.faults import Fault, show
from segcore.limits import MAX_ANNOTATIONS, MAX_PIXELS
from segcore.ontology import LabelClass, Ontology

__all__ = ["CocoImage", "CocoIndex", "image_key", "index_dataset", "index_results"]

_MAX_ID: Final = 2**63 - 1
_THING: Final = {1: True, 0: False, True: True, False: False}


@dataclass(frozen=True, slots=True, kw_only=True)
class CocoImage:
    """One entry of ``images`` that was accepted."""

    id: int
    key: str
    height: int
    width: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CocoIndex:
    """What a document holds, by image.

    Attributes
    ----------
    images : tuple of CocoImage
        Sorted by key.
    ontology : Ontology or None
        The categories in the order of their ids; None where none is sound.
    entries : list
        The annotations of the document, as they are (not copied).
    ids : sequence
        What faults and regions call each entry.
    order : int64 (n,)
        Positions in ``entries``, image by image, in file order within an image.
    offsets : int64 (n_images + 1,)
        Image ``i`` owns ``order[offsets[i]:offsets[i + 1]]``.
    classes : int32 (n_entries,)
        Class index of each entry; -1 where the entry was refused.
    scores : float64 (n_entries,) or None
        Where every entry has a score.
    unplaced : int
        Entries that belong to no accepted image.
    faults : tuple of Fault
    """

    images: tuple[CocoImage, ...] = ()
    ontology: Ontology | None = None
    entries: list[Any] = field(default_factory=list)
    ids: Sequence[AnnotationId] = ()
    order: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    offsets: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(1, np.int64))
    classes: npt.NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    scores: npt.NDArray[np.float64] | None = None
    unplaced: int = 0
    faults: tuple[Fault, ...] = ()
    is_results: bool = False


def image_key(file_name: str) -> str | None:
    """The key of an image: its file name without folders and extension.

    Both kinds of slashes separate folders.  An absolute path is fine: no file is ever opened by
    this name.  None where the name climbs out of its folder (``..``), holds control characters
    or names nothing.
    """
    parts = file_name.replace("\\", "/").split("/")
    if ".." in parts or not all(c.isprintable() for c in file_name):
        return None
    name = parts[-1]
    stem, dot, _ = name.rpartition(".")
    key = stem if dot and stem else name
    return None if key in ("", ".") else key


def index_dataset(document: Mapping[str, Any], *, file: str) -> CocoIndex:
    """Check a data set and group its annotations by image.

    Parameters
    ----------
    document : mapping
        The parsed JSON object.
    file : str
        What faults call it.
    """
    faults: list[Fault] = []
    parts: dict[str, list[Any]] = {}
    for name in ("images", "annotations", "categories"):
        if name not in document:
            faults.append(Fault(code="coco.missing_field", file=file, expected=name, got="no such key"))
        elif not isinstance(document[name], list):
            got = show(document[name])
            faults.append(
                Fault(code="coco.bad_structure", file=file, expected=f"{name}: a list", got=got)
            )
        else:
            parts[name] = document[name]
    if len(parts) < 3:
        return CocoIndex(faults=tuple(faults))
    entries = parts["annotations"]
    for name in ("images", "annotations"):
        if len(parts[name]) > MAX_ANNOTATIONS:
            expected, got = f"at most {MAX_ANNOTATIONS} {name}", f"{len(parts[name])}"
            faults.append(Fault(code="limits.annotations", file=file, expected=expected, got=got))
            return CocoIndex(faults=tuple(faults))
    if entries and all(isinstance(entry, dict) and "segments_info" in entry for entry in entries):
        expected, got = "an instances file", "a panoptic file (read it as coco-panoptic:)"
        faults.append(Fault(code="coco.bad_structure", file=file, expected=expected, got=got))
        return CocoIndex(faults=tuple(faults))
    images, refused_images = _index_images(parts["images"], file=file, faults=faults)
    ontology, refused_classes = _index_categories(parts["categories"], file=file, faults=faults)
    scored = bool(entries) and all(isinstance(entry, dict) and "score" in entry for entry in entries)
    reader = _Entries(
        file=file,
        images=images,
        refused_images=refused_images,
        ontology=ontology,
        refused_classes=refused_classes,
        scored=scored,
        results=False,
        faults=faults,
    )
    return reader.index(entries)


def index_results(entries: list[Any], *, file: str, gold: CocoIndex) -> CocoIndex:
    """Check a list of detections against the images and categories of its gold.

    Every image of the gold counts as delivered: a list cannot say "looked at, nothing found".
    Faults call a detection by its position in the list.
    """
    if len(entries) > MAX_ANNOTATIONS:
        expected, got = f"at most {MAX_ANNOTATIONS} annotations", f"{len(entries)}"
        fault = Fault(code="limits.annotations", file=file, expected=expected, got=got)
        return CocoIndex(faults=(fault,))
    reader = _Entries(
        file=file,
        images=gold.images,
        refused_images=frozenset(),
        ontology=gold.ontology,
        refused_classes=frozenset(),
        scored=True,
        results=True,
        faults=[],
    )
    return reader.index(entries)


def _is_id(value: object) -> bool:
    return type(value) is int and -_MAX_ID <= value <= _MAX_ID


def _repeated(values: Iterable[Any]) -> dict[Any, list[int]]:
    """Positions of every value that occurs more than once, in order of appearance."""
    places: dict[Any, list[int]] = {}
    for at, value in enumerate(values):
        places.setdefault(value, []).append(at)
    return {value: at for value, at in places.items() if len(at) > 1}


def _entries_at(name: str, places: Sequence[int]) -> str:
    shown = ", ".join(f"{name}[{at}]" for at in places[:3])
    return shown + (f" and {len(places) - 3} more" if len(places) > 3 else "")


# ---- images


def _index_images(
    entries: list[Any], *, file: str, faults: list[Fault]
) -> tuple[tuple[CocoImage, ...], frozenset[int]]:
    """The accepted images by key, and the ids of the refused ones."""
    known: list[tuple[int, int]] = []
    images: list[CocoImage | None] = []
    names: list[str] = []
    for at, entry in enumerate(entries):
        image_id, image, name = _read_image(entry, at, file=file, faults=faults)
        if image_id is not None:
            known.append((image_id, len(images)))
        images.append(image)
        names.append(name)
    refused: set[int] = {image_id for image_id, at in known if images[at] is None}
    for nth in _repeated(image_id for image_id, _ in known).values():
        image_id, places = known[nth[0]][0], [known[n][1] for n in nth]
        got = _entries_at("images", places)
        faults.append(
            Fault(
                code="coco.duplicate_image_id", file=file, image_id=image_id, expected="one image", got=got
            )
        )
        refused.add(image_id)
    accepted = [(image, name) for image, name in zip(images, names, strict=True) if image is not None]
    for key, places in _repeated(image.key for image, _ in accepted).items():
        same = [accepted[at] for at in places]
        if len({image.id for image, _ in same}) == 1:
            continue  # a duplicate id, reported above
        one_name = len({name for _, name in same}) < len(same)
        got = ", ".join(f"{show(name)} (id {image.id})" for image, name in same[:3])
        faults.append(
            Fault(
                code="coco.duplicate_file_name" if one_name else "delivery.ambiguous_image",
                file=file,
                image=key,
                expected="one image",
                got=got if len(got) <= 160 else f"{got[:157]}...",
            )
        )
        refused |= {image.id for image, _ in same}
    kept = [image for image, _ in accepted if image.id not in refused]
    return tuple(sorted(kept, key=lambda image: image.key)), frozenset(refused)


def _read_image(
    entry: Any, at: int, *, file: str, faults: list[Fault]
) -> tuple[int | None, CocoImage | None, str]:
    """The id, the image if it is sound, and the file name of one entry of ``images``."""
    where = f"images[{at}]"
    if not isinstance(entry, dict):
        expected, got = f"{where}: an object", show(entry)
        faults.append(Fault(code="coco.bad_structure", file=file, expected=expected, got=got))
        return None, None, ""
    name = entry.get("file_name")
    key = image_key(name) if isinstance(name, str) else None
    raw_id = entry.get("id")
    image_id: int | None = raw_id if _is_id(raw_id) else None
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
        fault("path.unsafe", "file_name: a plain file name", show(name))
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
        got = show(size[0] * size[1])
        fault("limits.pixels", f"at most {MAX_PIXELS} pixels", got)
    if len(faults) > before or image_id is None or key is None:
        return image_id, None, ""
    return image_id, CocoImage(id=image_id, key=key, height=size[0], width=size[1]), str(name)


# ---- categories


def _index_categories(
    entries: list[Any], *, file: str, faults: list[Fault]
) -> tuple[Ontology | None, frozenset[int]]:
    """The classes by id, and the ids of the refused categories."""
    classes: list[LabelClass] = []
    refused: set[int] = set()
    for at, entry in enumerate(entries):
        found = _read_category(entry, f"categories[{at}]", file=file, faults=faults)
        if found is not None:
            classes.append(found)
        elif isinstance(entry, dict) and _is_id(entry.get("id")):
            refused.add(entry["id"])
    for what, values in (("id", [c.id for c in classes]), ("name", [c.name for c in classes])):
        for value, places in _repeated(values).items():
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


def _read_category(entry: Any, where: str, *, file: str, faults: list[Fault]) -> LabelClass | None:
    before = len(faults)

    def fault(code: str, expected: str, got: str) -> None:
        faults.append(Fault(code=code, file=file, expected=f"{where}{expected}", got=got))

    if not isinstance(entry, dict):
        fault("coco.bad_structure", ": an object", show(entry))
        return None
    for name in ("id", "name"):
        if name not in entry:
            fault("coco.missing_field", f".{name}", "no such key")
    category_id, name = entry.get("id"), entry.get("name")
    if "id" in entry and not _is_id(category_id):
        fault("coco.bad_type", ".id: an integer", show(category_id))
    if "name" in entry and not (isinstance(name, str) and name.strip() and name.isprintable()):
        fault("coco.bad_type", ".name: printable text", show(name))
    if len(faults) > before:
        return None
    thing = entry.get("isthing", entry.get("supercategory"))
    if isinstance(thing, str):
        thing = {"thing": True, "stuff": False}.get(thing)
    else:
        thing = _THING.get(thing) if type(thing) in (int, bool) else None
    return LabelClass(id=int(category_id), name=str(name), thing=thing)


# ---- annotations


@dataclass(slots=True, kw_only=True)
class _Entries:
    """Reads the annotations of a data set, or the detections of a results list."""

    file: str
    images: tuple[CocoImage, ...]
    refused_images: frozenset[int]
    ontology: Ontology | None
    refused_classes: frozenset[int]
    scored: bool
    results: bool
    faults: list[Fault]

    def index(self, entries: list[Any]) -> CocoIndex:
        """Check every entry and group them by image."""
        place_of = {image.id: at for at, image in enumerate(self.images)}
        names = () if self.ontology is None else self.ontology.classes
        class_of = {c.id: index for index, c in enumerate(names)}
        places = np.full(len(entries), -1, np.int64)
        classes = np.full(len(entries), -1, np.int32)
        scores = np.full(len(entries) if self.scored else 0, np.nan)
        ids: list[AnnotationId] = []
        seen: dict[int, list[int]] = {}
        for at, entry in enumerate(entries):
            if type(entry) is not dict:
                self._fault("coco.bad_structure", self._where(at), None, "an object", show(entry))
                ids.append(self._where(at))
                continue
            get = entry.get
            own_id = at if self.results else get("id")
            if not _is_id(own_id):
                own_id = self._where(at)
            elif not self.results:
                seen.setdefault(own_id, []).append(at)
            ids.append(own_id)
            image_id, category_id, crowd = get("image_id"), get("category_id"), get("iscrowd", 0)
            place = place_of.get(image_id, -1) if type(image_id) is int else -1
            index = class_of.get(category_id, -1) if type(category_id) is int else -1
            places[at] = place
            sound = (
                place >= 0
                and index >= 0
                and type(own_id) is int
                and type(crowd) is int
                and (crowd == 0 or crowd == 1)  # noqa: PLR1714  (faster than a set)
            )
            if self.scored:
                score = get("score")
                if type(score) in (float, int) and -1e300 < score < 1e300:
                    scores[at] = score
                else:
                    sound = False
            if sound:
                classes[at] = index
            else:
                self._explain(entry, own_id, self.images[place] if place >= 0 else None, class_of)
        self._refuse_duplicates(seen, places, classes)
        order = np.argsort(places, kind="stable")
        unplaced = int(np.count_nonzero(places < 0))
        return CocoIndex(
            images=self.images,
            ontology=self.ontology,
            entries=entries,
            ids=ids,
            order=order,
            offsets=np.searchsorted(places[order], np.arange(len(self.images) + 1)),
            classes=classes,
            scores=scores if self.scored else None,
            unplaced=unplaced,
            faults=tuple(self.faults),
            is_results=self.results,
        )

    def _where(self, at: int) -> AnnotationId:
        return at if self.results else f"annotations[{at}]"

    def _fault(
        self, code: str, annotation: AnnotationId, image: CocoImage | None, expected: str, got: str
    ) -> None:
        self.faults.append(
            Fault(
                code=code,
                file=self.file,
                image=None if image is None else image.key,
                image_id=None if image is None else image.id,
                annotation=annotation,
                expected=expected,
                got=got,
            )
        )

    def _explain(
        self,
        entry: Mapping[str, Any],
        own_id: AnnotationId,
        image: CocoImage | None,
        class_of: Mapping[int, int],
    ) -> None:
        """Every reason why an entry was not sound; none where the cause was reported before."""

        def fault(code: str, expected: str, got: str) -> None:
            self._fault(code, own_id, image, expected, got)

        required = ("image_id", "category_id") if self.results else ("id", "image_id", "category_id")
        for name in required:
            if name not in entry:
                fault("coco.missing_field", name, "no such key")
            elif not _is_id(entry[name]):
                fault("coco.bad_type", f"{name}: an integer", show(entry[name]))
        image_id, category_id = entry.get("image_id"), entry.get("category_id")
        if image is None and _is_id(image_id) and image_id not in self.refused_images:
            code = "results.inconsistent" if self.results else "coco.unknown_image"
            fault(code, "the id of an image" + " of the gold" * self.results, f"image_id {image_id}")
        if (
            _is_id(category_id)
            and category_id not in class_of
            and category_id not in self.refused_classes
        ):
            code = "results.inconsistent" if self.results else "coco.unknown_category"
            fault(
                code, "the id of a category" + " of the gold" * self.results, f"category_id {category_id}"
            )
        crowd = entry.get("iscrowd", 0)
        if type(crowd) is not int or crowd not in (0, 1):
            fault("coco.iscrowd", "0 or 1", show(crowd))
        if self.scored and "score" not in entry:
            fault("results.missing_score", "score", "no such key")
        elif self.scored:
            score = entry["score"]
            if type(score) not in (float, int) or not -1e300 < score < 1e300:
                fault("results.bad_score", "a finite number", show(score))

    def _refuse_duplicates(
        self,
        seen: Mapping[int, list[int]],
        places: npt.NDArray[np.int64],
        classes: npt.NDArray[np.int32],
    ) -> None:
        for own_id, at in seen.items():
            if len(at) > 1:
                classes[at] = -1
                place = int(places[at[0]])
                image = self.images[place] if place >= 0 else None
                got = _entries_at("annotations", at)
                self._fault("coco.duplicate_annotation_id", own_id, image, "one annotation", got)
