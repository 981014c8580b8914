"""``push: label-studio:`` of a policy, and which tasks fail by a policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from segcore.errors import SpecError
from segcore.sources.spec import Spec
from segcore_gates.errors import OptionProblem, PushOptionsError
from segcore_gates.pushes import Pushed, problems_of
from segcore_gates.rules import Metric
from segcore_labelstudio.batch import Batch, Show
from segcore_labelstudio.live import LiveSource, open_source

if TYPE_CHECKING:
    from segcore_gates.judged import JudgedBatch

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
        return Pushed(says=sent.says, notes=sent.notes)


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

    The other classes of the policy are looked at too, with a limit nothing can be below, so that
    tasks that are good now have columns that say so.

    Parameters
    ----------
    judged : JudgedBatch
    tasks : LiveSource
        The project; not pulled where it is what was judged.
    """
    evaluation, failed = judged.evaluation, judged.failed
    limits: dict[str, float] = {}
    for rule in judged.policy.rules:
        if rule.metric is Metric.COVERAGE:
            continue
        limit = rule.minimum if rule in failed else 0.0
        for name in evaluation.ontology.names if rule.class_name is None else (rule.class_name,):
            limits[name] = max(limits.get(name, 0.0), limit)
    delivery = judged.delivery
    if isinstance(delivery, LiveSource) and delivery.name == tasks.name:
        tasks = delivery
    return Batch(
        tasks.project,
        evaluation,
        gold=judged.gold,
        delivery=delivery,
        tasks=tasks,
        limits=limits,
        missing_fail=any(rule.metric is Metric.COVERAGE for rule in failed),
    )
