"""What can be compared: each task brings its measure, its conventions and its evaluation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sized
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, Final, Generic, TypeVar

import numpy as np

from segcore.average_precision import ScoreRule
from segcore.conventions import (
    boundary_conventions,
    instance_conventions,
    panoptic_conventions,
    semantic_conventions,
    surface_conventions,
)
from segcore.counting import Plan
from segcore.dilation import Dilation
from segcore.errors import OntologyError, UsageError
from segcore.evaluation import Evaluation, MeasuredBatch, SideCounts
from segcore.faults import Fault
from segcore.instance_evaluation import InstanceEvaluation
from segcore.instance_tally import InstanceTable
from segcore.measures.class_map import ClassMap
from segcore.measures.instance import InstanceMeasure
from segcore.measures.instance_rows import InstancePair, tabulated
from segcore.measures.outline import OutlineMeasure
from segcore.measures.panoptic import PanopticMeasure
from segcore.measures.panoptic_rows import SegmentPair
from segcore.measures.panoptic_rows import tabulated as tabulated_segments
from segcore.measures.semantic import SemanticMeasure
from segcore.ontology import Ontology, Overlap
from segcore.panoptic_evaluation import PanopticEvaluation
from segcore.semantic_tally import SemanticTable, SemanticTally
from segcore.wording import printable

__all__ = ["TASKS", "Comparison", "Task", "TaskOptions", "task_named"]

_Tally = TypeVar("_Tally")
_Table = TypeVar("_Table", bound=Sized)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskOptions:
    """What some tasks take and others have no use for; see :func:`segcore.evaluate`.

    Attributes
    ----------
    overlap : Overlap, str or None
        As the caller gave it; the rule that holds is the ontology's.
    scores : ScoreRule or None
    keep_cells : bool
    dilation : Dilation or None
        How wide boundaries are; None leaves them out.
    surfaces : bool
    """

    overlap: Overlap | str | None = None
    scores: ScoreRule | None = None
    keep_cells: bool = False
    dilation: Dilation | None = None
    surfaces: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What is compared by which rules.

    Attributes
    ----------
    ontology : Ontology
        The classes of the evaluation.
    gold, delivery : ClassMap
        How the classes of either side become them.
    options : TaskOptions
    """

    ontology: Ontology
    gold: ClassMap
    delivery: ClassMap
    options: TaskOptions


class Task(ABC, Generic[_Tally, _Table]):
    """One way to compare two annotations of an image.

    Attributes
    ----------
    name : str
    takes : frozenset of str
        The :class:`TaskOptions` it has a use for.
    """

    name: str
    takes: frozenset[str]

    @abstractmethod
    def plan(self, compared: Comparison) -> Plan[_Tally, _Table]:
        """What is counted of each image."""

    @abstractmethod
    def conventions(self, compared: Comparison) -> Mapping[str, str]:
        """The rules behind the numbers."""

    @abstractmethod
    def evaluation(self, table: _Table, compared: Comparison, **batch: Any) -> MeasuredBatch:
        """What the counts say; ``batch`` are the other attributes of :class:`MeasuredBatch`."""


class _Semantic(Task[SemanticTally, SemanticTable]):
    name = "semantic"
    takes = frozenset({"overlap", "keep_cells", "dilation", "surfaces"})

    def plan(self, compared: Comparison) -> Plan[SemanticTally, SemanticTable]:
        k, options = len(compared.ontology), compared.options
        pixels = SemanticMeasure(
            gold=compared.gold,
            delivery=compared.delivery,
            overlap=compared.ontology.overlap,
            crowd=compared.ontology.crowd,
        )
        boundary, surfaces = options.dilation is not None, options.surfaces
        return Plan(
            measure=OutlineMeasure(pixels=pixels, dilation=options.dilation, surfaces=options.surfaces),
            tabulate=partial(
                SemanticTable.from_tallies,
                num_classes=k,
                keep_cells=options.keep_cells,
                boundary=boundary,
                surfaces=surfaces,
            ),
            join=partial(SemanticTable.joined, num_classes=k, boundary=boundary, surfaces=surfaces),
        )

    def conventions(self, compared: Comparison) -> Mapping[str, str]:
        found = semantic_conventions(compared.ontology)
        if compared.options.dilation is not None:
            found |= boundary_conventions(compared.options.dilation)
        if compared.options.surfaces:
            found |= surface_conventions()
        return found

    def evaluation(self, table: SemanticTable, compared: Comparison, **batch: Any) -> Evaluation:
        batch["faults"] = (*batch["faults"], *_wide_band_of_pixels(table, compared))
        return Evaluation(
            tallies=table.pixels,
            boundary=table.boundary,
            surfaces=table.surfaces,
            dilation=compared.options.dilation,
            ontology=compared.ontology,
            **batch,
        )


def _wide_band(band_px: int, gold_px: int, compared: Comparison) -> list[Fault]:
    """A warning where more than 3/4 of the gold pixels whose boundary is measured are boundary."""
    dilation = compared.options.dilation
    if dilation is None or 4 * band_px <= 3 * gold_px:
        return []
    narrower = "" if dilation.narrower is None else f"; try {dilation.narrower}"
    return [
        Fault(
            code="boundary.wide_band",
            file=compared.gold.file,
            expected=f"at most 3/4 of the pixels in the band{narrower}",
            got=f"{100 * band_px / gold_px:.1f} % of {gold_px} px at {dilation}",
        )
    ]


def _wide_band_of_pixels(table: SemanticTable, compared: Comparison) -> list[Fault]:
    """See :func:`_wide_band`; of the pixels that belong to a class."""
    if table.boundary is None:
        return []
    band, pixels = (int(t.gold_pixels.sum(dtype=np.int64)) for t in (table.boundary, table.pixels))
    return _wide_band(band, pixels, compared)


def _wide_band_of_objects(table: InstanceTable, compared: Comparison) -> list[Fault]:
    """See :func:`_wide_band`; of all objects or segments together, groups left out."""
    if table.boundaries is None:
        return []
    single = ~table.gold.crowd
    band, pixels = (int(px[single].sum()) for px in (table.boundaries.gold_px, table.gold.areas_px))
    return _wide_band(band, pixels, compared)


class _Instance(Task[InstancePair, InstanceTable]):
    name = "instance"
    takes = frozenset({"scores", "dilation"})

    def plan(self, compared: Comparison) -> Plan[InstancePair, InstanceTable]:
        if all(c.thing is False for c in compared.ontology.classes):
            raise OntologyError(
                "the instance task compares objects, and the ontology calls every class stuff "
                "(`thing: false`): measure them with task semantic or panoptic"
            )
        dilation = compared.options.dilation
        measure = InstanceMeasure(
            gold=compared.gold,
            delivery=compared.delivery,
            crowd=compared.ontology.crowd,
            dilation=dilation,
        )
        tabulate = partial(tabulated, dilation=dilation)
        return Plan(
            measure=measure,
            tabulate=tabulate,
            join=InstanceTable.joined,
            measure_block=measure.block,
        )

    def conventions(self, compared: Comparison) -> Mapping[str, str]:
        options = compared.options
        return instance_conventions(compared.ontology, options.scores, options.dilation)

    def evaluation(self, table: InstanceTable, compared: Comparison, **batch: Any) -> InstanceEvaluation:
        options = compared.options
        found = _no_object(table, compared, batch["counts"])
        batch["faults"] = (*batch["faults"], *found, *_wide_band_of_objects(table, compared))
        return InstanceEvaluation(
            tallies=table,
            score_rule=options.scores,
            dilation=options.dilation,
            ontology=compared.ontology,
            **batch,
        )


def _no_object(
    table: InstanceTable, compared: Comparison, counts: Mapping[str, SideCounts]
) -> list[Fault]:
    """A warning for a side that holds annotations, and no object: its numbers say nothing."""
    return [
        Fault(
            code="instance.no_object",
            file=classes.file,
            expected="an object of a thing class",
            got=printable(f"{counts[side].read} annotations: {ignored}", limit=80),
        )
        for side, objects, classes in (
            ("gold", table.gold, compared.gold),
            ("delivery", table.delivery, compared.delivery),
        )
        if not len(objects) and (ignored := counts[side].ignored_text())
    ]


class _Panoptic(Task[SegmentPair, InstanceTable]):
    name = "panoptic"
    takes = frozenset({"dilation"})

    def plan(self, compared: Comparison) -> Plan[SegmentPair, InstanceTable]:
        compared.ontology.things("the panoptic task treats things and stuff differently")
        dilation = compared.options.dilation
        measure = PanopticMeasure(
            gold=compared.gold,
            delivery=compared.delivery,
            crowd=compared.ontology.crowd,
            dilation=dilation,
        )
        tabulate = partial(tabulated_segments, dilation=dilation)
        return Plan(measure=measure, tabulate=tabulate, join=InstanceTable.joined)

    def conventions(self, compared: Comparison) -> Mapping[str, str]:
        return panoptic_conventions(compared.ontology, compared.options.dilation)

    def evaluation(self, table: InstanceTable, compared: Comparison, **batch: Any) -> PanopticEvaluation:
        dilation = compared.options.dilation
        batch["faults"] = (*batch["faults"], *_wide_band_of_objects(table, compared))
        return PanopticEvaluation(tallies=table, dilation=dilation, ontology=compared.ontology, **batch)


TASKS: Mapping[str, Task[Any, Any]] = {
    task.name: task for task in (_Semantic(), _Instance(), _Panoptic())
}
"""By name, as ``--task`` has it."""


_FLAGS: Final[Mapping[str, str]] = {"dilation": "--boundary", "surfaces": "--tolerance"}
"""Options that ``segcore score`` has under another name."""


def task_named(name: str, options: TaskOptions) -> Task[Any, Any]:
    """The task, once it is sure that it has a use for the options.

    Raises
    ------
    UsageError
        There is no such task, or an option means nothing to it.
    """
    task = TASKS.get(name)
    if task is None:
        known = ", ".join(TASKS)
        raise UsageError(f"task {name!r} is not one this version measures (known: {known})")
    for option in fields(TaskOptions):
        given = getattr(options, option.name)
        if option.name not in task.takes and given != option.default:
            users = " and ".join(other.name for other in TASKS.values() if option.name in other.takes)
            flag = _FLAGS.get(option.name)
            option_is = f"on the command line it is {flag}," if flag else "it is"
            raise UsageError(
                f"the {name} task has no use for {option.name} (got {given}); "
                f"{option_is} for task {users}"
            )
    return task
