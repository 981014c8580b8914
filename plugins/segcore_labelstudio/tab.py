"""The Data Manager tab of the failing tasks.

It names its tasks by number, so it needs nothing in the tasks themselves.  The order of a tab is
that of a column: with the columns of :mod:`segcore_labelstudio.columns` the worst task is the first,
without them the tasks come by number.

Nothing but ``equal`` is used to filter: the server takes operators that the user interface does not
know, such as ``in_list``, and then the Data Manager of the project does not open any more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

__all__ = ["DEFAULT_TITLE", "MAX_TASKS", "default_tab", "failing_tab", "updated", "wants"]

DEFAULT_TITLE: Final = "segcore: failing"

MAX_TASKS: Final = 500
"""Tasks a tab names.  Each is a term of one SQL condition, and SQLite allows about a thousand."""

_HIDDEN: Final = {
    "explore": [
        "tasks:inner_id",
        "tasks:annotations_results",
        "tasks:annotations_ids",
        "tasks:predictions_score",
        "tasks:predictions_model_versions",
        "tasks:predictions_results",
        "tasks:file_upload",
        "tasks:storage_filename",
        "tasks:created_at",
        "tasks:updated_at",
        "tasks:updated_by",
        "tasks:avg_lead_time",
        "tasks:draft_exists",
    ],
    "labeling": ["tasks:id"],
}
"""What the user interface hides in a new tab; left out, every column would be there."""

_OWN: Final = ("filters", "ordering")
"""What a push decides; the rest of a tab is its reader's after it was created."""

_NO_TASK: Final = 0
"""A number no task has."""


def default_tab() -> dict[str, Any]:
    """The tab of all tasks, as the user interface makes it where a project has none."""
    return _tab("Default", items=[], conjunction="and", ordering=[], types={})


def failing_tab(title: str, tasks: Sequence[int], *, by: str | None) -> dict[str, Any]:
    """The tab that shows exactly ``tasks``.

    Parameters
    ----------
    title : str
    tasks : sequence of int
        At most :data:`MAX_TASKS`; the tab of none is empty.
    by : str or None
        The column with the numbers of the tasks, so that the worst can come first; None where they
        have none.
    """
    if len(tasks) > MAX_TASKS:
        raise ValueError(f"a tab names at most {MAX_TASKS} tasks, got {len(tasks)}")
    items = [
        {"filter": "filter:tasks:id", "operator": "equal", "type": "Number", "value": task}
        for task in sorted(tasks) or [_NO_TASK]
    ]
    column = f"tasks:data.{by}"
    # Never empty: the server keeps the old order where the new one is.
    ordering = ["tasks:id" if by is None else column]
    types = {} if by is None else {column: "Number"}
    return _tab(title, items=items, conjunction="or", ordering=ordering, types=types)


def wants(tab: Mapping[str, Any], there: Mapping[str, Any]) -> bool:
    """Whether the tab that is there does not show what ``tab`` shows."""
    # The server leaves out what is empty.
    same = all((there.get(key) or None) == (tab[key] or None) for key in _OWN)
    return not same or not _types(tab).items() <= _types(there).items()


def updated(tab: Mapping[str, Any], there: Mapping[str, Any]) -> dict[str, Any]:
    """The tab that is there, with what ``tab`` shows; widths and hidden columns stay."""
    types = {**_types(there), **_types(tab)}
    return {**there, **{key: tab[key] for key in _OWN}, "columnsDisplayType": types}


def _types(tab: Mapping[str, Any]) -> dict[str, Any]:
    types = tab.get("columnsDisplayType")
    return types if isinstance(types, dict) else {}


def _tab(
    title: str,
    *,
    items: list[dict[str, Any]],
    conjunction: str,
    ordering: list[str],
    types: dict[str, str],
) -> dict[str, Any]:
    return {
        "title": title,
        "type": "list",
        "target": "tasks",
        "filters": {"conjunction": conjunction, "items": items},
        "ordering": ordering,
        "columnsDisplayType": types,
        "hiddenColumns": {name: list(columns) for name, columns in _HIDDEN.items()},
        "columnsWidth": {},
        "gridWidth": 4,
    }
