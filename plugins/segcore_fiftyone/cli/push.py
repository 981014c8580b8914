"""``segcore push fiftyone``: show in FiftyOne how good each class is, and in which samples it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from segcore.cli import ExitCode
from segcore.wording import escaped

if TYPE_CHECKING:
    from segcore_fiftyone.policy_push import PolicyPush
    from segcore_fiftyone.sending import Destination, Sent

__all__ = ["push"]


def push(
    *,
    dataset: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The dataset; what the policy says if left out."),
    ] = None,
    gold: Annotated[str | None, typer.Option(metavar="SPEC", help="The trusted side.")] = None,
    delivery: Annotated[str | None, typer.Option(metavar="SPEC", help="The side under test.")] = None,
    task: Annotated[
        str,
        typer.Option(
            metavar="TASK",
            help="What is compared: pixels (semantic), or objects (instance), whose labels are marked.",
        ),
    ] = "semantic",
    ontology: Annotated[
        str | None, typer.Option(metavar="FILE", help="The classes, where the gold does not name them.")
    ] = None,
    below: Annotated[
        float | None,
        typer.Option(metavar="IOU", help="A sample fails where a class of it has a lower IoU."),
    ] = None,
    policy: Annotated[
        str | None,
        typer.Option(
            metavar="POLICY",
            help="Judge by this policy, with its gold and delivery: a sample fails where a class that "
            "fails the batch is below its limit in it.",
        ),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="Name of the fields, views, tag and run.  [default: segcore]"),
    ] = None,
    join: Annotated[
        str | None,
        typer.Option(
            metavar="stem|id|FIELD",
            help="What images are found by; of a fiftyone source its own key if left out, else stem.",
        ),
    ] = None,
    remove: Annotated[
        bool, typer.Option("--remove", help="Take everything away that was pushed under the key.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would be written.")] = False,
    jobs: Annotated[int, typer.Option(metavar="N", min=1, help="Processes to work in.")] = 1,
) -> int:
    """Show in FiftyOne how good each class is, and in which samples it is not.

    Every sample gets the IoU of each class, failing ones a tag; saved views hold the samples of a class,
    worst first.  With --task instance every label gets the IoU of its match and the tag matched, missed
    or extra.  A second push changes nothing.

    Example: segcore push fiftyone --dataset streets --gold fiftyone:streets/ground_truth
    --delivery fiftyone:streets/predictions --below 0.6 --dry-run
    """
    from segcore_fiftyone import sending
    from segcore_fiftyone.policy_push import NAME, PolicyPush, send_judged
    from segcore_gates.judged import Judging

    options = {"gold": gold, "delivery": delivery, "ontology": ontology, "policy": policy}
    _require(options, below=below, remove=remove)
    _require_task(task, options | {"below": below, "join": join})
    judge = None if policy is None else Judging(policy, jobs=jobs)
    said = None if judge is None else judge.push_of(NAME, PolicyPush)
    destination = _destination(said, dataset, key=key, join=join)
    beside: tuple[str, ...] = ()
    if remove:
        sent = sending.remove(destination, dry_run=dry_run)
    elif judge is not None:
        judged = judge.batch()
        sent, beside = send_judged(destination, judged, dry_run=dry_run), judged.beside_pixels
    else:
        sent = _pushed(
            task, destination, gold or "", delivery or "", ontology=ontology, below=below,
            jobs=jobs, dry_run=dry_run,
        )  # fmt: skip
    for note in (*sent.notes, *beside):
        typer.echo(escaped(f"note: {note}"), err=True)
    for action in sent.actions if dry_run else ():
        typer.echo(escaped(f"would {action.says}"))
    typer.echo(escaped(sent.says))
    return ExitCode.ACCEPTED


def _require(options: dict[str, str | None], *, below: float | None, remove: bool) -> None:
    """Refuse options that do not fit together."""
    from segcore.errors import UsageError

    given = [f"--{name}" for name, value in {**options, "below": below}.items() if value is not None]
    if remove:
        if given and given != ["--policy"]:
            raise UsageError(f"--remove needs a dataset and a key: leave {', '.join(given)} out")
    elif options["policy"] is not None:
        if given != ["--policy"]:
            raise UsageError(
                "a policy names its gold, delivery, ontology and limits: leave the options out"
            )
    elif options["gold"] is None or options["delivery"] is None:
        raise UsageError("what is pushed? give --gold SPEC and --delivery SPEC, or --policy POLICY")
    if below is not None and not 0 < below <= 1:
        raise UsageError(f"--below is an IoU above 0 and up to 1, got {below}")


def _require_task(task: str, options: dict[str, object]) -> None:
    """Refuse options that only scores of pixels have."""
    from segcore.errors import UsageError
    from segcore.wording import show

    if task not in ("semantic", "instance"):
        raise UsageError(f"--task is semantic or instance, got {show(task)}")
    given = [f"--{name}" for name in ("policy", "below", "join") if options[name] is not None]
    if task == "instance" and given:
        raise UsageError(f"--task instance marks labels and judges none: leave {', '.join(given)} out")


def _destination(
    said: PolicyPush | None, dataset: str | None, *, key: str | None, join: str | None
) -> Destination:
    """What is given on the command line, else what the policy says, else the default."""
    from segcore.errors import UsageError
    from segcore_fiftyone.sending import DEFAULT_KEY, Destination

    base = None if said is None else said.destination
    name = dataset or (None if base is None else base.dataset)
    if name is None:
        raise UsageError(
            "which dataset? give --dataset NAME, or a policy with push: {fiftyone: {dataset: NAME}}"
        )
    return Destination(
        dataset=name,
        key=key or (DEFAULT_KEY if base is None else base.key),
        join=join or (None if base is None else base.join),
    )


def _pushed(
    task: str,
    destination: Destination,
    gold: str,
    delivery: str,
    *,
    ontology: str | None,
    below: float | None,
    jobs: int,
    dry_run: bool,
) -> Sent:
    """Evaluate and push; every class has the same limit, or none has one."""
    import segcore
    from segcore.cli.output import progress
    from segcore_fiftyone.limits import Limits
    from segcore_fiftyone.sending import send, send_objects

    sides = segcore.open(gold), segcore.open(delivery)
    with progress("reading and counting") as report:
        if task == "instance":
            objects = segcore.evaluate(
                *sides, task="instance", ontology=ontology, jobs=jobs, progress=report
            )
        else:
            evaluation = segcore.evaluate(*sides, ontology=ontology, jobs=jobs, progress=report)
    if task == "instance":
        return send_objects(destination, objects, gold=sides[0], delivery=sides[1], dry_run=dry_run)
    limits = None if below is None else Limits.below(below, evaluation.ontology.names)
    return send(
        destination, evaluation, gold=sides[0], delivery=sides[1], limits=limits, dry_run=dry_run
    )
