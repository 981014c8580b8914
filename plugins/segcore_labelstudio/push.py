"""Write to a project what the evaluation found: what is wanted, what is there, what to do, done.

:func:`plan` compares and decides; it asks nobody.  :func:`apply` sends each write once, reads back
what became of it and stops at the first that is not as it should be.  A plan made after that has
nothing left to do, so a push that was interrupted is simply run again.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from segcore.errors import ConnectionFailedError, UsageError
from segcore.wording import printable, show
from segcore_labelstudio.columns import changed, lost
from segcore_labelstudio.rows import (
    Method,
    OwnPrediction,
    Prediction,
    Server,
    own_predictions,
    prediction_of,
    tabs_of,
    task_data,
)
from segcore_labelstudio.tab import default_tab, updated, wants

__all__ = ["Action", "PushFailedError", "State", "Target", "Wanted", "apply", "plan", "read_state"]


class PushFailedError(ConnectionFailedError):
    """A write was refused, or what was read back is not what was written.

    Attributes
    ----------
    done : int
        Writes that were carried out and verified before.
    """

    def __init__(self, message: str, *, done: int = 0, status: int | None = None) -> None:
        self.done = done
        super().__init__(message, status=status)


class Target(enum.StrEnum):
    """What an action writes."""

    TAB = "tab"
    PREDICTION = "prediction"
    COLUMNS = "columns"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What there should be.

    Attributes
    ----------
    project : int
    tab : mapping or None
        Data of the tab of failing tasks; None leaves the tabs alone.
    has_failing : bool
        Whether a task fails; the tab of none is emptied, but not made.
    predictions : sequence of Prediction or None
        All there should be; None leaves predictions alone.
    tasks : collection of int
        The tasks that were judged.  On others nothing is changed, so that batches of one project
        can be pushed one by one.
    columns : mapping of int to mapping
        Keys and values in the data of each task.
    """

    project: int
    tasks: frozenset[int]
    tab: Mapping[str, Any] | None = None
    has_failing: bool = True
    predictions: Sequence[Prediction] | None = None
    columns: Mapping[int, Mapping[str, object]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What there is.

    Attributes
    ----------
    tabs : mapping of int to mapping
        The data of every tab of the project, by id, in their order.
    predictions : sequence of OwnPrediction
        Ours, by id.
    data : mapping of int to mapping
        ``data`` of the tasks that have columns to be written.
    """

    tabs: Mapping[int, Mapping[str, Any]]
    predictions: Sequence[OwnPrediction] = ()
    data: Mapping[int, Mapping[str, object]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One write.

    Attributes
    ----------
    target : Target
    says : str
        What it does, in one line.
    method, path : str
    body : mapping or None
        For columns only the keys of ours: the others are read right before the write.
    """

    target: Target
    says: str
    method: Method
    path: str
    body: Mapping[str, Any] | None = None


# ---- what is there


def read_state(
    server: Server,
    wanted: Wanted,
    own_tasks: Callable[[], Sequence[int]],
    *,
    progress: Callable[[int, int], None] | None = None,
) -> State:
    """Ask the server for all that a plan needs.

    Parameters
    ----------
    server : Server
    wanted : Wanted
    own_tasks : callable
        Gives the tasks of the project that have predictions of ours.
    progress : callable or None
        Called with requests done and requests in all.
    """
    tabs = tabs_of(server.get_json("api/dm/views/", {"project": wanted.project}))
    look = []
    if wanted.predictions is not None:
        look = [task for task in own_tasks() if task in wanted.tasks]
    predictions: list[OwnPrediction] = []
    for done, task in enumerate(look, start=1):
        predictions += own_predictions(server.get_json("api/predictions/", {"task": task}), task)
        if progress is not None:
            progress(done, len(look) + len(wanted.columns))
    data = {}
    for done, task in enumerate(sorted(wanted.columns), start=1):
        data[task] = task_data(server, task)
        if progress is not None:
            progress(len(look) + done, len(look) + len(wanted.columns))
    return State(tabs=tabs, predictions=sorted(predictions, key=lambda own: own.id), data=data)


# ---- what to do


def plan(wanted: Wanted, state: State) -> tuple[Action, ...]:
    """The writes that turn what is there into what is wanted; none where it is already.

    Raises
    ------
    UsageError
        Two tabs have the title.
    """
    return (
        *_plan_columns(wanted, state),
        *_plan_predictions(wanted, state),
        *_plan_tab(wanted, state),
    )


def _plan_columns(wanted: Wanted, state: State) -> list[Action]:
    return [
        Action(
            target=Target.COLUMNS,
            says=f"set {_listed(values)} of task {task}",
            method="PATCH",
            path=f"api/tasks/{task}/",
            body=values,
        )
        for task, values in sorted(wanted.columns.items())
        if changed(state.data[task], values)
    ]


def _listed(values: Mapping[str, object]) -> str:
    return ", ".join(f"{key}={show(values[key])}" for key in sorted(values))


def _plan_predictions(wanted: Wanted, state: State) -> list[Action]:
    if wanted.predictions is None:
        return []
    there: dict[tuple[int, str], OwnPrediction] = {}
    actions = []
    keys = {(want.task, want.version) for want in wanted.predictions}
    for own in state.predictions:
        key = own.prediction.task, own.prediction.version
        if key in keys and key not in there:
            there[key] = own
        elif own.prediction.task in wanted.tasks:
            says = f"delete our prediction {printable(key[1])!r} of task {key[0]}"
            path = f"api/predictions/{own.id}/"
            actions.append(Action(target=Target.PREDICTION, says=says, method="DELETE", path=path))
    for want in wanted.predictions:
        old = there.get((want.task, want.version))
        if old is not None and old.prediction == want:
            continue
        score = "" if want.score is None else f", score {want.score}"
        verb, path = "add", "api/predictions/"
        if old is not None:
            verb, path = "change", f"api/predictions/{old.id}/"
        actions.append(
            Action(
                target=Target.PREDICTION,
                says=f"{verb} prediction {want.version!r} of task {want.task}{score}",
                method="POST" if old is None else "PATCH",
                path=path,
                body=want.body(),
            )
        )
    return actions


def _plan_tab(wanted: Wanted, state: State) -> list[Action]:
    tab = wanted.tab
    if tab is None:
        return []
    title = tab["title"]
    same = [id_ for id_, data in state.tabs.items() if data.get("title") == title]
    if len(same) > 1:
        raise UsageError(f"project {wanted.project} has {len(same)} tabs called {title!r}: remove one")
    count = len(tab["filters"]["items"]) if wanted.has_failing else 0
    shows = f"{count} {'task' if count == 1 else 'tasks'}"
    if same:
        there = state.tabs[same[0]]
        if not wants(tab, there):
            return []
        body = {"project": wanted.project, "data": updated(tab, there)}
        path = f"api/dm/views/{same[0]}/"
        says = f"change the tab {title!r}: {shows}"
        return [Action(target=Target.TAB, says=says, method="PATCH", path=path, body=body)]
    if not wanted.has_failing:
        return []
    new = [(f"add the tab {title!r}: {shows}", tab)]
    if not state.tabs:
        new.insert(
            0, ("add the tab 'Default' of all tasks, because the project has none", default_tab())
        )
    return [
        Action(
            target=Target.TAB,
            says=says,
            method="POST",
            path="api/dm/views/",
            body={"project": wanted.project, "data": data},
        )
        for says, data in new
    ]


# ---- do it


def apply(
    actions: Sequence[Action],
    server: Server,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Carry out a plan: each write once, then read back.

    Parameters
    ----------
    actions : sequence of Action
    server : Server
    progress : callable or None
        Called with writes done and writes in all.

    Raises
    ------
    PushFailedError
        A write failed, or what was read back is something else; the rest is not tried.
    """
    carry_out = {
        Target.TAB: _write_tab,
        Target.PREDICTION: _write_prediction,
        Target.COLUMNS: _write_columns,
    }
    for done, action in enumerate(actions):
        try:
            carry_out[action.target](server, action)
        except ConnectionFailedError as error:
            perhaps = " (nobody knows whether it was carried out)" if error.unsure else ""
            raise PushFailedError(
                f"{action.says}: {error}{perhaps}\n{done} of {len(actions)} writes were done before; "
                "run it again to do the rest: what is there already stays",
                done=done,
                status=error.status,
            ) from None
        if progress is not None:
            progress(done + 1, len(actions))


def _write_tab(server: Server, action: Action) -> None:
    body = action.body or {}
    row = server.write(action.method, action.path, body)
    view = row.get("id") if isinstance(row, dict) else None
    if type(view) is not int:
        raise ConnectionFailedError(f"the answer names no tab: {show(row)}")
    found = tabs_of(server.get_json(f"api/dm/views/{view}/")).get(view, {})
    if wants(body["data"], found) or found.get("title") != body["data"]["title"]:
        raise ConnectionFailedError(f"tab {view}, read back, shows something else")


def _write_prediction(server: Server, action: Action) -> None:
    row = server.write(action.method, action.path, action.body)
    if action.method == "DELETE":
        try:
            server.get_json(action.path)
        except ConnectionFailedError as error:
            if error.status == 404:
                return
            raise
        raise ConnectionFailedError("it is still there")
    written = prediction_of(row)
    found = prediction_of(server.get_json(f"api/predictions/{written.id}/"))
    body = action.body or {}
    want = Prediction.of(body["task"], body["model_version"], body["result"], body["score"])
    if found.prediction != want:
        raise ConnectionFailedError(f"prediction {written.id}, read back, is another one")


def _write_columns(server: Server, action: Action) -> None:
    task = int(action.path.rstrip("/").rpartition("/")[2])
    values = action.body or {}
    before = task_data(server, task)
    server.write(action.method, action.path, {"data": {**before, **values}})
    after = task_data(server, task)
    if gone := lost(before, after):
        raise ConnectionFailedError(
            f"task {task}: the data read back miss or change {show(gone)}; "
            f"they were {printable(json.dumps(before), limit=2000)}"
        )
    if changed(after, values):
        raise ConnectionFailedError(f"task {task}: the data read back do not hold what was written")
