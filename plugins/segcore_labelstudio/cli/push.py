"""``segcore push label-studio``: show reviewers in Label Studio which tasks fail, and where."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segcore.cli import ExitCode
from segcore.wording import escaped

if TYPE_CHECKING:
    from segcore.evaluation import Evaluation
    from segcore.ontology import Ontology
    from segcore.sources import Source, Spec
    from segcore_labelstudio.batch import Batch, Show
    from segcore_labelstudio.live import LiveSource
    from segcore_labelstudio.push import Action, Wanted

__all__ = ["push"]


def push(
    *,
    project: Annotated[
        str,
        typer.Option(
            metavar="ID",
            help="Number of the project; options of a label-studio source may follow: 7?key=name.",
        ),
    ],
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
            "fails the batch is below its limit in an image.",
        ),
    ] = None,
    title: Annotated[str, typer.Option(metavar="TEXT", help="Title of the tab.")] = "segcore: failing",
    masks: Annotated[
        bool, typer.Option("--masks/--no-masks", help="Show missed and extra pixels as predictions.")
    ] = True,
    columns: Annotated[
        bool,
        typer.Option("--columns", help="Write worst class, its IoU and the verdict to the task data."),
    ] = False,
    score: Annotated[
        bool, typer.Option("--score", help="Give the predictions the lowest IoU as their score.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would be written.")] = False,
    jobs: Annotated[int, typer.Option(metavar="N", min=1, help="Processes to work in.")] = 1,
) -> int:
    """Show reviewers which tasks fail, and where.

    A tab of the Data Manager holds the failing tasks; their missed and extra pixels are predictions
    beside the annotation.  A second push changes nothing.

    Example: segcore push label-studio --project 7 --gold coco:gold.json --below 0.8 --dry-run
    """
    from segcore_labelstudio.batch import Show

    _require(gold=gold, delivery=delivery, ontology=ontology, below=below, policy=policy)
    show = Show(title=title, masks=masks, columns=columns, score=score)
    tasks = _tasks(project)
    if policy is not None:
        batch = _by_policy(tasks, policy, jobs=jobs)
    else:
        batch = _by_limit(tasks, gold or "", delivery, ontology=ontology, below=below or 0.0, jobs=jobs)
    _push(batch, show, tasks, dry_run=dry_run)
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


def _tasks(project: str) -> LiveSource:
    from segcore.sources.spec import Spec
    from segcore_labelstudio.live import open_source

    return open_source(Spec.parse(f"label-studio:{project}"))


def _by_limit(
    tasks: LiveSource, gold: str, delivery: str | None, *, ontology: str | None, below: float, jobs: int
) -> Batch:
    """Every class has the same limit."""
    from segcore_labelstudio.batch import Batch

    sides = _open(gold, delivery or tasks.name, tasks)
    evaluation = _evaluate(*sides, ontology=ontology, jobs=jobs)
    limits = dict.fromkeys(evaluation.ontology.names, below)
    return Batch(tasks.project, evaluation, gold=sides[0], delivery=sides[1], tasks=tasks, limits=limits)


def _by_policy(tasks: LiveSource, policy: str, *, jobs: int) -> Batch:
    """The classes that fail the batch have the limit that they fail."""
    from segcore_gates.hand_written import require_pins, seen_from_here
    from segcore_gates.policy_file import load_policy
    from segcore_gates.records import Verdict
    from segcore_gates.rules import Metric
    from segcore_gates.verdict import judge_all
    from segcore_labelstudio.batch import Batch

    loaded = load_policy(seen_from_here(Path(policy)), environ=os.environ)
    sides = _open(loaded.gold, loaded.delivery, tasks)
    evaluation = _evaluate(*sides, ontology=loaded.ontology, jobs=jobs)
    require_pins(loaded, evaluation)
    records = judge_all(loaded.rules, evaluation)
    failed = [
        rule
        for rule, record in zip(loaded.rules, records, strict=True)
        if record.verdict is Verdict.FAIL
    ]
    limits: dict[str, float] = {}
    for rule in failed:
        if rule.metric is Metric.COVERAGE:
            continue
        for name in evaluation.ontology.names if rule.class_name is None else (rule.class_name,):
            limits[name] = max(limits.get(name, 0.0), rule.minimum)
    return Batch(
        tasks.project,
        evaluation,
        gold=sides[0],
        delivery=sides[1],
        tasks=tasks,
        limits=limits,
        missing_fail=any(rule.metric is Metric.COVERAGE for rule in failed),
    )


def _open(gold: str | Spec, delivery: str | Spec, tasks: LiveSource) -> tuple[Source, Source]:
    """Both sides; the project itself is pulled once, not twice."""
    from segcore import sources

    return sources.open(gold), tasks if str(delivery) == tasks.name else sources.open(delivery)


def _evaluate(
    gold: Source, delivery: Source, *, ontology: Ontology | str | None, jobs: int
) -> Evaluation:
    import segcore
    from segcore.cli.output import progress

    with progress("reading and counting") as report:
        return segcore.evaluate(gold, delivery, ontology=ontology, jobs=jobs, progress=report)


def _push(batch: Batch, show: Show, tasks: LiveSource, *, dry_run: bool) -> None:
    from segcore.cli.output import progress
    from segcore_labelstudio.connection import Connection
    from segcore_labelstudio.push import apply, plan, read_state
    from segcore_labelstudio.rows import own_tasks

    with progress("drawing differences") as report:
        wanted, left_out = batch.wanted(show, progress=report)
    _say_notes(batch, show, left_out)
    with Connection.open(tasks.url) as connection:
        with progress("reading the project") as report:
            state = read_state(
                connection, wanted, lambda: own_tasks(connection, wanted.project), progress=report
            )
        actions = plan(wanted, state)
        for action in actions if dry_run else ():
            typer.echo(escaped(f"would {action.says}"))
        if not dry_run:
            with progress("writing") as report:
                apply(actions, connection, progress=report)
    _say_summary(batch, wanted, actions, dry_run=dry_run)


def _say_notes(batch: Batch, show: Show, left_out: int) -> None:
    """What a reader might look for and not find."""
    from segcore_labelstudio.differences import MAX_RESULT_BYTES
    from segcore_labelstudio.tab import MAX_TASKS

    notes = []
    if batch.homeless:
        named = ", ".join(batch.homeless[:5]) + (", ..." if len(batch.homeless) > 5 else "")
        notes.append(
            f"{len(batch.homeless)} images are in no task of the project, or in several: {named}"
        )
    if len(batch.failing) > MAX_TASKS:
        notes.append(f"only the worst {MAX_TASKS} of {len(batch.failing)} failing tasks are in the tab")
    if show.masks and batch.failing and not batch.has_brush:
        notes.append(
            "difference masks cannot be shown: the labeling configuration has no BrushLabels control "
            "with a label of the ontology"
        )
    elif left_out:
        notes.append(
            f"{left_out} differences are not shown: no brush label of their class, or more than "
            f"{MAX_RESULT_BYTES >> 10} KiB of larger ones in the task"
        )
    for note in notes:
        typer.echo(escaped(f"note: {note}"), err=True)


def _say_summary(batch: Batch, wanted: Wanted, actions: Sequence[Action], *, dry_run: bool) -> None:
    from collections import Counter

    count = Counter(action.target.value for action in actions)
    parts = ", ".join(f"{target} {n}" for target, n in sorted(count.items()))
    done = "would be done" if dry_run else "done and read back"
    plural = "write" if len(actions) == 1 else "writes"
    writes = f"{len(actions)} {plural} {done} ({parts})" if actions else "nothing to write"
    fail = f"{len(batch.failing)} of {len(batch.judged)} judged tasks fail"
    typer.echo(f"project {wanted.project}: {fail}; {writes}")
