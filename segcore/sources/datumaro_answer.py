"""What Datumaro made of a data set, as its process wrote it down, and every fault of that."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from segcore.errors import DocumentError, SpecError
from segcore.faults import Fault
from segcore.files import composed, list_files
from segcore.image_attributes import Attributes, attributes_in, merged
from segcore.limits import MAX_CLASSES, MAX_NAME_LENGTH, MAX_PIXELS
from segcore.ontology import LabelClass, Ontology
from segcore.sources.coco_entries import EntryFaults, TooManyFaultsError, is_plain
from segcore.strict_json import parse_json
from segcore.wording import printable, show

__all__ = ["DatumaroImage", "DatumaroIndex", "DatumaroShape", "index_answer"]

AREAS: Final = frozenset({"ellipse", "mask", "polygon"})


@dataclass(frozen=True, slots=True, kw_only=True)
class DatumaroShape:
    """One annotation with an area.

    Attributes
    ----------
    entry : mapping
        As the process of Datumaro wrote it.
    id : int or str
        What faults and regions call it: its id, or its place in the item where it has none.
    class_index : int
        -1 where it was refused.
    group : int
        Annotations of one group describe one object; 0 is none.
    """

    entry: Mapping[str, Any]
    id: int | str
    class_index: int
    group: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DatumaroImage:
    """One item of the data set.

    Attributes
    ----------
    id, key : str
    size : tuple of int or None
        Height and width, where Datumaro knows them.
    shapes : tuple of DatumaroShape
        By z order.
    attributes : mapping of str to tuple of str
        With the subset.
    """

    id: str
    key: str
    size: tuple[int, int] | None
    shapes: tuple[DatumaroShape, ...]
    attributes: Attributes = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatumaroIndex:
    """What a data set holds; the attributes are those of the other documents' indexes.

    ``labels`` are those of the data set itself, in its order.
    """

    images: Mapping[str, DatumaroImage] = field(default_factory=dict)
    ontology: Ontology | None = None
    left_out: Mapping[str, int] = field(default_factory=dict)
    unplaced: int = 0
    scored: bool = False
    digest: str = field(default_factory=lambda: hashlib.sha256().hexdigest())
    faults: tuple[Fault, ...] = ()
    labels: tuple[str, ...] = ()


def index_answer(
    lines: Sequence[bytes], *, file: str, ontology: Ontology | None, subset: str | None
) -> DatumaroIndex:
    """Check an answer and group its annotations by image.

    Parameters
    ----------
    lines : sequence of bytes
        One JSON object each, the last of them ``end``.
    file : str
        What faults call the data set.
    ontology : Ontology or None
        The classes to use instead of the labels, matched by name.
    subset : str or None
        Read only the items of this one.

    Raises
    ------
    SpecError
        There is no such subset.
    """
    reader = _Reader(file, ontology)
    try:
        return reader.read(lines, subset)
    except TooManyFaultsError:
        return DatumaroIndex(ontology=ontology, faults=tuple(reader.faults))


class _Reader:
    def __init__(self, file: str, ontology: Ontology | None) -> None:
        self.faults = EntryFaults()
        self._file = file
        self._ontology = ontology
        self._labels: list[str] = []
        self._classes: list[int] = []
        self._left_out: Counter[str] = Counter()

    def read(self, lines: Sequence[bytes], subset: str | None) -> DatumaroIndex:
        items: list[dict[str, Any]] = []
        ended = False
        for line in lines:
            kind, value = self._parsed(line)
            if kind == "labels":
                self._read_labels(value)
            elif kind == "item":
                items.append(value)
            elif kind == "problem":
                self._fault("datumaro.item", "", printable(value, limit=160))
            elif kind == "log":
                self._fault("datumaro.warning", "", printable(value, limit=160))
            elif kind == "refused":
                self._fault("datumaro.refused", "", printable(value, limit=160))
            ended = ended or kind in ("end", "refused")
        if not ended:
            self._fault("datumaro.crashed", "a whole answer", f"one that ends after {len(items)} items")
        self._look_for_unlisted([item["path"] for item in items if item["path"]])
        if subset is not None:
            items = self._of_subset(items, subset)
        return self._index(items, digest=hashlib.sha256(b"\n".join(sorted(lines))).hexdigest())

    def _parsed(self, line: bytes) -> tuple[str, Any]:
        try:
            document = parse_json(line, file=self._file)
        except DocumentError as error:  # the process died while it wrote
            self._fault("datumaro.crashed", "a whole answer", printable(error.problem))
            return "", None
        assert isinstance(document, dict)  # noqa: S101  (our own process wrote it)
        ((kind, value),) = document.items()
        return kind, value

    def _fault(
        self,
        code: str,
        expected: str,
        got: str,
        *,
        image: str | None = None,
        annotation: int | str | None = None,
    ) -> None:
        self.faults.append(
            Fault(
                code=code,
                file=self._file,
                image=image,
                annotation=annotation,
                expected=expected,
                got=got,
            )
        )

    # ---- labels

    def _read_labels(self, labels: Sequence[Sequence[str]]) -> None:
        """Find the class of each label; the labels themselves are the classes where none are given."""
        expected = f"a printable name of at most {MAX_NAME_LENGTH} characters, once"
        if len(labels) > MAX_CLASSES:
            self._fault("limits.entries", f"at most {MAX_CLASSES} labels", f"{len(labels)}")
            labels = []
        names: dict[str, int] = {}
        for at, (name, _) in enumerate(labels):
            if not name.strip() or not is_plain(name) or len(name) > MAX_NAME_LENGTH or name in names:
                self._fault("datumaro.label", expected, f"label {at}: {show(name)}")
            names.setdefault(name, at)
        if self._ontology is None and names:
            classes = (LabelClass(id=at, name=name) for name, at in names.items())
            self._ontology = Ontology(tuple(classes))
        found = (None if self._ontology is None else self._ontology.index(name) for name, _ in labels)
        self._labels = [name for name, _ in labels]
        self._classes = [-1 if index is None else index for index in found]

    # ---- items

    def _of_subset(self, items: list[dict[str, Any]], subset: str) -> list[dict[str, Any]]:
        there = sorted({item["subset"] for item in items})
        if subset not in there:
            known = ", ".join(there) or "none"
            raise SpecError(
                f"{self._file}: no item belongs to the subset {subset!r} (there are {known})"
            )
        return [item for item in items if item["subset"] == subset]

    def _index(self, items: Sequence[dict[str, Any]], *, digest: str) -> DatumaroIndex:
        unplaced = 0
        scores: list[float | None] = []
        found: dict[str, list[DatumaroImage]] = {}
        subsets: dict[str, list[str]] = {}
        for item in items:
            key = _key(item["id"])
            shapes = self._shapes(item["annotations"], key)
            scores += [shape.entry["score"] for shape in shapes]
            size = None if item["size"] is None else (item["size"][0], item["size"][1])
            if key is None:
                expected = f"a plain item id of at most {MAX_NAME_LENGTH} characters"
                self._fault("path.unsafe", expected, show(item["id"]))
            elif size is not None and not 0 < size[0] * size[1] <= MAX_PIXELS:
                expected = f"1 to {MAX_PIXELS} pixels"
                self._fault("limits.pixels", expected, f"{size[1]} x {size[0]}", image=key)
            else:
                said = merged([*attributes_in(item.get("attributes", {})), ("subset", item["subset"])])
                image = DatumaroImage(id=item["id"], key=key, size=size, shapes=shapes, attributes=said)
                found.setdefault(key, []).append(image)
                subsets.setdefault(key, []).append(item["subset"])
                continue
            unplaced += len(shapes)
        images: dict[str, DatumaroImage] = {}
        for key in sorted(found):
            first, *others = found[key]
            if not others:
                images[key] = first
                continue
            unplaced += sum(len(image.shapes) for image in found[key])
            names = ", ".join(show(name) for name in subsets[key][:3])
            expected = "one item (?subset=NAME reads one subset)"
            got = f"{len(found[key])} items, of the subsets {names}"
            self._fault("delivery.ambiguous_image", expected, got, image=key)
        return DatumaroIndex(
            images=images,
            ontology=self._ontology,
            left_out=dict(self._left_out),
            unplaced=unplaced,
            scored=bool(scores) and None not in scores,
            digest=digest,
            faults=tuple(self.faults),
            labels=tuple(self._labels),
        )

    def _shapes(
        self, entries: Sequence[Mapping[str, Any]], key: str | None
    ) -> tuple[DatumaroShape, ...]:
        self._left_out.update(entry["type"] for entry in entries if entry["type"] not in AREAS)
        places = [at for at, entry in enumerate(entries) if entry["type"] in AREAS]
        places.sort(key=lambda at: entries[at]["z_order"])
        shapes: list[DatumaroShape] = []
        for at in places:
            entry = entries[at]
            own_id = entry["id"] or f"{entry['type']}[{at}]"
            label = entry["label"]
            index = self._classes[label] if label is not None and label < len(self._classes) else -1
            if label is None or label >= len(self._classes):
                got = "none" if label is None else f"label {label} of {len(self._classes)}"
                self._fault("datumaro.label", "a label", got, image=key, annotation=own_id)
            elif index < 0:
                name = self._labels[label]
                hint = "" if self._ontology is None else self._ontology.suggest(name)
                expected = "a class of the ontology"
                got = f"{show(name)}{hint}"
                self._fault("coco.unknown_class_name", expected, got, image=key, annotation=own_id)
            elif "refused" in entry:
                got = printable(entry["refused"], limit=160)
                self._fault("datumaro.item", "a mask", got, image=key, annotation=own_id)
                index = -1
            shapes.append(DatumaroShape(entry=entry, id=own_id, class_index=index, group=entry["group"]))
        return tuple(shapes)

    # ---- what Datumaro does not speak of

    def _look_for_unlisted(self, paths: Sequence[str]) -> None:
        """One warning for all images of the data set's folders that no item stands for."""
        root = self._file.rstrip("/") + "/"
        listed = {path.removeprefix(root) for path in paths if path.startswith(root)}
        kinds = {_kind(path) for path in listed}
        if not listed:
            return
        entries, _ = list_files(self._file, suffix="")
        strangers = [
            entry.path for entry in entries if _kind(entry.path) in kinds and entry.path not in listed
        ]
        if strangers:
            got = f"{len(strangers)} without, such as {show(strangers[0])}"
            self._fault("datumaro.unlisted", "an item for every image", got)


def _kind(path: str) -> tuple[str, str]:
    """The folder and the extension of a path: images and masks may share one of them."""
    folder, _, name = path.rpartition("/")
    return folder, name.rpartition(".")[2].lower()


def _key(item_id: str) -> str | None:
    """The image key of an item id, which is a path without an extension."""
    name = item_id.rpartition("/")[2]
    if not name or name in (".", "..") or not is_plain(item_id) or len(item_id) > MAX_NAME_LENGTH:
        return None
    return composed(name)
