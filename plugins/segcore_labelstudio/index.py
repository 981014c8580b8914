"""Where each image of many tasks stands, and what of the tasks does not count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from segcore.faults import Fault, FaultLog
from segcore.limits import MAX_CLASSES, MAX_ENTRY_FAULTS, MAX_FOLDER_ENTRIES
from segcore.ontology import LabelClass, Ontology
from segcore.wording import show
from segcore_labelstudio.images import TaskImage
from segcore_labelstudio.labeling import Labeling
from segcore_labelstudio.options import Options
from segcore_labelstudio.results import RegionGroup, labels_of
from segcore_labelstudio.store import Place, TaskStore
from segcore_labelstudio.tasks import Chosen, TaskPlan, plan_task

__all__ = ["Entry", "Index", "IndexBuilder", "image_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One annotation of one image: where its task stands, and how many regions it has here.

    ``annotator`` is part of the key, where several people's annotations count; ``drawn_by`` is who drew
    it in any case.
    """

    place: Place
    task_id: int
    images: tuple[TaskImage, ...]
    which: int
    annotation: int
    annotator: str | None
    regions: int
    drawn_by: str | None = None

    @property
    def image(self) -> TaskImage:
        """The image itself."""
        return self.images[self.which]

    @property
    def key(self) -> str:
        """The key of the image, with the annotator where several deliver it."""
        owner = self.annotator
        return self.image.key if owner is None else f"{self.image.key}@{owner}"


@dataclass(slots=True, kw_only=True)
class Index:
    """What all tasks together hold; a task itself is read again when it is needed."""

    entries: dict[str, Entry] = field(default_factory=dict)
    labeling: Labeling | None = None
    ontology: Ontology | None = None
    left_out: Counter[str] = field(default_factory=Counter)
    unplaced: int = 0


class IndexBuilder:
    """Walks through all tasks once, then holds them against each other."""

    def __init__(self, store: TaskStore, labeling: Labeling | None, options: Options) -> None:
        self.faults = FaultLog()
        self._tasks = store
        self._options = options
        self._index = Index(labeling=labeling)
        self._labels: set[str] = set()
        self._by_key: dict[str, list[Entry]] = {}
        self._by_id: dict[int, list[Place]] = {}
        self._images = 0

    def walk(self) -> None:
        """Look at every task; what is wrong is added to :attr:`faults`."""
        for place, task in self._tasks.tasks():
            file = self._tasks.files[place.file]
            plan = plan_task(task, file=file, labeling=self._index.labeling, options=self._options)
            self.faults.extend(plan.faults)
            self._index.left_out.update(plan.left_out)
            self._index.unplaced += plan.unplaced
            if plan.id is not None:
                self._by_id.setdefault(plan.id, []).append(place)
            for chosen in plan.chosen:
                self._take(plan, chosen, place, file)
            self._images += len(plan.images)
            limit, found = "", 0
            if self._images > MAX_FOLDER_ENTRIES:
                limit, found = f"at most {MAX_FOLDER_ENTRIES} images", self._images
            elif len(self.faults) > MAX_ENTRY_FAULTS:
                limit, found = f"at most {MAX_ENTRY_FAULTS} faults", len(self.faults)
            if limit:
                got = f"{found}; the tasks behind are not read"
                self.faults.add(Fault(code="limits.entries", file=file, expected=limit, got=got))
                break

    def finish(self) -> Index:
        """The index, once everything that only shows between tasks was refused."""
        index = self._index
        self._refuse_repeated_tasks()
        found: list[Entry] = []
        for key in sorted(self._by_key):
            entries = self._by_key[key]
            places = {(entry.task_id, entry.which) for entry in entries}
            if len(places) == 1:
                found += entries
                continue
            index.unplaced += sum(entry.regions for entry in entries)
            tasks = sorted(task_id for task_id, _ in places)
            self.faults.add(
                Fault(
                    code="delivery.ambiguous_image",
                    file=self._tasks.files[entries[0].place.file],
                    image=key,
                    image_id=tasks[0],
                    expected="one task an image; ?key=FIELD names another key",
                    got=f"tasks {show(tasks)}",
                )
            )
        index.entries = {entry.key: entry for entry in sorted(found, key=lambda entry: entry.key)}
        index.ontology = self._ontology()
        return index

    def _take(self, plan: TaskPlan, chosen: Chosen, place: Place, file: str) -> None:
        """Note the images of an annotation, and refuse the regions that lie in none of them."""
        if plan.id is None:
            return
        counts = [0] * len(plan.images)
        tags = {group.to_name for group in chosen.groups if group.to_name is not None}
        several = plan.images[0].to_name is None and len(tags) > 1
        for group in chosen.groups:
            if len(self._labels) <= MAX_CLASSES:
                self._labels.update(labels_of(group))
            at = None if several else image_of(group, plan.images)
            if at is not None:
                counts[at] += 1
                continue
            self._index.unplaced += 1
            problems = group.problems
            if group.to_name is not None:
                problems = [_nowhere(group, tags if several else ())]
            for code, expected, got in problems:
                self.faults.add(
                    Fault(
                        code=code,
                        file=file,
                        image=plan.images[0].key if len(plan.images) == 1 else None,
                        image_id=plan.id,
                        annotation=group.id,
                        expected=expected,
                        got=got,
                    )
                )
        for at, image in enumerate(plan.images):
            entry = Entry(
                place=place,
                task_id=plan.id,
                images=plan.images,
                which=at,
                annotation=chosen.at,
                annotator=chosen.annotator,
                regions=counts[at],
                drawn_by=chosen.drawn_by,
            )
            self._by_key.setdefault(image.key, []).append(entry)

    def _refuse_repeated_tasks(self) -> None:
        repeated = {task_id for task_id, places in self._by_id.items() if len(places) > 1}
        if not repeated:
            return
        for task_id in sorted(repeated):
            places = self._by_id[task_id]
            lines = [place.line for place in places]
            self.faults.add(
                Fault(
                    code="delivery.duplicate_image",
                    file=self._tasks.files[places[0].file],
                    image_id=task_id,
                    expected="each task once",
                    got=f"{len(places)} times, from lines {show(lines)}",
                )
            )
        for key, entries in list(self._by_key.items()):
            kept = [entry for entry in entries if entry.task_id not in repeated]
            refused = sum(entry.regions for entry in entries) - sum(entry.regions for entry in kept)
            self._index.unplaced += refused
            self._by_key[key] = kept
            if not kept:
                del self._by_key[key]

    def _ontology(self) -> Ontology | None:
        if self._options.ontology is not None:
            from segcore.ontology_file import load_ontology

            return load_ontology(self._options.ontology)
        labeling = self._index.labeling
        configured = None if labeling is None else labeling.ontology()
        if configured is not None or not self._labels:
            return configured
        names = sorted(self._labels)
        if len(names) > MAX_CLASSES:
            self.faults.add(
                Fault(
                    code="limits.entries",
                    file=self._tasks.files[0],
                    expected=f"at most {MAX_CLASSES} labels",
                    got="more",
                )
            )
        classes = (LabelClass(id=i, name=name) for i, name in enumerate(names[:MAX_CLASSES]))
        return Ontology(tuple(classes))


def image_of(group: RegionGroup, images: Sequence[TaskImage]) -> int | None:
    """Which of the images of its task a region lies in."""
    if group.to_name is None:
        return None
    for at, image in enumerate(images):
        if image.to_name in (None, group.to_name) and image.item == group.item:
            return at
    return None


def _nowhere(group: RegionGroup, tags: Collection[str]) -> tuple[str, str, str]:
    """Why a region lies in no image of its task; ``tags`` are those that nobody can tell apart."""
    if tags:
        expected = "regions of one Image tag; ?config=FILE tells several apart"
        return "ls.unknown_control", expected, f"to_name {show(sorted(tags))}"
    expected = "to_name and item_index of an image of the task"
    return "ls.unknown_control", expected, f"to_name {show(group.to_name)}, item {group.item}"
