"""A pull that goes on after an interruption, or again after a change."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fake_server import KEY
from pulls import MANY, WHOLE, contents, ids_in, listed_tasks

from segcore.errors import ConnectionFailedError, RefusedFileError
from segcore_labelstudio.listing import LAST_CHANGES, Selection

# ---- going on after an interruption


def test_an_interrupted_pull_goes_on_and_ends_with_the_same_bytes(serve, pull_from, tmp_path):
    server = serve()
    at_noon = {"now": lambda: datetime(2026, 5, 4, 12, tzinfo=UTC)}
    pull_from(server, "uninterrupted", **at_noon)
    server.exports_left = 2
    with pytest.raises(ConnectionFailedError, match="HTTP 503"):
        pull_from(server, "interrupted")
    assert not (tmp_path / "interrupted" / "pull.json").exists()
    server.exports_left = None
    server.requests.clear()

    pulled = pull_from(server, "interrupted", **at_noon)

    assert [asked.ids[0] for asked in server.exports()] == [101, 151, 201]
    assert pulled.requested == 3
    assert contents(tmp_path / "interrupted") == contents(tmp_path / "uninterrupted")


KILLED = """
import os, sys
from segcore_labelstudio.connection import Connection
from segcore_labelstudio.listing import Selection
from segcore_labelstudio.pull import pull

pull(
    Connection(sys.argv[1], sys.argv[2]), Selection(project=7), sys.argv[3],
    chunk_tasks=50, page_tasks=100, progress=lambda done, total: done == 100 and os.kill(os.getpid(), 9),
)
"""


def test_a_killed_pull_goes_on_where_it_was_killed(serve, pull_from, tmp_path):
    server = serve()
    folder = tmp_path / "pulled"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, server.url, KEY, folder], env=environment, check=False
    )
    (folder / "tasks-00003.json.part").write_bytes(b'[{"id": 101,')
    server.requests.clear()

    pulled = pull_from(server)

    assert killed.returncode == -9
    assert [asked.ids[0] for asked in server.exports()] == [101, 151, 201]
    assert ids_in(pulled) == list(range(1, 251))
    assert sorted(contents(folder)) == sorted(
        ["labeling.xml", "listing.json", "pull.json", *(f"tasks-0000{i}.json" for i in range(1, 6))]
    )


def test_a_complete_pull_of_an_unchanged_project_is_used_again(serve, pull_from, tmp_path):
    server = serve()
    pull_from(server)
    before = contents(tmp_path / "pulled")
    server.requests.clear()

    pulled = pull_from(server)

    assert server.exports() == []
    assert pulled.requested == 0
    assert ids_in(pulled) == list(range(1, 251))
    assert contents(tmp_path / "pulled") == before


@pytest.mark.parametrize(
    ("change", "requested"), [("task", 2), ("new task", 1), ("deleted task", 2), ("configuration", 3)]
)
def test_a_pull_that_goes_on_keeps_what_did_not_change(change, requested, serve, pull_from):
    server = serve(tasks=120)
    server.exports_left = 2
    with pytest.raises(ConnectionFailedError):
        pull_from(server)
    server.exports_left = None
    if change == "task":
        server.rows[3] = server.row(3, updated="2026-03-03T00:00:00Z")
    elif change == "new task":
        server.rows[121] = server.row(121)
    elif change == "deleted task":
        del server.rows[51]
    else:
        server.config = server.config.replace("car", "tram")

    pulled = pull_from(server)

    assert pulled.requested == requested
    assert pulled.label_config == server.config
    assert [row for chunk in pulled.chunks for row in json.loads(Path(chunk).read_bytes())] == [
        server.rows[i] for i in sorted(server.rows)
    ]


# ---- pulling again what changed


NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def at(moment):
    return {"now": lambda: moment}


LATER = at(NOON + timedelta(hours=1))


def annotate(server, number, **changes):
    server.rows[number]["annotations"][0] |= changes


def add_annotation(server, number):
    server.rows[number]["annotations"].append(server.row(900)["annotations"][0])


# What Label Studio does not date, besides what it does.
CHANGES = {
    "an annotation is edited": lambda server: server.rows.update(
        {60: server.row(60, updated="2026-03-03T00:00:00Z")}
    ),
    "annotations are copied to a task": lambda server: add_annotation(server, 60),
    "a field of the data is set": lambda server: server.rows[60]["data"].update(batch="b1"),
    "a draft is saved": lambda server: server.rows[60]["drafts"].append({"id": 1, "updated_at": "a"}),
    "an annotator is deleted": lambda server: annotate(server, 60, completed_by=None),
    "an editor is deleted": lambda server: server.rows[60].update(updated_by=None),
    "a task is deleted": lambda server: server.rows.pop(60),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("selection", [WHOLE, Selection.parse("7", {"view": "5"})])
def test_only_the_chunk_of_a_changed_task_is_pulled_again(change, selection, serve, pull_from, tmp_path):
    server = serve(tasks=120)
    pull_from(server, selection=selection, **at(NOON))
    if change == "a task is deleted" and selection is not WHOLE:
        server.rows.pop(120)  # of a tab the chunks behind a deleted task are others
    else:
        CHANGES[change](server)
    server.requests.clear()

    pulled = pull_from(server, selection=selection, **LATER)

    assert pulled.requested == len(server.exports()) == 1
    pull_from(server, "fresh", selection=selection, **LATER)
    assert contents(tmp_path / "pulled") == contents(tmp_path / "fresh")


def test_a_pull_of_long_ago_is_used_again_if_no_task_changed(serve, pull_from, tmp_path):
    server = serve(tasks=120)
    pull_from(server, **at(NOON))
    server.requests.clear()

    pulled = pull_from(server, **LATER)

    assert server.exports() == []
    assert max(listed_tasks(server)) == 100
    pull_from(server, "fresh", **LATER)
    assert contents(tmp_path / "pulled") == contents(tmp_path / "fresh")
    assert pulled.requested == 0


def test_a_pull_of_a_moment_ago_is_used_again_without_a_list(serve, pull_from):
    server = serve(tasks=MANY)
    pull_from(server, **at(NOON))
    server.requests.clear()

    pull_from(server, **at(NOON + timedelta(seconds=59)))

    assert server.exports() == []
    assert listed_tasks(server) == [LAST_CHANGES, 1, 1]


@pytest.mark.parametrize("moment", [NOON + timedelta(seconds=60), NOON - timedelta(seconds=1)])
def test_a_pull_is_recent_for_a_minute_and_never_from_the_future(moment, serve, pull_from):
    server = serve(tasks=MANY)
    pull_from(server, **at(NOON))
    server.requests.clear()

    pull_from(server, **at(moment))

    assert max(listed_tasks(server)) == 100


def test_annotations_copied_to_a_task_are_seen_at_once(serve, pull_from):
    server = serve(tasks=MANY)
    pull_from(server, **at(NOON))
    add_annotation(server, 60)

    pulled = pull_from(server, **at(NOON))

    assert pulled.requested == 1


def test_everything_is_pulled_again_where_the_list_does_not_say_enough(serve, pull_from):
    server = serve("marks missing", tasks=120)
    pull_from(server, **at(NOON))

    pulled = pull_from(server, **LATER)

    assert pulled.requested == 3


def test_everything_is_pulled_again_where_the_data_of_a_task_is_broken(serve, pull_from):
    server = serve(tasks=120)
    server.rows[2]["data"]["score"] = float("nan")
    pull_from(server, **at(NOON))

    pulled = pull_from(server, **LATER)

    assert pulled.requested == 3


def test_a_task_with_more_annotations_than_the_list_can_say_is_pulled_again(serve, pull_from):
    server = serve(tasks=120)
    server.rows[60]["annotations"] = [
        server.row(i)["annotations"][0] | {"id": 10**6 + i} for i in range(100)
    ]
    pull_from(server, **at(NOON))

    pulled = pull_from(server, **LATER)

    assert pulled.requested == 1


@pytest.mark.parametrize("damage", ["edited", "deleted", "other tasks"])
def test_a_damaged_chunk_of_long_ago_is_asked_for_again(damage, serve, pull_from, tmp_path):
    server = serve(tasks=120)
    pull_from(server, **at(NOON))
    chunk = tmp_path / "pulled" / "tasks-00002.json"
    sound = chunk.read_bytes()
    if damage == "edited":  # what no mark holds
        chunk.write_bytes(sound.replace(b'"ground_truth": false', b'"ground_truth": true ', 1))
    elif damage == "deleted":
        chunk.unlink()
    else:
        chunk.write_bytes((tmp_path / "pulled" / "tasks-00001.json").read_bytes())

    pulled = pull_from(server, **LATER)

    assert pulled.requested == 1
    assert chunk.read_bytes() == sound


def test_a_project_that_moves_while_it_is_compared_is_an_error(serve, pull_from, tmp_path):
    server = serve(tasks=120)
    pull_from(server, **at(NOON))
    server.rows[60] = server.row(60, updated="2026-03-03T00:00:00Z")

    def move(done, total):
        server.rows[1] = server.row(1, updated="2026-04-04T00:00:00Z")

    with pytest.raises(RefusedFileError) as caught:
        pull_from(server, progress=move, **LATER)

    assert caught.value.got == "tasks or annotations that changed meanwhile"
    assert not (tmp_path / "pulled" / "pull.json").exists()


def test_a_pull_after_tasks_were_deleted_leaves_no_chunk_of_the_old_one(serve, pull_from, tmp_path):
    server = serve(tasks=120)
    pull_from(server)
    for number in range(51, 121):
        del server.rows[number]

    pulled = pull_from(server)

    assert ids_in(pulled) == list(range(1, 51))
    assert [path.name for path in sorted((tmp_path / "pulled").glob("tasks-*"))] == ["tasks-00001.json"]


@pytest.mark.parametrize("damage", ["truncated", "edited", "deleted", "other tasks", "a link"])
def test_a_damaged_chunk_of_a_complete_pull_is_asked_for_again(damage, serve, pull_from, tmp_path):
    server = serve(tasks=120)
    pull_from(server)
    chunk = tmp_path / "pulled" / "tasks-00002.json"
    sound = chunk.read_bytes()
    if damage == "truncated":
        chunk.write_bytes(sound[:-9])
    elif damage == "edited":
        chunk.write_bytes(sound.replace(b'"ground_truth": false', b'"ground_truth": true ', 1))
    elif damage == "other tasks":
        chunk.write_bytes((tmp_path / "pulled" / "tasks-00001.json").read_bytes())
    else:
        chunk.unlink()
    if damage == "a link":
        (tmp_path / "elsewhere.json").write_bytes(sound)
        chunk.symlink_to(tmp_path / "elsewhere.json")
    server.requests.clear()

    pulled = pull_from(server)

    assert [asked.ids[0] for asked in server.exports()] == [51]
    assert pulled.requested == 1
    assert not chunk.is_symlink()
    assert chunk.read_bytes() == sound
    assert (tmp_path / "pulled" / "pull.json").exists()


@pytest.mark.parametrize(
    "manifest", [b"", b"[]", b'{"chunks": 3}', b'{"chunks": [{"file": 1}]}', b"\xff"]
)
def test_a_broken_manifest_is_written_anew(manifest, serve, pull_from, tmp_path):
    server = serve(tasks=60)
    pull_from(server)
    (tmp_path / "pulled" / "pull.json").write_bytes(manifest)

    pull_from(server)

    (first, second) = json.loads((tmp_path / "pulled" / "pull.json").read_bytes())["chunks"]
    assert (first["tasks"], second["tasks"]) == (50, 10)
