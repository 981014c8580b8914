"""Which tasks there are: all of a project, of a Data Manager tab or of a filter, or an error.

A list that is short without saying so makes a batch look better than it is.  So a list counts only
where every page says the same total and the pages hold that many different tasks.

Label Studio loads every annotation of the tasks it lists, so that a list of a whole project costs
nearly half of its export.  Short questions replace it where they can: the export is asked for all ids
from the first to the last, and the tasks that changed last say whether anything has changed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from segcore.documents import parse_json
from segcore.errors import ConnectionFailedError, DocumentError, RefusedFileError, SpecError
from segcore.wording import printable, show
from segcore_labelstudio.marks import MARKED_FIELDS, UNMARKED_COLUMNS, mark_of_row

if TYPE_CHECKING:
    from segcore_labelstudio.connection import Connection

__all__ = [
    "LastChanges",
    "ListedTask",
    "Selection",
    "first_and_last",
    "incomplete",
    "last_changes",
    "list_tasks",
    "place_of",
]

MAX_TASKS: Final = 1_000_000
PAGE_TASKS: Final = 500
LAST_CHANGES: Final = 20
"""More than one, so that a change is seen although the clock of its server is a little behind."""

_BY_ID, _LAST_ID_FIRST, _LAST_CHANGE_FIRST = "tasks:id", "-tasks:id", "-tasks:updated_at"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The tasks of a project that are asked for.

    Attributes
    ----------
    project : int
    view : int or None
        The tasks of this tab of the Data Manager.
    filters : str or None
        The tasks of this filter: the ``filters`` of a Data Manager query, JSON.
    """

    project: int
    view: int | None = None
    filters: str | None = None

    @classmethod
    def parse(cls, location: str, options: Mapping[str, str]) -> Selection:
        """The selection of ``label-studio:LOCATION?view=..`` or ``?filter=..``.

        ``filter`` is ``data.FIELD=VALUE``, or the JSON a Data Manager query has as its ``filters``.

        Raises
        ------
        SpecError
            The project or the tab is not a number, or the filter cannot be understood.
        """
        view, text = options.get("view"), options.get("filter")
        if view is not None and text is not None:
            raise SpecError("give view= or filter=, not both: a tab has filters of its own")
        return cls(
            project=_number(location, "the project of a label-studio source"),
            view=None if view is None else _number(view, "view"),
            filters=None if text is None else _filters(text),
        )

    @property
    def is_whole(self) -> bool:
        """Whether all tasks of the project are asked for."""
        return self.view is None and self.filters is None

    def query(self, *, ordering: str = _BY_ID, without: Sequence[str] = ()) -> str | None:
        """What the task list is asked for besides the project and the tab; JSON.

        ``without`` are columns that are not worked out; where there are some, all others are.
        """
        if self.view is not None:
            return None
        # Ordered by what never changes, so that a task cannot hop to a page that was read already.
        query: dict[str, object] = {"ordering": [ordering]}
        if self.filters is not None:
            query["filters"] = json.loads(self.filters)
        if without:
            hidden = [f"tasks:{name}" for name in without]
            query["hiddenColumns"] = {"explore": hidden, "labeling": hidden}
        return json.dumps(query)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedTask:
    """A task as the list has it; Label Studio sets the time with most changes of an annotation.

    ``mark`` is that of :mod:`~segcore_labelstudio.marks`, where the list was asked for it.
    """

    id: int
    updated_at: str
    mark: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LastChanges:
    """How many tasks a project has, and when those that changed last did so, the latest first.

    A task that changes, or is new, puts its time in front of the others; one that is deleted changes
    the total.
    """

    total: int
    times: tuple[str, ...]


def last_changes(connection: Connection, selection: Selection) -> LastChanges:
    """The last changes of a whole project.

    Raises
    ------
    RefusedFileError
        ``ls.incomplete_pull``: the answer is not what was asked for.
    ConnectionFailedError
        The server cannot be reached, or knows no such project.
    """
    place = place_of(connection, selection)
    params = _params(selection, 1, LAST_CHANGES, ordering=_LAST_CHANGE_FIRST)
    total, tasks = _page(connection.get_json("api/tasks/", params), place, 1)
    times = tuple(task.updated_at for task in tasks)
    if len(tasks) < min(total, LAST_CHANGES):
        raise incomplete(place, f"{min(total, LAST_CHANGES)} of {total} tasks", str(len(tasks)))
    if not _descending(times):
        raise incomplete(place, "the tasks that changed last, by updated_at", "another order")
    return LastChanges(total=total, times=times)


def first_and_last(connection: Connection, selection: Selection, *, total: int) -> tuple[int, int]:
    """The lowest and the highest id of a whole project of ``total`` tasks, at least one.

    Raises
    ------
    RefusedFileError
        ``ls.incomplete_pull``: the answer is not what was asked for.
    ConnectionFailedError
        The server cannot be reached, or knows no such project.
    """
    place = place_of(connection, selection)
    ends = []
    for ordering in (_BY_ID, _LAST_ID_FIRST):
        params = _params(selection, 1, 1, ordering=ordering)
        said, tasks = _page(connection.get_json("api/tasks/", params), place, 1)
        if said != total or len(tasks) != 1:
            raise incomplete(place, f"one of {total} tasks", f"{len(tasks)} of {said}; run again")
        ends.append(tasks[0].id)
    first, last = ends
    if last - first + 1 < total:
        raise incomplete(place, f"{total} tasks", f"ids from {first} to {last}")
    return first, last


def list_tasks(
    connection: Connection,
    selection: Selection,
    *,
    page_tasks: int = PAGE_TASKS,
    marked: bool = False,
) -> tuple[ListedTask, ...]:
    """Every task of the selection, by id.

    Parameters
    ----------
    connection : Connection
    selection : Selection
    page_tasks : int
        How many tasks a page has.
    marked : bool
        Ask for what :attr:`ListedTask.mark` is made of as well; it takes a quarter longer.

    Raises
    ------
    RefusedFileError
        ``ls.incomplete_pull``: the pages do not hold what the total says.
    ConnectionFailedError
        The server cannot be reached, or knows no such project or tab.
    """
    place = place_of(connection, selection)
    found: dict[int, ListedTask] = {}
    total: int | None = None
    number = 0
    while total is None or len(found) < total:
        number += 1
        try:
            page = connection.get_json(
                "api/tasks/", _params(selection, number, page_tasks, marked=marked)
            )
        except ConnectionFailedError as error:
            if number == 1 or error.status not in {200, 404}:
                raise
            got = "HTTP 404" if error.status == 404 else "a page that is no JSON"
            raise incomplete(place, f"page {number} of the tasks ({total} in all)", got) from None
        said, tasks = _page(page, place, number, marked=marked)
        if total is not None and said != total:
            raise incomplete(
                place, f"{total} tasks on every page", f"{said} on page {number}; run again"
            )
        total = said
        if not tasks and len(found) < total:
            raise incomplete(place, f"{total} tasks", f"{len(found)}, then an empty page")
        for task in tasks:
            if task.id in found:
                raise incomplete(place, "every task once", f"task {task.id} again on page {number}")
            found[task.id] = task
        if len(found) > total:
            raise incomplete(place, f"{total} tasks", "more")
    return tuple(found[id_] for id_ in sorted(found))


def place_of(connection: Connection, selection: Selection) -> str:
    """What faults call the selection: the server and the project."""
    return f"{connection.url}projects/{selection.project}"


def incomplete(place: str, expected: str, got: str) -> RefusedFileError:
    """The error of a pull that did not bring what it should have brought."""
    return RefusedFileError(
        "ls.incomplete_pull", file=place, expected=printable(expected), got=printable(got)
    )


def _params(
    selection: Selection,
    number: int,
    page_tasks: int,
    *,
    ordering: str = _BY_ID,
    marked: bool = False,
) -> dict[str, str | int]:
    # Not the SDK's tasks.list: it fills its models without checking what the server sent.
    params: dict[str, str | int] = {
        "project": selection.project,
        "page": number,
        "page_size": page_tasks,
        # A tab works out what it shows, or everything.
        "fields": "all" if marked and selection.view is not None else "task_only",
        "include": ",".join(["id", *MARKED_FIELDS]) if marked else "id,updated_at",
        "resolve_uri": "false",
    }
    if selection.view is not None:
        params["view"] = selection.view
    without = UNMARKED_COLUMNS if marked else ()
    if (query := selection.query(ordering=ordering, without=without)) is not None:
        params["query"] = query
    return params


def _page(
    page: object, place: str, number: int, *, marked: bool = False
) -> tuple[int, list[ListedTask]]:
    total = page.get("total") if isinstance(page, dict) else None
    tasks = page.get("tasks") if isinstance(page, dict) else None
    if type(total) is not int or total < 0 or not isinstance(tasks, list):
        raise incomplete(place, f"page {number} with a total and a list of tasks", show(page))
    if total > MAX_TASKS:
        raise incomplete(place, f"at most {MAX_TASKS} tasks", str(total))
    listed = []
    for task in tasks:
        id_ = task.get("id") if isinstance(task, dict) else None
        updated_at = task.get("updated_at") if isinstance(task, dict) else None
        if type(id_) is not int or id_ < 1 or not isinstance(updated_at, str) or len(updated_at) > 64:
            raise incomplete(place, "a task with id and updated_at", show(task))
        mark = mark_of_row(task) if marked else None
        listed.append(ListedTask(id=id_, updated_at=updated_at, mark=mark))
    return total, listed


def _descending(times: Sequence[str]) -> bool:
    try:
        moments = [datetime.fromisoformat(time) for time in times]
        return all(a >= b for a, b in pairwise(moments))
    except (ValueError, TypeError):  # no times, or of different kinds
        return False


def _number(text: str, what: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 18 and int(text) > 0):
        raise SpecError(
            f"{what} is its number in Label Studio (the one in its address), got {show(text)}"
        )
    return int(text)


def _filters(text: str) -> str:
    expected = (
        "filter= takes data.FIELD=VALUE, or the filters of a Data Manager query as JSON "
        '({"conjunction": "and", "items": [...]})'
    )
    if text.startswith("{"):
        try:
            filters = parse_json(text.encode(), file="filter")
        except DocumentError as error:
            raise SpecError(f"{expected}; got JSON that is broken: {error.problem}") from None
        items = filters.get("items") if isinstance(filters, dict) else None
        if not isinstance(filters, dict) or not isinstance(items, list) or not items:
            raise SpecError(f"{expected}; got no items")
        return json.dumps(filters, sort_keys=True)
    field, equals, value = text.partition("=")
    if not equals or not value or not field.startswith("data.") or field == "data.":
        raise SpecError(f"{expected}; got {show(text)}")
    item = {"filter": f"filter:tasks:{field}", "operator": "equal", "type": "String", "value": value}
    return json.dumps({"conjunction": "and", "items": [item]}, sort_keys=True)
