"""What can be compared: each task brings its measure, its conventions and its evaluation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sized
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, Generic, TypeVar

from segcore.average_precision import ScoreRule
from segcore.conventions import instance_conventions, semantic_conventions
from segcore.counting import Plan
from segcore.errors import UsageError
from segcore.evaluation import Evaluation, MeasuredBatch
from segcore.instance_evaluation import InstanceEvaluation
from segcore.instance_tally import InstanceTable
from segcore.measures.class_map import ClassMap
from segcore.measures.instance import InstanceMeasure, InstancePair, tabulated
from segcore.measures.semantic import SemanticMeasure
from segcore.ontology import Ontology, Overlap
from segcore.tally import Tally, TallyTable

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
    """

    overlap: Overlap | str | None = None
    scores: ScoreRule | None = None
    keep_cells: bool = False


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


class _Semantic(Task[Tally, TallyTable]):
    name = "semantic"
    takes = frozenset({"overlap", "keep_cells"})

    def plan(self, compared: Comparison) -> Plan[Tally, TallyTable]:
        k, keep_cells = len(compared.ontology), compared.options.keep_cells
        return Plan(
            measure=SemanticMeasure(
                gold=compared.gold,
                delivery=compared.delivery,
                overlap=compared.ontology.overlap,
                crowd=compared.ontology.crowd,
            ),
            tabulate=partial(TallyTable.from_tallies, num_classes=k, keep_cells=keep_cells),
            join=partial(TallyTable.joined, num_classes=k),
        )

    def conventions(self, compared: Comparison) -> Mapping[str, str]:
        return semantic_conventions(compared.ontology)

    def evaluation(self, table: TallyTable, compared: Comparison, **batch: Any) -> Evaluation:
        return Evaluation(tallies=table, ontology=compared.ontology, **batch)


class _Instance(Task[InstancePair, InstanceTable]):
    name = "instance"
    takes = frozenset({"scores"})

    def plan(self, compared: Comparison) -> Plan[InstancePair, InstanceTable]:
        measure = InstanceMeasure(
            gold=compared.gold, delivery=compared.delivery, crowd=compared.ontology.crowd
        )
        return Plan(
            measure=measure,
            tabulate=tabulated,
            join=InstanceTable.joined,
            measure_block=measure.block,
        )

    def conventions(self, compared: Comparison) -> Mapping[str, str]:
        return instance_conventions(compared.ontology, compared.options.scores)

    def evaluation(self, table: InstanceTable, compared: Comparison, **batch: Any) -> InstanceEvaluation:
        rule = compared.options.scores
        return InstanceEvaluation(tallies=table, score_rule=rule, ontology=compared.ontology, **batch)


TASKS: Mapping[str, Task[Any, Any]] = {task.name: task for task in (_Semantic(), _Instance())}
"""By name, as ``--task`` has it."""


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
            raise UsageError(f"the {name} task has no use for {option.name} (got {given})")
    return task
