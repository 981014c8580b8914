"""``segcore push label-studio``: show reviewers in Label Studio which tasks fail, and where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from segcore.cli import ExitCode
from segcore.wording import escaped

if TYPE_CHECKING:
    from segcore_labelstudio.batch import Batch
    from segcore_labelstudio.live import LiveSource
    from segcore_labelstudio.policy_push import PolicyPush

__all__ = ["push"]


def push(
    *,
    project: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            help="Number of the project; options of a label-studio source may follow: 7?key=name. "
            "By default, like what to show, what the policy says.",
        ),
    ] = None,
    gold: Annotated[str | None, typer.Option(metavar="SPEC", help="The trusted side.")] = None,
    delivery: Annotated[
        str | None,
        typer.Option(metavar="SPEC", help="The side under test; the project itself if left out."),
    ] = None,
    ontology: Annotated[
        str | None, typer.Option(metavar="FILE", help="The classes, where the gold does not name them.")
    ] = None,
    below: Annotated[
        float | None,
        typer.Option(metavar="IOU", help="A task fails where a class of an image has a lower IoU."),
    ] = None,
    policy: Annotated[
        str | None,
        typer.Option(
            metavar="POLICY",
            help="Judge by this policy, with its gold and delivery: a task fails where a class that "
            "fails a gate on pixels, objects or segments is below its limit in an image.",
        ),
    ] = None,
    title: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Title of the tab; 'segcore: failing' if left out."),
    ] = None,
    masks: Annotated[
        bool | None,
        typer.Option(
            "--masks/--no-masks",
            help="Show missed and extra pixels and objects as predictions (default).",
        ),
    ] = None,
    columns: Annotated[
        bool | None,
        typer.Option(
            "--columns/--no-columns",
            help="Write worst class, its IoU and the verdict to the task data.",
        ),
    ] = None,
    score: Annotated[
        bool | None,
        typer.Option("--score/--no-score", help="Give the predictions the lowest value as their score."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would be written.")] = False,
    jobs: Annotated[int, typer.Option(metavar="N", min=1, help="Processes to work in.")] = 1,
) -> int:
    """Show reviewers which tasks fail, and where.

    A tab of the Data Manager holds the failing tasks; their missed and extra pixels, and by a policy
    their missed and extra objects, are predictions beside the annotation.  A second push changes
    nothing.

    Example: segcore push label-studio --project 7 --gold coco:gold.json --below 0.8 --dry-run
    """
    from segcore_gates.judged import Judging
    from segcore_labelstudio.policy_push import NAME, PolicyPush, batch_by_policy, project_tasks
    from segcore_labelstudio.sending import send

    _require(gold=gold, delivery=delivery, ontology=ontology, below=below, policy=policy)
    judge = None if policy is None else Judging(policy, jobs=jobs)
    settings = _settings(
        None if judge is None else judge.push_of(NAME, PolicyPush),
        project=project,
        given={"title": title, "masks": masks, "columns": columns, "score": score},
    )
    tasks = project_tasks(settings.project)
    beside: tuple[str, ...] = ()
    if judge is not None:
        judged = judge.batch()
        batch, beside = batch_by_policy(judged, tasks), judged.beside_objects
    else:
        batch = _by_limit(tasks, gold or "", delivery, ontology=ontology, below=below or 0.0, jobs=jobs)
    sent = send(batch, settings.show, url=tasks.url, dry_run=dry_run)
    for note in (*sent.notes, *beside):
        typer.echo(escaped(f"note: {note}"), err=True)
    for action in sent.actions if dry_run else ():
        typer.echo(escaped(f"would {action.says}"))
    typer.echo(sent.says)
    return ExitCode.ACCEPTED


def _require(
    *,
    gold: str | None,
    delivery: str | None,
    ontology: str | None,
    below: float | None,
    policy: str | None,
) -> None:
    """Refuse options that do not fit together."""
    from segcore.errors import UsageError

    if (below is None) == (policy is None):
        raise UsageError("which tasks fail? give --below IOU, or --policy POLICY, and not both")
    if policy is not None and (gold or delivery or ontology):
        raise UsageError("a policy names its gold, delivery and ontology: leave the options out")
    if below is not None and not 0 < below <= 1:
        raise UsageError(f"--below is an IoU above 0 and up to 1, got {below}")
    if below is not None and not gold:
        raise UsageError("--below needs --gold SPEC, such as label-studio:7?annotations=ground-truth")


def _settings(
    said: PolicyPush | None, *, project: str | None, given: dict[str, str | bool | None]
) -> PolicyPush:
    """What is given on the command line, else what the policy says, else the default."""
    from dataclasses import asdict

    from segcore.errors import UsageError
    from segcore_labelstudio.batch import Show
    from segcore_labelstudio.policy_push import PolicyPush

    project = project or (None if said is None else said.project)
    if project is None:
        raise UsageError(
            "which project? give --project ID, or a policy with push: {label-studio: {project: ID}}"
        )
    show = {} if said is None else asdict(said.show)
    show |= {name: value for name, value in given.items() if value is not None}
    return PolicyPush(project=project, show=Show(**show))


def _by_limit(
    tasks: LiveSource, gold: str, delivery: str | None, *, ontology: str | None, below: float, jobs: int
) -> Batch:
    """Every class has the same limit."""
    import segcore
    from segcore.cli.output import progress
    from segcore_labelstudio.batch import Batch

    sides = (
        segcore.open(gold),
        # The project itself is pulled once, not twice.
        tasks if delivery in {None, tasks.name} else segcore.open(delivery),
    )
    with progress("reading and counting") as report:
        evaluation = segcore.evaluate(*sides, ontology=ontology, jobs=jobs, progress=report)
    limits = dict.fromkeys(evaluation.ontology.names, below)
    return Batch(tasks.project, evaluation, gold=sides[0], delivery=sides[1], tasks=tasks, limits=limits)
