"""A pull from a server that misbehaves: the whole of it, or a named error."""

from __future__ import annotations

import traceback

import fake_server
import pytest
from fake_server import KEY
from pulls import contents, ids_in

from segcore.errors import ConnectionFailedError, RefusedFileError
from segcore_labelstudio import transport


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
