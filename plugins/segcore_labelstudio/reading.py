"""Tasks of Label Studio as a source: an export file and a live project are read by the same code."""

from __future__ import annotations

import hashlib
import json
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from functools import cache

from segcore.annotation import ImageAnnotation, Region, Regions
from segcore.faults import Fault, FaultLog
from segcore.fingerprint import Fingerprint, FingerprintBuilder, FormatField
from segcore.image_attributes import ANNOTATOR, Attributes, attributes_in, merged, text_values
from segcore.ontology import Ontology
from segcore.sources.base import Source
from segcore.sources.spec import Spec
from segcore.wording import show
from segcore_labelstudio.form import add_region
from segcore_labelstudio.images import TaskImage
from segcore_labelstudio.index import Entry, Index, IndexBuilder, image_of
from segcore_labelstudio.labeling import Labeling, load_labeling
from segcore_labelstudio.options import Options
from segcore_labelstudio.results import DrawnRegions, RegionGroup, draw_regions, group_results
from segcore_labelstudio.store import TaskStore
from segcore_labelstudio.tasks import attributes_of, plan_task

__all__ = ["TaskSource"]


_Parsed = tuple[Mapping[str, object], list[RegionGroup]]
"""The annotation of a task that counts, and its regions."""


class TaskSource(Source):
    """Annotations of a Label Studio project.

    An image's key is the name of its file without folders, extension and the prefix of an upload.
    The classes are those of the option ``ontology``, else the labels of the configuration, else
    the labels the annotations use, sorted.  Units of all counts are regions.

    Parameters
    ----------
    spec : Spec
        What the user named.
    options : Options
    """

    when_empty = "no task with an annotation that counts"

    def __init__(self, spec: Spec, *, options: Options) -> None:
        self.name = str(spec)
        self.faults = FaultLog()
        self._spec = spec
        self._options = options
        self._tasks: TaskStore | None = None
        self._indexed: Index | None = None
        self._last: tuple[Entry, _Parsed] | None = None

    @abstractmethod
    def _store(self) -> TaskStore:
        """The files of tasks, as they were when the first task was needed."""

    def _labeling(self) -> Labeling | None:
        """The labeling configuration; None where it is not known."""
        config = self._options.config
        return None if config is None else load_labeling(config)

    def __getstate__(self) -> dict[str, object]:
        """Without what a worker process can find again, so that jobs stay small."""
        return self.__dict__ | {"_tasks": None, "_indexed": None, "_last": None}

    @property
    def ontology(self) -> Ontology | None:
        """The classes; None where nothing says them and no region has a label."""
        return self._index().ontology

    def keys(self) -> tuple[str, ...]:
        """The keys of the images with an annotation that counts, sorted."""
        index = self._index()
        if not index.entries and index.left_out["ground truth in delivery"]:
            # An import that does not say otherwise can make every annotation one.
            self.when_empty = "nothing but ground truths, which annotations=ground-truth reads"
        return tuple(index.entries)

    @property
    def labeling(self) -> Labeling | None:
        """The labeling configuration, where it is known."""
        return self._index().labeling

    def tasks(self) -> Iterator[tuple[int, tuple[TaskImage, ...], Mapping[str, object]]]:
        """Number, images and ``data`` of every task whose images can be told, delivered or not."""
        labeling, store = self.labeling, self._store()
        for place, task in store.tasks():
            file = store.files[place.file]
            plan = plan_task(task, file=file, labeling=labeling, options=self._options)
            data = task.get("data")
            if plan.id is not None and plan.images and isinstance(data, dict):
                yield plan.id, plan.images, data

    def image_of(self, key: str) -> str:
        """The key of the image, without the annotator."""
        return self._index().entries[key].image.key

    def attributes(self, key: str) -> Attributes:
        """What ``data`` and ``meta`` of the task hold in plain values, and who drew the annotation."""
        entry = self._index().entries[key]
        task = self._opened().task(entry.place)
        found: list[tuple[str, object]] = []
        for name in ("data", "meta"):
            held = task.get(name)
            found += attributes_in(held) if isinstance(held, dict) else ()
        # Who drew is known, whatever somebody wrote into the task.
        return merged([(n, v) for n, v in found if n != ANNOTATOR] + [(ANNOTATOR, entry.drawn_by)])

    def annotators(self, key: str) -> tuple[str, ...]:
        """Who drew the annotation: an address where the input has it, else the number of the user."""
        return text_values(self._index().entries[key].drawn_by)

    def annotation_count(self, key: str) -> int:
        """How many regions the annotation that counts has in this image, sound or not."""
        return self._index().entries[key].regions

    @property
    def unplaced(self) -> int:
        """Regions of tasks and annotations that were refused as a whole."""
        return self._index().unplaced

    @property
    def left_out(self) -> Mapping[str, int]:
        """Regions that do not count, by reason."""
        return dict(sorted(self._index().left_out.items()))

    @property
    def conventions(self) -> Mapping[str, str]:
        """Which annotations count, and what makes a region a mask."""
        return self._options.conventions()

    def digest(self) -> str | None:
        """None: each image carries the digest of its own task."""
        return None

    def fingerprint(self) -> Fingerprint:
        """Sizes, types of results and labels; those of the configuration are categories without ids.

        Raises
        ------
        SpecError
            A file of tasks changed since it was opened.
        """
        index = self._index()
        found = FingerprintBuilder(self.name, FormatField.ENCODING, FormatField.LABELS)
        for key, entry in index.entries.items():
            for group in self._parsed(entry)[1]:
                if image_of(group, entry.images) == entry.which:
                    add_region(found, group, image=key)
        configured = None if index.labeling is None else index.labeling.ontology()
        if configured is not None:
            found.list_classes(configured, ids=False)
        return found.fingerprint()

    def read(self, key: str) -> ImageAnnotation:
        """The regions of one image, in the order of the result.

        Raises
        ------
        SpecError
            A file of tasks changed since it was opened.
        """
        index = self._index()
        entry = index.entries[key]
        annotation, groups = self._parsed(entry)
        file = self._opened().files[entry.place.file]
        drawn = draw_regions(
            [group for group in groups if image_of(group, entry.images) == entry.which],
            file=file,
            image=entry.image,
            task_id=entry.task_id,
            labeling=index.labeling,
            threshold=self._options.threshold,
        )
        regions = self._classified(drawn, entry, index.ontology, file)
        self.faults.extend(drawn.faults)
        return ImageAnnotation(
            key=key,
            height=drawn.height,
            width=drawn.width,
            content=Regions.from_regions(regions, height=drawn.height, width=drawn.width),
            read=entry.regions,
            rejected=drawn.rejected,
            digest=_digest(entry.task_id, annotation),
            file=file,
            attributes=attributes_of(annotation, task_id=entry.task_id),
        )

    # ---- one image

    def _parsed(self, entry: Entry) -> _Parsed:
        """The annotation of an image that counts, and the regions of all images of its task."""
        last = self._last
        if last is None or (last[0].place, last[0].annotation) != (entry.place, entry.annotation):
            task = self._opened().task(entry.place)
            annotations = task["annotations"]
            found = annotations[entry.annotation] if isinstance(annotations, list) else None
            annotation: Mapping[str, object] = found if isinstance(found, dict) else {}
            result = annotation.get("result")
            groups = group_results(result if isinstance(result, list) else [])
            last = self._last = entry, (annotation, groups)
        return last[1]

    def _classified(
        self, drawn: DrawnRegions, entry: Entry, ontology: Ontology | None, file: str
    ) -> list[Region]:
        """The drawn regions with their classes; a label that is none is refused."""
        found: list[Region] = []
        suggest = cache(_no_hint if ontology is None else ontology.suggest)
        for region in drawn.regions:
            index = None if ontology is None else ontology.index(region.label)
            if index is not None:
                found.append(Region(class_index=index, mask=region.mask, id=region.id))
                continue
            drawn.rejected += 1
            drawn.faults.append(
                Fault(
                    code="coco.unknown_class_name",
                    file=file,
                    image=entry.image.key,
                    image_id=entry.task_id,
                    annotation=region.id,
                    expected="a class of the ontology",
                    got=show(region.label) + suggest(region.label),
                )
            )
        return found

    # ---- all tasks

    def _opened(self) -> TaskStore:
        if self._tasks is None:
            self._tasks = self._store()
        return self._tasks

    def _index(self) -> Index:
        if self._indexed is None:
            builder = IndexBuilder(self._opened(), self._labeling(), self._options)
            builder.walk()
            self._indexed = builder.finish()
            self.faults.extend(self._opened().faults)
            self.faults.extend(builder.faults)
        return self._indexed


def _no_hint(_: str) -> str:
    return ""


def _digest(task_id: int, annotation: Mapping[str, object]) -> bytes:
    """SHA-256 of the annotation that counts, as canonical JSON, and of the number of its task.

    Of nothing else in the task: what reviewers add to it, such as predictions, changes no score.
    """
    text = json.dumps([task_id, annotation], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).digest()
