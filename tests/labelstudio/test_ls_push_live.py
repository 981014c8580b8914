"""A push to a real server, looked at with Label Studio's own client."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from pushed_projects import box, decoded, gated, new_project, strokes

ROAD, CAR = box(0, 20, 0, 80), box(30, 50, 10, 30)
HALF_ROAD, MOVED_CAR = box(0, 10, 0, 80), box(30, 50, 20, 40)


@pytest.fixture
def project(sdk):
    """Four tasks: perfect, half the road, the car moved, not annotated; with predictions of others."""
    gold = [strokes("road", ROAD), strokes("car_v1", CAR)]
    deliveries = [
        gold,
        [strokes("road", HALF_ROAD), strokes("car_v1", CAR)],
        [strokes("road", ROAD), strokes("car_v1", MOVED_CAR)],
        None,
    ]
    return new_project(sdk, gold, deliveries)


def test_a_second_push_changes_no_row_and_a_dry_run_none_at_all(push, rows):
    before = rows()

    listed = push("--columns", "--score", "--dry-run")
    untouched = rows()
    push("--columns", "--score")
    first = rows()
    said = push("--columns", "--score")

    assert "would add the tab 'segcore: failing': 3 tasks" in listed
    assert untouched == before
    assert "nothing to write" in said
    assert rows() == first
    assert {name: len(found) for name, found in first.items()} == {
        "tasks": 4,
        "tabs": 2,
        "predictions": 7,
    }


def test_the_tab_holds_the_failing_tasks_worst_first(sdk, project, push, rows):
    _perfect, half_road, moved_car, missing = sorted(rows()["tasks"])

    push("--columns")

    default, own = sdk.views.list(project=project)
    assert default.data["title"] == "Default"
    assert [t.id for t in sdk.tasks.list(project=project, view=own.id)] == [
        missing,
        moved_car,
        half_road,
    ]
    assert len(list(sdk.tasks.list(project=project, view=default.id))) == 4


def test_predictions_hold_exactly_the_missed_and_the_extra_pixels(sdk, project, push, rows):
    _, half_road, moved_car, _ = sorted(rows()["tasks"])

    push()

    own = {
        (p.task, p.model_version): p.result
        for p in sdk.predictions.list(project=project)
        if p.model_version.startswith("segcore/")
    }
    expected = {
        (half_road, "segcore/missed"): ("road", ROAD & ~HALF_ROAD),
        (moved_car, "segcore/missed"): ("car_v1", CAR & ~MOVED_CAR),
        (moved_car, "segcore/extra"): ("car_v1", MOVED_CAR & ~CAR),
    }
    assert set(own) == set(expected)
    for key, (label, mask) in expected.items():
        (region,) = own[key]
        assert region["value"]["brushlabels"] == [label]
        np.testing.assert_array_equal(decoded(region), mask)


def test_columns_take_no_key_from_the_data_and_follow_the_verdict(push, rows):
    before = rows()["tasks"]

    push("--columns")
    failing = rows()["tasks"]
    push("--columns", below="0.1")
    after = rows()["tasks"]

    for task, data in before.items():
        assert {key: after[task][key] for key in data} == data
    assert [data.get("segcore_verdict") for _, data in sorted(failing.items())] == [
        None,
        "fail",
        "fail",
        "fail",
    ]
    assert [data.get("segcore_verdict") for _, data in sorted(after.items())] == [
        None,
        "pass",
        "pass",
        "fail",
    ]
    assert [data.get("segcore_iou") for _, data in sorted(after.items())] == [None, 0.5, 0.3333, 0.0]


def test_predictions_of_others_and_annotations_are_as_they_were(sdk, push, rows):
    def others():
        annotations = [sdk.annotations.list(id=task) for task in rows()["tasks"]]
        return (
            [row for row in rows()["predictions"] if row[2] == "theirs"],
            [(a.id, a.result, a.ground_truth, a.updated_at) for found in annotations for a in found],
        )

    before = others()

    push("--columns", "--score")
    push(below="0.1")

    assert others() == before
    assert len(rows()["predictions"]) == 4


def test_by_a_policy_only_classes_that_fail_the_batch_make_a_task_fail(
    sdk, project, push_words, rows, tmp_path
):
    _, half_road, _, missing = sorted(rows()["tasks"])
    policy = tmp_path / "batch.gate.yaml"
    # Road: 4000 of 6400 px are right and none is too many, 0.625.
    policy.write_text(
        f'version: 1\ngold: "label-studio:{project}?annotations=ground-truth"\n'
        f'delivery: "label-studio:{project}"\n'
        "gates: {class-iou: {metric: iou, min: {car: 0.1, road: 0.7}}}\n"
    )

    push_words("--policy", str(policy))

    own = list(sdk.views.list(project=project))[-1]
    assert {t.id for t in sdk.tasks.list(project=project, view=own.id)} == {half_road, missing}


# ---- by a policy


@pytest.fixture
def gate(project, label_studio, monkeypatch, tmp_path):
    """A function that gates the project by a policy that pushes to it."""
    monkeypatch.setenv("LABEL_STUDIO_URL", label_studio.url)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", label_studio.token)

    def run(*words, road=0.7, push="columns: true", code):
        # Road: 4000 of 6400 px are right and none is too many, 0.625.  Car: 1000 of 1800, 0.556, which
        # passes though one image with cars is below the floor.
        rest = (
            f"gates: {{class-iou: {{metric: iou, min: {{car: 0.5, road: {road}}}}}}}\n"
            f'push: {{label-studio: {{project: {project}, title: "by policy", {push}}}}}\n'
        )
        return gated(tmp_path, project, rest, *words, code=code)

    return run


@pytest.fixture
def own_rows(sdk, project, rows):
    """A function that reads the tasks of our tab, our predictions, the verdicts in the tasks' data."""

    def read():
        found = rows()
        tabs = [id_ for id_, data in found["tabs"] if data["title"] == "by policy"]
        return {
            "tab": [t.id for view in tabs for t in sdk.tasks.list(project=project, view=view)],
            "predictions": [(row[1], row[2]) for row in found["predictions"] if row[2] != "theirs"],
            "verdicts": [data.get("segcore_verdict") for _, data in sorted(found["tasks"].items())],
        }

    return read


def test_a_gate_shows_the_failing_tasks_and_a_second_one_changes_no_row(gate, rows, own_rows):
    _, half_road, _, missing = sorted(rows()["tasks"])

    first = gate(code=1)
    pushed = rows()
    second = gate(code=1)

    assert own_rows() == {
        "tab": [missing, half_road],
        "predictions": [(half_road, "segcore/missed")],
        "verdicts": [None, "fail", None, "fail"],
    }
    assert "label-studio: project" in first.stdout
    assert "2 of 4 judged tasks fail; 5 writes done and read back" in first.stdout
    assert "2 of 4 judged tasks fail; nothing to write" in second.stdout
    assert rows() == pushed


def test_a_gate_that_does_not_push_or_cannot_judge_changes_no_row(gate, rows):
    before = rows()

    gate("gate", "--no-push", code=1)
    gate(push="colums: true", code=4)
    gate(push="columns: maybe", code=4)

    assert rows() == before


def test_a_batch_that_is_good_now_takes_back_what_a_push_showed(gate, own_rows):
    gate(code=1)

    gate(road=0.6, code=0)

    assert own_rows() == {
        "tab": [],
        "predictions": [],
        "verdicts": [None, "pass", None, "pass"],
    }


def test_the_command_takes_what_to_show_from_the_policy(gate, own_rows):
    result = gate("push", "label-studio", "--dry-run", "--no-masks", "--policy", code=0)

    assert "would add the tab 'by policy': 2 tasks" in result.stdout
    assert "would set segcore_class='road', segcore_iou=0.5, segcore_verdict='fail'" in result.stdout
    assert "prediction" not in result.stdout
    assert own_rows()["tab"] == []


def test_a_push_sends_no_webhook_so_that_watching_does_not_go_round_in_circles(
    sdk, project, gate, rows, webhooks
):
    url, heard = webhooks
    task = min(rows()["tasks"])
    sdk.webhooks.create(url=url, project=project, send_payload=True, send_for_all_actions=True)

    gate(push="columns: true, score: true", code=1)
    gate(push="columns: true, score: true", road=0.6, code=0)
    # The server calls while it answers, so what the pushes caused has come before this.
    sdk.annotations.create(id=task, result=[strokes("road", ROAD)])

    assert heard == ["ANNOTATION_CREATED"]


@pytest.fixture
def webhooks():
    """The address of a receiver, and the actions it was told."""
    heard = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard.append(json.loads(body)["action"])
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", heard
    server.shutdown()
    server.server_close()
    thread.join()
