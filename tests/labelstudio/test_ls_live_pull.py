"""Pulling from the real server: numbers that have gaps, and again only what changed.

Which change moves the date of its task was found out on Label Studio 1.23.2; these tests hold it.
"""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from segcore_labelstudio import survey
from segcore_labelstudio.connection import Connection
from segcore_labelstudio.listing import Selection
from segcore_labelstudio.pull import pull

CONFIG = (
    '<View><Image name="image" value="$image"/><RectangleLabels name="tag" toName="image">'
    '<Label value="car"/><Label value="tram"/></RectangleLabels></View>'
)
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
TASKS, CHUNK = 15, 5


def drawn(x=0):
    return {
        "id": f"r{x}",
        "type": "rectanglelabels",
        "from_name": "tag",
        "to_name": "image",
        "original_width": 40,
        "original_height": 20,
        "value": {"x": x, "y": 0, "width": 50, "height": 100, "rectanglelabels": ["car"]},
    }


class Project:
    """A project of fifteen tasks with one annotation each, three chunks of five."""

    def __init__(self, server):
        self.request = server.request
        self.url = server.url
        body = {"title": "pulled again", "label_config": CONFIG}
        self.id = int(self.request("POST", "api/projects/", body)["id"])
        self.add(range(TASKS))
        self.tasks = sorted(task["id"] for task in self.exported())

    def add(self, numbers):
        tasks = [
            {"data": {"image": f"/x/{i}.png"}, "annotations": [{"result": [drawn(i)]}]} for i in numbers
        ]
        self.request("POST", f"api/projects/{self.id}/import", tasks)

    def exported(self):
        query = "exportType=JSON&download_all_tasks=true"
        return self.request("GET", f"api/projects/{self.id}/export?{query}")

    def annotation(self, at):
        (task,) = (task for task in self.exported() if task["id"] == self.tasks[at])
        return task["annotations"][0]["id"]

    def delete(self, path):
        with suppress(json.JSONDecodeError):  # the answer is empty
            self.request("DELETE", path)

    def act(self, action, *positions, **options):
        body = {
            "selectedItems": {"all": False, "included": [self.tasks[at] for at in positions]},
            "filters": {"conjunction": "and", "items": []},
            "ordering": [],
        }
        path = f"api/dm/actions?id={action}&project={self.id}"
        return self.request("POST", path, body | options)


@pytest.fixture
def project(label_studio):
    return Project(label_studio)


@pytest.fixture
def pulled(label_studio, tmp_path):
    def run(project, folder="pulled", *, hours=0):
        with Connection(label_studio.url, label_studio.token) as connection:
            return pull(
                connection,
                Selection(project=project.id),
                tmp_path / folder,
                chunk_tasks=CHUNK,
                now=lambda: NOON + timedelta(hours=hours),
            )

    return run


def tasks_of(result):
    tasks = [task for chunk in result.chunks for task in json.loads(Path(chunk).read_bytes())]
    for task in tasks:
        for draft in task["drafts"]:
            del draft["created_ago"]  # "0 minutes"
    return tasks


def edit(project):
    project.request("PATCH", f"api/annotations/{project.annotation(6)}/", {"result": [drawn(30)]})


def delete_annotation(project):
    project.delete(f"api/annotations/{project.annotation(6)}/")


def set_ground_truth(project):
    project.request("PATCH", f"api/annotations/{project.annotation(6)}/", {"ground_truth": False})


def skip(project):
    project.request("PATCH", f"api/annotations/{project.annotation(6)}/", {"was_cancelled": True})


def copy_annotation(project):
    project.act("propagate_annotations", 6, source_annotation_id=project.annotation(0))


def copy_and_delete(project):
    """The number of annotations stays what it was."""
    copy_annotation(project)
    project.delete(f"api/annotations/{project.annotation(7)}/")


def set_data(project):
    project.act("add_data_field", 6, value_name="batch", value_type="String", value="b1")


def save_draft(project):
    path = f"api/tasks/{project.tasks[6]}/drafts"
    project.request("POST", path, {"result": [drawn()], "lead_time": 1})


def import_prediction(project):
    body = [{"task": project.tasks[6], "result": [drawn()], "model_version": "m"}]
    project.request("POST", f"api/projects/{project.id}/import/predictions", body)


def delete_task(project):
    project.act("delete_tasks", 6)


@pytest.mark.parametrize(
    "change",
    [
        edit,
        delete_annotation,
        set_ground_truth,
        skip,
        copy_annotation,
        copy_and_delete,
        set_data,
        save_draft,
        import_prediction,
        delete_task,
    ],
)
def test_one_chunk_is_asked_for_again_whatever_changed_in_it(change, project, pulled):
    before = tasks_of(pulled(project))
    change(project)

    again = pulled(project, hours=1)

    assert again.requested == 1
    assert tasks_of(again) != before
    assert tasks_of(again) == tasks_of(pulled(project, "fresh"))


def test_a_deleted_user_is_seen(label_studio, project, pulled):
    person = {"email": f"gone{project.id}@example.com", "username": f"gone{project.id}"}
    user = label_studio.request("POST", "api/users/", person)["id"]
    path = f"api/annotations/{project.annotation(6)}/"
    project.request("PATCH", path, {"completed_by": user})
    before = tasks_of(pulled(project))
    project.delete(f"api/users/{user}/")

    again = pulled(project, hours=1)

    assert again.requested == 1
    assert tasks_of(again) != before
    assert tasks_of(again) == tasks_of(pulled(project, "fresh"))


def test_nothing_is_asked_for_again_where_nothing_changed(project, pulled):
    pulled(project)

    assert pulled(project, hours=1).requested == 0


def test_numbers_of_another_project_between_are_asked_for_and_not_given(
    label_studio, project, pulled, monkeypatch
):
    Project(label_studio)
    project.add(range(TASKS, TASKS + 3))
    monkeypatch.setattr(survey, "LISTED_TASKS", 0)

    result = pulled(project)

    assert result.requested == 7  # 33 numbers
    found = tasks_of(result)
    assert [task["id"] for task in found] == sorted(task["id"] for task in project.exported())
    assert {task["project"] for task in found} == {project.id}
    assert len(found) == TASKS + 3
