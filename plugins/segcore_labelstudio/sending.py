"""Bring a judged batch to its project: draw, read what is there, plan, write, and say what was done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from segcore_labelstudio.batch import Batch, Show
from segcore_labelstudio.differences import MAX_RESULT_BYTES
from segcore_labelstudio.object_differences import MAX_OBJECTS
from segcore_labelstudio.push import Action, Wanted, apply, plan, read_state
from segcore_labelstudio.rows import own_tasks
from segcore_labelstudio.tab import MAX_TASKS

__all__ = ["Sent", "send"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What was written, or would be.

    Attributes
    ----------
    actions : tuple of Action
        The writes, in their order.
    says : str
        How many tasks fail and what became of the writes, in one line.
    notes : tuple of str
        What a reader might look for and not find.
    """

    actions: tuple[Action, ...]
    says: str
    notes: tuple[str, ...]


def send(batch: Batch, show: Show, *, url: str | None, dry_run: bool = False) -> Sent:
    """Write to the project what it should show and does not.

    Parameters
    ----------
    batch : Batch
    show : Show
    url : str or None
        The server; None is the one of the environment.
    dry_run : bool
        Write nothing.

    Raises
    ------
    ConnectionFailedError
        The server cannot be reached or refuses.
    PushFailedError
        A write failed, or what was read back is something else.
    UsageError
        The project has two tabs of the title, or an input changed since it was evaluated.
    """
    from segcore.cli.output import progress
    from segcore_labelstudio.connection import Connection

    with progress("drawing differences") as report:
        wanted, left_out = batch.wanted(show, progress=report)
    with Connection.open(url) as connection:
        with progress("reading the project") as report:
            state = read_state(
                connection, wanted, lambda: own_tasks(connection, wanted.project), progress=report
            )
        actions = plan(wanted, state)
        if not dry_run:
            with progress("writing") as report:
                apply(actions, connection, progress=report)
    return Sent(
        actions=actions,
        says=_summary(batch, wanted, actions, dry_run=dry_run),
        notes=tuple(_notes(batch, show, left_out)),
    )


def _notes(batch: Batch, show: Show, left_out: int) -> list[str]:
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
            f"{left_out} differences are not shown: no brush label of their class, no pixel, or more "
            f"than {MAX_RESULT_BYTES >> 10} KiB or {MAX_OBJECTS} objects of larger ones in the task"
        )
    return notes


def _summary(batch: Batch, wanted: Wanted, actions: Sequence[Action], *, dry_run: bool) -> str:
    count = Counter(action.target.value for action in actions)
    parts = ", ".join(f"{target} {n}" for target, n in sorted(count.items()))
    done = "would be done" if dry_run else "done and read back"
    plural = "write" if len(actions) == 1 else "writes"
    writes = f"{len(actions)} {plural} {done} ({parts})" if actions else "nothing to write"
    fail = f"{len(batch.failing)} of {len(batch.judged)} judged tasks fail"
    return f"project {wanted.project}: {fail}; {writes}"
