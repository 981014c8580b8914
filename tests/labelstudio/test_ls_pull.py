"""A pull: the list of tasks, everything that was asked for, each task once, and its folder."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import sys
from datetime import UTC, datetime
from pathlib import Path

import fake_server
import pytest
from fake_server import KEY
from pulls import WHOLE, contents, ids_in

from segcore.errors import SpecError
from segcore_labelstudio.connection import Connection
from segcore_labelstudio.listing import ListedTask, Selection, list_tasks

# ---- the list of tasks


def test_a_list_holds_every_task_of_every_page(serve):
    server = serve(tasks=5)

    with Connection(server.url, KEY) as connection:
        tasks = list_tasks(connection, WHOLE, page_tasks=2)

    expected = [ListedTask(id=i, updated_at="2026-01-01T00:00:00Z") for i in (1, 2, 3, 4, 5)]
    assert list(tasks) == expected
    assert [asked.query["page"] for asked in server.requests] == [["1"], ["2"], ["3"]]
    assert json.loads(server.requests[0].query["query"][0]) == {"ordering": ["tasks:id"]}


def test_a_filter_by_a_data_field_asks_the_server_for_equal_text(serve):
    server = serve(tasks=1)
    selection = Selection.parse("7", {"filter": "data.batch=b=1"})

    with Connection(server.url, KEY) as connection:
        list_tasks(connection, selection)

    asked = json.loads(server.requests[0].query["query"][0])
    assert asked["filters"] == {
        "conjunction": "and",
        "items": [
            {"filter": "filter:tasks:data.batch", "operator": "equal", "type": "String", "value": "b=1"}
        ],
    }


def test_a_view_is_asked_for_by_its_number(serve, pull_from):
    server = serve(tasks=3)

    pull_from(server, selection=Selection.parse("7", {"view": "5"}))

    pages = [asked.query for asked in server.requests if asked.path == "/api/tasks/"]
    assert {query["view"][0] for query in pages} == {"5"}


def test_a_view_of_another_project_is_refused(serve, pull_from):
    with pytest.raises(SpecError, match="view=5 is not a tab of project 7"):
        pull_from(serve("view elsewhere"), selection=Selection.parse("7", {"view": "5"}))


@pytest.mark.parametrize(
    ("location", "options", "said"),
    [
        ("seven", {}, "the project of a label-studio source is its number"),
        ("0", {}, "the project of a label-studio source is its number"),
        ("7", {"view": "x"}, "view is its number"),
        ("7", {"view": "1", "filter": "data.a=b"}, "not both"),
        ("7", {"filter": "batch=b"}, r"takes data\.FIELD=VALUE"),
        ("7", {"filter": "data.batch"}, r"takes data\.FIELD=VALUE"),
        ("7", {"filter": '{"items": []}'}, "got no items"),
        ("7", {"filter": '{"items": '}, "JSON that is broken"),
    ],
)
def test_a_selection_that_cannot_be_understood_is_refused(location, options, said):
    with pytest.raises(SpecError, match=said):
        Selection.parse(location, options)


# ---- a whole pull


def test_a_pull_holds_exactly_the_tasks_of_the_project_in_chunks(serve, pull_from):
    seen = []

    pulled = pull_from(serve(tasks=120), progress=lambda done, total: seen.append((done, total)))

    assert ids_in(pulled) == list(range(1, 121))
    assert [Path(chunk).name for chunk in pulled.chunks] == [
        "tasks-00001.json",
        "tasks-00002.json",
        "tasks-00003.json",
    ]
    assert seen == [(50, 120), (100, 120), (120, 120)]
    assert (pulled.tasks, pulled.requested) == (120, 3)
    assert pulled.label_config == fake_server.CONFIG


def test_an_export_is_asked_for_by_ids_and_with_tasks_that_nobody_annotated(serve, pull_from):
    server = serve(tasks=60)

    pull_from(server)

    first, second = server.exports()
    assert first.ids == list(range(1, 51))
    assert second.ids == list(range(51, 61))
    assert first.query["download_all_tasks"] == ["true"]
    assert first.query["exportType"] == ["JSON"]


def test_a_project_without_tasks_is_a_complete_pull_of_nothing(serve, pull_from):
    pulled = pull_from(serve(tasks=0))

    assert pulled.chunks == ()
    assert (Path(pulled.folder) / "pull.json").exists()


def test_the_manifest_names_every_chunk_by_its_sha256(serve, pull_from):
    server = serve(tasks=60)

    pulled = pull_from(server, now=lambda: datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC))

    manifest = json.loads((Path(pulled.folder) / "pull.json").read_bytes())
    chunks = [Path(chunk) for chunk in pulled.chunks]
    assert manifest["server"] == f"{server.url}/"
    assert manifest["project"] == 7
    assert manifest["pulled_at"] == "2026-05-04T03:02:01+00:00"
    assert manifest["chunks"] == [
        {
            "file": chunk.name,
            "tasks": tasks,
            "bytes": chunk.stat().st_size,
            "sha256": hashlib.sha256(chunk.read_bytes()).hexdigest(),
        }
        for chunk, tasks in zip(chunks, [50, 10], strict=True)
    ]


def test_only_the_owner_can_read_a_pull(serve, pull_from):
    previous = os.umask(0)
    try:
        pulled = pull_from(serve(tasks=60))
    finally:
        os.umask(previous)

    folder = Path(pulled.folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_files_of_others_in_the_folder_are_left_alone(serve, pull_from, tmp_path):
    server = serve(tasks=60)
    folder = tmp_path / "pulled"
    folder.mkdir()
    for name in ("tasks.json", "tasks-1.txt", "my-tasks-00001.json", "notes"):
        (folder / name).write_text("mine")

    pull_from(server)
    server.rows[61] = server.row(61)
    pull_from(server)

    kept = contents(folder)
    assert all(
        kept[name] == b"mine" for name in ("tasks.json", "tasks-1.txt", "my-tasks-00001.json", "notes")
    )


def test_a_folder_that_cannot_be_written_is_named(serve, pull_from, tmp_path):
    (tmp_path / "pulled").write_text("a file")

    with pytest.raises(SpecError, match="pulled"):
        pull_from(serve())


@pytest.mark.skipif(sys.platform == "win32", reason="there is no lock of this kind")
def test_a_folder_that_another_pull_uses_is_named(serve, pull_from, tmp_path):
    import fcntl

    (tmp_path / "pulled").mkdir()
    with (tmp_path / "pulled" / "lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)

        with pytest.raises(SpecError, match="another pull uses"):
            pull_from(serve())
