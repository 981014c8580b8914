"""Write what became of every object onto its label, and take it away again.

For a key ``eval`` the labels of a field of Detections or Polylines then have

- ``eval_iou``: the IoU with the object they are matched with, None where there is none;
- one of the tags ``segcore:eval:matched``, ``segcore:eval:missed`` (gold), ``segcore:eval:extra``.

Crowds, what lies in them, and objects that were refused are not judged and not touched.  The run
``segcore_eval_objects`` lists the fields, so that no more is removed.

:func:`plan` compares what is wanted with what is there and writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from segcore.errors import UsageError
from segcore.wording import printable
from segcore_fiftyone.actions import Action, Target, counted
from segcore_fiftyone.library import Samples
from segcore_fiftyone.names import OUTCOMES, Names
from segcore_fiftyone.rows import LIST_FIELDS
from segcore_fiftyone.runs import add_run, delete_run, note, noted
from segcore_fiftyone.source import FiftyOneSource
from segcore_fiftyone.writing import Changes, change_labels, untag_labels

if TYPE_CHECKING:
    import fiftyone as fo

    from segcore.instance_evaluation import InstanceEvaluation
    from segcore.sources import Source

__all__ = ["METHOD", "Mark", "Marks", "marks_of", "plan", "plan_removal"]

METHOD: Final = "segcore-objects"
"""By which the runs of these pushes are told from others."""


class Mark(NamedTuple):
    """What became of one object: ``matched``, ``missed`` or ``extra``, and the IoU of a match."""

    outcome: str
    iou: float | None = None


Marks = dict[tuple[str, str], Mark]
"""By sample and label id: a copy of a label has the id of the label."""


def marks_of(
    evaluation: InstanceEvaluation, *, dataset: str, gold: Source, delivery: Source
) -> dict[str, Marks]:
    """What is to be written on the labels of each side that is a field of the dataset.

    Parameters
    ----------
    evaluation : InstanceEvaluation
    dataset : str
    gold, delivery : Source
        What was evaluated.

    Raises
    ------
    UsageError
        Neither side is a field of the dataset, or both are the same.
    """
    # What was delivered has keys of the delivery; several may be annotations of one gold image.
    images = {key: delivery.image_of(key) for key in evaluation.images.paired}
    sides: tuple[tuple[Source, str, Mapping[str, str]], ...] = (
        (gold, "gold_id", images),
        (delivery, "delivery_id", {}),
    )
    objects = evaluation.objects()
    found: dict[str, Marks] = {}
    for source, column, own in sides:
        if not isinstance(source, FiftyOneSource) or source.options.dataset != dataset:
            continue
        if source.options.field in found:
            raise UsageError("gold and delivery are the same field: a label has one mark")
        samples = source.sample_ids()
        marks = found[source.options.field] = {}
        rows = zip(objects["image"], objects["kind"], objects[column], objects["iou"], strict=True)
        for image, kind, label, iou in rows:
            if kind not in OUTCOMES or label is None:
                continue
            place, mark = (samples[own.get(image, image)], label), Mark(kind, iou)
            marks[place] = max(marks.get(place, mark), mark, key=lambda m: m.iou or 0.0)
    if not found:
        raise UsageError(
            f"neither gold nor delivery is a field of the dataset {printable(dataset)!r}: there are no "
            "labels to mark"
        )
    return found


# ---- what to do


def plan(dataset: fo.Dataset, key: str, wanted: Mapping[str, Marks]) -> tuple[Action, ...]:
    """The writes that turn the marks that are there into those that are wanted.

    Parameters
    ----------
    dataset : fiftyone.Dataset
    key : str
    wanted : mapping of str to Marks
        By label field.  Marks of other fields, and of labels not named, are taken away.

    Raises
    ------
    UsageError
        Attributes, tags or a run of that name are there and were not made by a push with this key.
    """
    dataset.reload()  # another process may have changed it
    names = Names(key)
    own = _fields_of(dataset, names)
    earlier = () if own is None else own
    between = tuple(sorted({*earlier, *wanted}))
    fields = [_Field(dataset, field, names) for field in sorted(wanted)]
    for field in fields:
        if field.name not in earlier:
            field.require_free()
    actions: list[Action] = []
    if own is None:
        run = names.marks_run
        actions.append(add_run(dataset, run, method=METHOD, key=key, fields=list(between)))
    else:
        actions += _list(dataset, names, own, between)
    for field in fields:
        actions += field.declare()
        actions += field.values(wanted[field.name])
    for name in earlier:
        if name not in wanted:
            actions += _unmark(dataset, name, names)
    return (*actions, *_list(dataset, names, between, tuple(sorted(wanted))))


def plan_removal(dataset: fo.Dataset, key: str) -> tuple[Action, ...]:
    """The writes that take away all marks of a key; none where it made none.

    Raises
    ------
    UsageError
        The run of that name is somebody else's.
    """
    names = Names(key)
    fields = _fields_of(dataset, names)
    if fields is None:
        return ()
    actions = [action for name in fields for action in _unmark(dataset, name, names)]
    return (*actions, delete_run(dataset, names.marks_run))


class _Field:
    """The labels of one field, as far as marks are concerned."""

    def __init__(self, dataset: fo.Dataset, name: str, names: Names) -> None:
        self.name = name
        self._dataset, self._names = dataset, names
        samples = Samples(dataset)
        listed = LIST_FIELDS.get(samples.label_type(name))
        self._is_list = listed is not None
        self._path = name if listed is None else f"{name}.{listed}"
        self._attribute = f"{self._path}.{names.iou}"
        # Only these parts are fetched: the masks stay where they are.
        parts = {f"{self._path}.{part}": True for part in ("_id", "tags", names.iou)}
        self._labels = {str(row["_id"]): _items(row, self._path) for row in samples.rows(parts)}

    def require_free(self) -> None:
        """Refuse to write over what this key has not made."""
        held = [label for labels in self._labels.values() for label in labels]
        taken = []
        if self._dataset.has_field(self._attribute) or any(self._names.iou in label for label in held):
            taken.append(f"the attribute {self._attribute!r}")
        there = {tag for label in held for tag in self._tags(label)}
        taken += [f"the label tag {tag!r}" for tag in self._names.mark_tags if tag in there]
        if taken:
            raise UsageError(
                f"dataset {printable(self._dataset.name)!r} has {', '.join(taken)}, not made by a push "
                f"with the key {self._names.key!r}; choose another key, or delete what is in the way"
            )

    def declare(self) -> list[Action]:
        """Make the attribute known, so that the App shows it and filters by it."""
        if self._dataset.has_field(self._attribute):
            return []
        import fiftyone as fo

        says = f"declare {self._attribute!r}"
        write = partial(self._dataset.add_sample_field, self._attribute, fo.FloatField)
        return [Action(target=Target.FIELD, says=says, write=write)]

    def values(self, wanted: Marks) -> list[Action]:
        """Write attribute and tag of the labels that are not yet as wanted."""
        changes: dict[str, Changes] = {}
        count = 0
        for sample, labels in self._labels.items():
            for label in labels:
                mark = wanted.get((sample, str(label.get("_id"))))
                if self._is_marked(label, mark):
                    continue
                count += 1
                added = None if mark is None else (mark.iou, self._names.mark_tag(mark.outcome))
                change = changes.setdefault(sample, Changes())
                change.labels.setdefault(added, []).append(label["_id"])
                if self._tags(label):
                    change.stale.append(label["_id"])
        if not count:
            return []
        says = f"write {self._names.iou!r} and a tag of {counted(count, 'label')} in {self.name!r}"
        write = partial(
            change_labels,
            self._dataset,
            self._path,
            changes,
            attribute=self._names.iou,
            tags=self._names.mark_tags,
            is_list=self._is_list,
        )
        return [Action(target=Target.VALUES, says=says, samples=len(changes), write=write)]

    def unmark(self) -> list[Action]:
        """Take tags and attribute away."""
        actions, tags = [], self._names.mark_tags
        tagged = sum(any(map(self._tags, labels)) for labels in self._labels.values())
        if tagged:
            says = f"take the tags {', '.join(map(repr, tags))} from the labels in {self.name!r}"
            write = partial(untag_labels, self._dataset, self._path, tags, is_list=self._is_list)
            actions.append(Action(target=Target.TAG, says=says, samples=tagged, write=write))
        if self._dataset.has_field(self._attribute):
            write = partial(self._dataset.delete_sample_field, self._attribute)
            says = f"delete {self._attribute!r}"
            n = len(self._labels)
            actions.append(Action(target=Target.FIELD, says=says, samples=n, write=write))
        return actions

    def _tags(self, label: Mapping[str, Any]) -> list[str]:
        """Those of this key."""
        return [tag for tag in label.get("tags") or () if tag in self._names.mark_tags]

    def _is_marked(self, label: Mapping[str, Any], mark: Mark | None) -> bool:
        iou, tags = self._names.iou, self._tags(label)
        if mark is None:
            return iou not in label and not tags
        return iou in label and label[iou] == mark.iou and tags == [self._names.mark_tag(mark.outcome)]


def _items(row: Mapping[str, Any], path: str) -> list[Mapping[str, Any]]:
    found: Any = row
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    items = found if isinstance(found, list) else [found]
    return [item for item in items if isinstance(item, Mapping) and item]


def _unmark(dataset: fo.Dataset, name: str, names: Names) -> list[Action]:
    """Nothing of a field that is gone."""
    return _Field(dataset, name, names).unmark() if dataset.has_field(name) else []


# ---- the run


def _fields_of(dataset: fo.Dataset, names: Names) -> tuple[str, ...] | None:
    """The label fields an earlier push marked; None where there was none."""
    fields = noted(dataset, names.marks_run, "fields", list, method=METHOD)
    return None if fields is None else tuple(fields)


def _list(
    dataset: fo.Dataset, names: Names, before: tuple[str, ...], after: tuple[str, ...]
) -> list[Action]:
    if before == after:
        return []
    return [note(dataset, names.marks_run, "fields", list(after), what="marked")]
