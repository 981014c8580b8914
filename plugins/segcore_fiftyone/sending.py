"""Bring an evaluation to its dataset: find the samples, plan, write, and say what was done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from segcore.errors import UsageError
from segcore.wording import printable
from segcore_fiftyone import marks
from segcore_fiftyone.actions import Action, Target, apply, counted
from segcore_fiftyone.injection import MAX_INDEXES, plan
from segcore_fiftyone.library import asking, open_collection
from segcore_fiftyone.limits import Limits
from segcore_fiftyone.removal import plan_removal
from segcore_fiftyone.samples import Places, sample_ids
from segcore_fiftyone.scores import Scores
from segcore_fiftyone.slugs import require_key
from segcore_fiftyone.source import FiftyOneSource

if TYPE_CHECKING:
    import fiftyone as fo

    from segcore.evaluation import Evaluation
    from segcore.instance_evaluation import InstanceEvaluation
    from segcore.sources import Source

__all__ = ["DEFAULT_KEY", "Destination", "Sent", "remove", "send", "send_objects"]

DEFAULT_KEY = "segcore"


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where scores are pushed.

    Attributes
    ----------
    dataset : str
    key : str
        What fields, views and the run are called after.
    join : str or None
        What a sample is found by: ``stem`` (the file name without folders and extension), ``id`` (the
        sample id) or a field.  None is what a source of the same dataset says, else ``stem``.
    """

    dataset: str
    key: str = DEFAULT_KEY
    join: str | None = None

    def __post_init__(self) -> None:
        require_key(self.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What was written, or would be.

    Attributes
    ----------
    actions : tuple of Action
        The writes, in their order.
    says : str
        How many samples fail and what became of the writes, in one line.
    notes : tuple of str
        What a reader might look for and not find.
    """

    actions: tuple[Action, ...]
    says: str
    notes: tuple[str, ...] = ()


def send(
    destination: Destination,
    evaluation: Evaluation,
    *,
    gold: Source,
    delivery: Source,
    limits: Limits | None = None,
    policy: str | None = None,
    dry_run: bool = False,
) -> Sent:
    """Write to the dataset what it should hold and does not.

    Parameters
    ----------
    destination : Destination
    evaluation : Evaluation
    gold, delivery : Source
        What was evaluated; of any format.
    limits : Limits or None
        Without them no sample fails.
    policy : str or None
        The file they come from.
    dry_run : bool
        Write nothing.

    Raises
    ------
    ConnectionFailedError
        The database cannot be reached.
    InjectionError
        A write failed.
    SpecError
        There is no such dataset.
    UsageError
        No sample shows an image of the evaluation, a class has no name for a field, or something of a
        name that is needed is there already.
    """
    with asking():
        dataset = open_collection(destination.dataset)
        _require_no_evaluation(dataset, destination.key)
        join = destination.join or _join(destination.dataset, (gold, delivery))
        places = Places.of(evaluation, sample_ids(dataset, key=join), image_of=delivery.image_of)
        scores = Scores.of(evaluation, places, key=destination.key, limits=limits, policy=policy)
        actions = plan(dataset, scores)
    fail = f"{len(scores.failing)} of {len(scores.table)} samples fail"
    notes = tuple(_notes(scores, places))
    return _carried_out(actions, destination, found=f"{fail}; ", notes=notes, dry_run=dry_run)


def send_objects(
    destination: Destination,
    evaluation: InstanceEvaluation,
    *,
    gold: Source,
    delivery: Source,
    dry_run: bool = False,
) -> Sent:
    """Write on every label of gold and delivery what became of it, where it does not say so yet.

    Parameters
    ----------
    destination : Destination
    evaluation : InstanceEvaluation
    gold, delivery : Source
        What was evaluated; at least one is a field of the dataset.
    dry_run : bool
        Write nothing.

    Raises
    ------
    ConnectionFailedError
        The database cannot be reached.
    InjectionError
        A write failed.
    SpecError
        There is no such dataset.
    UsageError
        Neither side is a field of the dataset, or something of a name that is needed is there already.
    """
    with asking():
        dataset = open_collection(destination.dataset)
        _require_no_evaluation(dataset, destination.key)
        wanted = marks.marks_of(evaluation, dataset=dataset.name, gold=gold, delivery=delivery)
        actions = marks.plan(dataset, destination.key, wanted)
    found = evaluation.overall.at50
    counts = f"objects: {found.matched} matched, {found.missed} missed, {found.extra} extra"
    return _carried_out(actions, destination, found=f"{counts}; ", dry_run=dry_run)


def remove(destination: Destination, *, dry_run: bool = False) -> Sent:
    """Take away all that was pushed under a key, or evaluated by segcore in FiftyOne.

    Raises
    ------
    ConnectionFailedError
        The database cannot be reached.
    InjectionError
        A write failed.
    SpecError
        There is no such dataset.
    UsageError
        An evaluation or a run of that name is somebody else's.
    """
    key = destination.key
    with asking():
        dataset = open_collection(destination.dataset)
        if key in dataset.list_evaluations():
            if dataset.get_evaluation_info(key).config.method != "segcore":
                raise UsageError(f"the evaluation {key!r} was not made by segcore")
            actions: tuple[Action, ...] = (
                Action(
                    target=Target.RUN,
                    says=f"delete the evaluation {key!r} and all it has made",
                    write=partial(dataset.delete_evaluation, key),
                ),
            )
        else:
            actions = (*marks.plan_removal(dataset, key), *plan_removal(dataset, key))
    if not actions:
        place = f"dataset {printable(destination.dataset)}"
        return Sent(actions=(), says=f"{place}: nothing was pushed under the key {key!r}")
    return _carried_out(actions, destination, dry_run=dry_run)


def _carried_out(
    actions: tuple[Action, ...],
    destination: Destination,
    *,
    dry_run: bool,
    found: str = "",
    notes: tuple[str, ...] = (),
) -> Sent:
    """Write, but for a dry run, and say what was done behind what was found."""
    from segcore.cli.output import progress

    if not dry_run:
        with asking(), progress("writing") as report:
            apply(actions, progress=report)
    place = f"dataset {printable(destination.dataset)}"
    return Sent(
        actions=actions, says=f"{place}: {found}{_writes(actions, dry_run=dry_run)}", notes=notes
    )


def _require_no_evaluation(dataset: fo.Dataset, key: str) -> None:
    if key in dataset.list_evaluations():
        raise UsageError(
            f"dataset {printable(dataset.name)!r} has an evaluation called {key!r}; "
            "choose another key (--key), or delete it (--remove)"
        )


def _join(dataset: str, sides: Sequence[Source]) -> str:
    """What the images of the evaluation are called by."""
    for side in sides:
        if isinstance(side, FiftyOneSource) and side.options.dataset == dataset:
            return side.options.key
    return "stem"


def _notes(scores: Scores, places: Places) -> list[str]:
    notes = []
    if places.homeless:
        named = ", ".join(places.homeless[:5]) + (", ..." if len(places.homeless) > 5 else "")
        notes.append(f"{len(places.homeless)} images are in no sample, or in several: {named}")
    held = len(scores.worst_first())
    if held > MAX_INDEXES:
        notes.append(f"only the worst {MAX_INDEXES} of {held} classes have an index and a saved view")
    return notes


def _writes(actions: Sequence[Action], *, dry_run: bool) -> str:
    if not actions:
        return "nothing to write"
    count = Counter(action.target.value for action in actions)
    parts = ", ".join(f"{target} {n}" for target, n in sorted(count.items()))
    samples = max(action.samples for action in actions)
    done = "would be done" if dry_run else "done"
    return f"{counted(len(actions), 'write')} {done} ({parts}), on {counted(samples, 'sample')}"
