"""Write the scores of an evaluation into a dataset, and take them away again.

For a key ``eval`` a dataset then has

- ``eval_iou.<class>`` of every sample, None where the class is not in the image, and ``eval_miou``;
- indexes on the worst classes, so that the App sorts and filters by them;
- saved views ``eval-worst-<class>``: the samples with the class, worst first;
- the tag ``segcore:eval:fail`` on samples that fail;
- the run ``segcore_eval`` with the scores and with a list of all this, so that no more is removed.

:func:`plan` compares what is wanted with what is there and writes nothing; :func:`apply` carries its
actions out in order.  The list is written first: a push that was interrupted is simply run again, or
removed.  A plan made after that has nothing left to do.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from segcore.errors import UsageError
from segcore.wording import escaped, printable
from segcore_fiftyone.actions import Action, InjectionError, Made, Target, apply, counted
from segcore_fiftyone.names import Names
from segcore_fiftyone.removal import delete_fields, delete_views, drop_indexes, plan_removal
from segcore_fiftyone.runs import (
    METHOD,
    add_run,
    document_of,
    load_scores,
    made_by,
    note,
    pushed_keys,
)
from segcore_fiftyone.scores import ClassRow, Scores
from segcore_fiftyone.writing import create_indexes, write_values

if TYPE_CHECKING:
    import fiftyone as fo

__all__ = [
    "MAX_INDEXES",
    "Action",
    "InjectionError",
    "Made",
    "Target",
    "apply",
    "load_scores",
    "plan",
    "plan_removal",
    "pushed_keys",
    "worst_view",
]

MAX_INDEXES: Final = 20
"""Classes of one key that get an index and a saved view."""

_DATABASE_INDEXES: Final = 64
"""Indexes MongoDB allows for one collection."""

_Doc = dict[str, object]
_Values = tuple[_Doc | None, float | None]
_T = TypeVar("_T")


def worst_view(dataset: fo.Dataset, path: str) -> fo.DatasetView:
    """The samples that have a value at ``path``, the lowest first."""
    # Without exists() the samples that do not hold the class come first.
    return dataset.exists(path).sort_by(path)


# ---- what to do


def plan(dataset: fo.Dataset, scores: Scores) -> tuple[Action, ...]:
    """The writes that turn what is there into what is wanted; none where it is already.

    Parameters
    ----------
    dataset : fiftyone.Dataset
    scores : Scores

    Raises
    ------
    UsageError
        A field, tag, saved view or run of that name is there and was not made by a push with this key.
    """
    return _Plan(dataset, scores).actions()


class _Plan:
    def __init__(self, dataset: fo.Dataset, scores: Scores) -> None:
        dataset.reload()  # another process may have changed it
        self._dataset = dataset
        self._scores = scores
        self._names = scores.names
        earlier = made_by(dataset, self._names)
        self._is_new = earlier is None
        self._made = Made() if earlier is None else earlier
        root = dataset.get_field(self._names.iou)
        is_document = hasattr(root, "get_field_schema")
        declared = tuple(root.get_field_schema()) if is_document else ()
        # Where a class was renamed or left out nothing of it may stay: then all are written anew.
        is_other = root is not None and not is_document
        self._is_stale = is_other or bool(_without(declared, [c.field for c in scores.classes]))
        self._declared = () if self._is_stale else declared
        self._indexes = dataset.get_index_information()
        shown = scores.worst_first()[:MAX_INDEXES]
        self._paths = self._room_for((self._names.mean, *(self._names.path(c) for c in shown)))
        self._views = {name: self._names.path(c) for name, c in view_names(self._names, shown).items()}
        self._wanted = Made() | Made(
            fields=(self._names.iou, self._names.mean),
            indexes=self._paths,
            tags=(self._names.tag,),
            views=tuple(self._views.items()),
        )
        self._require_free()

    def actions(self) -> tuple[Action, ...]:
        between = self._made | self._wanted
        return (
            *([self._new_run(between)] if self._is_new else self._list(self._made, between)),
            *self._fields(),
            *self._values(),
            *self._tags(),
            *drop_indexes(self._dataset, _without(self._made.indexes, self._wanted.indexes)),
            *self._new_indexes(),
            *delete_views(self._dataset, _without(self._made.views, self._wanted.views)),
            *self._new_views(),
            *self._document(),
            *self._list(between, self._wanted),
        )

    def _room_for(self, paths: tuple[str, ...]) -> tuple[str, ...]:
        """The paths that get an index, as many as the database still takes."""
        own = sum(path in self._indexes for path in self._made.indexes)
        return paths[: max(_DATABASE_INDEXES - (len(self._indexes) - own), 0)]

    def _require_free(self) -> None:
        """Refuse to write over what this key has not made."""
        from fiftyone.core.utils import to_slug

        names, there, own = self._names, self._dataset, self._made
        taken = [
            f"the field {path!r}"
            for path in self._wanted.fields
            if path not in own.fields and there.has_field(path)
        ]
        taken += [
            f"the tag {tag!r}"
            for tag in self._wanted.tags
            if tag not in own.tags and there.match_tags(tag).limit(1).count()
        ]
        ours = {name for name, _ in own.views}
        slugs = {to_slug(name): name for name in there.list_saved_views() if name not in ours}
        taken += [
            f"the saved view {printable(slugs[to_slug(name)])!r}"
            for name in self._views
            if to_slug(name) in slugs
        ]
        if taken:
            raise UsageError(
                f"dataset {printable(there.name)!r} has {', '.join(taken)}, not made by a push with the "
                f"key {names.key!r}; choose another key, or delete what is in the way"
            )

    # ---- the run

    def _new_run(self, made: Made) -> Action:
        names = self._names
        return add_run(self._dataset, names.run, method=METHOD, key=names.key, made=made.to_json())

    def _list(self, before: Made, after: Made) -> list[Action]:
        if before == after:
            return []
        return [note(self._dataset, self._names.run, "made", after.to_json(), what="made")]

    def _document(self) -> list[Action]:
        dataset, run = self._dataset, self._names.run
        document = self._scores.to_json()
        there = None if self._is_new else document_of(dataset, self._names)
        # What the database gives back is JSON again: tuples and integer keys are not.
        if there == json.loads(json.dumps(document)):
            return []

        def write() -> None:
            results = dataset.init_run_results(run, scores=document)
            dataset.save_run_results(run, results, overwrite=True, cache=False)

        return [Action(target=Target.RUN, says=f"keep the scores in the run {run!r}", write=write)]

    # ---- fields and their values

    def _fields(self) -> list[Action]:
        names, new = self._names, _without([c.field for c in self._scores.classes], self._declared)
        actions = delete_fields(self._dataset, [names.iou]) if self._is_stale else []
        if new or not self._dataset.has_field(names.mean):
            says = f"declare {names.iou!r} with {len(new)} new classes, and {names.mean!r}"
            write = partial(_declare, self._dataset, names, new)
            actions.append(Action(target=Target.FIELD, says=says, write=write))
        return actions

    def _values(self) -> list[Action]:
        there, wanted = self._old_values(), _values(self._scores)
        changed = {id_: values for id_, values in wanted.items() if there.get(id_) != values}
        changed |= dict.fromkeys(_without(tuple(there), tuple(wanted)), (None, None))
        if not changed:
            return []
        paths = self._names.iou, self._names.mean
        says = f"write {paths[0]!r} and {paths[1]!r} of {counted(len(changed), 'sample')}"
        write = partial(write_values, self._dataset, paths, changed)
        return [Action(target=Target.VALUES, says=says, samples=len(changed), write=write)]

    def _old_values(self) -> dict[str, _Values]:
        """The values there are, of samples that have any."""
        paths = [f"{self._names.iou}.{name}" for name in self._declared]
        if not paths or not self._dataset.has_field(self._names.mean):
            return {}
        ids, *columns, means = self._dataset.values(["id", *paths, self._names.mean])
        blank = _blank(self._scores.classes)
        return {
            id_: (blank | dict(zip(self._declared, row, strict=True)), mean)
            for id_, mean, *row in zip(ids, means, *columns, strict=True)
            if mean is not None or any(value is not None for value in row)
        }

    # ---- tags, indexes, views

    def _tags(self) -> list[Action]:
        tag, wanted = self._names.tag, set(self._scores.failing)
        tagged = set() if self._is_new else set(self._dataset.match_tags(tag).values("id"))
        new, gone = sorted(wanted - tagged), sorted(tagged - wanted)
        actions = []
        if gone:
            write = partial(self._edit_tag, gone, on=False)
            says = f"take the tag {tag!r} from {counted(len(gone), 'sample')}"
            actions.append(Action(target=Target.TAG, says=says, samples=len(gone), write=write))
        if new:
            write = partial(self._edit_tag, new, on=True)
            says = f"tag {counted(len(new), 'sample')} {tag!r}"
            actions.append(Action(target=Target.TAG, says=says, samples=len(new), write=write))
        return actions

    def _edit_tag(self, ids: Sequence[str], *, on: bool) -> None:
        view = self._dataset.select(ids)
        (view.tag_samples if on else view.untag_samples)(self._names.tag)

    def _new_indexes(self) -> list[Action]:
        # With the field of the classes its indexes go as well.
        gone = [path for path in self._indexes if self._is_stale and path != self._names.mean]
        there = _without(tuple(self._indexes), gone)
        new = _without(self._paths, there)
        if not new:
            return []
        says = f"index {', '.join(map(repr, new))}"
        write = partial(create_indexes, self._dataset, new)
        return [Action(target=Target.INDEX, says=says, write=write)]

    def _new_views(self) -> list[Action]:
        return [
            Action(
                target=Target.VIEW,
                says=f"save the view {printable(name)!r}",
                write=partial(_save_view, self._dataset, name, path),
            )
            for name, path in self._views.items()
            if (name, path) not in self._made.views or not self._dataset.has_saved_view(name)
        ]


def view_names(names: Names, classes: Sequence[ClassRow]) -> dict[str, ClassRow]:
    """A name for the saved view of each class.

    FiftyOne knows a view by the ASCII letters and digits of its name; where two would be the same, or
    nothing is left of the class, it is called by its id.
    """
    from fiftyone.core.utils import to_slug

    found: dict[str, ClassRow] = {}
    slugs = {to_slug(f"{names.key}-worst")}
    for c in classes:
        name = escaped(names.view(c))
        if len(name) > 100 or to_slug(name) in slugs:
            name = f"{names.key}-worst-id-{c.id}"
        slugs.add(to_slug(name))
        found[name] = c
    return found


def _values(scores: Scores) -> dict[str, _Values]:
    """The document and the mean of every sample that holds a class, by id."""
    blank, fields = _blank(scores.classes), [c.field for c in scores.classes]
    found: dict[str, _Values] = {}
    for id_, classes, ious in scores.table.rows():
        doc = blank.copy()
        for index, iou in zip(classes, ious, strict=True):
            doc[fields[index]] = iou
        if ious:
            found[id_] = doc, sum(ious) / len(ious)
    return found


def _blank(classes: Sequence[ClassRow]) -> _Doc:
    # A document as MongoDB stores it: 30 times as fast as documents of FiftyOne.
    return {"_cls": "DynamicEmbeddedDocument", **dict.fromkeys(c.field for c in classes)}


# ---- how it is done


def _declare(dataset: fo.Dataset, names: Names, fields: Sequence[str]) -> None:
    import fiftyone as fo

    if dataset.has_field(names.iou):
        for name in fields:
            dataset.add_sample_field(f"{names.iou}.{name}", fo.FloatField)
    else:
        # All at once: every declaration writes the whole schema.
        declared = []
        for name in fields:
            field_ = fo.FloatField()
            field_.name = name
            declared.append(field_)
        dataset.add_sample_field(
            names.iou,
            fo.EmbeddedDocumentField,
            embedded_doc_type=fo.DynamicEmbeddedDocument,
            fields=declared,
        )
    dataset.add_sample_field(names.mean, fo.FloatField)


def _save_view(dataset: fo.Dataset, name: str, path: str) -> None:
    dataset.save_view(name, worst_view(dataset, path))


def _without(a: Sequence[_T], b: Sequence[_T]) -> tuple[_T, ...]:
    gone = frozenset(b)
    return tuple(item for item in a if item not in gone)
