"""``push: label-studio:`` of a policy, and which tasks fail by a policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from segcore.errors import SpecError
from segcore.sources.spec import Spec
from segcore_gates.errors import OptionProblem, PushOptionsError
from segcore_gates.judged import JudgedBatch, coverage_fails, image_limits
from segcore_gates.pushes import Pushed, problems_of
from segcore_labelstudio.batch import Batch, Show
from segcore_labelstudio.live import LiveSource, open_source

__all__ = ["NAME", "PolicyPush", "batch_by_policy", "configure", "project_tasks"]

NAME: Final = "label-studio"
"""The key below ``push``."""

_KINDS: Final[Mapping[str, type | tuple[type, ...]]] = {
    "project": (int, str),
    "title": str,
    "masks": bool,
    "columns": bool,
    "score": bool,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyPush:
    """The project a policy pushes to, and what it is to show.

    Attributes
    ----------
    project : str
        Its number; options of a label-studio source may follow: ``7?key=name``.
    show : Show
    """

    project: str
    show: Show

    def __call__(self, batch: JudgedBatch) -> Pushed:
        """Show which tasks fail, and where."""
        from segcore_labelstudio.sending import send

        tasks = project_tasks(self.project)
        sent = send(batch_by_policy(batch, tasks), self.show, url=tasks.url)
        return Pushed(says=sent.says, notes=sent.notes, shows_objects=True)


def configure(options: Mapping[str, object]) -> PolicyPush:
    """Check the options of a policy; no server is asked.

    Raises
    ------
    PushOptionsError
        An option is unknown or missing, or has a value that is not allowed.
    """
    problems = problems_of(options, _KINDS, required=("project",))
    given: dict[str, Any] = dict(options)
    project = str(given.pop("project", ""))
    if project and all(problem.key != "project" for problem in problems):
        try:
            project_tasks(project)
        except SpecError as error:
            problems.append(OptionProblem(key="project", message=str(error)))
    if problems:
        raise PushOptionsError(problems)
    return PolicyPush(project=project, show=Show(**given))


def project_tasks(project: str) -> LiveSource:
    """The tasks of a project, opened but not pulled.

    Raises
    ------
    SpecError
        It is not the number of a project, or an option after it is not one of a source.
    """
    return open_source(Spec.parse(f"label-studio:{project}"))


def batch_by_policy(judged: JudgedBatch, tasks: LiveSource) -> Batch:
    """The batch with its failing tasks: the classes that fail it have the limit that they fail.

    Of gates on objects and segments it is the objects to blame in the images that fail.

    The other classes of the policy are looked at too, so that tasks that are good now have columns that
    say so.

    Parameters
    ----------
    judged : JudgedBatch
    tasks : LiveSource
        The project; not pulled where it is what was judged.
    """
    evaluation, rules = judged.evaluation, judged.policy.rules
    delivery = judged.delivery
    if isinstance(delivery, LiveSource) and delivery.name == tasks.name:
        tasks = delivery
    return Batch(
        tasks.project,
        evaluation,
        gold=judged.gold,
        delivery=delivery,
        tasks=tasks,
        limits=image_limits(rules, judged.records, evaluation.ontology.names),
        missing_fail=coverage_fails(rules, judged.records),
        objects=tuple(judged.failing_objects()) if judged.judges_objects else None,
    )
