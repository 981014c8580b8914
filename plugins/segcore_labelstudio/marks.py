"""What tells whether a task is still the one that was pulled.

Label Studio dates a task when one of its annotations changes, with exceptions: the bulk actions of
the Data Manager that copy annotations to other tasks, merge duplicates or add a field to the data leave
the date as it is, and so do drafts, imported predictions and the deletion of a user.  So a mark holds,
beside the date, everything short that the task list and the export both say about a task.  Of drafts
the list only says that there are some: such a task has no mark.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Final

from segcore.documents import parse_json

__all__ = ["MARKED_FIELDS", "UNMARKED_COLUMNS", "mark_of_export", "mark_of_row"]

_SAME: Final = (
    "data",
    "updated_at",
    "total_annotations",
    "cancelled_annotations",
    "total_predictions",
)
"""Fields that the list and the export have under one name with one value."""

MARKED_FIELDS: Final = (*_SAME, "updated_by", "annotations_ids", "annotators", "draft_exists")
"""What the task list is asked for."""

UNMARKED_COLUMNS: Final = (
    "annotations_results",
    "avg_lead_time",
    "completed_at",
    "file_upload",
    "predictions_model_versions",
    "predictions_results",
    "predictions_score",
    "state",
    "storage_filename",
)
"""What it would work out as well, at the price of twice the time."""

_NUMBERS: Final = re.compile(rb'("rle"\s*:\s*)\[[\d,\s]{64,}+\]')
"""Nearly all of a task, and of no interest here: the date stands for it."""

_CUT_CHARS: Final = 450
"""Label Studio cuts a list of ids after 500 characters."""


def mark_of_row(row: Mapping[str, object]) -> bytes | None:
    """The mark of a task as the task list has it; None where it does not say enough."""
    ids = row.get("annotations_ids")
    if not isinstance(ids, str) or len(ids) > _CUT_CHARS:
        return None
    editors = row.get("updated_by")
    if not isinstance(editors, list) or row.get("draft_exists") is not False:
        return None
    return _mark(
        row,
        editors=[editor.get("user_id") if isinstance(editor, dict) else editor for editor in editors],
        annotations=[text.strip() for text in ids.split(",") if text.strip()],
        annotators=row.get("annotators"),
    )


def mark_of_export(data: bytes, *, file: str) -> bytes | None:
    """The mark of a task as the export has it; None where it has none.

    Raises
    ------
    DocumentError
        ``data`` is no JSON.
    """
    task = parse_json(_NUMBERS.sub(rb'\1"numbers"', data), file=file)
    if not isinstance(task, dict) or task.get("drafts") != []:
        return None
    annotations = task.get("annotations")
    if not isinstance(annotations, list) or not all(isinstance(found, dict) for found in annotations):
        return None
    editor = task.get("updated_by")
    owners = [annotation.get("completed_by") for annotation in annotations]
    return _mark(
        task,
        editors=[] if editor is None else [editor],
        annotations=[str(annotation.get("id")) for annotation in annotations],
        annotators=[owner for owner in owners if owner is not None],
    )


def _mark(
    said: Mapping[str, object], *, editors: list[object], annotations: list[str], annotators: object
) -> bytes | None:
    if not isinstance(annotators, list) or not all(name in said for name in _SAME):
        return None
    what = [
        [said[name] for name in _SAME],
        editors,
        _sorted(annotations),
        _sorted(annotators),
    ]
    text = json.dumps(what, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).digest()


def _sorted(values: Iterable[object]) -> list[str]:
    """Each value once, in an order of its own."""
    return sorted({json.dumps(value, sort_keys=True) for value in values})
