"""A batch from end to end: open both sides, pair the images, count each, keep every fault."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from segcore import kernels, sources
from segcore.annotation import ImageAnnotation, LabelMap, Regions
from segcore.errors import InvalidInputError, OntologyError, UsageError
from segcore.evaluation import OTHER, Evaluation, InputInfo, SideCounts
from segcore.faults import Fault, FaultLog
from segcore.measures.semantic import ClassMap, SemanticMeasure, refused_count
from segcore.ontology import Crowd, Ontology, Overlap
from segcore.pairing import Unit, pair, units_of
from segcore.side import ReadCounts, Side
from segcore.sources import Source, Spec
from segcore.sources.base import Progress
from segcore.tally import Tally, TallyTable

__all__ = ["CheckReport", "check", "evaluate"]

_E = TypeVar("_E", Overlap, Crowd)

_CHUNK = 16
"""Images a worker counts before it reports back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """One source, looked at from end to end.

    Attributes
    ----------
    faults : tuple of Fault
        Everything that is wrong, in a stable order.
    info : InputInfo
    counts : SideCounts
    ontology : Ontology or None
        The classes it was read with.
    """

    faults: tuple[Fault, ...]
    info: InputInfo
    counts: SideCounts
    ontology: Ontology | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """All a worker needs; ``token`` lets it keep its sources open between chunks."""

    token: str
    gold: Source
    delivery: Source
    measure: SemanticMeasure
    images: int
    keep_cells: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Counted:
    """What one chunk of images gave; the faults are those of gold, of delivery and of the pair."""

    images: int
    table: TallyTable
    read: tuple[ReadCounts, ReadCounts]
    faults: tuple[tuple[Fault, ...], tuple[Fault, ...], tuple[Fault, ...]]
    gold_crowd: int


def evaluate(
    gold: str | Spec | Source,
    delivery: str | Spec | Source,
    *,
    task: str = "semantic",
    ontology: Ontology | str | None = None,
    jobs: int = 1,
    backend: str | None = None,
    overlap: Overlap | str | None = None,
    crowd: Crowd | str | None = None,
    keep_cells: bool = False,
    progress: Progress | None = None,
) -> Evaluation:
    """Measure a delivery against gold.

    Parameters
    ----------
    gold, delivery : str, Spec or Source
        The trusted annotations and the batch under test; the formats may differ.
    task : str
        ``semantic``.
    ontology : Ontology, str or None
        The classes, the path of an ontology file, or ``preset:NAME``.  None takes the classes
        the gold names.
    jobs : int
        Worker processes; the result does not depend on it.
    backend : str or None
        A joblib backend (``loky``, ``dask``, ``ray``, ``spark``); None is joblib's own choice.
    overlap, crowd
        How regions become a label map; None is what the ontology says.
    keep_cells : bool
        Keep the confusion of each image as well (``Evaluation.tallies.cells``), not only of all.
    progress : callable or None
        Called with images done and images in all; before that, where an input is brought from a
        server, with the tasks brought and the tasks in all.

    Returns
    -------
    Evaluation

    Raises
    ------
    InvalidInputError
        Either input has faults that refuse it; all of them are named.
    OntologyError
        Neither the caller nor the gold says what the classes are.
    SpecError
        An input cannot be opened.
    """
    if task != "semantic":
        raise UsageError(f"task {task!r} is not one this version measures (known: semantic)")
    if jobs < 1:
        raise UsageError(f"jobs must be 1 or more, got {jobs}")
    gold_source, delivery_source = sources.open(gold), sources.open(delivery)
    for source in (gold_source, delivery_source):
        source.fetch(progress=progress)
    target = _ontology(ontology)
    if target is None:
        target = gold_source.ontology
    else:
        gold_source = gold_source.resolve(ontology=target)
    if target is None:
        # A broken gold names no classes either: then say what broke it.
        _refuse((Side("gold", gold_source), Side("delivery", delivery_source)))
        raise OntologyError(
            f"{gold_source.name} names no classes: give an ontology file (--ontology FILE, or "
            "`ontology:` in a policy), or preset:cityscapes, preset:coco, preset:voc, preset:ade20k"
        )
    target = replace(
        target,
        overlap=target.overlap if overlap is None else _choice(Overlap, overlap, "overlap"),
        crowd=target.crowd if crowd is None else _choice(Crowd, crowd, "crowd"),
    )
    delivery_source = delivery_source.resolve(ontology=target, gold=gold_source)
    sides = Side("gold", gold_source), Side("delivery", delivery_source)
    images = pair(sides)
    units = units_of(images, sides)
    job = _Job(
        token=uuid.uuid4().hex,
        gold=gold_source,
        delivery=delivery_source,
        measure=SemanticMeasure(
            gold=_class_map(gold_source, target),
            delivery=_class_map(delivery_source, target),
            overlap=target.overlap,
            crowd=target.crowd,
        ),
        images=-(-len(units) // jobs),
        keep_cells=keep_cells,
    )
    pair_faults = FaultLog()
    tables: list[TallyTable] = []
    done = 0
    for counted in _run(job, units, jobs=jobs, backend=backend):
        tables.append(counted.table)
        while len(tables) > 1 and len(tables[-2]) <= len(tables[-1]):
            # Joined in twos as they grow: few objects stay, and each row is copied seldom.
            tables[-2:] = [TallyTable.joined(tables[-2:], num_classes=len(target))]
        pair_faults.extend(counted.faults[2])
        for side, read, found in zip(sides, counted.read, counted.faults, strict=False):
            side.take(read, found)
        sides[0].ignore(counted.gold_crowd, "crowd region")
        done += counted.images
        if progress is not None:
            progress(done, len(units))
    sides[1].leave_out(images.extra_in_delivery, "image not in gold")
    if sides[1].repeats(sides[0]):
        pair_faults.add(Fault(code="delivery.same_as_gold", file=delivery_source.name))
    faults = _refuse(sides, pair_faults)
    return Evaluation(
        ontology=target,
        images=images,
        tallies=TallyTable.joined(tables, num_classes=len(target)),
        inputs=tuple(side.info() for side in sides),
        counts={side.role: side.counts() for side in sides},
        faults=faults,
        conventions=_conventions(target, sides),
    )


def check(
    spec: str | Spec | Source,
    *,
    ontology: Ontology | str | None = None,
    progress: Progress | None = None,
) -> CheckReport:
    """Read one source from end to end and collect every fault.

    Parameters
    ----------
    spec : str, Spec or Source
        What to look at.
    ontology : Ontology, str or None
        The classes the input must fit; where it names none, what its values mean.
    progress : callable or None
        See :func:`evaluate`.
    """
    source = sources.open(spec)
    source.fetch(progress=progress)
    given = _ontology(ontology)
    source = source.resolve(ontology=given)
    side = Side("delivery", source)
    keys, read, found = source.keys(), ReadCounts(), FaultLog()
    target = source.ontology if given is None else given
    classes = None if target is None else _class_map(source, target)
    for done, key in enumerate(keys, start=1):
        annotation = source.read(key)
        read.add(source, key, annotation)
        if annotation is not None and classes is not None:
            faults = classes.value_faults(annotation) + classes.name_faults(annotation)
            read.rejected += refused_count(faults)
            found.extend(faults)
        if progress is not None:
            progress(done, len(keys))
    if not keys and not source.faults.errors:
        place, none = source.name, source.when_empty
        empty = Fault(code="delivery.image_match", file=place, expected="at least one image", got=none)
        found.add(empty)
    side.take(read, [*found, *source.faults])
    return CheckReport(
        faults=side.faults.sorted(), info=side.info(), counts=side.counts(), ontology=source.ontology
    )


def _ontology(given: Ontology | str | None) -> Ontology | None:
    if given is None or isinstance(given, Ontology):
        return given
    from segcore.ontology_file import named_ontology

    return named_ontology(given)


def _choice(kind: type[_E], value: _E | str, what: str) -> _E:
    try:
        return kind(value)
    except ValueError:
        known = ", ".join(member.value for member in kind)
        raise UsageError(f"{what} must be one of {known}, got {value!r}") from None


def _class_map(source: Source, target: Ontology) -> ClassMap:
    own = source.ontology
    return ClassMap(target=target, source=target if own is None else own, file=source.name)


def _run(job: _Job, units: list[Unit], *, jobs: int, backend: str | None) -> Iterator[_Counted]:
    """Count chunk by chunk; what comes out is in the order of the keys."""
    chunks = [units[i : i + _CHUNK] for i in range(0, len(units), _CHUNK)]
    if jobs == 1 and backend is None:
        yield from (_count(job, chunk) for chunk in chunks)
        return
    from joblib import Parallel, delayed

    parallel = Parallel(n_jobs=jobs, backend=backend, return_as="generator")
    yield from parallel(delayed(_count_in_worker)(job, chunk) for chunk in chunks)


_open_job: list[_Job] = []
"""The job this worker process works on: its sources stay open from one chunk to the next."""


def _count_in_worker(job: _Job, chunk: list[Unit]) -> _Counted:
    if not _open_job or _open_job[0].token != job.token:
        _open_job[:] = [job]
    return _count(_open_job[0], chunk)


def _count(job: _Job, chunk: list[Unit]) -> _Counted:
    logs = job.gold.faults, job.delivery.faults
    known = tuple(len(log) for log in logs)
    read = ReadCounts(), ReadCounts()
    pair_faults: list[Fault] = []
    tallies: list[tuple[str, Tally]] = []
    gold_crowd = 0
    for unit in chunk:
        gold = job.gold.read(unit.image)
        if unit.first:
            read[0].add(job.gold, unit.image, gold)
        delivery = None
        if unit.delivered:
            delivery = job.delivery.read(unit.key)
            read[1].add(job.delivery, unit.key, delivery)
        if gold is None or (unit.delivered and delivery is None):
            continue
        if not tallies:
            _prepare(gold, delivery, images=job.images)
        measured = job.measure(gold, delivery)
        pair_faults += measured.faults
        if unit.first:
            gold_crowd += measured.gold_crowd
            read[0].rejected += measured.rejected[0]
        read[1].rejected += measured.rejected[1]
        tallies.append((unit.key, measured.tally))
    new = tuple(tuple(log)[n:] for log, n in zip(logs, known, strict=True))
    return _Counted(
        images=len(chunk),
        table=TallyTable.from_tallies(
            tallies, num_classes=job.measure.num_classes, keep_cells=job.keep_cells
        ),
        read=read,
        faults=(new[0], new[1], tuple(pair_faults)),
        gold_crowd=gold_crowd,
    )


def _prepare(gold: ImageAnnotation, delivery: ImageAnnotation | None, *, images: int) -> None:
    """Tell the kernels what is ahead, from the first pair of a chunk."""
    sides = [annotation.content for annotation in (gold, delivery) if annotation is not None]
    dense = any(isinstance(content, LabelMap) for content in sides)
    runs = sum(len(content.starts) for content in sides if isinstance(content, Regions))
    kernels.prepare(gold.height * gold.width * images if dense else 0, runs * images)


def _refuse(sides: tuple[Side, Side], more: FaultLog | None = None) -> tuple[Fault, ...]:
    """All faults of both sides in a stable order, if none of them is an error."""
    log = FaultLog()
    for side in sides:
        log.extend(side.source.faults)
        log.extend(side.faults)
    log.extend(more or ())
    if log.errors:
        raise InvalidInputError(
            log.sorted(),
            inputs=tuple(side.info() for side in sides),
            counts={side.role: side.counts() for side in sides},
        )
    return log.sorted()


def _conventions(ontology: Ontology, sides: tuple[Side, Side]) -> dict[str, str]:
    """How the numbers came about: of this measure, and of how either side was read."""
    return _conventions_of_sources(sides) | _conventions_of_measure(ontology)


def _conventions_of_sources(sides: tuple[Side, Side]) -> dict[str, str]:
    found: dict[str, dict[str, str]] = {}
    for side in sides:
        for topic, text in side.source.conventions.items():
            found.setdefault(topic, {})[side.role] = text
    return {
        topic: "; ".join(f"{role}: {text}" for role, text in texts.items())
        if len(set(texts.values())) > 1 or len(texts) < len(sides)
        else texts["gold"]
        for topic, texts in found.items()
    }


def _conventions_of_measure(ontology: Ontology) -> dict[str, str]:
    crowd = {
        Crowd.IGNORE: "gold crowd regions are not counted, except where an ordinary region covers them",
        Crowd.CLASS: "crowd regions are regions like any other",
    }
    overlap = {
        Overlap.SMALLEST: "where regions overlap the smallest owns the pixel",
        Overlap.LAST: "where regions overlap the last in the file owns the pixel",
        Overlap.ERROR: "regions of different classes may not overlap",
    }
    return {
        "crowd": crowd[ontology.crowd],
        "ignore": "pixels the gold ignores are not counted; delivered ignore over counted gold is wrong",
        "iou": "pooled over images: sum of intersections over sum of unions",
        "mean": "classes with a union above 0, each weighted the same",
        "missing_image": "a gold image that was not delivered counts with all its pixels missed",
        "overlap": overlap[ontology.overlap],
        "polygons": "rasterised by the COCO rule (pycocotools)",
        "unlabeled": f"pixels nobody claims count as {OTHER}, on either side",
    }
