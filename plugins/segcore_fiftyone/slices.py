"""Parts of a dataset that are looked at by themselves: a tag, a value of a field, the current view."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from segcore.wording import printable
from segcore_fiftyone.scores import ClassRow, Scores, mean_iou

if TYPE_CHECKING:
    import fiftyone as fo

__all__ = ["MAX_SLICES", "Slice", "find", "slice_fields", "slice_view", "slices", "without_order"]

MAX_SLICES: Final = 30
"""Values of a field that are shown, those of the most samples."""

Value = str | int | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Some of the samples, pooled.

    Attributes
    ----------
    value : str, int or bool
        The tag, or the value of the field.
    samples : int
        Evaluated samples.
    classes : tuple of ClassRow
        All classes over these samples.
    """

    value: Value
    samples: int
    classes: tuple[ClassRow, ...]

    @property
    def label(self) -> str:
        """The value as text."""
        return printable(str(self.value))

    @property
    def mean_iou(self) -> float | None:
        """Mean over the classes these samples hold."""
        return mean_iou(self.classes)

    @property
    def worst(self) -> ClassRow | None:
        """The class with the lowest IoU."""
        held = [(c.iou, c.index, c) for c in self.classes if c.iou is not None]
        return min(held)[2] if held else None

    @classmethod
    def of(cls, scores: Scores, ids: Iterable[str], *, value: Value) -> Slice:
        """The slice of some samples; those that were not evaluated do not count."""
        known = set(scores.table.ids).intersection(ids)
        return cls(value=value, samples=len(known), classes=scores.pooled(known))


def slice_fields(dataset: fo.Dataset) -> tuple[str, ...]:
    """The paths of a dataset a slice can be a value of: text, whole numbers, flags, classifications.

    Fields of FiftyOne itself are left out; of dynamic documents their own fields count.
    """
    import fiftyone as fo

    plain = (fo.StringField, fo.IntField, fo.BooleanField)
    found = []
    for name, field in dataset.get_field_schema().items():
        if name in {"id", "filepath", "metadata"}:
            continue
        if isinstance(field, plain):
            found.append(name)
        elif isinstance(field, fo.EmbeddedDocumentField):
            if issubclass(field.document_type, fo.Classification):
                found.append(f"{name}.label")
            elif field.document_type is fo.DynamicEmbeddedDocument:
                inner = field.get_field_schema().items()
                found += [f"{name}.{own}" for own, f in inner if isinstance(f, plain)]
    return tuple(found)


def slices(dataset: fo.Dataset, scores: Scores, path: str) -> tuple[tuple[Slice, ...], int]:
    """The slices of a path, those with the lowest mean IoU first.

    Parameters
    ----------
    dataset : fiftyone.Dataset
    scores : Scores
    path : str
        ``tags``, or one of :func:`slice_fields`.

    Returns
    -------
    slices : tuple of Slice
        Of the :data:`MAX_SLICES` values that most evaluated samples have.
    more : int
        How many other values there are.
    """
    evaluated = frozenset(scores.table.ids)
    owners: dict[Value, list[str]] = defaultdict(list)
    for id_, value in zip(*dataset.values(["id", path]), strict=True):
        if id_ in evaluated:
            for each in value if isinstance(value, list) else [value]:
                if isinstance(each, (str, int)):
                    owners[each].append(id_)
    common = sorted(owners, key=lambda value: (-len(owners[value]), str(value)))
    found = [Slice.of(scores, owners[value], value=value) for value in common[:MAX_SLICES]]
    return tuple(sorted(found, key=_worst_first)), max(len(common) - MAX_SLICES, 0)


def slice_view(dataset: fo.Dataset, path: str, value: Value) -> fo.DatasetView:
    """The samples of a slice."""
    if path == "tags":
        return dataset.match_tags(value)
    from fiftyone import ViewField

    return dataset.match(ViewField(path) == value)


def _worst_first(s: Slice) -> tuple[bool, float, str]:
    mean = s.mean_iou
    return mean is None, mean or 0.0, s.label


def find(among: Sequence[Slice], value: object) -> Slice | None:
    """The slice of a value."""
    return next((s for s in among if s.value == value and type(s.value) is type(value)), None)


def without_order(view: fo.DatasetView, begin: str) -> fo.DatasetView:
    """A view without its last stages that look at a path with this beginning."""
    from fiftyone.core.view import DatasetView

    stages = list(view._serialize(include_uuids=False))
    while stages and any(str(value).startswith(begin) for _, value in stages[-1]["kwargs"]):
        stages.pop()
    return DatasetView._build(view._dataset, stages)
