"""What a project and its tasks are at one moment, and whether they moved since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from segcore.errors import RefusedFileError, SpecError
from segcore_labelstudio.connection import Connection, Project
from segcore_labelstudio.listing import (
    LastChanges,
    Selection,
    consecutive_ids,
    incomplete,
    last_changes,
    list_tasks,
    place_of,
)

__all__ = ["LISTED_TASKS", "Seen", "Survey"]

LISTED_TASKS: Final = 500
"""A project of more tasks is not listed where its first and last id say all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A project and its tasks at one moment; ``times`` are those of all tasks or the last ones."""

    project: Project
    changes: LastChanges | None
    ids: Sequence[int]
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
        ids = None
        if changes is not None and changes.total > LISTED_TASKS:
            ids = consecutive_ids(self._connection, self._selection)
        if changes is not None and ids is not None:
            if len(ids) != changes.total:
                raise self._disagreeing(project, len(ids))
            return Seen(project=project, changes=changes, ids=ids, times=changes.times)
        tasks = list_tasks(self._connection, self._selection, page_tasks=self._page_tasks)
        if changes is not None and len(tasks) != changes.total:
            raise self._disagreeing(project, len(tasks))
        return Seen(
            project=project,
            changes=changes,
            ids=tuple(task.id for task in tasks),
            times=tuple(task.updated_at for task in tasks),
        )

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

    def moved(self, seen: Seen) -> bool:
        """Whether the project or its tasks are not what they were.

        Every task asked for was there when it came.  So of a whole project the number of its tasks and
        its last changes are enough; in a tab or a filter a task may come and go with any change.
        """
        if self._glance() != (seen.project, seen.changes):
            return True
        if self._selection.is_whole:
            return False
        # Pages of another size: a task that hides where two pages meet does not hide twice.
        page_tasks = max(1, self._page_tasks * 4 // 5)
        tasks = list_tasks(self._connection, self._selection, page_tasks=page_tasks)
        return [(task.id, task.updated_at) for task in tasks] != list(
            zip(seen.ids, seen.times, strict=True)
        )

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
