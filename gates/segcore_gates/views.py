"""What rules look at: each metric needs one view of the batch, and views are counted together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from segcore.errors import UsageError

if TYPE_CHECKING:
    from segcore.average_precision import ScoreRule
    from segcore.dilation import Dilation
    from segcore.evaluation import MeasuredBatch

__all__ = ["SEMANTIC", "View", "fewest"]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a metric has to know of a batch.

    Attributes
    ----------
    task : str
        As :func:`segcore.evaluate` has it.
    scores : ScoreRule or None
        What stands for confidences; None is those of the delivery.
    dilation : Dilation or None
        The width of the band that counts as boundary; None where boundaries are not compared.
    surfaces : bool
        Whether distances between outlines are measured.
    cells : bool
        Whether the confusion of each image is kept, so that some of them can be judged by themselves;
        objects need not be asked for it.
    """

    task: str = "semantic"
    scores: ScoreRule | None = None
    dilation: Dilation | None = None
    surfaces: bool = False
    cells: bool = False

    @property
    def counted(self) -> View:
        """What the files have to be read for: objects are ranked afterwards, in any order."""
        return replace(self, scores=None)

    def options(self) -> dict[str, Any]:
        """The options of :func:`segcore.evaluate` that give this view; those left out are at rest."""
        given = {
            "scores": self.scores,
            "dilation": self.dilation,
            "surfaces": self.surfaces or None,
            "keep_cells": self.cells or None,
        }
        return {"task": self.task, **{key: value for key, value in given.items() if value is not None}}

    def of(self, evaluation: MeasuredBatch) -> MeasuredBatch:
        """What this view shows of a batch that was counted by :attr:`counted`."""
        from segcore.instance_evaluation import InstanceEvaluation

        if isinstance(evaluation, InstanceEvaluation):
            return evaluation.ranked_by(self.scores)
        return evaluation

    def require(self, evaluation: MeasuredBatch, *, what: str) -> None:
        """Refuse an evaluation that cannot say what is asked for.

        Raises
        ------
        UsageError
            It is of another task, ranks objects by another rule, or lacks these outlines.
        """
        got = View(
            task=evaluation.task,
            scores=getattr(evaluation, "score_rule", None),
            dilation=getattr(evaluation, "dilation", None),
            surfaces=getattr(evaluation, "surfaces", None) is not None,
        )
        same = (got.task, got.scores) == (self.task, self.scores)
        if not same or self.dilation not in {None, got.dilation} or (self.surfaces and not got.surfaces):
            raise UsageError(f"{what} needs the {self} evaluation of the batch, got the {got} one")

    def __str__(self) -> str:
        given = {"scores": self.scores, "dilation": self.dilation}
        parts = [self.task, *(f"{key} {value}" for key, value in given.items() if value is not None)]
        return ", ".join([*parts, "surfaces"] if self.surfaces else parts)


SEMANTIC: Final = View()
"""Pixels."""


def fewest(views: Iterable[View | None]) -> dict[View | None, View]:
    """Which views to count so that each of ``views`` is answered and the files are read least often.

    One view serves all of its task, but for a further one for each further dilation.

    Parameters
    ----------
    views : iterable of View or None
        None is content with any.

    Returns
    -------
    dict
        For each of ``views``, and for None, the view that is counted; in the order they came.
    """
    asked = list(dict.fromkeys(views))
    found: dict[View | None, View] = {}
    for view in asked:
        if view is not None:
            found[view] = _serving(view, [other for other in asked if other and other.task == view.task])
    found[None] = next(iter(found.values()), SEMANTIC)
    return found


def _serving(view: View, of_task: list[View]) -> View:
    widths = [other.dilation for other in of_task if other.dilation is not None]
    width = view.dilation or (widths[0] if widths else None)
    first = not widths or width == widths[0]
    surfaces = any(
        other.surfaces and (other.dilation == width or (first and other.dilation is None))
        for other in of_task
    )
    cells = any(
        other.cells and (other.dilation == width or (first and other.dilation is None))
        for other in of_task
    )
    return View(task=view.task, dilation=width, surfaces=surfaces, cells=cells)
