"""Writes in bulk, by what FiftyOne has inside: the same through its own methods takes twice as long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import fiftyone as fo

__all__ = [
    "Changes",
    "change_labels",
    "create_indexes",
    "delete_fields",
    "untag_labels",
    "write_values",
]


def write_values(
    dataset: fo.Dataset, paths: Sequence[str], values: Mapping[str, Sequence[object]]
) -> None:
    """Set fields of samples with one bulk write.

    Parameters
    ----------
    dataset : fiftyone.Dataset
    paths : sequence of str
        Top-level fields.
    values : mapping of str to sequence
        By sample id, what MongoDB is to store at each path.  A sample that is gone is passed over.
    """
    from bson import ObjectId
    from pymongo import UpdateOne

    modified = _modified()
    writes = [
        UpdateOne({"_id": ObjectId(id_)}, {"$set": dict(zip(paths, row, strict=True)) | modified})
        for id_, row in values.items()
    ]
    dataset._bulk_write(writes, ids=list(values))


def create_indexes(dataset: fo.Dataset, paths: Sequence[str]) -> None:
    """Index several paths, ascending, in one walk over the samples."""
    from pymongo import IndexModel

    dataset._sample_collection.create_indexes([IndexModel([(path, 1)]) for path in paths])


def delete_fields(dataset: fo.Dataset, fields: Sequence[str]) -> None:
    """Delete top-level fields, and the groups of the sidebar that FiftyOne has made for them."""
    dataset.delete_sample_fields(list(fields))
    for name in fields:
        dataset._delete_empty_sidebar_group(name)


@dataclass(slots=True)
class Changes:
    """What changes on the labels of one sample.

    Attributes
    ----------
    labels : dict
        Ids (of MongoDB) by the value of the attribute and the tag they get; None takes both away.
    stale : list
        Ids of those with a tag that goes.
    """

    labels: dict[tuple[float | None, str] | None, list[Any]] = field(default_factory=dict)
    stale: list[Any] = field(default_factory=list)


def change_labels(
    dataset: fo.Dataset,
    path: str,
    changes: Mapping[str, Changes],
    *,
    attribute: str,
    tags: Sequence[str],
    is_list: bool,
) -> None:
    """Set one attribute and one tag of labels with one bulk write.

    Parameters
    ----------
    dataset : fiftyone.Dataset
    path : str
        Of a label, or of a list of them.
    changes : mapping of str to Changes
        By sample id.  A label that is gone is passed over.
    attribute : str
    tags : sequence of str
        A label has one of these.
    is_list : bool
    """
    from bson import ObjectId
    from pymongo import UpdateOne

    modified, writes = _modified(), []
    for id_, change in changes.items():
        # With the path in the condition: a list that is gone could not be gone through.
        sample = {"_id": ObjectId(id_)}
        if change.stale:
            at = f"{path}.$[stale]" if is_list else path
            only: list[Mapping[str, Any]] = [{"stale._id": {"$in": change.stale}}]
            writes.append(
                UpdateOne(
                    sample | {f"{path}._id": {"$in": change.stale}},
                    {"$pull": {f"{at}.tags": {"$in": list(tags)}}, "$set": modified},
                    array_filters=only if is_list else None,
                )
            )
        values: dict[str, object] = {}
        added: dict[str, str] = {}
        gone: dict[str, str] = {}
        filters: list[Mapping[str, Any]] = []
        for number, (wanted, ids) in enumerate(change.labels.items()):
            at = f"{path}.$[l{number}]" if is_list else path
            filters.append({f"l{number}._id": {"$in": ids}})
            if wanted is None:
                gone[f"{at}.{attribute}"] = ""
            else:
                values[f"{at}.{attribute}"], added[f"{at}.tags"] = wanted
        update: dict[str, Any] = {"$set": values | modified}
        update |= {"$addToSet": added} if added else {}
        update |= {"$unset": gone} if gone else {}
        every = [label for ids in change.labels.values() for label in ids]
        condition = sample | {f"{path}._id": {"$in": every}}
        writes.append(UpdateOne(condition, update, array_filters=filters if is_list else None))
    dataset._bulk_write(writes, ids=list(changes), ordered=True)


def untag_labels(dataset: fo.Dataset, path: str, tags: Sequence[str], *, is_list: bool) -> None:
    """Take tags from all labels at a path, with one write."""
    from pymongo import UpdateMany

    gone = {"$in": list(tags)}
    at = f"{path}.$[].tags" if is_list else f"{path}.tags"
    write = UpdateMany({f"{path}.tags": gone}, {"$pull": {at: gone}, "$set": _modified()})
    dataset._bulk_write([write])


def _modified() -> dict[str, object]:
    # As set_values() does: the App knows by it what to load again.
    return {"last_modified_at": datetime.now(UTC).replace(tzinfo=None)}
