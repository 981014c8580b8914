"""Which tasks reviewers should look at, worst first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from segcore.evaluation import Evaluation

if TYPE_CHECKING:
    from segcore_gates.failing_images import FailingImage

__all__ = ["JudgedTask", "judged_tasks"]

_PIXELS: Final = "iou"


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedTask:
    """What the evaluation says about one task.

    Attributes
    ----------
    id : int
    class_name : str or None
        Its worst class: of the failing ones where there are any; None where no class with a limit
        is in its images.
    metric : str or None
        By what it is the worst: ``iou``, or the metric of a gate on objects or segments.
    value : float or None
        The metric of that class in the image where it is lowest.
    iou : float or None
        Pixel IoU of that class in that image.
    failing : bool
        Whether a class is below its limit in an image, or an image was not delivered that had to be.
    classes : mapping of str to tuple of str
        The classes whose IoU is below their limit, by the key of the delivered image they fail in.
    objects : mapping of str to tuple of FailingImage
        What fails gates on objects and segments, by the same.
    """

    id: int
    class_name: str | None
    metric: str | None
    value: float | None
    iou: float | None
    failing: bool
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    objects: Mapping[str, tuple[FailingImage, ...]] = field(default_factory=dict)


class _Row(NamedTuple):
    """One class in one image; the lowest is the worst."""

    value: float
    class_name: str
    image: str
    metric: str = _PIXELS


def judged_tasks(
    evaluation: Evaluation,
    limits: Mapping[str, float],
    tasks: Mapping[str, int],
    *,
    missing_fail: bool = False,
    objects: Sequence[FailingImage] = (),
) -> tuple[JudgedTask, ...]:
    """Judge task by task.

    Parameters
    ----------
    evaluation : Evaluation
    limits : mapping of str to float
        The least IoU a class may have in one image; classes that are not named are not looked at.
    tasks : mapping of str to int
        The task of every image key of the evaluation; images without one are passed over.
    missing_fail : bool
        Whether a task fails because an image of it was not delivered, whatever it shows.  Even if
        not, all its gold pixels and objects count as missed.
    objects : sequence of FailingImage
        What fails gates on objects and segments.

    Returns
    -------
    tuple of JudgedTask
        The failing ones first; of them, and of the others, the lowest value first, then the lowest
        number.
    """
    below: dict[int, list[_Row]] = defaultdict(list)
    above: dict[int, list[_Row]] = defaultdict(list)
    table = evaluation.table()
    ious = dict(zip(zip(table["image"], table["class"], strict=True), table["iou"], strict=True))
    for (key, name), iou in ious.items():
        if name in limits and key in tasks and iou is not None:
            (below if iou < limits[name] else above)[tasks[key]].append(_Row(iou, name, key))
    by_task: dict[int, list[FailingImage]] = defaultdict(list)
    for found in objects:
        if (place := tasks.get(found.image)) is not None:
            by_task[place].append(found)
            row = _Row(found.value, found.class_name, found.image, found.metric.value)
            below[place].append(row)
    absent = set()
    if missing_fail:
        absent = {tasks[key] for key in evaluation.images.missing_in_delivery if key in tasks}
    undelivered = frozenset(evaluation.images.missing_in_delivery)
    judged = []
    for task in sorted({*below, *above, *absent}):
        worst = min(below[task] or above[task], default=None)
        judged.append(
            JudgedTask(
                id=task,
                class_name=None if worst is None else worst.class_name,
                metric=None if worst is None else worst.metric,
                value=None if worst is None else worst.value,
                iou=None if worst is None else ious.get((worst.image, worst.class_name)),
                failing=task in absent or bool(below[task]),
                classes=_by_key(below[task], undelivered=undelivered),
                objects=_objects_by_key(by_task[task], undelivered=undelivered),
            )
        )
    return tuple(sorted(judged, key=_rank))


def _by_key(below: list[_Row], *, undelivered: Collection[str]) -> dict[str, tuple[str, ...]]:
    names: dict[str, list[str]] = {}
    for row in sorted(below, key=lambda row: (row.image, row.class_name)):
        if row.metric == _PIXELS and row.image not in undelivered:
            names.setdefault(row.image, []).append(row.class_name)
    return {key: tuple(failing) for key, failing in names.items()}


def _objects_by_key(
    failing: list[FailingImage], *, undelivered: Collection[str]
) -> dict[str, tuple[FailingImage, ...]]:
    found: dict[str, list[FailingImage]] = {}
    for row in sorted(failing, key=lambda row: (row.image, row.rule_id, row.class_name)):
        if row.image not in undelivered:
            found.setdefault(row.image, []).append(row)
    return {key: tuple(rows) for key, rows in found.items()}


def _rank(task: JudgedTask) -> tuple[bool, float, int]:
    return not task.failing, 0.0 if task.value is None else task.value, task.id
