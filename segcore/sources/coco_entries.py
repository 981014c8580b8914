"""The annotations of a COCO document: checked one by one, grouped by image."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeGuard

import numpy as np
import numpy.typing as npt

from segcore.annotation import AnnotationId
from segcore.faults import Fault
from segcore.limits import MAX_ENTRY_FAULTS
from segcore.ontology import LabelClass, Ontology
from segcore.sources.coco_table import EntryTable, ListedEntries
from segcore.wording import show

__all__ = [
    "CocoImage",
    "CocoIndex",
    "EntryFaults",
    "EntryReader",
    "TooManyFaultsError",
    "entries_at",
    "is_id",
    "is_plain",
    "repeated",
]

_MAX_ID: Final = 2**63 - 1
_LINES_AND_CONTROLS: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
_DIRECTION_CONTROLS: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class TooManyFaultsError(Exception):
    """A document has so many faults that naming all of them would take the machine's memory."""


class EntryFaults(list[Fault]):
    """The faults of a document's entries, as many as can be kept."""

    def append(self, fault: Fault) -> None:
        """Add ``fault``; where there are too many, say so once and raise TooManyFaultsError."""
        if len(self) >= MAX_ENTRY_FAULTS:
            expected, got = f"at most {MAX_ENTRY_FAULTS} faults", "more, which are not named"
            super().append(Fault(code="limits.entries", file=fault.file, expected=expected, got=got))
            raise TooManyFaultsError
        super().append(fault)


@dataclass(frozen=True, slots=True, kw_only=True)
class CocoImage:
    """One entry of ``images`` that was accepted; only panoptic documents may have text as ids."""

    id: int | str
    key: str
    height: int
    width: int
    extra: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """What else the entry says; see :func:`segcore.sources.coco_attributes.extra_of`."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CocoIndex:
    """What a document holds, by image.

    Attributes
    ----------
    images : tuple of CocoImage
        Sorted by key.
    ontology : Ontology or None
        The categories in the order of their ids; None where none is sound.
    entries : EntryTable
        The annotations of the document.
    ids : sequence
        What faults and regions call each entry.
    order : int64 (n,)
        Positions in ``entries``, image by image, in file order within an image.
    offsets : int64 (n_images + 1,)
        Image ``i`` owns ``order[offsets[i]:offsets[i + 1]]``.
    classes : int32 (n_entries,)
        Class index of each entry; -1 where the entry was refused.
    crowd : bool (n_entries,)
        Which of the others are crowds.
    scores : float64 (n_entries,) or None
        Where every entry has a score.
    unplaced : int
        Entries that belong to no accepted image.
    faults : tuple of Fault
    is_results : bool
        Whether it is a list of results.
    category_order : tuple of int
        The ids of the categories as the file lists them.
    """

    images: tuple[CocoImage, ...] = ()
    ontology: Ontology | None = None
    entries: EntryTable = field(default_factory=lambda: ListedEntries([]))
    ids: Sequence[AnnotationId] = ()
    order: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    offsets: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(1, np.int64))
    classes: npt.NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    crowd: npt.NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, np.bool_))
    scores: npt.NDArray[np.float64] | None = None
    unplaced: int = 0
    faults: tuple[Fault, ...] = ()
    is_results: bool = False
    category_order: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Columns:
    """What is said of every entry: see :class:`CocoIndex`; ``places`` is -1 where it has no image."""

    ids: Sequence[AnnotationId]
    places: npt.NDArray[np.int64]
    classes: npt.NDArray[np.int32]
    crowd: npt.NDArray[np.bool_]
    scores: npt.NDArray[np.float64]


@dataclass(slots=True, kw_only=True)
class EntryReader:
    """Reads the annotations of a data set, or the detections of a results list."""

    file: str
    images: tuple[CocoImage, ...]
    refused_images: frozenset[int | str]
    ontology: Ontology | None
    refused_classes: frozenset[int]
    scored: bool
    results: bool
    faults: list[Fault]

    def index(self, entries: EntryTable) -> CocoIndex:
        """Check every entry and group them by image."""
        columns = self._sound_columns(entries)
        if columns is None:
            entries = ListedEntries(entries.parsed())
            columns = self._checked_columns(entries.parsed())
        order = np.argsort(columns.places, kind="stable")
        return CocoIndex(
            images=self.images,
            ontology=self.ontology,
            entries=entries,
            ids=columns.ids,
            order=order,
            offsets=np.searchsorted(columns.places[order], np.arange(len(self.images) + 1)),
            classes=columns.classes,
            crowd=columns.crowd,
            scores=columns.scores if self.scored else None,
            unplaced=int(np.count_nonzero(columns.places < 0)),
            faults=tuple(self.faults),
            is_results=self.results,
        )

    def _classes(self) -> Sequence[LabelClass]:
        return () if self.ontology is None else self.ontology.classes

    def _sound_columns(self, entries: EntryTable) -> _Columns | None:
        """All entries at once where nothing is wrong with any of them, as in nearly all files."""
        found = entries.sound_columns(results=self.results, scored=self.scored)
        if found is None:
            return None
        places = _places(found.image_ids, [image.id for image in self.images])
        classes = _places(found.category_ids, [c.id for c in self._classes()])
        if places is None or classes is None:
            return None
        return _Columns(
            ids=found.ids,
            places=places,
            classes=classes.astype(np.int32),
            crowd=found.crowd,
            scores=found.scores,
        )

    def _checked_columns(self, entries: list[Any]) -> _Columns:
        """Entry by entry, with every reason why one was not sound."""
        place_of = {image.id: at for at, image in enumerate(self.images)}
        class_of = {c.id: index for index, c in enumerate(self._classes())}
        columns = _Columns(
            ids=[],
            places=np.full(len(entries), -1, np.int64),
            classes=np.full(len(entries), -1, np.int32),
            crowd=np.zeros(len(entries), np.bool_),
            scores=np.full(len(entries) if self.scored else 0, np.nan),
        )
        ids: list[AnnotationId] = []
        seen: dict[int, list[int]] = {}
        for at, entry in enumerate(entries):
            if type(entry) is not dict:
                self._fault("coco.bad_structure", self._where(at), None, "an object", show(entry))
                ids.append(self._where(at))
                continue
            get = entry.get
            given = at if self.results else get("id")
            own_id = given if is_id(given) else self._where(at)
            if is_id(given) and not self.results:
                seen.setdefault(given, []).append(at)
            ids.append(own_id)
            image_id, category_id, crowd = get("image_id"), get("category_id"), get("iscrowd", 0)
            place = place_of.get(image_id, -1) if type(image_id) is int else -1
            index = class_of.get(category_id, -1) if type(category_id) is int else -1
            columns.places[at] = place
            sound = (
                place >= 0
                and index >= 0
                and type(own_id) is int
                and type(crowd) is int
                and (crowd == 0 or crowd == 1)
            )
            if self.scored:
                score = get("score")
                if _is_finite(score):
                    columns.scores[at] = score
                else:
                    sound = False
            if sound:
                columns.classes[at] = index
                columns.crowd[at] = crowd
            else:
                self._explain(entry, own_id, self.images[place] if place >= 0 else None, class_of)
        self._refuse_duplicates(seen, columns.places, columns.classes)
        return replace(columns, ids=ids)

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
            elif not is_id(entry[name]):
                fault("coco.bad_type", f"{name}: an integer", show(entry[name]))
        where = "of the gold" if self.results else "of the file"
        image_id, category_id = entry.get("image_id"), entry.get("category_id")
        if image is None and is_id(image_id) and image_id not in self.refused_images:
            code = "results.inconsistent" if self.results else "coco.unknown_image"
            fault(code, f"the id of an image {where}", f"image_id {image_id}")
        if is_id(category_id) and not (category_id in class_of or category_id in self.refused_classes):
            code = "results.inconsistent" if self.results else "coco.unknown_category"
            fault(code, f"the id of a category {where}", f"category_id {category_id}")
        crowd = entry.get("iscrowd", 0)
        if type(crowd) is not int or crowd not in (0, 1):
            fault("coco.iscrowd", "0 or 1", show(crowd))
        if self.scored and "score" not in entry:
            fault("results.missing_score", "score", "no such key")
        elif self.scored:
            score = entry["score"]
            if not _is_finite(score):
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
                got = entries_at("annotations", at)
                self._fault("coco.duplicate_annotation_id", own_id, image, "one annotation", got)


def _places(wanted: npt.NDArray[np.int64], ids: Sequence[int | str]) -> npt.NDArray[np.int64] | None:
    """Where each of ``wanted`` stands in ``ids``, which are distinct; None where one does not."""
    known = np.array([own_id for own_id in ids if isinstance(own_id, int)], np.int64)
    if len(known) < len(ids) or not len(known):
        return None
    order = np.argsort(known)
    places: npt.NDArray[np.int64] = order[
        np.minimum(np.searchsorted(known, wanted, sorter=order), len(known) - 1)
    ]
    return places if (known[places] == wanted).all() else None


def is_id(value: object) -> TypeGuard[int]:
    """Whether ``value`` is an integer of 64 bits; True is not 1, ``"1"`` is not 1."""
    return type(value) is int and -_MAX_ID <= value <= _MAX_ID


def is_plain(text: str) -> bool:
    """Whether ``text`` is safe to show: no control characters, line breaks or direction overrides."""
    if text.isascii():
        return text.isprintable()
    return not any(
        unicodedata.category(c) in _LINES_AND_CONTROLS or c in _DIRECTION_CONTROLS for c in text
    )


def _is_finite(value: object) -> TypeGuard[float]:
    # True, NaN, infinity and integers that no double can hold are no scores.
    return (type(value) is float or type(value) is int) and -1e300 < value < 1e300


def repeated(values: Iterable[Any]) -> dict[Any, list[int]]:
    """Positions of every value that occurs more than once, in order of appearance."""
    places: dict[Any, list[int]] = {}
    for at, value in enumerate(values):
        places.setdefault(value, []).append(at)
    return {value: at for value, at in places.items() if len(at) > 1}


def entries_at(name: str, places: Sequence[int]) -> str:
    """Where to look: ``images[0], images[4]``."""
    shown = ", ".join(f"{name}[{at}]" for at in places[:3])
    return shown + (f" and {len(places) - 3} more" if len(places) > 3 else "")
