"""Plan to take away what a push has made, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from segcore.wording import printable
from segcore_fiftyone import writing
from segcore_fiftyone.actions import Action, Target, counted
from segcore_fiftyone.names import Names
from segcore_fiftyone.runs import delete_run, made_by

if TYPE_CHECKING:
    import fiftyone as fo

__all__ = ["delete_fields", "delete_views", "drop_indexes", "plan_removal", "untag"]


def plan_removal(dataset: fo.Dataset, key: str) -> tuple[Action, ...]:
    """The writes that take away all a key has made; none where it made nothing.

    Raises
    ------
    UsageError
        The run of that name is somebody else's.
    """
    names = Names(key)
    made = made_by(dataset, names)
    if made is None:
        return ()
    return (
        *drop_indexes(dataset, made.indexes),
        *delete_views(dataset, made.views),
        *untag(dataset, made.tags),
        *delete_fields(dataset, made.fields),
        delete_run(dataset, names.run),
    )


def drop_indexes(dataset: fo.Dataset, paths: Sequence[str]) -> list[Action]:
    """One action for each of the indexes that is there."""
    there = dataset.list_indexes()
    return [
        Action(
            target=Target.INDEX, says=f"drop the index {path!r}", write=partial(dataset.drop_index, path)
        )
        for path in paths
        if path in there
    ]


def delete_views(dataset: fo.Dataset, views: Sequence[tuple[str, str]]) -> list[Action]:
    """One action for each of the saved views that is there; given with the path each is sorted by."""
    return [
        Action(
            target=Target.VIEW,
            says=f"delete the saved view {printable(name)!r}",
            write=partial(dataset.delete_saved_view, name),
        )
        for name, _ in views
        if dataset.has_saved_view(name)
    ]


def untag(dataset: fo.Dataset, tags: Sequence[str]) -> list[Action]:
    """One action for each of the tags that a sample has."""
    actions = []
    for tag in tags:
        if tagged := dataset.match_tags(tag).count():
            says = f"take the tag {tag!r} from {counted(tagged, 'sample')}"
            write = partial(dataset.untag_samples, tag)
            actions.append(Action(target=Target.TAG, says=says, samples=tagged, write=write))
    return actions


def delete_fields(dataset: fo.Dataset, fields: Sequence[str]) -> list[Action]:
    """One action for all of the fields that are there; none if none is."""
    there = [path for path in fields if dataset.has_field(path)]
    if not there:
        return []
    says = f"delete the {'fields' if len(there) > 1 else 'field'} {', '.join(map(repr, there))}"
    write = partial(writing.delete_fields, dataset, there)
    return [Action(target=Target.FIELD, says=says, samples=len(dataset), write=write)]
