"""A batch from end to end: open both sides, pair the images, count each, keep every fault."""

from __future__ import annotations

import uuid
from collections.abc import Sized
from dataclasses import dataclass, replace
from typing import Any, Literal, TypedDict, TypeVar, Unpack, overload

from segcore import sources
from segcore.average_precision import ScoreRule
from segcore.conventions import source_conventions
from segcore.counting import Job, Plan, count
from segcore.dilation import Dilation
from segcore.errors import InvalidInputError, OntologyError, UsageError
from segcore.evaluation import Evaluation, InputInfo, MeasuredBatch, SideCounts
from segcore.faults import Fault, FaultLog
from segcore.instance_evaluation import InstanceEvaluation
from segcore.measures.class_map import ClassMap
from segcore.measures.ignored import left_out_of_pixels
from segcore.measures.measured import refused_count
from segcore.ontology import Crowd, Ontology, Overlap
from segcore.pairing import pair, units_of
from segcore.panoptic_evaluation import PanopticEvaluation
from segcore.side import ReadCounts, Side
from segcore.sources import Source, Spec
from segcore.sources.base import Progress
from segcore.tasks import Comparison, TaskOptions, task_named

__all__ = ["CheckReport", "check", "evaluate"]

_JOINED = 16
"""Tables of about one length that are made one."""

_E = TypeVar("_E", Overlap, Crowd, ScoreRule)
_Tally = TypeVar("_Tally")
_Table = TypeVar("_Table", bound=Sized)


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


class _Options(TypedDict, total=False):
    """What :func:`evaluate` takes whatever the task."""

    ontology: Ontology | str | None
    jobs: int
    backend: str | None
    overlap: Overlap | str | None
    crowd: Crowd | str | None
    scores: ScoreRule | str | None
    keep_cells: bool
    dilation: Dilation | float | str | None
    surfaces: bool
    progress: Progress | None


@overload
def evaluate(
    gold: str | Spec | Source,
    delivery: str | Spec | Source,
    *,
    task: Literal["semantic"] = "semantic",
    **options: Unpack[_Options],
) -> Evaluation: ...
@overload
def evaluate(
    gold: str | Spec | Source,
    delivery: str | Spec | Source,
    *,
    task: Literal["instance"],
    **options: Unpack[_Options],
) -> InstanceEvaluation: ...
@overload
def evaluate(
    gold: str | Spec | Source,
    delivery: str | Spec | Source,
    *,
    task: Literal["panoptic"],
    **options: Unpack[_Options],
) -> PanopticEvaluation: ...
@overload
def evaluate(
    gold: str | Spec | Source,
    delivery: str | Spec | Source,
    *,
    task: str,
    **options: Unpack[_Options],
) -> MeasuredBatch: ...
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
    scores: ScoreRule | str | None = None,
    keep_cells: bool = False,
    dilation: Dilation | float | str | None = None,
    surfaces: bool = False,
    progress: Progress | None = None,
) -> MeasuredBatch:
    """Measure a delivery against gold.

    Parameters
    ----------
    gold, delivery : str, Spec or Source
        The trusted annotations and the batch under test; the formats may differ.
    task : str
        ``semantic`` compares pixels, ``instance`` objects, ``panoptic`` segments: objects of things
        and areas of stuff, without overlap.
    ontology : Ontology, str or None
        The classes, the path of an ontology file, or ``preset:NAME``.  None takes the classes
        the gold names.
    jobs : int
        Worker processes; the result does not depend on it.
    backend : str or None
        A joblib backend (``loky``, ``dask``, ``ray``, ``spark``); None is joblib's own choice.
    overlap
        How regions become a label map in semantic view; None is what the ontology says.
    crowd
        What crowd regions of the gold are; None is what the ontology says.
    scores : ScoreRule, str or None
        In instance view, what stands for confidences: ``equal`` or ``area``.  None takes those of
        the delivery; without them AP is undefined.
    keep_cells : bool
        In semantic view, keep the confusion of each image as well (``Evaluation.tallies.cells``),
        not only of all.
    dilation : Dilation, float, str or None
        Count boundaries of this width as well: a share of the diagonal (``0.02``) or pixels (``"5px"``).
        In semantic view for Boundary IoU, in instance view for boundary AP, of segments for boundary PQ.
    surfaces : bool
        In semantic view, count how far the outlines lie apart: for NSD, boundary F1, HD95, ASSD.
    progress : callable or None
        Called with images done and images in all; before that, where an input is brought from a
        server, with the tasks brought and the tasks in all.

    Returns
    -------
    Evaluation, InstanceEvaluation or PanopticEvaluation
        By the task; what both have is a :class:`segcore.evaluation.MeasuredBatch`.

    Raises
    ------
    UsageError
        The task does not exist, has no use for an option, or compares objects and is given label
        maps that do not tell them apart.
    InvalidInputError
        Either input has faults that refuse it; all of them are named.
    OntologyError
        Neither the caller nor the gold says what the classes are, or in panoptic view which of
        them are things; or in instance view none is a thing.
    SpecError
        An input cannot be opened.
    """
    options = TaskOptions(
        overlap=overlap,
        scores=None if scores is None else _choice(ScoreRule, scores, "scores"),
        keep_cells=keep_cells,
        dilation=None if dilation is None else Dilation.parse(dilation),
        surfaces=surfaces,
    )
    chosen = task_named(task, options)
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
        if gold_source.ontology is not None:
            target = target.told_by(gold_source.ontology)
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
    compared = Comparison(
        ontology=target,
        gold=_class_map(gold_source, target),
        delivery=_class_map(delivery_source, target),
        options=options,
    )
    run = _Run(jobs=jobs, backend=backend, progress=progress)
    table, batch = run(chosen.plan(compared), sides)
    conventions = {**source_conventions(sides), **chosen.conventions(compared)}
    return chosen.evaluation(table, compared, conventions=conventions, **batch)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """How a batch is counted: in how many processes, and who hears of it."""

    jobs: int
    backend: str | None
    progress: Progress | None

    def __call__(
        self, plan: Plan[_Tally, _Table], sides: tuple[Side, Side]
    ) -> tuple[_Table, dict[str, Any]]:
        """Count all images; the table, and what :class:`MeasuredBatch` says of the batch itself."""
        images = pair(sides)
        units = units_of(images, sides)
        job = Job(
            token=uuid.uuid4().hex,
            gold=sides[0].source,
            delivery=sides[1].source,
            plan=plan,
            images=-(-len(units) // self.jobs),
        )
        pair_faults = FaultLog()
        tables: list[_Table] = []
        done = 0
        for counted in count(job, units, jobs=self.jobs, backend=self.backend):
            if counted.table is not None:
                tables.append(counted.table)
            while len(tables) >= _JOINED and len(tables[-_JOINED]) <= 2 * len(tables[-1]):
                # Joined as they grow: few objects stay, and each row is copied seldom.
                tables[-_JOINED:] = [plan.join(tables[-_JOINED:])]
            pair_faults.extend(counted.faults[2])
            for side, read, found in zip(sides, counted.read, counted.faults, strict=False):
                side.take(read, found)
            done += counted.images
            if self.progress is not None:
                self.progress(done, len(units))
        sides[1].leave_out(images.extra_in_delivery, "image not in gold")
        if sides[1].repeats(sides[0]):
            pair_faults.add(Fault(code="delivery.same_as_gold", file=sides[1].source.name))
        faults = _refuse(sides, pair_faults)
        return plan.join(tables), {
            "images": images,
            "annotators": {
                key: who for key in images.paired if (who := sides[1].source.annotators(key))
            },
            "inputs": tuple(side.info() for side in sides),
            "counts": {side.role: side.counts() for side in sides},
            "faults": faults,
        }


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
    source.expect(keys)
    for done, key in enumerate(keys, start=1):
        annotation = source.read(key)
        read.add(source, key, annotation)
        if annotation is not None and classes is not None:
            faults = classes.value_faults(annotation) + classes.name_faults(annotation)
            read.rejected += refused_count(faults)
            read.ignored.update(left_out_of_pixels(annotation.content, crowds=False))
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
