"""One pass over masks that says what of every class has to be drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from segcore import sources
from segcore.advice.advice import Advice, ClassAdvice, MeasuredPilot
from segcore.advice.masks import Masks, joined
from segcore.advice.objects import ImageObjects, objects_of
from segcore.advice.pilot import measured_pilot
from segcore.advice.rules import ClassShapes, class_advice
from segcore.advice.settings import Settings
from segcore.advice.shapes import Shapes, measured
from segcore.advice.whole import Coverage, task_advice
from segcore.errors import InvalidInputError, OntologyError, UsageError
from segcore.faults import Fault, FaultLog
from segcore.measures.class_map import ClassMap
from segcore.ontology import Ontology
from segcore.side import ReadCounts, Side
from segcore.sources import Source, Spec
from segcore.sources.base import Progress

__all__ = ["advise"]

_HELD_POINTS = 1 << 19
"""Corners of outlines that are measured at once: enough to be fast, few enough for memory."""

_I = npt.NDArray[np.int64]


def advise(
    source: str | Spec | Source,
    *,
    ontology: Ontology | str | None = None,
    pilot: str | Spec | Source | None = None,
    settings: Settings | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Advice:
    """Say for every class whether boxes, polygons or masks have to be drawn, by real masks of it.

    Parameters
    ----------
    source : str, Spec or Source
        The masks.  Groups of objects (COCO's crowds) are left out.
    ontology : Ontology, str or None
        The classes, where the input names none, and which of them are things.
    pilot : str, Spec or Source or None
        The same images labelled the cheaper way, with polygons: what they measure then counts, not
        what polygons of so many vertices could reach.
    settings : Settings or None
        None is :class:`Settings` as it is.
    jobs : int
        Processes to work in.
    progress : callable or None
        Called with images done and images in all.

    Returns
    -------
    Advice
        The same whatever the order of files and annotations, and the number of processes.

    Raises
    ------
    InvalidInputError
        The input has faults that refuse it, or no image.
    OntologyError
        Nothing says what the classes are.
    UsageError
        A class of ``exact_area`` does not exist, or ``jobs`` is below 1.
    SpecError
        The input cannot be opened.
    """
    told = settings or Settings()
    if jobs < 1:
        raise UsageError(f"jobs must be 1 or more, got {jobs}")
    opened = sources.open(source)
    opened.fetch(progress=progress)
    given = _ontology(ontology)
    opened = opened.resolve(ontology=given)
    target = _target(opened, given)
    for name in sorted(told.exact_area):
        if target.index(name) is None:
            raise UsageError(f"there is no class {name!r}{target.suggest(name)}")
    exact = frozenset(target.names[target.index(name) or 0] for name in told.exact_area)
    told = replace(told, exact_area=exact)
    side = Side("masks", opened)
    found = _walked(opened, target, told, jobs=jobs, progress=progress)
    empty: list[Fault] = []
    if not opened.keys() and not opened.faults.errors:
        missing = "at least one image"
        fault = Fault(
            code="delivery.image_match", file=opened.name, expected=missing, got=opened.when_empty
        )
        empty = [fault]
    side.take(found.read, [*found.faults, *empty, *opened.faults])
    if side.faults.errors:
        raise InvalidInputError(
            side.faults.sorted(), inputs=(side.info(),), counts={side.role: side.counts()}
        )
    drawn = None if pilot is None else measured_pilot(opened, pilot, ontology=target, jobs=jobs)
    inputs = (side.info(), *(() if drawn is None else (drawn.info,)))
    classes = _classes(found, target, told, {} if drawn is None else drawn.classes)
    coverage = Coverage(claimed_px=found.claimed_px, pixels=found.pixels)
    task, evidence = task_advice(classes, coverage, told)
    present = {c.name for c in classes}
    return Advice(
        classes=classes,
        absent=tuple(name for name in target.names if name not in present),
        task=task,
        evidence=evidence,
        left_out=dict(sorted(found.left_out.items())),
        settings=told,
        inputs=inputs,
        counts={side.role: side.counts()},
        faults=side.faults.sorted(),
    )


@dataclass(slots=True)
class _Found:
    """What some images held."""

    read: ReadCounts = field(default_factory=ReadCounts)
    faults: list[Fault] = field(default_factory=list)
    shapes: list[Shapes] = field(default_factory=list)
    classes: list[_I] = field(default_factory=list)
    images: list[_I] = field(default_factory=list)
    merged: list[npt.NDArray[np.bool_]] = field(default_factory=list)
    told: list[npt.NDArray[np.bool_]] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    claimed_px: int = 0
    pixels: int = 0


def _walked(
    source: Source, target: Ontology, settings: Settings, *, jobs: int, progress: Progress | None
) -> _Found:
    keys = source.keys()
    if jobs == 1 or len(keys) < 2 * jobs:
        return _looked_at(source, target, settings, keys, first=0, progress=progress)
    from joblib import Parallel, delayed

    cuts = np.linspace(0, len(keys), jobs + 1).astype(int).tolist()
    chunks = [(keys[a:b], a) for a, b in pairwise(cuts)]
    parts = Parallel(n_jobs=jobs)(
        delayed(_in_worker)(source, target, settings, chunk, first) for chunk, first in chunks
    )
    return _together(parts)


def _in_worker(
    source: Source, target: Ontology, settings: Settings, keys: Sequence[str], first: int
) -> _Found:
    found = _looked_at(source, target, settings, keys, first=first, progress=None)
    found.faults += [*source.faults]
    return found


def _together(parts: Iterable[_Found]) -> _Found:
    whole = _Found()
    faults = FaultLog()
    for part in parts:
        whole.read.annotations += part.read.annotations
        whole.read.rejected += part.read.rejected
        whole.read.ignored.update(part.read.ignored)
        whole.read.digests += part.read.digests
        faults.extend(part.faults)
        whole.shapes += part.shapes
        whole.classes += part.classes
        whole.images += part.images
        whole.merged += part.merged
        whole.told += part.told
        whole.left_out.update(part.left_out)
        whole.claimed_px += part.claimed_px
        whole.pixels += part.pixels
    whole.faults = [*faults]
    return whole


def _looked_at(
    source: Source,
    target: Ontology,
    settings: Settings,
    keys: Sequence[str],
    *,
    first: int,
    progress: Progress | None,
) -> _Found:
    found = _Found()
    own = source.ontology or target
    at = target.match(own)
    stuff = [at[i] >= 0 and target.classes[int(at[i])].thing is False for i in range(len(own))]
    whole = np.array(stuff, np.bool_)
    class_map = ClassMap(target=target, source=own, file=source.name)
    held: list[Masks] = []
    points = 0
    source.expect(keys)
    for done, key in enumerate(keys, start=1):
        annotation = source.read(key)
        found.read.add(source, key, annotation)
        if annotation is not None and annotation.height:
            annotation = annotation if annotation.file else replace(annotation, file=source.name)
            faults = class_map.value_faults(annotation) + class_map.name_faults(annotation)
            found.faults.extend(faults)
            objects = objects_of(annotation, whole=whole, smallest_px=settings.smallest_px)
            _take(found, objects, at, first + done - 1)
            held.append(objects.masks)
            points += len(objects.masks.outline.u)
        if held and (points >= _HELD_POINTS or done == len(keys)):
            found.shapes.append(measured(joined(held)))
            held, points = [], 0
        if progress is not None:
            progress(done, len(keys))
    if held:
        found.shapes.append(measured(joined(held)))
    return found


def _take(found: _Found, objects: ImageObjects, at: npt.NDArray[np.int32], image: int) -> None:
    found.classes.append(at[objects.classes].astype(np.int64))
    found.images.append(np.full(len(objects.classes), image, np.int64))
    found.merged.append(objects.merged)
    found.told.append(objects.told)
    found.left_out["crowds"] += len(objects.crowds)
    found.left_out["specks"] += len(objects.small)
    found.claimed_px += objects.claimed_px
    found.pixels += objects.pixels


def _classes(
    found: _Found, target: Ontology, settings: Settings, drawn: dict[str, MeasuredPilot]
) -> tuple[ClassAdvice, ...]:
    if not found.shapes:
        return ()
    shapes = Shapes.joined(found.shapes)
    classes, images = np.concatenate(found.classes), np.concatenate(found.images)
    merged, told = np.concatenate(found.merged), np.concatenate(found.told)
    advised = []
    for index, one in enumerate(target.classes):
        items = np.flatnonzero(classes == index)
        if not len(items):
            continue
        own = ClassShapes(
            name=one.name,
            thing=one.thing,
            images=len(np.unique(images[items])),
            told=bool(told[items].all()),
            shapes=shapes.take(items),
            merged=merged[items],
        )
        advised.append(class_advice(own, settings, drawn.get(one.name)))
    return tuple(advised)


def _ontology(given: Ontology | str | None) -> Ontology | None:
    if given is None or isinstance(given, Ontology):
        return given
    from segcore.ontology_file import named_ontology

    return named_ontology(given)


def _target(source: Source, given: Ontology | None) -> Ontology:
    own = source.ontology
    if given is not None:
        return given if own is None else given.told_by(own)
    if own is None:
        if source.faults.errors:
            raise InvalidInputError(source.faults.sorted())
        raise OntologyError(
            f"{source.name} names no classes: give an ontology file (--ontology FILE), or "
            "preset:cityscapes, preset:coco, preset:voc, preset:ade20k"
        )
    return own
