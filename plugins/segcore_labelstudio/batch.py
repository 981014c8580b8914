"""From an evaluated batch to what a project should show of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from segcore.errors import UsageError
from segcore.evaluation import Evaluation
from segcore.measures.class_map import ClassMap
from segcore.measures.instance import InstanceMeasure
from segcore.measures.panoptic import PanopticMeasure
from segcore.measures.semantic import SemanticMeasure
from segcore_labelstudio.columns import (
    IOU_COLUMN,
    METRIC_COLUMN,
    PREFIX,
    VALUE_COLUMN,
    column_values,
)
from segcore_labelstudio.differences import (
    Canvas,
    Difference,
    Kind,
    brush_labels,
    differences,
    results,
)
from segcore_labelstudio.failing import JudgedTask, judged_tasks
from segcore_labelstudio.object_differences import ObjectDifferences
from segcore_labelstudio.push import Wanted
from segcore_labelstudio.rows import OWN_VERSIONS, Prediction
from segcore_labelstudio.tab import DEFAULT_TITLE, MAX_TASKS, failing_tab

if TYPE_CHECKING:
    from segcore.annotation import ImageAnnotation, Regions
    from segcore.sources import Source
    from segcore_gates.failing_images import FailingImage
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
        Whether failing tasks get predictions with the missed and the extra pixels and objects.
    columns : bool
        Whether the tasks get columns.
    score : bool
        Whether the predictions carry the lowest value of their task as score: an IoU, or what a gate
        on objects or segments measures.
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
        self.with_metric: set[int] = set()
        for task, images, data in source.tasks():
            for image in images:
                self._images.setdefault(image.key, []).append((task, image))
            if any(key.startswith(PREFIX) for key in data):
                self.with_columns.add(task)
            if METRIC_COLUMN in data:
                self.with_metric.add(task)

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
    objects : sequence of FailingImage or None
        What fails gates on objects and segments; None where there are no such gates.

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
        objects: Sequence[FailingImage] | None = None,
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
            objects=objects or (),
        )
        self._by_objects = objects is not None

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
            task.id: column_values(
                task, with_metric=self._by_objects or task.id in self._map.with_metric
            )
            for task in self.judged
            if show.columns and (task.failing or task.id in self._map.with_columns)
        }
        worst = None
        if show.columns:
            worst = VALUE_COLUMN if self._by_objects else IOU_COLUMN
        wanted = Wanted(
            project=self._project,
            tasks=frozenset(task for task, _ in self._places.values()),
            tab=failing_tab(show.title, [task.id for task in shown], by=worst),
            has_failing=bool(shown),
            predictions=predictions if show.masks or show.score else None,
            columns=columns,
        )
        return wanted, left_out

    def _predictions(self, task: JudgedTask, show: Show) -> tuple[list[Prediction], int]:
        by_owner: dict[str, list[str]] = {}
        for key in sorted({*task.classes, *task.objects}):
            owner = key.removeprefix(self._image_of[key])
            by_owner.setdefault(owner, []).append(key)
        score = None if not show.score or task.value is None else round(task.value, 4)
        predictions, left_out = [], 0
        for owner, keys in sorted(by_owner.items()):
            shown: dict[Kind, list[dict[str, object]]] = {}
            if show.masks:
                drawn = [self._drawn(task, key) for key in keys]
                shown, missed = results(chain.from_iterable(drawn))
                left_out += missed + sum(image.left_out for image in drawn)
            versions = {f"{OWN_VERSIONS}{kind.value}{owner}": shown[kind] for kind in shown}
            if not versions and show.score:
                versions = {f"{OWN_VERSIONS}score{owner}": []}
            predictions += [
                Prediction.of(task.id, version, result, score) for version, result in versions.items()
            ]
        return predictions, left_out

    def _drawn(self, task: JudgedTask, key: str) -> _Drawn:
        """What differs in one image."""
        gold = self._gold.read(self._image_of[key])
        delivery = self._delivery.read(key)
        if gold is None or delivery is None:
            raise UsageError(f"image {key} cannot be read again; did the input change meanwhile?")
        by_task: dict[str, list[FailingImage]] = {}
        for found in task.objects.get(key, ()):
            by_task.setdefault(found.evaluation.task, []).append(found)
        return _Drawn(
            canvas=self._canvas(task.id, self._places[key][1]),
            pixels=self._pixels(gold, delivery, task.classes.get(key, ())),
            objects=tuple(
                ObjectDifferences.of(failing, *self._objects(name, gold, delivery))
                for name, failing in sorted(by_task.items())
            ),
        )

    def _pixels(
        self, gold: ImageAnnotation, delivery: ImageAnnotation, classes: Sequence[str]
    ) -> Iterator[Difference]:
        if not classes:
            return iter(())
        ontology = self._evaluation.ontology
        gold = gold.sized_like(delivery)
        left, right = self._measure().label_runs(gold, delivery)
        codes = [ontology.names.index(name) for name in classes]
        return differences(left, right, height=gold.height, num_classes=len(ontology), codes=codes)

    def _objects(
        self, task: str, gold: ImageAnnotation, delivery: ImageAnnotation
    ) -> tuple[Regions, Regions]:
        left, right = self._class_maps()
        measure = PanopticMeasure if task == "panoptic" else InstanceMeasure
        crowd = self._evaluation.ontology.crowd
        return measure(gold=left, delivery=right, crowd=crowd).objects(gold, delivery)

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
        gold, delivery = self._class_maps()
        return SemanticMeasure(gold=gold, delivery=delivery, overlap=target.overlap, crowd=target.crowd)

    def _class_maps(self) -> tuple[ClassMap, ClassMap]:
        target = self._evaluation.ontology
        gold, delivery = (
            ClassMap(target=target, source=side.ontology or target, file=side.name)
            for side in (self._gold, self._delivery)
        )
        return gold, delivery


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Drawn:
    """What differs in one image: of pixels and of objects; drawn when iterated."""

    canvas: Canvas
    pixels: Iterable[Difference]
    objects: Sequence[ObjectDifferences]

    def __iter__(self) -> Iterator[tuple[Canvas, Difference]]:
        for difference in chain(self.pixels, *self.objects):
            yield self.canvas, difference

    @property
    def left_out(self) -> int:
        """Objects that are not drawn."""
        return sum(found.left_out for found in self.objects)
