"""What a project and its tasks are at one moment, and whether they moved since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from segcore.errors import ConnectionFailedError, RefusedFileError, SpecError
from segcore_labelstudio.connection import Connection, Project
from segcore_labelstudio.listing import (
    LastChanges,
    ListedTask,
    Selection,
    first_and_last,
    incomplete,
    last_changes,
    list_tasks,
    place_of,
)

__all__ = ["LISTED_TASKS", "WIDEST", "Marks", "Seen", "Survey"]

LISTED_TASKS: Final = 500
"""A project of more tasks is not listed where its first and last id say enough."""

WIDEST: Final = 4
"""So many numbers from the first id to the last, for each task, are asked for without a list."""

Marks = Mapping[int, bytes | None]
"""The mark of every task, see :mod:`~segcore_labelstudio.marks`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A project and its tasks at one moment.

    Attributes
    ----------
    project : Project
    changes : LastChanges or None
        Of a whole project.
    total : int
        How many tasks there are.
    ids : sequence of int
        What the export is asked for, ascending: the ids of the tasks, or all numbers from the first id
        to the last.
    known : frozenset of int or None
        The ids of the tasks; None where they were not listed and are fewer than ``ids``.
    times : tuple of str
        When all tasks changed, or the last ones.
    """

    project: Project
    changes: LastChanges | None
    total: int
    ids: Sequence[int]
    known: frozenset[int] | None
    times: tuple[str, ...]


class Survey:
    """Looks at the selected tasks of a project before a pull and after it.

    Parameters
    ----------
    connection : Connection
    selection : Selection
    page_tasks : int
        Tasks of a page of the task list.
    """

    def __init__(self, connection: Connection, selection: Selection, *, page_tasks: int) -> None:
        self._connection = connection
        self._selection = selection
        self._page_tasks = page_tasks
        self._place = place_of(connection, selection)

    def look(self) -> Seen:
        """The project and its tasks as they are at this moment."""
        project, changes = self._glance()  # first: what changes from here on is seen at the end
        if changes is not None and changes.total > LISTED_TASKS:
            total = changes.total
            first, last = first_and_last(self._connection, self._selection, total=total)
            span = range(first, last + 1)
            if len(span) <= WIDEST * total:
                return Seen(
                    project=project,
                    changes=changes,
                    total=total,
                    ids=span,
                    known=frozenset(span) if len(span) == total else None,
                    times=changes.times,
                )
        tasks = list_tasks(self._connection, self._selection, page_tasks=self._page_tasks)
        if changes is not None and len(tasks) != changes.total:
            raise self._disagreeing(project, len(tasks))
        return Seen(
            project=project,
            changes=changes,
            total=len(tasks),
            ids=self._asked(tasks),
            known=frozenset(task.id for task in tasks),
            times=tuple(task.updated_at for task in tasks),
        )

    def marks(self, seen: Seen) -> Marks:
        """The marks of the tasks; of none where the server does not say them."""
        try:
            tasks = list_tasks(
                self._connection, self._selection, page_tasks=self._page_tasks, marked=True
            )
        except (ConnectionFailedError, RefusedFileError) as error:
            # One task with broken data breaks a list that holds the data, and no export.
            if isinstance(error, ConnectionFailedError) and error.status != 200:
                raise
            return {}
        if len(tasks) != seen.total:
            raise incomplete(self._place, f"{seen.total} tasks", f"a list of {len(tasks)}; run again")
        return {task.id: task.mark for task in tasks}

    def moved(self, seen: Seen) -> bool:
        """Whether the project or its tasks are not what they were.

        Every task asked for was there when it came.  So of a whole project the number of its tasks and
        annotations and its last changes are enough; in a tab or a filter a task may come and go with
        any change.
        """
        if self._glance() != (seen.project, seen.changes):
            return True
        if self._selection.is_whole:
            return False
        # Pages of another size: a task that hides where two pages meet does not hide twice.
        page_tasks = max(1, self._page_tasks * 4 // 5)
        tasks = list_tasks(self._connection, self._selection, page_tasks=page_tasks)
        return (
            tuple(task.updated_at for task in tasks) != seen.times
            or frozenset(task.id for task in tasks) != seen.known
        )

    def _asked(self, tasks: Sequence[ListedTask]) -> Sequence[int]:
        """What to ask for, the same for a whole project whether it was listed or not."""
        if self._selection.is_whole and tasks:
            span = range(tasks[0].id, tasks[-1].id + 1)
            if len(span) <= WIDEST * len(tasks):
                return span
        return tuple(task.id for task in tasks)

    def _glance(self) -> tuple[Project, LastChanges | None]:
        """The project and, where all of its tasks are asked for, its last changes."""
        project = self._connection.project(self._selection.project)
        self._check_view()
        if not self._selection.is_whole:
            return project, None
        changes = last_changes(self._connection, self._selection)
        if changes.total != project.tasks:
            raise self._disagreeing(project, changes.total)
        return project, changes

    def _disagreeing(self, project: Project, listed: int) -> RefusedFileError:
        expected = f"{project.tasks} tasks, as the project says"
        return incomplete(self._place, expected, f"a list of {listed}; run again")

    def _check_view(self) -> None:
        view = self._selection.view
        if view is None:
            return
        found = self._connection.read(lambda sdk: sdk.views.get(id=str(view))).project
        if found != self._selection.project:
            raise SpecError(f"view={view} is not a tab of project {self._selection.project}")
