"""A source held against the one it was made from: a copy in another format, or a platform's export."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from segcore.errors import InvalidInputError, OntologyError, UsageError
from segcore.faults import Fault, FaultLog
from segcore.loss.fidelity import compare
from segcore.loss.record import Loss, LossSum
from segcore.ontology import Ontology
from segcore.sources.base import Progress, Source
from segcore.writers.scene import scene_of

__all__ = ["measure_loss"]


def measure_loss(
    before: Source,
    after: Source,
    *,
    jobs: int = 1,
    overlap: bool = False,
    progress: Progress | None = None,
) -> Loss:
    """Compare two sources of the same images, object by object.

    Classes are matched by name and images by key; images that only ``after`` has are not looked at.

    Parameters
    ----------
    before, after : Source
        Resolved: both know their classes, and ``after`` the sizes of its images.
    jobs : int
        Worker processes; the result does not depend on it.
    overlap : bool
        The format of ``after`` holds overlap: what there is less of it comes of outlines that moved, and
        is not counted as flattened.
    progress : callable or None
        Called with images done and images in all.

    Raises
    ------
    OntologyError
        Nothing says what the classes of ``before`` are.
    InvalidInputError
        Either source has faults; those of ``before`` first.
    UsageError
        ``jobs`` is less than 1.
    """
    if jobs < 1:
        raise UsageError(f"jobs must be 1 or more, got {jobs}")
    classes, own = before.ontology, after.ontology
    if classes is None:
        raise OntologyError(f"{before.name} names no classes: give an ontology")
    keys = before.keys()
    after.keys()  # what is wrong with the container is said once
    size = max(1, -(-len(keys) // (4 * jobs)))
    chunks = [keys[at : at + size] for at in range(0, len(keys), size)]
    found = _Part()
    done = 0
    for part in _parts(before, after, chunks, jobs=jobs, overlap=overlap):
        found.join(part)
        done += part.images
        if progress is not None:
            progress(done, len(keys))
    for source, faults in ((before, found.faults[0]), (after, found.faults[1])):
        log = FaultLog(source.faults)
        log.extend(faults)
        if log.errors:
            raise InvalidInputError(log.sorted())
        if source is after:
            for fault in log.sorted():
                found.left_behind[f"warning {fault.code} when it is read"] += 1
    places = np.empty(0, np.int32) if own is None else classes.match(own)
    known = {*places.tolist(), *found.used}
    if unnamed := sum(i not in known for i in range(len(classes))):
        found.left_behind["class name without an object"] = unnamed
    return Loss(
        names=classes.names,
        rows=found.sum.rows,
        counts=found.sum.counts,
        images=len(keys),
        left_behind={name: n for name, n in sorted(found.left_behind.items()) if n},
    )


@dataclass(slots=True)
class _Part:
    """What some images lost."""

    sum: LossSum = field(default_factory=LossSum)
    left_behind: Counter[str] = field(default_factory=Counter)
    used: set[int] = field(default_factory=set)
    faults: tuple[list[Fault], list[Fault]] = field(default_factory=lambda: ([], []))
    images: int = 0

    def join(self, other: _Part) -> None:
        self.sum.join(other.sum)
        self.left_behind.update(other.left_behind)
        self.used |= other.used
        for mine, more in zip(self.faults, other.faults, strict=True):
            mine.extend(more)
        self.images += other.images


def _parts(
    before: Source, after: Source, chunks: Sequence[Sequence[str]], *, jobs: int, overlap: bool
) -> Iterator[_Part]:
    if jobs == 1:
        yield from (_part(before, after, chunk, overlap=overlap) for chunk in chunks)
        return
    import joblib

    work = (joblib.delayed(_part)(before, after, chunk, overlap=overlap) for chunk in chunks)
    yield from joblib.Parallel(n_jobs=jobs, return_as="generator")(work)


def _part(before: Source, after: Source, keys: Sequence[str], *, overlap: bool) -> _Part:
    classes, own = before.ontology, after.ontology
    part = _Part()
    if classes is None:
        return part
    places = np.empty(0, np.int32) if own is None else classes.match(own)
    there = frozenset(after.keys())
    before.expect(keys)
    after.expect([key for key in keys if key in there])
    for key in keys:
        part.images += 1
        _compare(part, before, after if key in there else None, key, classes, places, overlap=overlap)
    part.faults[0].extend(before.faults)
    part.faults[1].extend(after.faults)
    return part


def _compare(
    part: _Part,
    before: Source,
    after: Source | None,
    key: str,
    classes: Ontology,
    places: npt.NDArray[np.int32],
    *,
    overlap: bool,
) -> None:
    annotation = before.read(key)
    if annotation is None:  # its fault is among those of the source
        return
    again = None if after is None else after.read(key)
    own = None if after is None else after.ontology
    if annotation.outlines is not None:
        drawn = int(np.count_nonzero(annotation.outlines.vertices))
        part.left_behind["polygon, of which the pixels are kept and not the vertices"] += drawn
    scene = scene_of(annotation, classes)
    part.used.update(scene.objects.classes.tolist())
    copy = None if again is None or own is None else scene_of(again, own)
    part.sum.add(compare(scene, copy, places, overlap=overlap))
    kept = {} if after is None else after.attributes(key)
    for name, values in before.attributes(key).items():
        if kept.get(name) != values:
            part.left_behind[f"attribute {name}"] += 1
