"""A pull: everything that was asked for, each task once, or a named error; and resuming."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import subprocess
import sys
import traceback
from datetime import UTC, datetime, timedelta
from pathlib import Path

import fake_server
import pytest

from segcore.errors import ConnectionFailedError, RefusedFileError, SpecError
from segcore_labelstudio import transport
from segcore_labelstudio.connection import Connection
from segcore_labelstudio.listing import LAST_CHANGES, ListedTask, Selection, list_tasks
from segcore_labelstudio.pull import pull
from segcore_labelstudio.survey import LISTED_TASKS

KEY = "canary0123456789canary0123456789canary01"
WHOLE = Selection(project=7)


@pytest.fixture
def pull_from(tmp_path):
    """A function that pulls from a server into a folder, 50 tasks per request, 100 per page."""

    def run(server, folder="pulled", *, selection=WHOLE, **options):
        with Connection(server.url, KEY, sleep=lambda _: None) as connection:
            return pull(
                connection,
                selection,
                tmp_path / folder,
                chunk_tasks=50,
                page_tasks=100,
                sleep=lambda _: None,
                **options,
            )

    return run


def ids_in(pulled):
    return [task["id"] for chunk in pulled.chunks for task in json.loads(Path(chunk).read_bytes())]


def contents(folder, *, without=("lock",)):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name not in without}


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


# ---- a project of many tasks, which is not listed

MANY = LISTED_TASKS + 20


def listed_tasks(server):
    """How many tasks the server was asked to list, page by page."""
    return [int(a.query["page_size"][0]) for a in server.requests if a.path == "/api/tasks/"]


def test_many_tasks_with_consecutive_ids_are_not_listed(serve, pull_from):
    server = serve(tasks=MANY)

    pulled = pull_from(server)

    assert ids_in(pulled) == list(range(1, MANY + 1))
    assert listed_tasks(server) == [LAST_CHANGES, 1, 1, LAST_CHANGES]


@pytest.mark.parametrize("missing", [1, 300, MANY])
def test_many_tasks_are_pulled_without_a_list_whichever_id_is_missing(missing, serve, pull_from):
    server = serve(tasks=MANY)
    del server.rows[missing]

    pulled = pull_from(server)

    assert ids_in(pulled) == [i for i in range(1, MANY + 1) if i != missing]
    assert max(listed_tasks(server)) == LAST_CHANGES


def spread(server, *, tasks=MANY, every):
    """Leave ``tasks`` tasks, every so many numbers one."""
    server.rows = {i: server.row(i) for i in range(1, tasks * every + 1, every)}


def test_the_numbers_between_the_tasks_are_asked_for_as_well(serve, pull_from):
    server = serve()
    spread(server, every=3)

    pulled = pull_from(server)

    assert ids_in(pulled) == sorted(server.rows)
    asked = [asked.ids for asked in server.exports()]
    assert asked[0] == list(range(1, 51))
    assert [i for ids in asked for i in ids] == list(range(1, 3 * MANY - 1))
    assert (pulled.tasks, max(listed_tasks(server))) == (MANY, LAST_CHANGES)


def test_a_stretch_without_a_task_is_an_empty_chunk(serve, pull_from):
    server = serve(tasks=MANY)
    for number in range(101, 151):
        del server.rows[number]

    pulled = pull_from(server)

    assert Path(pulled.chunks[2]).read_bytes() == b"[]"
    assert ids_in(pulled) == sorted(server.rows)


def test_tasks_that_are_far_apart_are_listed(serve, pull_from):
    server = serve()
    spread(server, every=5)

    pulled = pull_from(server)

    assert ids_in(pulled) == sorted(server.rows)
    assert [len(asked.ids) for asked in server.exports()] == [50] * 10 + [20]
    assert max(listed_tasks(server)) == 100


def test_gaps_do_not_change_what_a_small_project_is_cut_into(serve, pull_from, tmp_path):
    # It may grow to one that is not listed, and its chunks are the same then.
    server = serve(tasks=120)
    for number in (2, 60, 61):
        del server.rows[number]

    pulled = pull_from(server)

    assert [len(asked.ids) for asked in server.exports()] == [49, 48, 20]
    assert ids_in(pulled) == sorted(server.rows)


WITH_GAPS = {
    "export misses one": ("780 tasks", "764 in all; run again"),
    "export misses one of all": ("780 tasks", "779 in all; run again"),
    "export empty": ("780 tasks", "0 in all; run again"),
    "export repeats one": ("every task once", "task 1 twice in tasks-00001.json"),
    "export of everything": ("the 50 tasks asked for", "task 51 as well"),
    "export of another project": ("tasks of project 7", "task 2 of another in tasks-00001.json"),
    "export that does not say the project": (
        "tasks of project 7",
        "task 2 of another in tasks-00001.json",
    ),
    "export not json": (
        "the JSON of 50 tasks in tasks-00001.json",
        "the file ends early: the array of tasks is not closed",
    ),
    "export of an annotation too many": (
        "no change during the pull; run again when nobody works on it",
        "tasks or annotations that changed meanwhile",
    ),
    "configuration changes": (
        "no change during the pull; run again when nobody works on it",
        "tasks or annotations that changed meanwhile",
    ),
    "list and project disagree": ("780 tasks, as the project says", "a list of 779; run again"),
    "first and last disagree": ("one of 780 tasks", "1 of 779; run again"),
    "first and last too near": ("780 tasks", "ids from 1 to 3"),
}


@pytest.mark.parametrize("fault", WITH_GAPS)
def test_an_incomplete_pull_is_found_although_nobody_knows_the_ids(fault, serve, pull_from, tmp_path):
    server = serve(fault, tasks=800)
    for number in range(2, 800, 40):
        del server.rows[number]

    with pytest.raises(RefusedFileError) as caught:
        pull_from(server)

    assert (caught.value.expected, caught.value.got) == WITH_GAPS[fault]
    assert not (tmp_path / "pulled" / "pull.json").exists()


def test_a_tab_is_listed_before_and_after_however_many_tasks_it_has(serve, pull_from):
    server = serve(tasks=MANY)

    pull_from(server, selection=Selection.parse("7", {"view": "5"}))

    assert listed_tasks(server) == [100] * 6 + [80] * 7


@pytest.mark.parametrize("tasks", [120, MANY])
@pytest.mark.parametrize("change", ["changed", "deleted", "new", "deleted and new"])
def test_a_project_that_moves_during_a_pull_is_an_error(change, tasks, serve, pull_from, tmp_path):
    server = serve(tasks=tasks)

    def move(done, total):
        if done != 50:
            return
        if change == "changed":
            server.rows[7] = server.row(7, updated="2026-03-03T00:00:00Z")
        if "deleted" in change:
            server.rows.pop(7)
        if "new" in change:
            server.rows[tasks + 1] = server.row(tasks + 1, updated="2026-03-03T00:00:00Z")

    with pytest.raises(RefusedFileError) as caught:
        pull_from(server, progress=move)

    assert caught.value.code == "ls.incomplete_pull"
    assert caught.value.got == "tasks or annotations that changed meanwhile"
    assert not (tmp_path / "pulled" / "pull.json").exists()


@pytest.mark.parametrize("change", ["nothing", "task", "new task", "deleted task"])
def test_an_interrupted_pull_of_many_tasks_goes_on_if_nothing_changed(change, serve, pull_from):
    server = serve(tasks=MANY)
    server.exports_left = 2
    with pytest.raises(ConnectionFailedError):
        pull_from(server)
    server.exports_left = None
    server.requests.clear()
    if change == "task":
        server.rows[3] = server.row(3, updated="2026-03-03T00:00:00Z")
    elif change == "new task":
        server.rows[MANY + 1] = server.row(MANY + 1)
    elif change == "deleted task":
        del server.rows[MANY]

    pulled = pull_from(server)

    assert server.exports()[0].ids[0] == (1 if change == "task" else 101)
    assert server.exports()[1].ids[0] == (101 if change == "task" else 151)
    assert ids_in(pulled) == sorted(server.rows)


def test_a_server_that_does_not_order_by_the_last_change_is_not_trusted(serve, pull_from):
    server = serve("order ignored", tasks=60)
    server.rows[5] = server.row(5, updated="2026-03-03T00:00:00Z")

    with pytest.raises(RefusedFileError) as caught:
        pull_from(server)

    assert caught.value.expected == "the tasks that changed last, by updated_at"


def test_a_bad_chunk_is_an_error_although_the_next_one_cannot_be_had(serve, pull_from):
    server = serve("export misses one", tasks=120)
    server.exports_left = 1

    with pytest.raises(RefusedFileError) as caught:
        pull_from(server)

    assert caught.value.got == "49 in tasks-00001.json, without task 50"


def test_only_the_owner_can_read_a_pull(serve, pull_from):
    previous = os.umask(0)
    try:
        pulled = pull_from(serve(tasks=60))
    finally:
        os.umask(previous)

    folder = Path(pulled.folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


# ---- a server that misbehaves

RECOVERS = ["429 twice", "500 twice", "dropped twice", "page packed", "export cut once"]

INCOMPLETE = {
    "page 404": ("page 2 of the tasks (250 in all)", "HTTP 404"),
    "page html": ("page 2 of the tasks (250 in all)", "a page that is no JSON"),
    "page html that calls itself json": ("page 2 of the tasks (250 in all)", "a page that is no JSON"),
    "page not json": ("page 2 of the tasks (250 in all)", "a page that is no JSON"),
    "page repeated": ("every task once", "task 1 again on page 2"),
    "pages short": ("page 4 of the tasks (250 in all)", "HTTP 404"),
    "list and project disagree": ("250 tasks, as the project says", "a list of 249; run again"),
    "total changes": ("250 tasks on every page", "249 on page 2; run again"),
    "endless": ("250 tasks", "more"),
    "endless and more each time": ("at most 1000000 tasks", "1000000000"),
    "no total": ("page 1 with a total and a list of tasks", "{'tasks': []}"),
    "task without id": ("a task with id and updated_at", "{'id': '1', 'updated_at': 'x'}"),
    "shift once": ("1 task", "0 in tasks-00006.json, without task 251"),
    "task changes": (
        "no change during the pull; run again when nobody works on it",
        "tasks or annotations that changed meanwhile",
    ),
    "configuration changes": (
        "no change during the pull; run again when nobody works on it",
        "tasks or annotations that changed meanwhile",
    ),
    "export empty": ("50 tasks", "0 in tasks-00001.json, without task 1"),
    "export misses one": ("50 tasks", "49 in tasks-00001.json, without task 50"),
    "export repeats one": ("every task once", "task 1 twice in tasks-00001.json"),
    "export of everything": ("the 50 tasks asked for", "task 51 as well"),
    "export not json": (
        "the JSON of 50 tasks in tasks-00001.json",
        "the file ends early: the array of tasks is not closed",
    ),
}

UNUSABLE = {
    "503 for ever": "is not able to answer",
    "page cut": "dropped the connection before the answer was whole",
    "page bomb": "sends more than",
    "page packed and cut": "packing ends early",
    "page packed strangely": "packs its answer as 'br'",
    "page of a project without it": "HTTP 404",
    "redirect": "is not followed",
    "redirect to itself": "is not followed",
    "401 that repeats the key": "HTTP 401",
    "always a page": "a web page instead of JSON",
    "export cut always": "dropped the connection before the answer was whole",
    "export 404": "Label Studio Enterprise exports snapshots only",
    "export html": "a web page instead of JSON",
    "export bomb": "sends more than",
}


@pytest.mark.parametrize("fault", RECOVERS)
def test_a_pull_gets_over_a_server_that_recovers(fault, serve, pull_from):
    pulled = pull_from(serve(fault))

    assert ids_in(pulled) == list(range(1, 251))


@pytest.mark.parametrize("fault", INCOMPLETE)
def test_an_incomplete_pull_says_what_was_expected_and_what_came(fault, serve, pull_from, tmp_path):
    server = serve(fault)

    with pytest.raises(RefusedFileError) as caught:
        pull_from(server)

    error = caught.value
    assert error.code == "ls.incomplete_pull"
    assert error.file == f"{server.url}/projects/7"
    assert (error.expected, error.got) == INCOMPLETE[fault]
    assert not (tmp_path / "pulled" / "pull.json").exists()


@pytest.mark.parametrize("fault", UNUSABLE)
def test_a_server_that_cannot_be_used_is_named(fault, serve, pull_from, tmp_path, monkeypatch):
    monkeypatch.setattr(transport, "MAX_ANSWER_BYTES", 1 << 20)
    monkeypatch.setattr(transport, "MAX_EXPORT_BYTES", 1 << 20)

    with pytest.raises(ConnectionFailedError, match=UNUSABLE[fault]):
        pull_from(serve(fault))

    assert not (tmp_path / "pulled" / "pull.json").exists()


@pytest.mark.parametrize("fault", ["", *RECOVERS, *INCOMPLETE, *UNUSABLE])
def test_neither_key_nor_cookie_is_in_any_message_or_file(
    fault, serve, pull_from, tmp_path, monkeypatch
):
    monkeypatch.setattr(transport, "MAX_ANSWER_BYTES", 1 << 20)
    monkeypatch.setattr(transport, "MAX_EXPORT_BYTES", 1 << 20)
    said = ""

    try:
        pull_from(serve(fault))
    except (RefusedFileError, ConnectionFailedError) as error:
        said = "\n".join([*traceback.format_exception(error), repr(error), repr(vars(error))])

    written = b"\n".join(contents(tmp_path / "pulled").values()).decode()
    for secret in (KEY, fake_server.COOKIE):
        assert secret not in said
        assert secret not in written


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
