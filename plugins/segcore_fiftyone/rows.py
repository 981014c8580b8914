"""Which samples carry the labels of a field: one small row each, asked for in one question."""

from __future__ import annotations

import json
import os
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple

from segcore.errors import SpecError
from segcore.faults import Fault
from segcore.files import composed
from segcore.image_attributes import ANNOTATOR, merged
from segcore.limits import MAX_NAME_LENGTH
from segcore.sources.coco_document import image_key
from segcore.sources.coco_entries import is_plain
from segcore.wording import printable, show
from segcore_fiftyone.library import Reference, Samples

__all__ = ["LIST_FIELDS", "Row", "Rows", "Spilled", "list_rows"]

LIST_FIELDS: Final[Mapping[str, str | None]] = {
    "Detection": None,
    "Detections": "detections",
    "Polyline": None,
    "Polylines": "polylines",
    "Segmentation": None,
}
"""The types of labels that are read, and the field of each that holds a list."""


class Row(NamedTuple):
    """One sample.

    Attributes
    ----------
    sample, label : str
        Ids; the label's is empty where a field holds a list of labels.
    filepath : str
    width, height : int
        What ``metadata`` says, 0 where it does not.
    labels : int
        Labels in the field.
    mask_path : str or None
        The file of a Segmentation; None where its mask is in the database, or nowhere.
    annotators : sequence of str
        Who drew the labels, as the sample or they themselves say.
    """

    sample: str
    label: str
    filepath: str
    width: int
    height: int
    labels: int
    mask_path: str | None
    annotators: Sequence[str] = ()


@dataclass(kw_only=True)
class Rows:
    """The samples with labels, by image key.

    Attributes
    ----------
    by_key : dict of str to Row
        Sorted by key.
    unplaced : int
        Labels of samples that have no usable key.
    faults : list of Fault
    """

    by_key: dict[str, Row] = field(default_factory=dict)
    unplaced: int = 0
    faults: list[Fault] = field(default_factory=list)

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """All keys, sorted."""
        return tuple(self.by_key)


class Spilled:
    """The rows and the view of a source in a temporary file, so that no job of a worker carries them.

    The file is gone with the last source that uses it, in the process that made it.

    Attributes
    ----------
    path : str
    origin : Reference
        Where the samples are; its stages are in the file.
    """

    def __init__(self, rows: Rows, reference: Reference) -> None:
        handle, self.path = tempfile.mkstemp(prefix="segcore-fiftyone-", suffix=".json")
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump([rows.by_key, rows.unplaced, reference.stages], stream)
        self.origin = replace(reference, stages=None)
        self._end = weakref.finalize(self, _remove, self.path, os.getpid())

    def __getstate__(self) -> dict[str, object]:
        """Without the right to remove the file."""
        return {"path": self.path, "origin": self.origin}

    def rows(self) -> Rows:
        """The rows; their faults stay with the process that listed them."""
        by_key, unplaced, _ = self._read()
        return Rows(by_key={key: Row(*row) for key, row in by_key.items()}, unplaced=unplaced)

    def reference(self) -> Reference:
        """How to open the samples."""
        return replace(self.origin, stages=self._read()[2])

    def _read(self) -> tuple[dict[str, Any], int, str | None]:
        try:
            by_key, unplaced, stages = json.loads(Path(self.path).read_text(encoding="utf-8"))
        except OSError as error:
            raise SpecError(f"the list of samples of another process is gone: {error}") from None
        return by_key, unplaced, stages


def _remove(path: str, process: int) -> None:
    if os.getpid() == process:  # a forked worker has a copy of the owner
        Path(path).unlink(missing_ok=True)


def list_rows(samples: Samples, field: str, *, kind: str, key: str, place: str) -> Rows:
    """The samples whose field is not None.

    Parameters
    ----------
    samples : Samples
    field, kind : str
        The label field and the name of its type, one of :data:`LIST_FIELDS`.
    key : str
        ``stem``, ``id`` or a field; see :class:`segcore_fiftyone.options.Options`.
    place : str
        What faults call the input.
    """
    rows = Rows()
    found: dict[str, list[Row]] = {}
    for document in samples.rows(_projection(field, kind=kind, key=key)):
        if not document["there"]:
            continue
        row = _row(document)
        name, problem = _key(document, row, key=key)
        if name is None:
            rows.unplaced += row.labels
            code, expected, got = problem
            rows.faults.append(
                Fault(code=code, file=place, image_id=row.sample, expected=expected, got=got)
            )
            continue
        found.setdefault(name, []).append(row)
    for name in sorted(found):
        first, *others = found[name]
        if not others:
            rows.by_key[name] = first
            continue
        rows.unplaced += sum(row.labels for row in found[name])
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        rows.faults.append(
            Fault(
                code="delivery.ambiguous_image",
                file=place,
                image=name,
                image_id=first.sample,
                expected="one sample an image; key=id or key=FIELD tells them apart",
                got=f"also sample {others[0].sample}{more}",
            )
        )
    return rows


def _projection(field: str, *, kind: str, key: str) -> dict[str, Any]:
    listed = LIST_FIELDS[kind]
    items = f"${field}.{listed}"
    several: dict[str, Any] = {"$cond": [{"$isArray": items}, {"$size": items}, 0]}
    is_there = {"$gt": [f"${field}", None]}
    return {
        "there": is_there,
        "label": f"${field}._id",
        "filepath": True,
        "width": "$metadata.width",
        "height": "$metadata.height",
        "labels": {"$literal": 1} if listed is None else several,
        "path": f"${field}.mask_path",
        # The mask itself stays where it is.
        "stored": {"$gt": [f"${field}.mask", None]},
        "own_annotator": f"${ANNOTATOR}",
        "annotator": f"${field}.{ANNOTATOR}" if listed is None else f"{items}.{ANNOTATOR}",
        **({} if key in ("stem", "id") else {"key": f"${key}"}),
    }


def _row(document: Mapping[str, Any]) -> Row:
    sides = [document.get("width"), document.get("height")]
    width, height = (side if type(side) is int and side > 0 else 0 for side in sides)
    path = document.get("path")
    return Row(
        sample=str(document["_id"]),
        label=str(document.get("label", "")),
        filepath=str(document.get("filepath", "")),
        width=width,
        height=height,
        labels=document["labels"],
        mask_path=path if isinstance(path, str) and not document["stored"] else None,
        annotators=_annotators(document),
    )


def _annotators(document: Mapping[str, Any]) -> tuple[str, ...]:
    found = (document.get(name) for name in ("own_annotator", "annotator"))
    return merged((ANNOTATOR, value) for value in found).get(ANNOTATOR, ())


def _key(document: Mapping[str, Any], row: Row, *, key: str) -> tuple[str | None, tuple[str, str, str]]:
    """The image key of a sample, or what is wrong with it."""
    nothing = ("", "", "")
    if key == "id":
        return row.sample, nothing
    if key == "stem":
        stem = image_key(row.filepath)
        problem = ("path.unsafe", "a usable file name", printable(row.filepath[-60:]))
        return stem, problem
    value = document.get("key")
    text = str(value) if type(value) is int else value
    if not isinstance(text, str) or not text.strip():
        return None, ("fo.missing_field", f"{printable(key)}: the key of the image", show(value))
    if len(text) > MAX_NAME_LENGTH or not is_plain(text):
        expected = f"plain text of at most {MAX_NAME_LENGTH} characters"
        return None, ("path.unsafe", expected, show(text))
    return composed(text), nothing
