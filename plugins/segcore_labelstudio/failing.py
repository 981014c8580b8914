"""Which tasks reviewers should look at, worst first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from segcore.evaluation import Evaluation

__all__ = ["JudgedTask", "judged_tasks"]


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedTask:
    """What the evaluation says about one task.

    Attributes
    ----------
    id : int
    class_name : str or None
        Its worst class: of the failing ones where there are any; None where no class with a limit
        is in its images.
    iou : float or None
        IoU of that class in the image where it is lowest.
    failing : bool
        Whether a class is below its limit in an image, or an image was not delivered that had to be.
    classes : mapping of str to tuple of str
        The classes below their limit, by the key of the delivered image they fail in.
    """

    id: int
    class_name: str | None
    iou: float | None
    failing: bool
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def judged_tasks(
    evaluation: Evaluation,
    limits: Mapping[str, float],
    tasks: Mapping[str, int],
    *,
    missing_fail: bool = False,
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
        not, all its gold pixels count as missed.

    Returns
    -------
    tuple of JudgedTask
        The failing ones first; of them, and of the others, the lowest IoU first, then the lowest
        number.
    """
    below: dict[int, list[tuple[float, str, str]]] = defaultdict(list)
    above: dict[int, list[tuple[float, str, str]]] = defaultdict(list)
    table = evaluation.table()
    for key, name, iou in zip(table["image"], table["class"], table["iou"], strict=True):
        if name in limits and key in tasks and iou is not None:
            (below if iou < limits[name] else above)[tasks[key]].append((iou, name, key))
    absent = set()
    if missing_fail:
        absent = {tasks[key] for key in evaluation.images.missing_in_delivery if key in tasks}
    found = []
    for task in sorted({*below, *above, *absent}):
        iou, name, _ = min(below[task] or above[task], default=(None, None, None))
        found.append(
            JudgedTask(
                id=task,
                class_name=name,
                iou=iou,
                failing=task in absent or bool(below[task]),
                classes=_by_key(below[task], undelivered=evaluation.images.missing_in_delivery),
            )
        )
    return tuple(sorted(found, key=_rank))


def _by_key(
    below: list[tuple[float, str, str]], *, undelivered: Collection[str]
) -> dict[str, tuple[str, ...]]:
    names: dict[str, list[str]] = {}
    for _, name, key in sorted(below, key=lambda row: (row[2], row[1])):
        if key not in undelivered:
            names.setdefault(key, []).append(name)
    return {key: tuple(failing) for key, failing in names.items()}


def _rank(task: JudgedTask) -> tuple[bool, float, int]:
    return not task.failing, 0.0 if task.iou is None else task.iou, task.id
