"""From an evaluated batch to what a project should show of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from segcore.errors import UsageError
from segcore.evaluation import Evaluation
from segcore.measures.class_map import ClassMap
from segcore.measures.semantic import SemanticMeasure
from segcore_labelstudio.columns import PREFIX, column_values
from segcore_labelstudio.differences import (
    Canvas,
    Difference,
    Kind,
    brush_labels,
    differences,
    results,
)
from segcore_labelstudio.failing import JudgedTask, judged_tasks
from segcore_labelstudio.push import Wanted
from segcore_labelstudio.rows import OWN_VERSIONS, Prediction
from segcore_labelstudio.tab import DEFAULT_TITLE, MAX_TASKS, failing_tab

if TYPE_CHECKING:
    from segcore.sources import Source
    from segcore_labelstudio.images import TaskImage
    from segcore_labelstudio.reading import TaskSource

__all__ = ["Batch", "Show", "TaskMap"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Show:
    """What is pushed.

    Attributes
    ----------
    title : str
        Of the tab.
    masks : bool
        Whether failing tasks get predictions with the missed and the extra pixels.
    columns : bool
        Whether the tasks get columns.
    score : bool
        Whether the predictions carry the lowest IoU of their task as score.
    """

    title: str = DEFAULT_TITLE
    masks: bool = True
    columns: bool = False
    score: bool = False


class TaskMap:
    """Which task shows which image, and what is in its data.

    Parameters
    ----------
    source : TaskSource
        The project.
    """

    def __init__(self, source: TaskSource) -> None:
        self._images: dict[str, list[tuple[int, TaskImage]]] = {}
        self.with_columns: set[int] = set()
        for task, images, data in source.tasks():
            for image in images:
                self._images.setdefault(image.key, []).append((task, image))
            if any(key.startswith(PREFIX) for key in data):
                self.with_columns.add(task)

    def find(self, image: str) -> tuple[int, TaskImage] | None:
        """The task of an image; None where none shows it, or several do."""
        found = self._images.get(image, [])
        return found[0] if len(found) == 1 else None


class Batch:
    """A judged batch and the project that shows it.

    Parameters
    ----------
    project : int
    evaluation : Evaluation
    gold, delivery : Source
        What was evaluated.
    tasks : TaskSource
        The tasks of the project; often the delivery itself.
    limits : mapping of str to float
        The least IoU a class may have in one image.
    missing_fail : bool
        Whether a task fails because its image was not delivered.

    Attributes
    ----------
    judged : tuple of JudgedTask
        Failing ones first, worst first.
    homeless : tuple of str
        Keys of the evaluation that no task of the project shows, or several do.
    """

    def __init__(
        self,
        project: int,
        evaluation: Evaluation,
        *,
        gold: Source,
        delivery: Source,
        tasks: TaskSource,
        limits: Mapping[str, float],
        missing_fail: bool = False,
    ) -> None:
        self._project = project
        self._evaluation = evaluation
        self._tasks = tasks
        self._map = TaskMap(tasks)
        target = evaluation.ontology
        self._gold = gold.resolve(ontology=target)
        self._delivery = delivery.resolve(ontology=target, gold=self._gold)
        images = evaluation.images
        self._image_of = {key: self._delivery.image_of(key) for key in images.paired}
        self._image_of |= {key: key for key in images.missing_in_delivery}
        places = {key: self._map.find(image) for key, image in self._image_of.items()}
        self._places = {key: place for key, place in places.items() if place is not None}
        self.homeless = tuple(sorted(key for key, place in places.items() if place is None))
        self.judged = judged_tasks(
            evaluation,
            limits,
            {key: task for key, (task, _) in self._places.items()},
            missing_fail=missing_fail,
        )

    @property
    def failing(self) -> tuple[JudgedTask, ...]:
        """The failing tasks, worst first."""
        return tuple(task for task in self.judged if task.failing)

    @property
    def has_brush(self) -> bool:
        """Whether a ``BrushLabels`` control of the project has a label for any class."""
        labeling = self._tasks.labeling
        return labeling is not None and any(
            brush_labels(labeling, tag.name, self._evaluation.ontology.classes)
            for tag in labeling.images
        )

    def wanted(
        self, show: Show, *, progress: Callable[[int, int], None] | None = None
    ) -> tuple[Wanted, int]:
        """What the project should show, and how many differences it cannot show.

        Tab and predictions are those of the worst :data:`~segcore_labelstudio.tab.MAX_TASKS` failing
        tasks; columns are written for every failing task, and for those that have them already.
        """
        shown = self.failing[:MAX_TASKS]
        predictions: list[Prediction] = []
        left_out = 0
        for done, task in enumerate(shown, start=1):
            found, missed = self._predictions(task, show)
            predictions += found
            left_out += missed
            if progress is not None:
                progress(done, len(shown))
        columns = {
            task.id: column_values(task)
            for task in self.judged
            if show.columns and (task.failing or task.id in self._map.with_columns)
        }
        wanted = Wanted(
            project=self._project,
            tasks=frozenset(task for task, _ in self._places.values()),
            tab=failing_tab(show.title, [task.id for task in shown], by_column=show.columns),
            has_failing=bool(shown),
            predictions=predictions if show.masks or show.score else None,
            columns=columns,
        )
        return wanted, left_out

    def _predictions(self, task: JudgedTask, show: Show) -> tuple[list[Prediction], int]:
        by_owner: dict[str, list[str]] = {}
        for key in task.classes:
            owner = key.removeprefix(self._image_of[key])
            by_owner.setdefault(owner, []).append(key)
        score = None if not show.score or task.iou is None else round(task.iou, 4)
        predictions, left_out = [], 0
        for owner, keys in sorted(by_owner.items()):
            shown: dict[Kind, list[dict[str, object]]] = {}
            if show.masks:
                shown, missed = results(self._differences(task, keys))
                left_out += missed
            versions = {f"{OWN_VERSIONS}{kind.value}{owner}": shown[kind] for kind in shown}
            if not versions and show.score:
                versions = {f"{OWN_VERSIONS}score{owner}": []}
            predictions += [
                Prediction.of(task.id, version, result, score) for version, result in versions.items()
            ]
        return predictions, left_out

    def _differences(self, task: JudgedTask, keys: list[str]) -> Iterator[tuple[Canvas, Difference]]:
        measure, ontology = self._measure(), self._evaluation.ontology
        index = {name: code for code, name in enumerate(ontology.names)}
        for key in keys:
            gold = self._gold.read(self._image_of[key])
            delivery = self._delivery.read(key)
            if gold is None or delivery is None:
                raise UsageError(f"image {key} cannot be read again; did the input change meanwhile?")
            canvas = self._canvas(task.id, self._places[key][1])
            gold = gold.sized_like(delivery)
            left, right = measure.label_runs(gold, delivery)
            codes = [index[name] for name in task.classes[key]]
            for difference in differences(
                left, right, height=gold.height, num_classes=len(ontology), codes=codes
            ):
                yield canvas, difference

    def _canvas(self, task: int, image: TaskImage) -> Canvas:
        labeling, classes = self._tasks.labeling, self._evaluation.ontology.classes
        to_name = image.to_name or ""
        is_list = labeling is not None and any(
            tag.is_list for tag in labeling.images if tag.name == to_name
        )
        return Canvas(
            project=self._project,
            task=task,
            to_name=to_name,
            item=image.item if is_list else None,
            labels={} if labeling is None else brush_labels(labeling, to_name, classes),
        )

    def _measure(self) -> SemanticMeasure:
        target = self._evaluation.ontology
        gold, delivery = (
            ClassMap(target=target, source=side.ontology or target, file=side.name)
            for side in (self._gold, self._delivery)
        )
        return SemanticMeasure(gold=gold, delivery=delivery, overlap=target.overlap, crowd=target.crowd)
