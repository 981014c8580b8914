"""What a push finds on the server: tabs, predictions of ours, data of tasks; all else is an error."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from segcore.errors import ConnectionFailedError
from segcore.wording import show

if TYPE_CHECKING:
    from segcore_labelstudio.connection import Connection

__all__ = [
    "OWN_VERSIONS",
    "Method",
    "OwnPrediction",
    "Prediction",
    "Server",
    "own_predictions",
    "own_tasks",
    "prediction_of",
    "tabs_of",
    "task_data",
]

OWN_VERSIONS: Final = "segcore/"
"""What ``model_version`` of our predictions begins with; others are never touched."""

Method = Literal["POST", "PUT", "PATCH", "DELETE"]


class Server(Protocol):
    """What is needed of :class:`segcore_labelstudio.connection.Connection`."""

    def get_json(self, path: str, params: Mapping[str, str | int] | None = None) -> object:
        """The answer of a read, which may be repeated."""

    def write(self, method: Method, path: str, body: object) -> object:
        """The answer of a write, which is sent once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """A prediction of ours.

    Attributes
    ----------
    task : int
    version : str
        Its ``model_version``, the name reviewers see.
    result : str
        The regions as canonical JSON (see :func:`Prediction.of`).
    score : float or None
    """

    task: int
    version: str
    result: str
    score: float | None = None

    @classmethod
    def of(cls, task: int, version: str, result: object, score: float | None = None) -> Prediction:
        """The prediction with ``result`` as JSON can say it."""
        return cls(task=task, version=version, result=_canonical(result), score=score)

    def body(self) -> dict[str, object]:
        """What is sent."""
        return {
            "task": self.task,
            "model_version": self.version,
            "result": json.loads(self.result),
            "score": self.score,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnPrediction:
    """A prediction of ours as the server has it."""

    id: int
    prediction: Prediction


def own_tasks(connection: Connection, project: int) -> tuple[int, ...]:
    """The tasks of a project that have predictions of ours, sorted."""
    from segcore_labelstudio.listing import Selection, list_tasks

    item = {
        "filter": "filter:tasks:predictions_model_versions",
        "operator": "contains",
        "type": "List",
        "value": [OWN_VERSIONS],
    }
    filters = json.dumps({"conjunction": "and", "items": [item]})
    return tuple(task.id for task in list_tasks(connection, Selection(project=project, filters=filters)))


def tabs_of(answer: object) -> dict[int, Mapping[str, Any]]:
    """The data of each tab of an answer, by id."""
    tabs: dict[int, Mapping[str, Any]] = {}
    for view in answer if isinstance(answer, list) else [answer]:
        data = view.get("data") if isinstance(view, dict) else None
        if not isinstance(view, dict) or type(view.get("id")) is not int or not isinstance(data, dict):
            raise ConnectionFailedError(f"the list of tabs holds something else: {show(view)}")
        tabs[view["id"]] = data
    return tabs


def own_predictions(answer: object, task: int) -> list[OwnPrediction]:
    """Of the predictions of a task, those of ours."""
    found = []
    for row in answer if isinstance(answer, list) else [answer]:
        own = prediction_of(row)
        if own.prediction.task != task:
            raise ConnectionFailedError(f"a prediction of task {task} is one of {own.prediction.task}")
        if own.prediction.version.startswith(OWN_VERSIONS):
            found.append(own)
    return found


def prediction_of(row: object) -> OwnPrediction:
    """The prediction an answer holds."""
    if isinstance(row, dict):
        id_, task, score = row.get("id"), row.get("task"), row.get("score")
        version = row.get("model_version") or ""
        sound = isinstance(version, str) and isinstance(score, int | float | None)
        if type(id_) is int and type(task) is int and sound:
            prediction = Prediction.of(task, version, row.get("result"), score)
            return OwnPrediction(id=id_, prediction=prediction)
    raise ConnectionFailedError(f"the list of predictions holds something else: {show(row)}")


def task_data(server: Server, task: int) -> dict[str, object]:
    """What a task holds under ``data``; never nothing."""
    # Unresolved: what is written back must be the address of the image, not one that expires.
    row = server.get_json(f"api/tasks/{task}/", {"resolve_uri": "false"})
    data = row.get("data") if isinstance(row, dict) else None
    if not isinstance(row, dict) or row.get("id") != task or not isinstance(data, dict) or not data:
        raise ConnectionFailedError(f"task {task}: the answer holds no data")
    return data


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
