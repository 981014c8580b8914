"""A push: planned against what is there, written once, read back, and empty the second time."""

from __future__ import annotations

import copy

import pytest

from segcore.errors import ConnectionFailedError, UsageError
from segcore_labelstudio.push import (
    PushFailedError,
    State,
    Target,
    Wanted,
    apply,
    plan,
    read_state,
)
from segcore_labelstudio.rows import OwnPrediction, Prediction
from segcore_labelstudio.tab import failing_tab


class Memory:
    """The endpoints of a push as Label Studio 1.23.2 answers them, in memory."""

    def __init__(self, tasks=(1, 2, 3)):
        self.tasks = {i: {"image": f"s3://bucket/{i}.png", "batch": "a"} for i in tasks}
        self.views, self.predictions = {}, {}
        self.writes = []
        self.next_id = 10
        self.spoil = None

    def get_json(self, path, params=None):
        parts = path.strip("/").split("/")[1:]
        if parts[0] == "tasks":
            # Resolved, an address is one that expires.
            assert params == {"resolve_uri": "false"}
            return {"id": int(parts[1]), "data": copy.deepcopy(self.tasks[int(parts[1])])}
        if parts[:2] == ["dm", "views"]:
            if len(parts) > 2:
                return copy.deepcopy(self.views[int(parts[2])])
            return [copy.deepcopy(v) for v in self.views.values() if v["project"] == params["project"]]
        if len(parts) > 1:
            if int(parts[1]) not in self.predictions:
                raise ConnectionFailedError("No Prediction matches the given query.", status=404)
            return copy.deepcopy(self.predictions[int(parts[1])])
        found = [row for row in self.predictions.values() if row["task"] == params["task"]]
        return copy.deepcopy(found)

    def write(self, method, path, body):
        self.writes.append((method, path))
        if self.spoil:
            body = self.spoil(method, path, copy.deepcopy(body))
        parts = path.strip("/").split("/")[1:]
        if parts[0] == "tasks":
            self.tasks[int(parts[1])] = body["data"]  # replaced whole, as the server does
            return {"id": int(parts[1])}
        rows = self.views if parts[0] == "dm" else self.predictions
        number = int(parts[-1]) if parts[-1].isdigit() else None
        if method == "DELETE":
            del rows[number]
            return None
        if number is None:
            self.next_id += 1
            number = self.next_id
        row = {**rows.get(number, {"id": number, "project": 7}), **body}
        if parts[0] == "dm":
            row["data"] = {k: v for k, v in row["data"].items() if v or k not in ("ordering", "filters")}
        rows[number] = row
        return copy.deepcopy(row)

    def own(self):
        return sorted(
            {row["task"] for row in self.predictions.values() if "segcore/" in row["model_version"]}
        )

    def add_prediction(self, task, version, result=()):
        self.next_id += 1
        row = {"id": self.next_id, "task": task, "model_version": version, "result": list(result)}
        self.predictions[self.next_id] = row | {"score": None}
        return self.next_id

    def add_tab(self, **data):
        self.next_id += 1
        self.views[self.next_id] = {"id": self.next_id, "project": 7, "data": data}
        return self.next_id


@pytest.fixture
def server():
    return Memory()


def region(name="r"):
    return {"id": name, "type": "brushlabels", "value": {"format": "rle", "rle": [0, 255, 3]}}


def wanted(*, failing=(2, 1), columns=False, predictions=None, tasks=(1, 2, 3)):
    if predictions is None:
        predictions = [Prediction.of(task, "segcore/missed", [region()]) for task in failing]
    values = {"segcore_class": "car", "segcore_iou": 0.25, "segcore_verdict": "fail"}
    return Wanted(
        project=7,
        tasks=frozenset(tasks),
        tab=failing_tab("failing", failing, by="segcore_iou" if columns else None),
        has_failing=bool(failing),
        predictions=predictions,
        columns=dict.fromkeys(failing, values) if columns else {},
    )


def push(server, want):
    actions = plan(want, read_state(server, want, server.own))
    apply(actions, server)
    return actions


@pytest.mark.parametrize("columns", [False, True])
def test_a_second_push_has_nothing_to_do(server, columns):
    push(server, wanted(columns=columns))
    rows = len(server.views), len(server.predictions)

    again = push(server, wanted(columns=columns))

    assert again == ()
    assert rows == (2, 2) == (len(server.views), len(server.predictions))


def test_a_plan_writes_nothing(server):
    want = wanted(columns=True)

    actions = plan(want, read_state(server, want, server.own))

    assert [action.target for action in actions] == [
        Target.COLUMNS, Target.COLUMNS, Target.PREDICTION, Target.PREDICTION, Target.TAB, Target.TAB,
    ]  # fmt: skip
    assert server.writes == []


def test_every_write_is_sent_once(server):
    actions = push(server, wanted(columns=True))

    assert server.writes == [(action.method, action.path) for action in actions]


def test_a_project_without_a_tab_gets_the_usual_one_first(server):
    push(server, wanted())

    assert [view["data"]["title"] for view in server.views.values()] == ["Default", "failing"]


def test_the_tabs_of_others_stay_as_they_are(server):
    theirs = server.add_tab(title="mine", filters={"conjunction": "and", "items": []}, gridWidth=9)
    before = copy.deepcopy(server.views[theirs])

    push(server, wanted())

    assert server.views[theirs] == before
    assert len(server.views) == 2


def test_a_tab_keeps_the_widths_its_readers_gave_it(server):
    push(server, wanted(failing=(1,)))
    own = max(server.views)
    server.views[own]["data"]["columnsWidth"] = {"tasks:id": 300}

    push(server, wanted(failing=(1, 3)))

    data = server.views[own]["data"]
    assert data["columnsWidth"] == {"tasks:id": 300}
    assert [item["value"] for item in data["filters"]["items"]] == [1, 3]


def test_a_tab_is_emptied_when_nothing_fails_any_more_and_not_made_for_nothing(server):
    assert push(server, wanted(failing=())) == ()
    push(server, wanted())

    push(server, wanted(failing=()))

    tab = server.views[max(server.views)]["data"]
    assert [item["value"] for item in tab["filters"]["items"]] == [0]
    assert server.predictions == {}


def test_two_tabs_of_one_title_are_refused_and_nothing_is_written(server):
    server.add_tab(title="failing")
    server.add_tab(title="failing")

    with pytest.raises(UsageError, match="2 tabs called 'failing'"):
        push(server, wanted())

    assert server.writes == []


def test_predictions_of_others_are_never_touched(server):
    theirs = server.add_prediction(1, "sam-2", [region("theirs")])
    similar = server.add_prediction(1, "my-segcore/missed")
    before = copy.deepcopy(server.predictions)

    push(server, wanted())
    push(server, wanted(failing=()))

    assert server.predictions == before
    assert {theirs, similar} == set(before)


def test_an_own_prediction_that_is_wanted_no_more_is_deleted(server):
    push(server, wanted(failing=(1, 2)))

    actions = push(server, wanted(failing=(1,)))

    assert [row["task"] for row in server.predictions.values()] == [1]
    assert [action.method for action in actions] == ["DELETE", "PATCH"]


def test_own_predictions_of_tasks_that_were_not_judged_stay(server):
    other_batch = server.add_prediction(3, "segcore/missed", [region()])

    push(server, wanted(failing=(1,), tasks=(1, 2)))

    assert other_batch in server.predictions


def test_a_plan_deletes_nothing_of_a_task_that_was_not_judged():
    own = OwnPrediction(id=5, prediction=Prediction.of(3, "segcore/missed", []))

    actions = plan(wanted(failing=(), tasks=(1, 2)), State(tabs={}, predictions=[own]))

    assert actions == ()


def test_a_prediction_that_is_there_twice_is_left_once(server):
    first = server.add_prediction(1, "segcore/missed", [region()])
    server.add_prediction(1, "segcore/missed", [region()])

    push(server, wanted(failing=(1,)))

    assert list(server.predictions) == [first]


def test_a_changed_difference_changes_the_prediction_in_place(server):
    push(server, wanted(failing=(1,)))
    (own,) = server.predictions

    push(
        server,
        wanted(failing=(1,), predictions=[Prediction.of(1, "segcore/missed", [region("x")], 0.5)]),
    )

    assert server.predictions[own]["result"] == [region("x")]
    assert server.predictions[own]["score"] == 0.5
    assert list(server.predictions) == [own]


def test_columns_leave_every_key_of_the_data_in_place(server):
    push(server, wanted(failing=(1,), columns=True))

    assert server.tasks[1] == {
        "image": "s3://bucket/1.png",
        "batch": "a",
        "segcore_class": "car",
        "segcore_iou": 0.25,
        "segcore_verdict": "fail",
    }
    assert server.tasks[2] == {"image": "s3://bucket/2.png", "batch": "a"}


def test_columns_are_merged_into_the_data_as_they_are_at_the_write(server):
    want = wanted(failing=(1,), columns=True)
    actions = plan(want, read_state(server, want, server.own))
    server.tasks[1]["added meanwhile"] = 5

    apply(actions, server)

    assert server.tasks[1]["added meanwhile"] == 5


def lose_the_image(method, path, body):
    if path.startswith("api/tasks/"):
        del body["data"]["image"]
    return body


def lose_the_regions(method, path, body):
    return body | {"result": []} if path.startswith("api/predictions/") else body


def lose_the_filter(method, path, body):
    if path.startswith("api/dm/"):
        body["data"]["filters"] = {"conjunction": "or", "items": []}
    return body


@pytest.mark.parametrize(
    ("spoil", "says", "done"),
    [
        (lose_the_image, "miss or change .*image.*s3://bucket/1.png", 0),
        (lose_the_regions, "read back, is another one", 1),
        (lose_the_filter, "read back, shows something else", 2),
    ],
)
def test_what_is_read_back_must_be_what_was_written(server, spoil, says, done):
    server.add_tab(title="Default")
    server.spoil = spoil

    with pytest.raises(PushFailedError, match=says) as caught:
        push(server, wanted(failing=(1,), columns=True))

    assert caught.value.done == done
    assert len(server.writes) == done + 1  # nothing is tried after it


def test_a_write_nobody_knows_the_end_of_is_not_repeated_and_the_next_push_looks_first(server):
    def drop(method, path, body):
        server.spoil = None
        server.write(method, path, body)
        raise ConnectionFailedError("the connection was dropped", unsure=True)

    server.spoil = drop

    with pytest.raises(PushFailedError, match="nobody knows whether it was carried out"):
        push(server, wanted(failing=(1,)))
    push(server, wanted(failing=(1,)))

    assert len(server.predictions) == 1
    assert push(server, wanted(failing=(1,))) == ()


@pytest.mark.parametrize(
    "answer",
    [None, "text", [{"id": 1}], [{"id": "1", "data": {}}], [{"id": 1, "data": []}], {"detail": "no"}],
)
def test_tabs_that_cannot_be_read_stop_the_push(server, monkeypatch, answer):
    monkeypatch.setattr(server, "get_json", lambda path, params=None: answer)

    with pytest.raises(ConnectionFailedError, match="list of tabs"):
        push(server, wanted())

    assert server.writes == []


@pytest.mark.parametrize("data", [None, [], {}, "x"])
def test_a_task_without_data_gets_no_columns(server, data):
    server.tasks[1] = data

    with pytest.raises(ConnectionFailedError, match="task 1: the answer holds no data"):
        push(server, wanted(failing=(1,), columns=True))

    assert server.writes == []
