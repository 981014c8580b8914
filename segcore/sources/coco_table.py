"""The annotations of a COCO document as a table: out of a parsed list, or out of its text."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from segcore.annotation import AnnotationId
from segcore.json_rows import JsonRows
from segcore.sources.coco_attributes import annotator_in
from segcore.sources.coco_stated import box_corners, numbers_of, stated_boxes
from segcore.strict_json import parse_json

__all__ = ["EntryTable", "ListedEntries", "MaskTexts", "ScannedEntries", "SoundColumns", "are_ids"]

_MAX_ID: Final = 2**63 - 1
_ANNOTATOR_FIELDS: Final = ("annotator", "attributes", "attributes.annotator")

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SoundColumns:
    """What is said of every entry where nothing is wrong with any, but for what images and classes say.

    Attributes
    ----------
    ids : sequence
        What faults and regions call each entry.
    image_ids, category_ids : int64 (n,)
    crowd : bool (n,)
    scores : float64 (n,)
        Empty where none are read.
    """

    ids: Sequence[AnnotationId]
    image_ids: Integers
    category_ids: Integers
    crowd: npt.NDArray[np.bool_]
    scores: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MaskTexts:
    """The run lengths of masks.

    Attributes
    ----------
    text : uint8 (m,)
        Of all masks of the right size that are text of ASCII, one after the other.
    characters : int64 (n + 1,)
        Mask ``i`` owns ``text[characters[i]:characters[i + 1]]``.
    others : dict
        The segmentations that are no such text, by row.
    """

    text: npt.NDArray[np.uint8]
    characters: Integers
    others: dict[int, Any]


class EntryTable(ABC):
    """The annotations, or detections, of one document in the order of the file."""

    @abstractmethod
    def __len__(self) -> int:
        """How many there are."""

    @abstractmethod
    def parsed(self) -> list[Any]:
        """All of them as json gives them."""

    @abstractmethod
    def all_have(self, name: str) -> bool:
        """Whether every entry is an object with this key; True where there is none."""

    @abstractmethod
    def sound_columns(self, *, results: bool, scored: bool) -> SoundColumns | None:
        """Ids, classes, crowds and scores; None where an entry has to be looked at alone.

        Parameters
        ----------
        results : bool
            Whether these are detections, which are called by their place.
        scored : bool
            Whether every entry must have a score.
        """

    @abstractmethod
    def annotators(self) -> Sequence[Any] | None:
        """Who drew each of them, as the file has it; None where no entry says it."""

    @abstractmethod
    def masks(self, order: Integers, *, sizes: Integers) -> MaskTexts:
        """The masks of the entries ``order``, whose images have ``sizes``, int64 (n, 2)."""

    @abstractmethod
    def areas(self, order: Integers) -> Floats:
        """The areas they state: float64 (n,), NaN where nothing comparable is stated."""

    @abstractmethod
    def corners(self, order: Integers, *, sizes: Integers) -> Floats:
        """The boxes they state, see :func:`box_corners`."""


class ListedEntries(EntryTable):
    """Entries that were parsed, sound or not."""

    def __init__(self, entries: list[Any]) -> None:
        self._entries = entries

    def __len__(self) -> int:
        return len(self._entries)

    def parsed(self) -> list[Any]:
        """See :class:`EntryTable`."""
        return self._entries

    def all_have(self, name: str) -> bool:
        """See :class:`EntryTable`."""
        return all(isinstance(entry, dict) and name in entry for entry in self._entries)

    def sound_columns(self, *, results: bool, scored: bool) -> SoundColumns | None:
        """See :class:`EntryTable`."""
        entries = self._entries
        if set(map(type, entries)) != {dict}:
            return None
        ids: Sequence[Any] = range(len(entries)) if results else _column(entries, "id")
        columns = _column(entries, "image_id"), _column(entries, "category_id")
        crowd = [entry.get("iscrowd", 0) for entry in entries]
        scores = _column(entries, "score") if scored else []
        if {*map(type, ids), *map(type, columns[0]), *map(type, columns[1]), *map(type, crowd)} != {int}:
            return None
        if not set(crowd) <= {0, 1} or not set(map(type, scores)) <= {int, float}:
            return None
        if not all(-1e300 < score < 1e300 for score in scores):
            return None
        try:
            image_ids, category_ids = (np.array(column, np.int64) for column in columns)
        except OverflowError:
            return None
        if not results and not are_ids(ids):
            return None
        return SoundColumns(
            ids=ids,
            image_ids=image_ids,
            category_ids=category_ids,
            crowd=np.array(crowd, np.bool_),
            scores=np.array(scores, np.float64),
        )

    def annotators(self) -> Sequence[Any] | None:
        """See :class:`EntryTable`."""
        found = list(map(annotator_in, self._entries))
        return None if set(map(type, found)) <= {type(None)} else found

    def masks(self, order: Integers, *, sizes: Integers) -> MaskTexts:
        """See :class:`EntryTable`."""
        found = self._values(order, "segmentation")
        texts = _plain_texts(found, sizes)
        others = {row: found[row] for row, text in enumerate(texts) if text is None}
        kept = [text or "" for text in texts]
        return MaskTexts(
            text=np.frombuffer("".join(kept).encode("ascii"), np.uint8),
            characters=np.append(0, np.cumsum(np.array(list(map(len, kept)), np.int64))),
            others=others,
        )

    def areas(self, order: Integers) -> Floats:
        """See :class:`EntryTable`."""
        return numbers_of(self._values(order, "area"))

    def corners(self, order: Integers, *, sizes: Integers) -> Floats:
        """See :class:`EntryTable`."""
        return box_corners(stated_boxes(self._values(order, "bbox")), sizes=sizes)

    def _values(self, order: Integers, name: str) -> list[Any]:
        # An entry that is no object was refused; whatever is said of it here is not looked at.
        entries = map(self._entries.__getitem__, order.tolist())
        return _column([entry if type(entry) is dict else {} for entry in entries], name)


class ScannedEntries(EntryTable):
    """Entries that were found in the text of their document."""

    FIELDS: Final = (
        "id",
        "image_id",
        "category_id",
        "iscrowd",
        "score",
        "area",
        "bbox",
        "segments_info",
        "segmentation",
        "segmentation.size",
        "segmentation.counts",
    )

    def __init__(self, rows: JsonRows) -> None:
        self._rows = rows

    @classmethod
    def find(cls, data: bytes, *, file: str) -> tuple[dict[str, Any], ScannedEntries] | None:
        """A document but for its annotations, and these; None where it is to be parsed instead.

        The document of a list of results is empty.
        """
        is_list = data.lstrip(b" \n\r\t").startswith(b"[")
        # Looking for a few more keys in every row takes time, and few files have these.
        fields = cls.FIELDS + (_ANNOTATOR_FIELDS if b'"annotator"' in data else ())
        rows = JsonRows.find(data, list_name="" if is_list else "annotations", fields=fields)
        if rows is None:
            return None
        document = {} if is_list else parse_json(rows.without_rows(), file=file)
        return (document, cls(rows)) if isinstance(document, dict) else None

    def __len__(self) -> int:
        return len(self._rows)

    def parsed(self) -> list[Any]:
        """See :class:`EntryTable`."""
        return self._rows.parsed()

    def all_have(self, name: str) -> bool:
        """See :class:`EntryTable`."""
        return bool(self._rows.has(name).all())

    def sound_columns(self, *, results: bool, scored: bool) -> SoundColumns | None:
        """See :class:`EntryTable`."""
        rows = self._rows
        ids = np.arange(len(rows)) if results else rows.integers("id")
        image_ids, category_ids = rows.integers("image_id"), rows.integers("category_id")
        crowd = rows.integers("iscrowd", missing=0)
        scores = rows.numbers("score") if scored else np.empty(0)
        if ids is None or image_ids is None or category_ids is None or crowd is None:
            return None
        if np.isnan(scores).any() or not np.isin(crowd, (0, 1)).all():
            return None
        if not results and not are_ids(ids):
            return None
        return SoundColumns(
            ids=range(len(rows)) if results else ids.tolist(),
            image_ids=image_ids,
            category_ids=category_ids,
            crowd=crowd.astype(np.bool_),
            scores=scores,
        )

    def annotators(self) -> Sequence[Any] | None:
        """See :class:`EntryTable`."""
        rows = self._rows
        if "annotator" not in rows.fields:
            return None
        own, inner = rows.values("annotator"), rows.values("attributes.annotator")
        found = [b if a is None else a for a, b in zip(own, inner, strict=True)]
        return None if set(map(type, found)) <= {type(None)} else found

    def masks(self, order: Integers, *, sizes: Integers) -> MaskTexts:
        """See :class:`EntryTable`."""
        stated, integers = self._rows.number_lists("segmentation.size", length=2)
        sized = integers[order] & (stated[order] == sizes).all(axis=1)
        found = self._rows.texts("segmentation.counts", order, where=sized)
        others = np.flatnonzero(~found.plain).tolist()
        return MaskTexts(
            text=found.text,
            characters=found.offsets,
            others={row: self._rows.value(int(order[row]), "segmentation") for row in others},
        )

    def areas(self, order: Integers) -> Floats:
        """See :class:`EntryTable`."""
        return self._rows.numbers("area")[order]

    def corners(self, order: Integers, *, sizes: Integers) -> Floats:
        """See :class:`EntryTable`."""
        stated, _ = self._rows.number_lists("bbox", length=4)
        return box_corners(stated[order], sizes=sizes)


def are_ids(ids: Sequence[int] | Integers) -> bool:
    """Whether every one differs from the others and is an integer of 64 bits."""
    try:
        found = np.unique(np.asarray(ids, np.int64))
    except OverflowError:
        return False
    return len(found) == len(ids) and (not len(found) or int(found[0]) >= -_MAX_ID)


def _column(entries: Sequence[dict[str, Any]], name: str) -> list[Any]:
    """The values under one key, None where it is missing."""
    try:
        return list(map(itemgetter(name), entries))
    except KeyError:
        return [entry.get(name) for entry in entries]


def _plain_texts(found: list[Any], sizes: Integers) -> Sequence[str | None]:
    """The run lengths of every annotation; None where it is no text of ASCII with the image's size."""
    try:  # as nearly all files are
        texts, stated = (list(map(itemgetter(name), found)) for name in ("counts", "size"))
        edges = list(chain.from_iterable(stated))
        if (
            set(map(type, found)) == {dict}
            and set(map(type, texts)) == {str}
            and set(map(type, stated)) == {list}
            and set(map(type, edges)) == {int}
            and set(map(len, stated)) == {2}
            and edges == sizes.ravel().tolist()
            and all(map(str.isascii, texts))
        ):
            return texts
    except (KeyError, TypeError, IndexError):
        pass
    sides = sizes.tolist()
    return [_plain_text(mask, size) for mask, size in zip(found, sides, strict=True)]


def _plain_text(mask: Any, size: list[int]) -> str | None:
    if type(mask) is not dict or type(stated := mask.get("size")) is not list or stated != size:
        return None
    if type(counts := mask.get("counts")) is not str or set(map(type, stated)) != {int}:
        return None
    return counts if counts.isascii() else None
